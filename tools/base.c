// SPDX-License-Identifier: GPL-2.0-only
/* The backup that an incremental one goes on from; see base.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base.h"
#include "job.h"
#include "say.h"
#include "target.h"

/* Where new volumes or images are made, so that it names many backups. Without a '/' at its end. */
static bool is_place(const char *where, char place[PATH_MAX])
{
	struct stat st;

	if (strchr(where, '/'))
		return !stat(where, &st) && S_ISDIR(st.st_mode) && realpath(where, place);
	snprintf(place, PATH_MAX, "%s", where);
	return true;
}

static bool lies_in(const struct record *record, const char *place)
{
	size_t length = strlen(place);

	return record->kind != RECORD_DEVICE && !strncmp(record->target, place, length) &&
	       record->target[length] == '/' && !strchr(record->target + length + 1, '/');
}

/*
 * When the machine stops before the metadata device has the generation of a backup that has just
 * completed, it has the one before, with all that has changed since that.
 */
bool base_fits(struct record *base, const char *generation)
{
	if (base->complete && *base->base && !strcmp(base->base, generation))
		snprintf(base->map, sizeof(base->map), "%s", generation);
	return !strcmp(record_map(base), generation);
}

/* The one that fits, or else the newest, of which can be said why it does not. 1: there is none. */
static int find_in(const char *place, const struct device *volume, const char *generation,
		   struct record *base)
{
	struct record *records;
	bool found = false;
	size_t nr;
	int r = record_list_all(&records, &nr) ? -1 : 1;

	for (size_t i = 0; r >= 0 && i < nr && !found; i++) {
		if (!record_is_of(records + i, volume) || !lies_in(records + i, place))
			continue;
		*base = records[i];
		found = base_fits(base, generation);
		r = 0;
	}
	free(records);
	return r;
}

/* A device may have been named otherwise when the backup was made. The same. */
static int find_named(const char *name, bool to, struct record *base)
{
	struct device device;
	int r = record_find(name, base);

	if (r <= 0 || to)
		return r;
	return device_resolve(name, &device) ? -1 : record_find(device.path, base);
}

/* What the changes of the volume are tracked since. */
static int read_generation(const struct attachment *at, struct changes *changes)
{
	const char *name = at->volume.name;

	if (!at->tracked)
		return say_error("the changes of %s are not tracked: make a full backup after 'cbw attach'",
				 name);
	if (changes_read(name, changes))
		return -1;
	if (strcmp(changes->generation, "-"))
		return 0;
	return say_error("there is no backup that the changes of %s are tracked since: make a full backup",
			 name);
}

static int refuse(const struct record *base)
{
	return say_error("%s is not the device, or no longer holds, the backup of %s: make a full backup",
			 base->target, base->origin);
}

/* What one that came to nothing has written is not known; the map tells of all of it. */
int base_is_on(const struct record *base, const char *path)
{
	char mark[SUMS_MARK_MAX];

	if (!*base->mark)
		return 1;
	return sums_mark(path, base->size, mark) ? -1 : !strcmp(mark, base->mark);
}

int base_check(const struct record *base, const char *path)
{
	int r = base_is_on(base, path);

	if (r < 0)
		return -1;
	return r ? 0 : refuse(base);
}

static int check(struct record *base, const struct device *volume, const char *generation)
{
	char name[PATH_MAX];

	device_name(volume, name);
	if (!record_is_of(base, volume))
		return say_error("%s is a backup of %s, not of %s: make a full backup",
				 base->target, base->origin, name);
	if (!base->complete && !*base->base)
		return say_error("the backup %s was never complete: make a full backup",
				 base->target);
	if (!base_fits(base, generation))
		return say_error("the changes of %s are tracked since another backup than %s: make a full backup",
				 name, base->target);
	return target_is_there(base) ? 0 : refuse(base);
}

int base_find(const struct device *volume, const struct attachment *at, const char *where, bool to,
	      struct record *base)
{
	char place[PATH_MAX], name[PATH_MAX];
	struct changes changes;
	int r;

	if (read_generation(at, &changes))
		return -1;
	if (to && is_place(where, place))
		r = find_in(place, volume, changes.generation, base);
	else
		r = find_named(where, to, base);
	if (r > 0)
		return say_error("no backup of %s is known at %s: make a full backup",
				 device_name(volume, name), where);
	return r ? -1 : check(base, volume, changes.generation);
}

int base_confirm(const struct attachment *at, const struct record *base)
{
	struct changes changes;

	if (read_generation(at, &changes))
		return -1;
	if (!strcmp(record_map(base), changes.generation))
		return 0;
	return say_error("somebody else has backed up %s in the meantime: make a full backup",
			 at->volume.name);
}

/* Has it completed, and is its table live? */
static bool is_completed(struct attachment *at)
{
	struct job job;
	bool live;

	return !attach_is_live(at, &live) && live && !job_read(at->volume.name, &job) &&
	       job_completed(&job);
}

/*
 * As long as the table of a completed job is live, the map keeps the generation that it has got
 * from this job. A table that comes before or after it has another, so what is the same on both
 * sides of a look at the job is its own.
 */
void base_next(struct attachment *at, char map[RECORD_ID_MAX], struct ranges *taken)
{
	const char *name = at->volume.name;
	struct changes before, after;

	*map = '\0';
	if (changes_read(name, &before) || !strcmp(before.generation, "-") || !is_completed(at))
		return;
	if (taken && changes_taken(name, taken))
		return;
	if (!changes_read(name, &after) && !strcmp(before.generation, after.generation))
		snprintf(map, RECORD_ID_MAX, "%.*s", RECORD_ID_MAX - 1, before.generation);
}
