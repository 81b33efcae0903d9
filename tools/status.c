// SPDX-License-Identifier: GPL-2.0-only
/* The verbs that look: status and stats. */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "cbw.h"
#include "changes.h"
#include "job.h"
#include "prometheus.h"
#include "say.h"
#include "units.h"
#include "view.h"

static struct json_object *documents;

static double percent(const struct job *job)
{
	return job->total ? 100 * (double)job->done / (double)job->total : 100;
}

static void print_failed(const struct changes *changes)
{
	if (changes_failed(changes))
		printf("; the metadata device has failed");
}

static void print_job(const struct attachment *at, const struct job *job)
{
	struct changes changes;
	char target[DM_NAME_LEN], size[UNITS_LEN];
	const char *why = job_why(job);

	printf("%s -> %s: %s", at->volume.name, attach_target_name(at, target), job->state);
	if (why)
		printf(" (%s)", why);
	if (job->total)
		printf(", %.1f %% of %s", percent(job),
		       format_size(size, job_bytes(job, at->length)));
	else
		printf(", %llu chunks saved", (unsigned long long)job->cbw);
	if (job->held)
		printf(", %llu writes held", (unsigned long long)job->held);
	if (job->source_errors || job->target_errors)
		printf(", errors: %llu of the volume, %llu of the target device",
		       (unsigned long long)job->source_errors,
		       (unsigned long long)job->target_errors);
	if (!changes_find(at->volume.name, &changes))
		print_failed(&changes);
	putchar('\n');
}

static int print_tracked(const struct attachment *at)
{
	char size[UNITS_LEN];
	struct changes changes;
	int r = changes_find(at->volume.name, &changes);

	if (r)
		return r;
	printf("%s: changes are tracked; %s have changed since %s", at->volume.name,
	       format_size(size, changes.nr_changed * changes.chunk_sectors * SECTOR_SIZE),
	       strcmp(changes.generation, "-") ? "the last backup" : "then, and there is no backup");
	print_failed(&changes);
	putchar('\n');
	return 0;
}

/* Null where changes are not tracked. */
static struct json_object *changes_to_json(const struct changes *changes)
{
	struct json_object *object;

	if (!changes->chunk_sectors)
		return NULL;
	object = json_object_new_object();
	json_object_object_add(object, "generation",
			       strcmp(changes->generation, "-") ?
				       json_object_new_string(changes->generation) :
				       NULL);
	json_object_object_add(object, "chunk_sectors",
			       json_object_new_uint64(changes->chunk_sectors));
	json_object_object_add(object, "chunks", json_object_new_uint64(changes->nr_changed));
	json_object_object_add(object, "kept", json_object_new_string(changes->kept));
	return object;
}

static int add_json(const struct attachment *at, const struct job *job)
{
	char target[DM_NAME_LEN];
	struct mapper_info view;
	struct changes changes;
	struct json_object *object;
	int r = changes_find(at->volume.name, &changes);

	if (r)
		return r;
	object = job_to_json(job);
	json_object_object_add(object, "volume", json_object_new_string(at->volume.name));
	json_object_object_add(object, "target",
			       json_object_new_string(attach_target_name(at, target)));
	json_object_object_add(object, "hidden", json_object_new_string(at->hidden));
	json_object_object_add(object, "bytes", json_object_new_uint64(at->length * SECTOR_SIZE));
	json_object_object_add(object, "view",
			       at->uuid[0] && !view_find(at->uuid, &view) ?
				       json_object_new_string(view.name) :
				       NULL);
	json_object_object_add(object, "changes", changes_to_json(&changes));
	json_object_array_add(documents, object);
	return 0;
}

/* 1: the device, or its table, has gone. */
static int show(const struct attachment *at)
{
	struct job job;
	int r = job_find(at->volume.name, &job);

	if (r)
		return r;
	if (opt_json)
		return add_json(at, &job);
	if (at->tracked)
		return print_tracked(at);
	print_job(at, &job);
	return 0;
}

/* A device, or table, that goes while all are looked at is no error. */
static int visit(const char *name, void *data __attribute__((unused)))
{
	struct mapper_info volume;
	struct attachment at;
	int r;

	if (mapper_find(name, &volume))
		return 0;
	r = attach_find(&at, &volume);
	if (!r)
		r = show(&at);
	return r < 0 ? -1 : 0;
}

static int end_json(int r)
{
	if (opt_json)
		puts(json_object_to_json_string_ext(documents, JSON_C_TO_STRING_PRETTY));
	json_object_put(documents);
	return r ? CBW_FAILED : CBW_DONE;
}

/* For each volume that is named. */
static int each_named(int argc, char **argv, int (*find)(struct attachment *at, const char *name),
		      int (*do_it)(const struct attachment *at))
{
	struct attachment at;
	int r = 0;

	for (int i = optind; i < argc; i++)
		r |= find(&at, argv[i]) || do_it(&at);
	return r;
}

static int show_named(const struct attachment *at)
{
	int r = show(at);

	return r > 0 ? say_error("%s has no job any more", at->volume.name) : r;
}

static int run_status(int argc, char **argv)
{
	bool prometheus = false;

	if (take_flag(argc, argv, "prometheus", &prometheus))
		return CBW_USAGE;
	if (prometheus && (optind < argc || opt_json))
		return say_usage("--prometheus tells of all volumes, and is no JSON");
	if (mapper_need_cbw())
		return CBW_FAILED;
	if (prometheus)
		return prometheus_print() ? CBW_FAILED : CBW_DONE;
	documents = json_object_new_array();
	return end_json(optind < argc ? each_named(argc, argv, attach_find_named, show_named) :
				       mapper_each(visit, NULL));
}

const struct verb verb_status = {
	.name = "status",
	.arguments = "[VOLUME]...",
	.summary = "show the jobs that there are",
	.options = "  --prometheus  all volumes, as metrics for the text-file collector\n",
	.run = run_status,
};

/* --- stats -------------------------------------------------------------------------------- */

static void print_copies(const char *whose, const struct job_copies *copies)
{
	printf("  %-20s %llu chunks in %llu copies, errors: %llu of the volume, %llu of the target device\n",
	       whose, (unsigned long long)copies->chunks, (unsigned long long)copies->copies,
	       (unsigned long long)copies->source_errors,
	       (unsigned long long)copies->target_errors);
}

static void print_holds(const struct job_stats *stats)
{
	char time[UNITS_LEN];

	printf("  writes held          %llu", (unsigned long long)stats->held);
	if (stats->held)
		printf(", the longest for %s", format_time(time, stats->longest_us));
	putchar('\n');
	for (int i = 0; i < JOB_BUCKETS; i++) {
		if (stats->hold_us[i])
			printf("    %s %-14s %llu\n", i == JOB_BUCKETS - 1 ? "from" : "less than",
			       format_time(time, 1ULL << (i == JOB_BUCKETS - 1 ? i - 1 : i)),
			       (unsigned long long)stats->hold_us[i]);
	}
}

static int show_stats(const struct attachment *at)
{
	struct job_stats stats;
	struct json_object *object;

	if (job_read_stats(at->volume.name, &stats))
		return -1;
	if (opt_json) {
		object = job_stats_to_json(&stats);
		json_object_object_add(object, "volume", json_object_new_string(at->volume.name));
		json_object_array_add(documents, object);
		return 0;
	}
	printf("%s\n", at->volume.name);
	print_copies("copy-before-write", &stats.cbw);
	print_copies("sweep", &stats.sweep);
	print_holds(&stats);
	return 0;
}

static int run_stats(int argc, char **argv)
{
	if (take_no_options(argc, argv))
		return CBW_USAGE;
	if (optind == argc)
		return say_usage("stats needs a volume");
	if (mapper_need_cbw())
		return CBW_FAILED;
	documents = json_object_new_array();
	return end_json(each_named(argc, argv, attach_find_job, show_stats));
}

const struct verb verb_stats = {
	.name = "stats",
	.arguments = "VOLUME...",
	.summary = "show what a job has copied, and how long writes were held",
	.run = run_stats,
};
