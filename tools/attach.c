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
	"linear", "striped", "crypt", "thin", "snapshot-origin", "multipath", "error", "zero",
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

static int check_target(const char *volume, const struct mapper_target *target)
{
	if (!strcmp(target->type, "cbw"))
		return say_error("%s has a job already: see 'cbw status'", volume);
	if (!strcmp(target->type, "multipath") && !strstr(target->params, " queue_mode bio"))
		return say_error("%s is request-based multipath, under which no other table can be put: load it with 'queue_mode bio', or use LVM on it",
				 volume);
	if (!is_stateless(target->type))
		return say_error("%s has the target '%s', which keeps state that two tables must not share: back up what it stands on, or what stands on it",
				 volume, target->type);
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

static int name_hidden(struct attachment *at)
{
	const struct mapper_info *volume = &at->volume;
	struct mapper_info hidden;
	int length;

	if (snprintf(at->hidden, sizeof(at->hidden), "%s-cbw", volume->name) >= DM_NAME_LEN - 1)
		return say_error("the name %s-cbw is too long", volume->name);
	length = snprintf(at->uuid, sizeof(at->uuid), ATTACH_PREFIX "%s", volume->uuid);
	if (!volume->uuid[0] || length >= DM_UUID_LEN - 1)
		snprintf(at->uuid, sizeof(at->uuid), ATTACH_PREFIX "%u:%u", major(volume->dev),
			 minor(volume->dev));
	if (!mapper_find(at->hidden, &hidden) || !mapper_find_uuid(at->uuid, &hidden))
		return say_error("the device %s of an earlier job is left behind: try 'cbw repair'",
				 hidden.name);
	return 0;
}

int attach_check(struct attachment *at, const struct device *volume)
{
	*at = (struct attachment) { 0 };
	if (!volume->dm_name[0])
		return say_error("%s is not a device-mapper device, and nothing can be put under a disk or partition in use: back up a logical volume or dm-crypt device on it, or, while it is not in use, give it a name with 'dmsetup create' and use that from then on",
				 volume->path);
	if (mapper_info(volume->dm_name, &at->volume) || check_volume(&at->volume) ||
	    check_table(at) || name_hidden(at))
		return -1;
	return 0;
}

void attach_set_target(struct attachment *at, const struct device *target)
{
	if (target->dev)
		snprintf(at->target, sizeof(at->target), "%u:%u", major(target->dev),
			 minor(target->dev));
	else
		snprintf(at->target, sizeof(at->target), "%.*s", (int)sizeof(at->target) - 1,
			 target->path);
}

/* --- states ------------------------------------------------------------------------------- */

/* Is it the table of a job with this origin, and target device if that is known? */
static bool is_job(const struct attachment *at, const struct mapper_table *table)
{
	char origin[DM_NAME_LEN], target[DM_NAME_LEN];

	return table->nr == 1 && !strcmp(table->targets[0].type, "cbw") &&
	       sscanf(table->targets[0].params, "%127s %127s", origin, target) == 2 &&
	       !strcmp(origin, at->origin) && (!at->target[0] || !strcmp(target, at->target));
}

static int slot_is_job(struct attachment *at, enum mapper_slot slot, bool *is)
{
	struct mapper_table table;

	if (mapper_read(at->volume.name, slot, &table))
		return -1;
	*is = is_job(at, &table);
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

static int loaded_state(struct attachment *at, bool live, enum attach_state *state)
{
	bool is = false;

	if (slot_is_job(at, MAPPER_INACTIVE, &is))
		return -1;
	if (is && !live) {
		*state = ATTACH_LOADED;
		return 0;
	}
	/* Step 7 was the last. */
	if (live && !is && is_copy(at, MAPPER_INACTIVE, &is))
		return -1;
	*state = live && is ? ATTACH_LIVE : ATTACH_FOREIGN;
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

int attach_is_live(struct attachment *at, bool *live)
{
	if (attach_is_gone(at))
		return say_error("the volume %s is gone", at->volume.name);
	return slot_is_job(at, MAPPER_LIVE, live);
}

int attach_state(struct attachment *at, enum attach_state *state)
{
	bool live = false;

	if (attach_is_live(at, &live))
		return -1;
	if (at->volume.inactive)
		return loaded_state(at, live, state);
	*state = live ? ATTACH_LIVE : ATTACH_NONE;
	return 0;
}

int attach_find(struct attachment *at, const struct mapper_info *volume)
{
	struct mapper_info hidden;
	struct mapper_table table;
	unsigned int major, minor;
	int r = 1;

	*at = (struct attachment) { .volume = *volume };
	if (mapper_read(volume->name, MAPPER_LIVE, &table))
		return -1;
	if (table.nr == 1 && !strcmp(table.targets[0].type, "cbw") &&
	    sscanf(table.targets[0].params, "%143s %143s", at->origin, at->target) == 2)
		r = 0;
	at->length = mapper_length(&table);
	mapper_forget(&table);

	if (!r && sscanf(at->origin, "%u:%u", &major, &minor) == 2 &&
	    !mapper_find_dev(makedev(major, minor), &hidden)) {
		memcpy(at->hidden, hidden.name, sizeof(at->hidden));
		if (!strncmp(hidden.uuid, ATTACH_PREFIX, strlen(ATTACH_PREFIX)))
			memcpy(at->uuid, hidden.uuid, sizeof(at->uuid));
	}
	return r;
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

int attach_load(struct attachment *at, const char *features)
{
	char params[1024];

	if (!make_hidden(at)) {
		snprintf(params, sizeof(params), "%s %s %s", at->origin, at->target, features);
		if (!mapper_load(at->volume.name, at->length, "cbw", params) &&
		    !mapper_remove_deferred(at->hidden))
			return 0;
	}
	attach_undo(at);
	return -1;
}

int attach_confirm(struct attachment *at)
{
	enum attach_state state;
	bool same = false;

	if (attach_state(at, &state) || is_copy(at, MAPPER_LIVE, &same))
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
 * The kernel takes it away, soon after it has destroyed the table that V has had until now; nobody
 * else has a reason to have it open, but for the view, or who reads it by hand.
 */
static int remove_hidden(struct attachment *at)
{
	struct mapper_info hidden;

	for (int i = 0; i < GONE_TRIES; i++) {
		if (mapper_find_uuid(at->uuid, &hidden))
			return mapper_removed(at->hidden);
		if (hidden.leaving)
			usleep(GONE_PAUSE_US);
		else if (mapper_remove_deferred(hidden.name))
			return -1;
	}
	return say_error("%s is in use: it goes when nobody has it open", hidden.name);
}

int attach_undo(struct attachment *at)
{
	enum attach_state state;

	if (opt_dry_run)
		return 0;
	if (attach_state(at, &state))
		return -1;
	/* The order matters: a resume makes live what is loaded. */
	if (state == ATTACH_LOADED && mapper_clear(at->volume.name))
		return -1;
	if (state != ATTACH_FOREIGN && at->volume.suspended && mapper_resume(at->volume.name))
		return -1;
	return remove_hidden(at);
}

/* Steps 7 and 8. */
static int give_back(struct attachment *at)
{
	if (mapper_load_copy(at->volume.name, at->hidden))
		return -1;
	if (!mapper_resume(at->volume.name))
		return 0;
	/* V has the job's table still, or its own and is suspended. */
	if (!attach_is_gone(at) && at->volume.suspended)
		mapper_resume(at->volume.name);
	return -1;
}

static int end_locked(struct attachment *at)
{
	enum attach_state state;

	if (attach_state(at, &state))
		return -1;
	if (state == ATTACH_FOREIGN)
		return say_error("somebody else is changing the table of %s: try 'cbw repair' later",
				 at->volume.name);
	if (state == ATTACH_LIVE && give_back(at))
		return -1;
	return attach_undo(at);
}

static int dry_run_end(const struct attachment *at)
{
	int r = mapper_load_copy(at->volume.name, at->hidden);

	return r || mapper_resume(at->volume.name);
}

int attach_end(struct attachment *at)
{
	int r;

	if (opt_dry_run)
		return dry_run_end(at);
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
