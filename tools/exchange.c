// SPDX-License-Identifier: GPL-2.0-only
/* Two logical volumes exchange their extents or names; see exchange.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cbw.h"
#include "child.h"
#include "durable.h"
#include "exchange.h"
#include "lock.h"
#include "lvm.h"
#include "mapper.h"
#include "say.h"
#include "vgtext.h"

#define FOLDER		"/run/cbw/"
#define NOTED		".exchange"
#define PIVOTED		".exchanged"
#define WORK		".metadata"
#define HEADER		"# cbw exchanges %127s %127s %127s %127s %u:%u %u"
#define NAME_ROOM	(2UL * DM_NAME_LEN)

/* --- files and commands ------------------------------------------------------------------- */

static const char *path_of(const struct exchange *exchange, const char *suffix,
			   char path[NAME_ROOM])
{
	snprintf(path, NAME_ROOM, FOLDER "%u:%u%s", major(exchange->dev), minor(exchange->dev),
		 suffix);
	return path;
}

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;

	if (!file || getdelim(&text, &room, '\0', file) < 0) {
		say_error("%s: %s", path, strerror(errno));
		free(text);
		text = NULL;
	}
	if (file)
		fclose(file);
	return text;
}

/* We have the lock ourselves. For free(), or NULL, error said. */
static char *read_metadata(const struct exchange *exchange)
{
	char path[NAME_ROOM], *text;

	if (child_run((const char *const[]) {
		    "vgcfgbackup", "--quiet", "--nolocking", "--file",
		    path_of(exchange, WORK, path), exchange->vg, NULL }))
		return NULL;
	text = read_text(path);
	unlink(path);
	return text;
}

/*
 * It asks whether that is meant, since volumes are active. If the tool is killed, it must not go on
 * by itself, for the lock goes then.
 */
static int write_metadata(const struct exchange *exchange, const char *text)
{
	char path[NAME_ROOM], *said;
	bool done;

	if (durable_write(path_of(exchange, WORK, path), text))
		return -1;
	said = child_try((const char *const[]) {
		"vgcfgrestore", "--quiet", "--yes", "--nolocking", "--file", path, exchange->vg,
		NULL });
	unlink(path);
	done = said;
	free(said);
	return done ? 0 : say_error("vgcfgrestore does not take the metadata of %s",
				    exchange->vg);
}

static int not_understood(const struct exchange *exchange, const char *lv)
{
	return say_error("LVM's metadata of %s are not understood, or %s has more than extents",
			 exchange->vg, lv);
}

/* Its segments, if it has but extents. 0; 1: there is no such volume; or -1, error said. */
static int find_simple(const struct exchange *exchange, const char *text, const char *lv,
		       struct span *volume, struct span *segments)
{
	if (!vgtext_volume(text, lv, volume))
		return 1;
	if (vgtext_segments(volume, segments) && vgtext_is_simple(segments))
		return 0;
	return not_understood(exchange, lv);
}

/* The same, where it is an error if there is none. */
static int need_simple(const struct exchange *exchange, const char *text, const char *lv,
		       struct span *volume, struct span *segments)
{
	int r = find_simple(exchange, text, lv, volume, segments);

	return r > 0 ? say_error("%s has no %s any more", exchange->vg, lv) : r;
}

static int find_both(const struct exchange *exchange, const char *text, struct span *origin,
		     struct span *target)
{
	struct span volume;

	return need_simple(exchange, text, exchange->origin, &volume, origin) ||
	       need_simple(exchange, text, exchange->target, &volume, target) ? -1 : 0;
}

static int changed_by_others(const struct exchange *exchange)
{
	return say_error("somebody else has changed %s/%s: look at what LVM knows of it",
			 exchange->vg, exchange->origin);
}

/* --- steps -------------------------------------------------------------------------------- */

bool exchange_is_inside(const struct exchange *exchange)
{
	return !strcmp(exchange->vg, exchange->target_vg);
}

static int check_table(const struct device *device)
{
	struct mapper_table table;
	int r = 0;

	if (mapper_read(device->dm_name, MAPPER_LIVE, &table))
		return -1;
	for (size_t i = 0; i < table.nr && !r; i++) {
		if (strcmp(table.targets[i].type, "linear") &&
		    strcmp(table.targets[i].type, "striped"))
			r = say_error("a pivot of %s is not possible: only linear and striped logical volumes can exchange their extents, without snapshots, and not thin ones",
				      device->path);
	}
	mapper_forget(&table);
	return r;
}

/* vgcfgrestore does not take back what thin pools have changed since. */
static int check_group(const char *vg)
{
	char selection[NAME_ROOM];
	struct lv *lvs;
	size_t nr;

	snprintf(selection, sizeof(selection), "vg_name=\"%s\" && lv_layout={thin}", vg);
	if (lvm_find(selection, &lvs, &nr))
		return -1;
	free(lvs);
	return nr ? say_error("a pivot is not possible in %s, which has a thin pool", vg) : 0;
}

/* 0, if there is one or none, as is @wanted, or -1, error said. */
static int check_name(const char *vg, const char *lv, bool wanted)
{
	char name[NAME_ROOM + 2];
	struct lv found;
	int r;

	snprintf(name, sizeof(name), "%s/%s", vg, lv);
	r = lvm_get(name, &found);
	if (r < 0 || !r == wanted)
		return r < 0 ? -1 : 0;
	if (wanted)
		return say_error("LVM knows no %s: has it moved since the machine has started?",
				 name);
	return say_error("a pivot would exchange the names, but there is a %s already", name);
}

static int check_snapshots(const struct exchange *exchange)
{
	char selection[2 * NAME_ROOM];
	struct lv *lvs;
	size_t nr;

	snprintf(selection, sizeof(selection), "vg_name=\"%s\" && origin=\"%s\"", exchange->vg,
		 exchange->origin);
	if (lvm_find(selection, &lvs, &nr))
		return -1;
	free(lvs);
	return nr ? say_error("a pivot of %s/%s is not possible: it has snapshots", exchange->vg,
			      exchange->origin) : 0;
}

/* Each gets the name of the other, in its own group. */
static int check_names(struct exchange *exchange)
{
	char name[NAME_ROOM + 2];
	struct lv target;

	snprintf(name, sizeof(name), "%s/%s", exchange->target_vg, exchange->target);
	if (lvm_get(name, &target))
		return say_error("LVM knows no %s", name);
	exchange->target_skipped = target.skipped;
	if (!strcmp(exchange->origin, exchange->target))
		return 0;
	return check_name(exchange->vg, exchange->target, false) ||
	       check_name(exchange->target_vg, exchange->origin, false) ? -1 : 0;
}

int exchange_check(struct exchange *exchange, const struct device *origin,
		   const struct device *target)
{
	exchange->dev = origin->dev;
	exchange->target_dev = target->dev;
	if (device_split_lv(origin, exchange->vg, exchange->origin))
		return say_error("%s is no logical volume", origin->path);
	if (device_split_lv(target, exchange->target_vg, exchange->target))
		return say_error("a pivot of %s is possible onto a logical volume only: of any other device LVM knows nothing, and the next boot would bring the old one",
				 origin->path);
	if (check_name(exchange->vg, exchange->origin, true) || check_group(exchange->vg) ||
	    check_snapshots(exchange))
		return -1;
	return exchange_is_inside(exchange) ? check_table(target) : check_names(exchange);
}

/* Are the two, or the one, as they must be? 0 or -1, error said. */
static int check_text(const struct exchange *exchange, const char *text)
{
	struct span volume, origin, target;

	if (exchange_is_inside(exchange))
		return find_both(exchange, text, &origin, &target);
	return need_simple(exchange, text, exchange->origin, &volume, &origin);
}

int exchange_note(const struct exchange *exchange)
{
	char path[NAME_ROOM], *text, *note = NULL;
	int r = -1;

	path_of(exchange, NOTED, path);
	if (!access(path, F_OK))
		return say_error("an earlier pivot of %s was cut off: try 'cbw repair'",
				 exchange->origin);
	text = read_metadata(exchange);
	if (text && !check_text(exchange, text) &&
	    asprintf(&note, "# cbw exchanges %s %s %s %s %u:%u %u\n%s", exchange->vg,
		     exchange->origin, exchange->target_vg, exchange->target,
		     major(exchange->target_dev), minor(exchange->target_dev),
		     exchange->target_skipped, text) >= 0)
		r = durable_write(path, note);
	free(note);
	free(text);
	return r;
}

/* Frees @new. */
static int write_new(const struct exchange *exchange, char *new)
{
	int r = new ? write_metadata(exchange, new) : say_error("out of memory");

	free(new);
	return r;
}

static int set_extents(const struct exchange *exchange, bool exchanged, const char *note,
		       const char *text)
{
	struct span origin, target, was, other;

	if (find_both(exchange, note, &was, &other) || find_both(exchange, text, &origin, &target))
		return -1;
	if (vgtext_same(&origin, exchanged ? &other : &was))
		return 0;
	if (!vgtext_same(&origin, exchanged ? &was : &other))
		return changed_by_others(exchange);
	return write_new(exchange, vgtext_exchange(text, origin, target));
}

/* The origin gets the name of the target in its own group, and another UUID. */
static int take_name(const struct exchange *exchange, const char *text, const struct span *origin)
{
	struct span renamed;
	int r;

	if (!vgtext_rename(origin, exchange->target, &renamed))
		return not_understood(exchange, exchange->origin);
	r = write_new(exchange, vgtext_replace(text, origin, &renamed));
	free((char *)renamed.begin);
	return r;
}

static int set_names(const struct exchange *exchange, bool exchanged, const char *note,
		     const char *text)
{
	struct span was, segments, now, new_segments;

	if (need_simple(exchange, note, exchange->origin, &was, &segments))
		return -1;
	if (!find_simple(exchange, text, exchange->origin, &now, &new_segments) &&
	    vgtext_same(&was, &now))
		return exchanged ? take_name(exchange, text, &now) : 0;
	if (find_simple(exchange, text, exchange->target, &now, &new_segments) ||
	    !vgtext_same(&segments, &new_segments))
		return changed_by_others(exchange);
	return exchanged ? 0 : write_new(exchange, vgtext_replace(text, &now, &was));
}

static int set_text(const struct exchange *exchange, bool exchanged)
{
	char path[NAME_ROOM];
	char *note = read_text(path_of(exchange, NOTED, path));
	char *text = note ? read_metadata(exchange) : NULL;
	int r = -1;

	if (text)
		r = exchange_is_inside(exchange) ? set_extents(exchange, exchanged, note, text) :
						   set_names(exchange, exchanged, note, text);
	free(text);
	free(note);
	return r;
}

/*
 * The target gets the name of the origin in its group, or its own, if it has not; what it is called
 * now tells its device. Under that of the origin it is what a boot activates.
 */
static int name_target(const struct exchange *exchange, bool exchanged)
{
	const char *name = exchanged ? exchange->origin : exchange->target;
	char vg[DM_NAME_LEN], lv[DM_NAME_LEN], path[NAME_ROOM + 2];
	struct device target;

	if (exchange_is_inside(exchange))
		return 0;
	if (device_of(exchange->target_dev, &target) || device_split_lv(&target, vg, lv))
		return say_error("the target of %s/%s is gone", exchange->vg, exchange->origin);
	snprintf(path, sizeof(path), "%s/%s", vg, lv);
	if (exchange->target_skipped && lvm_skip(path, !exchanged))
		return -1;
	return strcmp(lv, name) ? lvm_rename(vg, lv, name) : 0;
}

int exchange_set(const struct exchange *exchange, bool exchanged)
{
	if (exchanged)
		return name_target(exchange, true) || set_text(exchange, true) ? -1 : 0;
	return set_text(exchange, false) || name_target(exchange, false) ? -1 : 0;
}

/* The same file system is on both: the next boot must find one. */
static int refresh_target(const struct exchange *exchange)
{
	char name[NAME_ROOM + 2];

	snprintf(name, sizeof(name), "%s/%s", exchange->vg, exchange->target);
	return child_run((const char *const[]) {
		       "lvchange", "--quiet", "--refresh", name, NULL }) ||
	       lvm_skip(name, true) ? -1 : 0;
}

static int refresh(const struct exchange *exchange)
{
	char path[NAME_ROOM];

	if (exchange_is_inside(exchange) && refresh_target(exchange))
		return -1;
	unlink(path_of(exchange, PIVOTED, path));
	return 0;
}

int exchange_finish(const struct exchange *exchange)
{
	char noted[NAME_ROOM], pivoted[NAME_ROOM];

	if (rename(path_of(exchange, NOTED, noted), path_of(exchange, PIVOTED, pivoted)))
		return say_error("%s: %s", noted, strerror(errno));
	return refresh(exchange);
}

void exchange_forget(const struct exchange *exchange)
{
	char path[NAME_ROOM];

	unlink(path_of(exchange, NOTED, path));
}

/* --- repair ------------------------------------------------------------------------------- */

static int read_note(const char *path, struct exchange *exchange)
{
	unsigned int major, minor, target_major, target_minor, skipped;
	char *text = read_text(path);
	bool good = text &&
		    sscanf(text, HEADER, exchange->vg, exchange->origin, exchange->target_vg,
			   exchange->target, &target_major, &target_minor, &skipped) == 7 &&
		    sscanf(path, FOLDER "%u:%u", &major, &minor) == 2;

	free(text);
	if (!good)
		return say_error("%s is not understood", path);
	exchange->dev = makedev(major, minor);
	exchange->target_dev = makedev(target_major, target_minor);
	exchange->target_skipped = skipped;
	return 0;
}

static int read_target(const struct exchange *exchange, struct mapper_table *table)
{
	struct device target;

	return device_of(exchange->target_dev, &target) ||
	       mapper_read(target.dm_name, MAPPER_LIVE, table) ? -1 : 0;
}

static bool stands_on_target(const struct exchange *exchange, const struct mapper_table *table)
{
	char params[32];

	snprintf(params, sizeof(params), "%u:%u 0", major(exchange->target_dev),
		 minor(exchange->target_dev));
	return table->nr == 1 && !strcmp(table->targets[0].type, "linear") &&
	       !strcmp(table->targets[0].params, params);
}

/* Has the volume the table of step 4? */
static int is_pivoted(const struct exchange *exchange, struct mapper_info *volume, bool *is)
{
	struct mapper_table a, b;
	int r = 0;

	if (mapper_find_dev(exchange->dev, volume))
		return say_error("the volume %s/%s is gone", exchange->vg, exchange->origin);
	if (mapper_read(volume->name, MAPPER_LIVE, &a))
		return -1;
	if (!exchange_is_inside(exchange)) {
		*is = stands_on_target(exchange, &a);
	} else if (!read_target(exchange, &b)) {
		*is = mapper_same(&a, &b);
		mapper_forget(&b);
	} else {
		r = -1;
	}
	mapper_forget(&a);
	return r;
}

static int settle(const struct exchange *exchange, void (*tell)(const char *, const char *))
{
	struct mapper_info volume;
	bool pivoted = false;
	int r;

	if (is_pivoted(exchange, &volume, &pivoted))
		return -1;
	lock_group(volume.name, volume.uuid);
	r = exchange_set(exchange, pivoted);
	unlock_groups();
	if (r)
		return r;
	tell(volume.name, pivoted ? "LVM's metadata say that it has gone over to the target" :
				    "LVM's metadata say that it is where it was before");
	if (pivoted)
		return exchange_finish(exchange);
	exchange_forget(exchange);
	return 0;
}

static void warn(const char *name, const char *what)
{
	say_warning("a pivot of %s was cut off: %s", name, what);
}

int exchange_settle(dev_t dev)
{
	struct exchange exchange = { .dev = dev };
	char path[NAME_ROOM];

	path_of(&exchange, NOTED, path);
	if (opt_dry_run || access(path, F_OK))
		return 0;
	return read_note(path, &exchange) ? -1 : settle(&exchange, warn);
}

static int repair(const char *path, void (*tell)(const char *, const char *))
{
	struct exchange exchange = { .dev = 0 };
	int r;

	if (read_note(path, &exchange))
		return -1;
	r = lock_volume(exchange.dev);
	if (r)
		return r < 0 ? -1 : 0;
	r = strcmp(strrchr(path, '.'), PIVOTED) ? settle(&exchange, tell) : refresh(&exchange);
	unlock_volume(exchange.dev);
	return r;
}

int exchange_repair(void (*tell)(const char *name, const char *what))
{
	glob_t notes = { 0 };
	int r = 0;

	glob(FOLDER "*" PIVOTED, 0, NULL, &notes);
	glob(FOLDER "*" NOTED, GLOB_APPEND, NULL, &notes);
	for (size_t i = 0; i < notes.gl_pathc; i++)
		r |= repair(notes.gl_pathv[i], tell);
	globfree(&notes);
	return r ? -1 : 0;
}
