// SPDX-License-Identifier: GPL-2.0-only
/* Putting a job under a volume in use, and taking it away; see attach.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attach.h"
#include "cbw.h"
#include "changes.h"
#include "lock.h"
#include "say.h"
#include "signals.h"
#include "sysfs.h"
#include "units.h"
#include "view.h"

#define SAMPLE		4096		/* bytes that must be the same on V and H */
#define SAMPLE_TRIES	5
#define GONE_TRIES	200
#define GONE_PAUSE_US	10000

/* --- may it be done? ---------------------------------------------------------------------- */

/*
 * Targets that keep all their state in the table line, or share it between their instances as
 * thin devices of one pool do. Two of them may be live at once, as long as I/O goes through one.
 * Any other may start a resynchronization, write metadata or replay a journal behind the back of
 * the first.
 */
static const char * const stateless[] = {
	"linear", "striped", "crypt", "thin", "snapshot-origin", "error", "zero",
	"delay", "flakey", "dust", "unstripe",
};

static bool is_stateless(const char *type)
{
	for (size_t i = 0; i < sizeof(stateless) / sizeof(stateless[0]); i++) {
		if (!strcmp(stateless[i], type))
			return true;
	}
	return false;
}

/*
 * Whoever has put it there has taken it away again; where it is still, the process that ends the
 * job may not find it.
 */
static bool has_key_in_keyring(const struct mapper_target *target)
{
	const char *key = strchr(target->params, ' ');

	return !strcmp(target->type, "crypt") && key && key[1] == ':';
}

#define OWN_LINEAR "while it is not in use, give it a linear device of its own, and back up that one from then on"

static int refuse_type(const char *volume, const char *type)
{
	char advice[DM_NAME_LEN + sizeof(OWN_LINEAR) + 128] = OWN_LINEAR;

	if (!strcmp(type, "snapshot"))
		snprintf(advice, sizeof(advice), "dd can copy one that nobody writes to, and one in use needs a linear device of its own, see 'Overlays' in cbw.rst");
	if (!strcmp(type, "raid"))
		snprintf(advice, sizeof(advice),
			 "of raid1 back up an image, such as %s_rimage_0; of another, " OWN_LINEAR,
			 volume);
	return say_error("%s has the target '%s', which keeps state that two tables must not share: %s",
			 volume, type, advice);
}

static int check_target(const char *volume, const struct mapper_target *target)
{
	/* It is immutable, whatever its queue_mode. */
	if (!strcmp(target->type, "multipath"))
		return say_error("%s is multipath, for which the kernel takes no other table: back up a logical volume or dm-crypt device on it, or give it a linear device of its own before it is in use",
				 volume);
	if (has_key_in_keyring(target))
		return say_error("%s has its key in the kernel's keyring, from where no second table gets it: open it with --disable-keyring, or back up what it stands on",
				 volume);
	return is_stateless(target->type) ? 0 : refuse_type(volume, target->type);
}

/*
 * LVM goes from V to what that stands on, as far as it finds devices of its own, and tells the
 * pool then of a new snapshot. It does not go through H.
 */
static void note_below(struct attachment *at, const struct mapper_table *own)
{
	const struct mapper_target *target = own->targets;

	if (own->nr && (!strcmp(target->type, "thin") || !strcmp(target->type, "snapshot-origin")))
		sscanf(target->params, "%127s", at->below);
}

static void add_keep(struct attachment *at, const char *word, const char *value)
{
	size_t length = strlen(at->keep);

	snprintf(at->keep + length, sizeof(at->keep) - length, " %s %s", word, value);
	at->nr_keep += 2;
}

/* All tables of ours must say what the first one has said. */
static void note_keep(struct attachment *at, const struct mapper_table *table)
{
	static const char * const words[] = { "metadata", "on_metadata_error" };
	char pattern[64], value[64];
	const char *found;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(pattern, sizeof(pattern), " %s ", words[i]);
		found = strstr(table->targets[0].params, pattern);
		if (found && sscanf(found + strlen(pattern), "%63s", value) == 1)
			add_keep(at, words[i], value);
	}
}

/* What a table of ours needs to know of V's own, a copy of which H has. */
static int note_own(struct attachment *at)
{
	struct mapper_table own;

	if (mapper_read(at->hidden, MAPPER_LIVE, &own))
		return -1;
	at->length = mapper_length(&own);
	note_below(at, &own);
	mapper_forget(&own);
	return 0;
}

static int check_table(struct attachment *at)
{
	struct mapper_table table;
	int r = 0;

	if (mapper_read(at->volume.name, MAPPER_LIVE, &table))
		return -1;
	for (size_t i = 0; i < table.nr && !r; i++)
		r = check_target(at->volume.name, &table.targets[i]);
	at->length = mapper_length(&table);
	note_below(at, &table);
	mapper_forget(&table);
	return r;
}

/* Does it stand on what pvmove makes? LVM removes that in the end, which H must not prevent. */
static bool is_moving(dev_t dev)
{
	char vg[DM_NAME_LEN], lv[DM_NAME_LEN];
	struct dev_set below = { 0 };
	struct device device;
	bool found = false;

	sysfs_add(dev, "slaves", &below);
	for (size_t i = 0; i < below.nr && !found; i++)
		found = !device_of(below.devs[i], &device) && !device_split_lv(&device, vg, lv) &&
			!strncmp(lv, "pvmove", strlen("pvmove"));
	dev_set_free(&below);
	return found;
}

static bool is_dax(dev_t dev)
{
	char dax[4];

	return !sysfs_read(dev, "queue/dax", dax, sizeof(dax)) && !strcmp(dax, "1");
}

static int check_volume(const struct mapper_info *volume)
{
	const char *name = volume->name;

	if (!strncmp(volume->uuid, ATTACH_PREFIX, strlen(ATTACH_PREFIX)) ||
	    !strncmp(volume->uuid, VIEW_PREFIX, strlen(VIEW_PREFIX)))
		return say_error("%s is a device of a job itself", name);
	if (!volume->live || volume->suspended)
		return say_error("%s is suspended: somebody else is changing it", name);
	if (volume->inactive)
		return say_error("%s has a table that is loaded and not live: somebody else is changing it",
				 name);
	if (volume->read_only)
		return say_error("%s is read-only: nothing writes to it, so dd can copy it", name);
	if (is_moving(volume->dev))
		return say_error("%s is being moved by pvmove: try again when it has ended", name);
	if (is_dax(volume->dev))
		return say_error("%s can be mapped into memory (DAX): no write is seen then", name);
	return 0;
}

static void number_uuid(dev_t volume, char uuid[DM_UUID_LEN])
{
	snprintf(uuid, DM_UUID_LEN, ATTACH_PREFIX "%u:%u", major(volume), minor(volume));
}

static int name_hidden(struct attachment *at)
{
	const struct mapper_info *volume = &at->volume;
	struct mapper_info hidden;
	int length;

	if (snprintf(at->hidden, sizeof(at->hidden), "%s" ATTACH_SUFFIX, volume->name) >=
	    DM_NAME_LEN - 1)
		return say_error("the name %s" ATTACH_SUFFIX " is too long", volume->name);
	length = snprintf(at->uuid, sizeof(at->uuid), ATTACH_PREFIX "%s", volume->uuid);
	if (!volume->uuid[0] || length >= DM_UUID_LEN - 1)
		number_uuid(volume->dev, at->uuid);
	if (!mapper_find(at->hidden, &hidden) || !mapper_find_uuid(at->uuid, &hidden))
		return say_error("the device %s of an earlier job is left behind: try 'cbw repair'",
				 hidden.name);
	return 0;
}

/* It has a table of ours. */
static int check_found(struct attachment *at)
{
	if (!at->tracked)
		return say_error("%s has a job already: see 'cbw status'", at->volume.name);
	if (!at->uuid[0])
		return say_error("the changes of %s are not tracked by this tool, but with dmsetup",
				 at->volume.name);
	return note_own(at);
}

int attach_check(struct attachment *at, const struct device *volume)
{
	struct mapper_info info;
	int r;

	if (!volume->dm_name[0])
		return say_error("%s is not a device-mapper device, and nothing can be put under a disk or partition in use: back up a logical volume or dm-crypt device on it, or, while it is not in use, give it a name with 'dmsetup create' and use that from then on",
				 volume->path);
	if (mapper_info(volume->dm_name, &info) || check_volume(&info))
		return -1;
	r = attach_find(at, &info);
	if (r <= 0)
		return r ? -1 : check_found(at);
	return check_table(at) || name_hidden(at) ? -1 : 0;
}

/* With --dry-run it may not be there yet: then it has no number, but a path. */
static void name_for_table(const struct device *device, char *text, size_t size)
{
	if (device->dev)
		snprintf(text, size, "%u:%u", major(device->dev), minor(device->dev));
	else
		snprintf(text, size, "%.*s", (int)size - 1, device->path);
}

void attach_set_target(struct attachment *at, const struct device *target)
{
	name_for_table(target, at->target, sizeof(at->target));
}

/* --- states ------------------------------------------------------------------------------- */

enum table_kind {
	FOREIGN_TABLE,
	TRACK_TABLE,
	JOB_TABLE,
};

/* A table of ours? Its devices and job are the words of that size. */
static enum table_kind parse_table(const struct mapper_table *table, char origin[DM_NAME_LEN],
				   char target[DM_NAME_LEN])
{
	char job[8];

	if (table->nr != 1 || strcmp(table->targets[0].type, "cbw") ||
	    sscanf(table->targets[0].params, "%127s %127s %*s %7s", origin, target, job) != 3)
		return FOREIGN_TABLE;
	return strcmp(job, "track") ? JOB_TABLE : TRACK_TABLE;
}

/* With our H, and our target device if that is known. */
static enum table_kind kind_of(const struct attachment *at, const struct mapper_table *table)
{
	char origin[DM_NAME_LEN], target[DM_NAME_LEN];
	enum table_kind kind = parse_table(table, origin, target);

	if (kind == FOREIGN_TABLE || strcmp(origin, at->origin))
		return FOREIGN_TABLE;
	if (kind == JOB_TABLE && at->target[0] && strcmp(target, at->target))
		return FOREIGN_TABLE;
	return kind;
}

static int read_kind(const struct attachment *at, enum mapper_slot slot, enum table_kind *kind)
{
	struct mapper_table table;

	if (mapper_read(at->volume.name, slot, &table))
		return -1;
	*kind = kind_of(at, &table);
	mapper_forget(&table);
	return 0;
}

/* Is the table in that slot of V a copy of H's? */
static int is_copy(const struct attachment *at, enum mapper_slot slot, bool *is)
{
	struct mapper_table volume, hidden;
	int r = -1;

	if (mapper_read(at->volume.name, slot, &volume))
		return -1;
	if (!mapper_read(at->hidden, MAPPER_LIVE, &hidden)) {
		*is = mapper_same(&volume, &hidden);
		mapper_forget(&hidden);
		r = 0;
	}
	mapper_forget(&volume);
	return r;
}

static int loaded_state(struct attachment *at, enum table_kind live, enum attach_state *state)
{
	enum table_kind loaded = FOREIGN_TABLE;
	bool own = false;

	if (read_kind(at, MAPPER_INACTIVE, &loaded))
		return -1;
	/* V has its own table then, which needs no H, or H is there. */
	if (live != FOREIGN_TABLE && is_copy(at, MAPPER_INACTIVE, &own))
		return -1;
	/* Step 7 was the last, or the first one of a detach. */
	if (live == JOB_TABLE)
		*state = own || loaded == TRACK_TABLE ? ATTACH_LIVE : ATTACH_FOREIGN;
	else
		*state = own || loaded != FOREIGN_TABLE ? ATTACH_LOADED : ATTACH_FOREIGN;
	return 0;
}

bool attach_is_gone(struct attachment *at)
{
	struct mapper_info volume;

	/* The number may be another device's by now. */
	if (mapper_find_dev(at->volume.dev, &volume) || strcmp(volume.uuid, at->volume.uuid))
		return true;
	at->volume = volume;
	return false;
}

static int live_kind(struct attachment *at, enum table_kind *kind)
{
	if (attach_is_gone(at))
		return say_error("the volume %s is gone", at->volume.name);
	return read_kind(at, MAPPER_LIVE, kind);
}

int attach_is_live(struct attachment *at, bool *live)
{
	enum table_kind kind = FOREIGN_TABLE;

	if (live_kind(at, &kind))
		return -1;
	*live = kind == JOB_TABLE;
	return 0;
}

int attach_state(struct attachment *at, enum attach_state *state)
{
	static const enum attach_state states[] = {
		[FOREIGN_TABLE] = ATTACH_NONE,
		[TRACK_TABLE] = ATTACH_TRACKED,
		[JOB_TABLE] = ATTACH_LIVE,
	};
	enum table_kind live = FOREIGN_TABLE;

	if (live_kind(at, &live))
		return -1;
	if (at->volume.inactive)
		return loaded_state(at, live, state);
	*state = states[live];
	return 0;
}

int attach_find(struct attachment *at, const struct mapper_info *volume)
{
	struct mapper_info hidden;
	struct mapper_table table;
	unsigned int major, minor;
	enum table_kind kind;
	int r;

	*at = (struct attachment) { .volume = *volume };
	r = mapper_find_table(volume->name, MAPPER_LIVE, &table);
	if (r)
		return r;
	kind = parse_table(&table, at->origin, at->target);
	at->tracked = kind == TRACK_TABLE;
	if (kind != FOREIGN_TABLE)
		note_keep(at, &table);
	at->length = mapper_length(&table);
	mapper_forget(&table);

	if (kind != FOREIGN_TABLE && sscanf(at->origin, "%u:%u", &major, &minor) == 2 &&
	    !mapper_find_dev(makedev(major, minor), &hidden)) {
		memcpy(at->hidden, hidden.name, sizeof(at->hidden));
		if (!strncmp(hidden.uuid, ATTACH_PREFIX, strlen(ATTACH_PREFIX)))
			memcpy(at->uuid, hidden.uuid, sizeof(at->uuid));
	}
	return kind == FOREIGN_TABLE;
}

int attach_find_named(struct attachment *at, const char *name)
{
	struct mapper_info volume;
	struct device device;
	int r = 1;

	if (device_resolve(name, &device))
		return -1;
	if (device.dm_name[0]) {
		if (mapper_info(device.dm_name, &volume))
			return -1;
		r = attach_find(at, &volume);
	}
	return r > 0 ? say_error("%s has no job", name) : r;
}

int attach_find_job(struct attachment *at, const char *name)
{
	if (attach_find_named(at, name))
		return -1;
	return at->tracked ? say_error("%s has no job: its changes are tracked", name) : 0;
}

int attach_target(const struct attachment *at, struct device *target)
{
	unsigned int major, minor;

	if (sscanf(at->target, "%u:%u", &major, &minor) != 2)
		return device_resolve(at->target, target);
	return device_of(makedev(major, minor), target);
}

const char *attach_target_name(const struct attachment *at, char text[DM_NAME_LEN])
{
	char path[sizeof(at->target) + 32], link[PATH_MAX];
	struct mapper_info target;
	unsigned int major, minor;
	ssize_t length;

	snprintf(text, DM_NAME_LEN, "%.127s", at->target);
	if (sscanf(at->target, "%u:%u", &major, &minor) != 2)
		return text;
	if (!mapper_find_dev(makedev(major, minor), &target))
		return memcpy(text, target.name, sizeof(target.name));
	snprintf(path, sizeof(path), "/sys/dev/block/%s", at->target);
	length = readlink(path, link, sizeof(link) - 1);
	if (length > 0) {
		link[length] = 0;
		snprintf(text, DM_NAME_LEN, "%.127s", basename(link));
	}
	return text;
}

void attach_former_name(struct device *volume)
{
	struct mapper_info hidden;
	char uuid[DM_UUID_LEN];

	number_uuid(volume->dev, uuid);
	if (!mapper_find_uuid(uuid, &hidden))
		snprintf(volume->dm_name, sizeof(volume->dm_name), "%.*s",
			 (int)(strlen(hidden.name) - strlen(ATTACH_SUFFIX)), hidden.name);
}

int attach_owner(const char *uuid, struct mapper_info *volume)
{
	const char *of = uuid + strlen(ATTACH_PREFIX);
	unsigned int major, minor;

	if (sscanf(of, "%u:%u", &major, &minor) == 2)
		return mapper_find_dev(makedev(major, minor), volume);
	return mapper_find_uuid(of, volume);
}

/* --- steps 1 to 6 ------------------------------------------------------------------------- */

static int read_sample(const char *name, uint64_t offset, void *sample)
{
	char path[DM_NAME_LEN + 16];
	int r = 0;
	int fd;

	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || pread(fd, sample, SAMPLE, (off_t)offset) != SAMPLE)
		r = say_error("cannot read %s", path);
	if (fd >= 0)
		close(fd);
	return r;
}

/* V is in use: only what it has before and after counts. */
static int compare_sample(const struct attachment *at, uint64_t offset, char *samples)
{
	char *before = samples, *hidden = samples + SAMPLE, *after = samples + 2L * SAMPLE;

	for (int i = 0; i < SAMPLE_TRIES; i++) {
		if (read_sample(at->volume.name, offset, before) ||
		    read_sample(at->hidden, offset, hidden) ||
		    read_sample(at->volume.name, offset, after))
			return -1;
		if (!memcmp(before, hidden, SAMPLE) || !memcmp(after, hidden, SAMPLE))
			return 0;
		if (!memcmp(before, after, SAMPLE))
			break;
	}
	return say_error("%s does not hold what %s holds: its table cannot be copied", at->hidden,
			 at->volume.name);
}

/* A key that is not the same, say, would otherwise be noticed too late. */
static int compare_ends(const struct attachment *at)
{
	uint64_t size = at->length * SECTOR_SIZE;
	char *samples;
	int r;

	if (size < SAMPLE)
		return 0;
	if (posix_memalign((void **)&samples, SAMPLE, 3UL * SAMPLE))
		return say_error("out of memory");
	r = compare_sample(at, 0, samples);
	if (!r)
		r = compare_sample(at, (size - SAMPLE) / SAMPLE * SAMPLE, samples);
	free(samples);
	return r;
}

static int make_hidden(struct attachment *at)
{
	struct mapper_info hidden;

	if (mapper_create_copy(at->hidden, at->uuid, at->volume.name))
		return -1;
	if (opt_dry_run) {
		snprintf(at->origin, sizeof(at->origin), "/dev/mapper/%s", at->hidden);
		return 0;
	}
	if (mapper_info(at->hidden, &hidden))
		return -1;
	snprintf(at->origin, sizeof(at->origin), "%u:%u", major(hidden.dev), minor(hidden.dev));
	return compare_ends(at);
}

static int load_job(const struct attachment *at, const char *target,
		    const struct attach_job *job)
{
	unsigned int nr = job->nr + at->nr_keep + (at->below[0] ? 2 : 0);
	char params[1024];

	snprintf(params, sizeof(params), "%s %s %llu %s %u%s%s%s%s", at->origin, target,
		 (unsigned long long)job->chunk_sectors, job->kind, nr, job->words, at->keep,
		 at->below[0] ? " below " : "", at->below);
	return mapper_load(at->volume.name, at->length, "cbw", params);
}

int attach_load(struct attachment *at, const struct attach_job *job)
{
	if ((at->tracked || !make_hidden(at)) &&
	    !load_job(at, at->target, job) &&
	    (at->tracked || !mapper_remove_deferred(at->hidden)))
		return 0;
	attach_undo(at);
	return -1;
}

static struct attach_job track_job(uint64_t chunk_sectors)
{
	return (struct attach_job) {
		.kind = "track",
		.chunk_sectors = chunk_sectors,
		.words = "",
	};
}

void attach_keep(struct attachment *at, const struct device *metadata, const char *policy)
{
	char name[sizeof(at->keep) / 2];

	name_for_table(metadata, name, sizeof(name));
	add_keep(at, "metadata", name);
	if (policy)
		add_keep(at, "on_metadata_error", policy);
}

int attach_load_track(struct attachment *at, uint64_t chunk_sectors)
{
	const struct attach_job track = track_job(chunk_sectors);

	snprintf(at->target, sizeof(at->target), "-");
	return attach_load(at, &track);
}

/* Has V the table that it had before the job's was loaded? */
static int is_unchanged(const struct attachment *at, bool *is)
{
	enum table_kind live = FOREIGN_TABLE;

	if (!at->tracked)
		return is_copy(at, MAPPER_LIVE, is);
	if (read_kind(at, MAPPER_LIVE, &live))
		return -1;
	*is = live == TRACK_TABLE;
	return 0;
}

int attach_confirm(struct attachment *at)
{
	enum attach_state state;
	bool same = false;

	if (attach_state(at, &state) || is_unchanged(at, &same))
		return -1;
	if (state == ATTACH_LOADED && same && !at->volume.suspended)
		return 0;
	return say_error("somebody else has changed %s in the meantime: try again",
			 at->volume.name);
}

static int resume_volume(struct attachment *at)
{
	int r;

	signals_let_in();
	r = mapper_resume(at->volume.name);
	signals_keep_out();
	return r;
}

int attach_start(struct attachment *at)
{
	if (opt_dry_run)
		return mapper_resume(at->volume.name);
	if (!attach_confirm(at) && !signals_stop() && !resume_volume(at))
		return 0;
	attach_end(at);
	return -1;
}

/* --- back --------------------------------------------------------------------------------- */

/*
 * Its table is destroyed, and what that stands on is free, a moment after it has lost its name;
 * meanwhile it does not even tell its UUID.
 */
static bool lingers(const struct attachment *at)
{
	char text[DM_UUID_LEN + 2];
	unsigned int major, minor;
	dev_t dev;

	if (sscanf(at->origin, "%u:%u", &major, &minor) != 2)
		return false;
	dev = makedev(major, minor);
	return !sysfs_read(dev, "size", text, sizeof(text)) &&
	       (sysfs_read(dev, "dm/uuid", text, sizeof(text)) || !strcmp(text, at->uuid));
}

/*
 * The kernel takes it away, soon after it has destroyed the table that V has had until now; nobody
 * else has a reason to have it open, but for the view, or who reads it by hand.
 */
static int remove_hidden(struct attachment *at)
{
	struct mapper_info hidden;

	for (int i = 0; i < GONE_TRIES; i++) {
		bool there = !mapper_find_uuid(at->uuid, &hidden);

		if (!there && !lingers(at))
			return mapper_removed(at->hidden);
		if (there && !hidden.leaving && mapper_remove_deferred(hidden.name))
			return -1;
		if (opt_dry_run)
			return 0;
		usleep(GONE_PAUSE_US);
	}
	say_warning("%s is in use: it goes when nobody has it open", at->hidden);
	return 0;
}

/* Of a job that --dry-run has not begun. */
static bool is_imagined(const struct attachment *at)
{
	return opt_dry_run && (at->tracked || at->origin[0] == '/');
}

int attach_undo(struct attachment *at)
{
	enum attach_state state;
	enum table_kind live = FOREIGN_TABLE;

	if (is_imagined(at))
		return 0;
	if (attach_is_gone(at))
		return remove_hidden(at);
	if (attach_state(at, &state))
		return -1;
	/* The order matters: a resume makes live what is loaded. */
	if (state == ATTACH_LOADED && mapper_clear(at->volume.name))
		return -1;
	if (state != ATTACH_FOREIGN && at->volume.suspended && mapper_resume(at->volume.name))
		return -1;
	if (live_kind(at, &live))
		return -1;
	return live == TRACK_TABLE ? 0 : remove_hidden(at);
}

/* Whoever repairs has not found V by its table. */
static int note_live(struct attachment *at)
{
	struct mapper_table live;

	if (mapper_read(at->volume.name, MAPPER_LIVE, &live))
		return -1;
	*at->keep = '\0';
	at->nr_keep = 0;
	note_keep(at, &live);
	mapper_forget(&live);
	return 0;
}

static int load_track(struct attachment *at, uint64_t chunk_sectors)
{
	const struct attach_job track = track_job(chunk_sectors);

	return note_live(at) || note_own(at) || load_job(at, "-", &track) ? -1 : 0;
}

/* The table before the job's. If changes were tracked, the kernel goes on with that. */
static int load_former(struct attachment *at)
{
	struct changes changes;

	if (at->origin[0] == '/')
		return mapper_load_copy(at->volume.name, at->hidden);
	if (changes_read(at->volume.name, &changes))
		return -1;
	return changes.chunk_sectors ? load_track(at, changes.chunk_sectors) :
				       mapper_load_copy(at->volume.name, at->hidden);
}

static int resume_former(struct attachment *at)
{
	if (!mapper_resume(at->volume.name))
		return 0;
	/* V has the table of before still, or that which was loaded, and is suspended. */
	if (!attach_is_gone(at) && at->volume.suspended)
		mapper_resume(at->volume.name);
	return -1;
}

static int end_locked(struct attachment *at)
{
	enum attach_state state;

	if (attach_is_gone(at))
		return remove_hidden(at);
	if (attach_state(at, &state))
		return -1;
	if (state == ATTACH_FOREIGN)
		return say_error("somebody else is changing the table of %s: try 'cbw repair' later",
				 at->volume.name);
	if (state == ATTACH_LIVE && (load_former(at) || resume_former(at)))
		return -1;
	return state == ATTACH_LIVE && opt_dry_run ? 0 : attach_undo(at);
}

static int detach_locked(struct attachment *at)
{
	enum attach_state state;

	/* LVM may have been at work until it let us have its lock. */
	if (attach_state(at, &state))
		return -1;
	if (state != ATTACH_TRACKED || at->volume.suspended)
		return say_error("somebody else is changing %s: try again", at->volume.name);
	if (view_drop(at->uuid))
		return -1;
	if (mapper_load_copy(at->volume.name, at->hidden) || resume_former(at))
		return -1;
	return opt_dry_run ? 0 : attach_undo(at);
}

int attach_end(struct attachment *at)
{
	int r;

	if (is_imagined(at))
		return load_former(at) || mapper_resume(at->volume.name);
	if (!at->uuid[0])
		return say_error("the job of %s was not made by this tool, but with dmsetup",
				 at->volume.name);
	if (view_drop(at->uuid))
		say_warning("from now on that view fails all reads: remove it with dmsetup");
	if (attach_is_gone(at))
		return remove_hidden(at);
	lock_group(at->volume.name, at->volume.uuid);
	r = end_locked(at);
	unlock_groups();
	return r;
}

int attach_detach(struct attachment *at)
{
	int r;

	lock_group(at->volume.name, at->volume.uuid);
	r = detach_locked(at);
	unlock_groups();
	return r;
}
