// SPDX-License-Identifier: GPL-2.0-only
/* Two logical volumes exchange their extents; see exchange.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "child.h"
#include "durable.h"
#include "exchange.h"
#include "lock.h"
#include "lvm.h"
#include "mapper.h"
#include "say.h"

#define FOLDER		"/run/cbw/"
#define NOTED		".exchange"
#define PIVOTED		".exchanged"
#define WORK		".metadata"
#define HEADER		"# cbw exchanges %127s %127s %127s"
#define NAME_ROOM	(2UL * DM_NAME_LEN)

/* The segments of a volume in the metadata. */
struct span {
	const char *begin;
	size_t length;
};

/* --- metadata as text --------------------------------------------------------------------- */

static bool find_segments(const char *text, const char *lv, struct span *span)
{
	char pattern[DM_NAME_LEN + 16];
	const char *at = strstr(text, "\n\tlogical_volumes {\n"), *end;

	snprintf(pattern, sizeof(pattern), "\n\t\t%s {\n", lv);
	at = at ? strstr(at, pattern) : NULL;
	if (!at)
		return false;
	end = strstr(at, "\n\t\t}\n");
	span->begin = strstr(at, "\n\t\t\tsegment_count = ");
	if (!end || !span->begin || span->begin > end)
		return false;
	span->length = (size_t)(end - span->begin);
	return true;
}

/* Only extents, in a row or striped: no layer that other volumes have to do with. */
static bool is_simple(const struct span *span)
{
	static const char type[] = "\ttype = ", striped[] = "\"striped\"";
	const char *end = span->begin + span->length;
	const char *at = strstr(span->begin, type);

	if (!at || at > end)
		return false;
	for (; at && at < end; at = strstr(at, type)) {
		at += strlen(type);
		if (strncmp(at, striped, strlen(striped)))
			return false;
	}
	return true;
}

static bool same_span(const struct span *a, const struct span *b)
{
	return a->length == b->length && !memcmp(a->begin, b->begin, a->length);
}

/* With the segments of the two exchanged; for free(). NULL if there is no memory. */
static char *exchange_text(const char *text, struct span a, struct span b)
{
	struct span first = a.begin < b.begin ? a : b, second = a.begin < b.begin ? b : a;
	const char *between = first.begin + first.length;
	const char *rest = second.begin + second.length;
	char *new;

	if (asprintf(&new, "%.*s%.*s%.*s%.*s%s", (int)(first.begin - text), text,
		     (int)second.length, second.begin, (int)(second.begin - between), between,
		     (int)first.length, first.begin, rest) < 0)
		return NULL;
	return new;
}

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

static int find_both(const struct exchange *exchange, const char *text, struct span *origin,
		     struct span *target)
{
	if (find_segments(text, exchange->origin, origin) &&
	    find_segments(text, exchange->target, target) && is_simple(origin) &&
	    is_simple(target))
		return 0;
	return say_error("LVM's metadata of %s are not understood, or %s or %s has more than extents",
			 exchange->vg, exchange->origin, exchange->target);
}

/* --- steps -------------------------------------------------------------------------------- */

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

int exchange_check(struct exchange *exchange, const struct device *origin,
		   const struct device *target)
{
	char vg[DM_NAME_LEN];

	exchange->dev = origin->dev;
	if (device_split_lv(origin, exchange->vg, exchange->origin))
		return say_error("%s is no logical volume", origin->path);
	if (device_split_lv(target, vg, exchange->target) || strcmp(vg, exchange->vg))
		return say_error("a pivot of %s is possible onto a logical volume of %s only: of any other device LVM knows nothing, and the next boot would bring the old one",
				 origin->path, exchange->vg);
	return check_table(target) || check_group(vg) ? -1 : 0;
}

int exchange_note(const struct exchange *exchange)
{
	char path[NAME_ROOM], *text, *note = NULL;
	struct span origin, target;
	int r = -1;

	path_of(exchange, NOTED, path);
	if (!access(path, F_OK))
		return say_error("an earlier pivot of %s was cut off: try 'cbw repair'",
				 exchange->origin);
	text = read_metadata(exchange);
	if (text && !find_both(exchange, text, &origin, &target) &&
	    asprintf(&note, "# cbw exchanges %s %s %s\n%s", exchange->vg, exchange->origin,
		     exchange->target, text) >= 0)
		r = durable_write(path, note);
	free(note);
	free(text);
	return r;
}

static int set_from(const struct exchange *exchange, bool exchanged, const char *note,
		    const char *text)
{
	struct span origin, target, was, other;
	char *new;
	int r;

	if (find_both(exchange, note, &was, &other) || find_both(exchange, text, &origin, &target))
		return -1;
	if (same_span(&origin, exchanged ? &other : &was))
		return 0;
	if (!same_span(&origin, exchanged ? &was : &other))
		return say_error("somebody else has changed %s/%s: look at its extents",
				 exchange->vg, exchange->origin);
	new = exchange_text(text, origin, target);
	r = new ? write_metadata(exchange, new) : say_error("out of memory");
	free(new);
	return r;
}

int exchange_set(const struct exchange *exchange, bool exchanged)
{
	char path[NAME_ROOM];
	char *note = read_text(path_of(exchange, NOTED, path));
	char *text = note ? read_metadata(exchange) : NULL;
	int r = text ? set_from(exchange, exchanged, note, text) : -1;

	free(text);
	free(note);
	return r;
}

static int refresh(const struct exchange *exchange)
{
	char name[NAME_ROOM + 2], path[NAME_ROOM];

	snprintf(name, sizeof(name), "%s/%s", exchange->vg, exchange->target);
	if (child_run((const char *const[]) { "lvchange", "--quiet", "--refresh", name, NULL }))
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
	unsigned int major, minor;
	char *text = read_text(path);
	bool good = text &&
		    sscanf(text, HEADER, exchange->vg, exchange->origin, exchange->target) == 3 &&
		    sscanf(path, FOLDER "%u:%u", &major, &minor) == 2;

	free(text);
	if (!good)
		return say_error("%s is not understood", path);
	exchange->dev = makedev(major, minor);
	return 0;
}

/* Have the two devices the same table? */
static int is_pivoted(const struct exchange *exchange, struct mapper_info *volume, bool *is)
{
	char name[NAME_ROOM + 2];
	struct mapper_table a, b;
	struct device target;
	int r = -1;

	snprintf(name, sizeof(name), "%s/%s", exchange->vg, exchange->target);
	if (mapper_find_dev(exchange->dev, volume))
		return say_error("the volume %s/%s is gone", exchange->vg, exchange->origin);
	if (device_resolve(name, &target) || mapper_read(volume->name, MAPPER_LIVE, &a))
		return -1;
	if (!mapper_read(target.dm_name, MAPPER_LIVE, &b)) {
		*is = mapper_same(&a, &b);
		mapper_forget(&b);
		r = 0;
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
	tell(volume.name, pivoted ? "LVM's metadata say that it has the extents of the target" :
				    "LVM's metadata say that it has the extents that it had before");
	if (pivoted)
		return exchange_finish(exchange);
	exchange_forget(exchange);
	return 0;
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
