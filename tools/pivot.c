// SPDX-License-Identifier: GPL-2.0-only
/* The end of a mirror, and the verb pivot; see pivot.h. */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cbw.h"
#include "exchange.h"
#include "group.h"
#include "job.h"
#include "lock.h"
#include "pivot.h"
#include "progress.h"
#include "say.h"
#include "signals.h"
#include "units.h"

#define LOOK_MS		100
#define LVM_PREFIX	"LVM-"
#define LVM_GROUP_LEN	36		/* with the UUID of the volume group */

static bool is_lvm(const struct attachment *at)
{
	return !strncmp(at->volume.uuid, LVM_PREFIX, strlen(LVM_PREFIX));
}

/* --- may it be done? ---------------------------------------------------------------------- */

int pivot_check(const struct device *volume, const struct device *target)
{
	static const char crypt[] = "CRYPT-";
	char uuid[DM_UUID_LEN];
	struct exchange exchange;

	device_dm_uuid(volume, uuid);
	if (!strncmp(uuid, LVM_PREFIX, strlen(LVM_PREFIX)))
		return exchange_check(&exchange, volume, target);
	if (!strncmp(uuid, crypt, strlen(crypt)))
		return say_error("a pivot of %s would leave what it holds on %s unencrypted: mirror the device that it stands on",
				 volume->path, target->path);
	return 0;
}

static int check(const struct attachment *at, struct exchange *exchange)
{
	struct device volume, target;

	if (device_of(at->volume.dev, &volume) || attach_target(at, &target) ||
	    pivot_check(&volume, &target))
		return -1;
	return is_lvm(at) ? exchange_check(exchange, &volume, &target) : 0;
}

/* --- before the suspend ------------------------------------------------------------------- */

static bool is_reason(const struct job *job, const char *reason)
{
	return !strcmp(job->reason, reason);
}

static int not_ready(const struct attachment *at, const struct job *job)
{
	const char *why = job_why(job);

	return say_error("the mirror of %s is not ready, but %s%s%s: the volume goes on, on the origin",
			 at->volume.name, job->state, why ? ", since " : "", why ? why : "");
}

/* V has the job's table still. What has ended is taken away. */
static int take_back(struct attachment *at, const char *what)
{
	struct job job;
	const char *why;

	if (job_read(at->volume.name, &job))
		return -1;
	why = job_why(&job);
	say_error("%s, since the job is %s%s%s%s: the volume %s goes on, on the origin", what,
		  job.state, why ? " (" : "", why ? why : "", why ? ")" : "", at->volume.name);
	if (job_ended(&job))
		attach_end(at);
	return -1;
}

/* Is it ready, or will it be by itself? */
static int read_coming(struct attachment *at, struct job *job)
{
	if (job_read(at->volume.name, job))
		return -1;
	if (job_ended(job))
		return take_back(at, "there is no pivot");
	return job_is_ready(job) || !strcmp(job->state, "running") ? 0 : not_ready(at, job);
}

static void show_progress(const struct job *job)
{
	uint64_t chunk = job->chunk_sectors * SECTOR_SIZE;
	struct progress progress = {
		.done = job->done * chunk,
		.total = job->total * chunk,
		.held = job->held,
	};

	progress_show(&progress);
}

static int await_synced(struct attachment *at)
{
	struct job job;

	for (;;) {
		if (read_coming(at, &job))
			return -1;
		/* One that was killed had seen it already. */
		if (is_reason(&job, "synced") || is_reason(&job, "complete"))
			return 0;
		if (is_reason(&job, "cancel"))
			return say_error("%s is to stay where it is: somebody has cancelled its mirror",
					 at->volume.name);
		if (signals_stop() || signals_hung_up())
			return say_error("interrupted: the mirror of %s goes on", at->volume.name);
		show_progress(&job);
		signals_sleep(LOOK_MS);
	}
}

/* Steps 1 and 2. */
static int get_synced(struct attachment *at, bool quiet)
{
	struct job job;
	int r;

	if (opt_dry_run) {
		if (mapper_message(at->volume.name, "copy_mode write-blocking", NULL))
			return -1;
		printf("until dmsetup status '%s' | grep -q ' cbw ready .* synced$'; do sleep 1; done\n",
		       at->volume.name);
		return 0;
	}
	if (read_coming(at, &job) ||
	    mapper_message(at->volume.name, "copy_mode write-blocking", NULL))
		return -1;
	progress_begin(quiet || opt_json);
	r = await_synced(at);
	progress_end();
	return r;
}

/* --- while it is suspended ---------------------------------------------------------------- */

/* 0; 1: the table is that of no job; or -1: the two devices are not the same any more. */
static int is_copy(const struct attachment *at)
{
	struct job job;
	int r;

	if (opt_dry_run)
		return 0;
	r = job_find(at->volume.name, &job);
	if (r)
		return r;
	return job_completed(&job) && !is_reason(&job, "left-behind") ? 0 : -1;
}

/* With --dry-run: what follows is done only then. */
static void print_condition(const struct attachment *at)
{
	if (opt_dry_run)
		printf("dmsetup status '%s' | grep -q ' cbw completed ' &&\n", at->volume.name);
}

/* Are the two logical volumes of one volume group? */
static bool is_inside(const struct attachment *at, const struct mapper_info *target)
{
	return !strncmp(at->volume.uuid, target->uuid, LVM_GROUP_LEN);
}

/* Inside a volume group that which LVM would load: its metadata say that V has those extents. */
static int load_target(const struct attachment *at)
{
	char params[sizeof(at->target) + 8];
	struct mapper_info target;
	unsigned int major, minor;

	if (is_lvm(at) && (sscanf(at->target, "%u:%u", &major, &minor) != 2 ||
			   mapper_find_dev(makedev(major, minor), &target)))
		return -1;
	if (is_lvm(at) && is_inside(at, &target))
		return mapper_load_copy(at->volume.name, target.name);
	snprintf(params, sizeof(params), "%s 0", at->target);
	return mapper_load(at->volume.name, at->length, "linear", params);
}

/* Steps 5 to 7. If the watchdog resumes V after the load, the job is gone, and that is right. */
static int go_over(struct attachment *at)
{
	print_condition(at);
	return is_copy(at) || load_target(at) || is_copy(at) < 0 ? -1 : 0;
}

/* V stays on the origin; whoever resumes it now or later is right. */
static int stay(struct attachment *at)
{
	print_condition(at);
	return is_copy(at) || mapper_load_copy(at->volume.name, at->hidden) ? -1 : 0;
}

/* --- after it ----------------------------------------------------------------------------- */

static int pivot_plain(struct attachment *at)
{
	if (mapper_message(at->volume.name, "complete", NULL))
		return -1;
	if (group_replace(at, go_over))
		return take_back(at, "there is no pivot");
	return opt_dry_run ? 0 : attach_undo(at);
}

/* From the note on, LVM leaves the volume group alone. */
static int pivot_locked(struct attachment *at, const struct exchange *exchange)
{
	if (exchange_note(exchange))
		return -1;
	if (!exchange_set(exchange, true) &&
	    !mapper_message(at->volume.name, "complete", NULL) && !group_replace(at, go_over))
		return 0;
	if (!exchange_set(exchange, false))
		exchange_forget(exchange);
	return 1;
}

static int pivot_volume(struct attachment *at, const struct exchange *exchange)
{
	int r;

	lock_group(at->volume.name, at->volume.uuid);
	r = pivot_locked(at, exchange);
	unlock_groups();
	if (r)
		return r > 0 ? take_back(at, "there is no pivot") : -1;
	return attach_undo(at) || exchange_finish(exchange) ? -1 : 0;
}

int pivot(struct attachment *at, bool quiet)
{
	struct exchange exchange;

	if (check(at, &exchange) || get_synced(at, quiet))
		return -1;
	if (is_lvm(at) && opt_dry_run)
		printf("# here %s/%s and %s/%s exchange their %s in LVM's metadata\n", exchange.vg,
		       exchange.origin, exchange.target_vg, exchange.target,
		       exchange_is_inside(&exchange) ? "extents" : "names");
	return is_lvm(at) && !opt_dry_run ? pivot_volume(at, &exchange) : pivot_plain(at);
}

int pivot_stay(struct attachment *at)
{
	int r;

	lock_group(at->volume.name, at->volume.uuid);
	r = group_replace(at, stay);
	unlock_groups();
	if (r)
		return take_back(at, "the target device is no copy");
	return opt_dry_run ? 0 : attach_undo(at);
}

bool pivot_is_cut_off(struct attachment *at)
{
	struct mapper_table loaded;
	enum attach_state state;
	bool is = false;

	if (attach_state(at, &state) || state != ATTACH_FOREIGN || !at->volume.suspended ||
	    is_copy(at) || mapper_read(at->volume.name, MAPPER_INACTIVE, &loaded))
		return false;
	for (size_t i = 0; i < loaded.nr; i++)
		is = !strcmp(loaded.targets[i].type, "linear") ||
		     !strcmp(loaded.targets[i].type, "striped");
	mapper_forget(&loaded);
	return is;
}

/* --- the verb ----------------------------------------------------------------------------- */

static void print_json(const struct attachment *at)
{
	char target[DM_NAME_LEN];
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "volume", json_object_new_string(at->volume.name));
	json_object_object_add(object, "target",
			       json_object_new_string(attach_target_name(at, target)));
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}

static int find_mirror(struct attachment *at, const char *name)
{
	struct job job;

	if (attach_find_job(at, name) || job_read(at->volume.name, &job))
		return -1;
	if (!job_is_mirror(&job))
		return say_error("%s has no mirror, but a %s", name, job.kind);
	if (!at->uuid[0])
		return say_error("the mirror of %s was not made by this tool, but with dmsetup",
				 name);
	return lock_named(at->volume.dev, name);
}

static int run(int argc, char **argv)
{
	struct attachment at;
	bool quiet = false;

	if (take_flag(argc, argv, "quiet", &quiet))
		return CBW_USAGE;
	if (argc - optind != 1)
		return say_usage("pivot takes one volume");
	if (mapper_need_cbw())
		return CBW_FAILED;
	signals_catch();
	if (find_mirror(&at, argv[optind]) || pivot(&at, quiet))
		return CBW_FAILED;
	if (opt_json && !opt_dry_run)
		print_json(&at);
	return CBW_DONE;
}

const struct verb verb_pivot = {
	.name = "pivot",
	.arguments = "VOLUME",
	.summary = "let a volume go over to the target device of its mirror, as soon as that is ready",
	.options = "  --quiet    no progress\n",
	.run = run,
};
