// SPDX-License-Identifier: GPL-2.0-only
/* The verb repair: what tools that were killed have left; the states are in attach.h. */
#include <dirent.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "attach.h"
#include "books.h"
#include "cbw.h"
#include "exchange.h"
#include "job.h"
#include "lock.h"
#include "pivot.h"
#include "say.h"
#include "signals.h"
#include "view.h"

static struct json_object *documents;

/* What was done, or is left, and is no error. */
static void tell(const char *name, const char *what)
{
	struct json_object *object;

	if (!opt_json) {
		printf("%s%s: %s\n", opt_dry_run ? "# " : "", name, what);
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "device", json_object_new_string(name));
	json_object_object_add(object, "found", json_object_new_string(what));
	json_object_array_add(documents, object);
}

static int remove_orphan(const struct mapper_info *hidden)
{
	if (view_drop(hidden->uuid) || mapper_remove(hidden->name))
		return -1;
	tell(hidden->name, "its volume is gone; removed");
	return 0;
}

/* LVM suspends it, too, but then it has its lock. */
static int resume_suspended(struct attachment *at)
{
	int r = 0;

	lock_group(at->volume.name, at->volume.uuid);
	if (!attach_is_gone(at) && at->volume.suspended)
		r = mapper_resume(at->volume.name);
	unlock_groups();
	return r;
}

/* The job is live. 1: it is to be ended. */
static int look_at_job(struct attachment *at, const char *generation)
{
	struct job job;

	if (job_read(at->volume.name, &job))
		return -1;
	if (at->volume.suspended && resume_suspended(at))
		return -1;
	if (job_ended(&job))
		return job_completed(&job) && books_complete(at, generation) ? -1 : 1;
	if (job_is_held(&job)) {
		tell(at->volume.name, "nobody tells its job any more what to save; cancelled");
		return mapper_message(at->volume.name, "cancel", NULL) ? -1 : 1;
	}
	tell(at->volume.name, job_is_ready(&job) ?
	     "its mirror goes on; 'cbw pivot' or 'cbw cancel' ends it" :
	     "its job goes on; 'cbw wait' finishes it");
	return 0;
}

static int put_right(struct attachment *at, const char *generation)
{
	enum attach_state state;

	if (attach_end(at) || books_finish(generation, false) || attach_state(at, &state))
		return -1;
	tell(at->volume.name, state == ATTACH_TRACKED ?
	     "put right: its changes are tracked, and nothing else is left" :
	     "put right: it has its own table, and nothing else is left");
	return 0;
}

/* H goes with the job's table. */
static int finish_pivot(struct attachment *at)
{
	if (resume_suspended(at) || attach_undo(at))
		return -1;
	tell(at->volume.name, "put right: it has gone over to the target device of its mirror");
	return 0;
}

static int repair_volume(struct attachment *at)
{
	char generation[RECORD_ID_MAX];
	enum attach_state state;
	int r = 1;

	if (pivot_is_cut_off(at))
		return finish_pivot(at);
	books_generation(at->volume.dev, generation);
	if (attach_state(at, &state))
		return -1;
	if (state == ATTACH_LIVE)
		r = look_at_job(at, generation);
	else if (state == ATTACH_TRACKED && !at->volume.suspended)
		r = view_drop(at->uuid);
	return r > 0 ? put_right(at, generation) : r;
}

static int repair(const struct mapper_info *hidden)
{
	struct attachment at = { .length = 0 };
	int r;

	if (attach_owner(hidden->uuid, &at.volume))
		return remove_orphan(hidden);
	memcpy(at.hidden, hidden->name, sizeof(at.hidden));
	memcpy(at.uuid, hidden->uuid, sizeof(at.uuid));
	snprintf(at.origin, sizeof(at.origin), "%u:%u", major(hidden->dev), minor(hidden->dev));
	r = lock_volume(at.volume.dev);
	if (r > 0) {
		tell(at.volume.name, "another cbw is at work on it");
		return 0;
	}
	if (!r)
		r = repair_volume(&at);
	unlock_volume(at.volume.dev);
	return r;
}

static bool is_prefixed(const char *uuid, const char *prefix)
{
	return !strncmp(uuid, prefix, strlen(prefix));
}

static int visit(const char *name, void *data)
{
	struct mapper_info hidden;
	int *failed = data;

	if (!mapper_find(name, &hidden) && is_prefixed(hidden.uuid, ATTACH_PREFIX) &&
	    repair(&hidden))
		*failed = 1;
	return 0;
}

/* A view whose hidden device is gone. */
static int visit_view(const char *name, void *data)
{
	char uuid[2 * DM_UUID_LEN];
	struct mapper_info view, hidden;
	int *failed = data;

	if (mapper_find(name, &view) || !is_prefixed(view.uuid, VIEW_PREFIX))
		return 0;
	snprintf(uuid, sizeof(uuid), ATTACH_PREFIX "%s", view.uuid + strlen(VIEW_PREFIX));
	if (!mapper_find_uuid(uuid, &hidden))
		return 0;
	if (view_drop(uuid))
		*failed = 1;
	else
		tell(name, "a view without its job; removed");
	return 0;
}

/* The volume of a record. 1 if it is gone. */
static int find_volume(const struct record *record, struct mapper_info *volume)
{
	char name[DM_NAME_LEN + sizeof(ATTACH_SUFFIX)];
	struct mapper_info hidden;

	if (*record->origin_dm_uuid)
		return mapper_find_uuid(record->origin_dm_uuid, volume);
	/* It may have been renamed, but the hidden device has not. */
	snprintf(name, sizeof(name), "%s" ATTACH_SUFFIX, record->origin_dm_name);
	if (!mapper_find(name, &hidden) && is_prefixed(hidden.uuid, ATTACH_PREFIX))
		return attach_owner(hidden.uuid, volume);
	return mapper_find(record->origin_dm_name, volume);
}

/* Its tool was killed before the job began, or after that was taken away. */
static int finish_record(const char *generation)
{
	struct record record;

	if (!record_left(generation, &record))
		return 0;
	if (books_finish_record(&record))
		return -1;
	tell(record.target, record.complete ? "complete; finished" :
	     "not complete, and nobody goes on with it");
	return 0;
}

static int repair_record(const struct record *record)
{
	struct mapper_info volume;
	struct attachment at;
	bool found = !find_volume(record, &volume);
	int r = found ? lock_volume(volume.dev) : 0;
	int none = 1;

	if (!r && found)
		none = attach_find(&at, &volume);
	if (!r && (none > 0 || (!none && at.tracked)))
		r = finish_record(record->generation);
	if (found)
		unlock_volume(volume.dev);
	return r < 0 ? r : 0;
}

/*
 * Without udev, what the kernel has taken away itself leaves its node, and the number may be that
 * of another device next. Where udev is, there are links.
 */
static bool is_old_node(const struct dirent *entry)
{
	const char *suffix = strrchr(entry->d_name, '-');
	struct mapper_info device;

	return entry->d_type == DT_BLK && suffix &&
	       (!strcmp(suffix, ATTACH_SUFFIX) || !strcmp(suffix, VIEW_SUFFIX)) &&
	       mapper_find(entry->d_name, &device);
}

static int repair_nodes(void)
{
	DIR *dir = opendir("/dev/mapper");
	struct dirent *entry;
	int r = 0;

	while (dir && (entry = readdir(dir)))
		r |= is_old_node(entry) && mapper_removed(entry->d_name);
	if (dir)
		closedir(dir);
	return r;
}

static int repair_records(void)
{
	struct record *records;
	size_t nr;
	int r = 0;

	if (opt_dry_run)
		return 0;
	record_list(&records, &nr);
	for (size_t i = 0; i < nr; i++) {
		if (!records[i].finished)
			r |= repair_record(records + i);
	}
	free(records);
	return r;
}

static int run(int argc, char **argv)
{
	int failed = 0;

	if (take_no_options(argc, argv))
		return CBW_USAGE;
	if (optind < argc)
		return say_usage("repair looks at all volumes, and takes none");
	if (mapper_need_cbw())
		return CBW_FAILED;
	signals_catch();
	documents = json_object_new_array();
	if (mapper_each(visit, &failed) || mapper_each(visit_view, &failed) || repair_records() ||
	    repair_nodes() || (!opt_dry_run && exchange_repair(tell)))
		failed = 1;
	if (opt_json)
		puts(json_object_to_json_string_ext(documents, JSON_C_TO_STRING_PRETTY));
	json_object_put(documents);
	return failed ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_repair = {
	.name = "repair",
	.arguments = "",
	.summary = "put right what a cbw that was killed has left behind",
	.run = run,
};
