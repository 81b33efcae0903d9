// SPDX-License-Identifier: GPL-2.0-only
/* Metrics; see prometheus.h. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attach.h"
#include "changes.h"
#include "job.h"
#include "prometheus.h"
#include "record.h"
#include "say.h"
#include "target.h"
#include "units.h"

/* A volume that has a job, or whose changes are tracked. */
struct volume {
	char name[DM_NAME_LEN];
	uint64_t length;		/* sectors */
	bool tracked;			/* and no job */
	struct job job;
	struct job_stats stats;
	struct changes changes;
};

struct volumes {
	struct volume *list;
	size_t nr;
};

static const char * const states[] = { "running", "paused", "completed", "failed", "cancelled" };

#define NR_STATES	(sizeof(states) / sizeof(states[0]))

/* --- what there is ------------------------------------------------------------------------ */

/* 0; 1: it has gone meanwhile; or -1, error said. */
static int read_volume(const struct attachment *at, struct volume *volume)
{
	int r = job_find(at->volume.name, &volume->job);

	if (!r)
		r = changes_find(at->volume.name, &volume->changes);
	if (!r && !at->tracked && job_read_stats(at->volume.name, &volume->stats))
		r = job_find(at->volume.name, &volume->job) > 0 ? 1 : -1;
	snprintf(volume->name, sizeof(volume->name), "%s", at->volume.name);
	volume->length = at->length;
	volume->tracked = at->tracked;
	return r;
}

static int visit(const char *name, void *data)
{
	struct volume volume = { .tracked = false };
	struct volumes *volumes = data;
	struct mapper_info info;
	struct volume *more;
	struct attachment at;
	int r;

	if (mapper_find(name, &info))
		return 0;
	r = attach_find(&at, &info);
	if (!r)
		r = read_volume(&at, &volume);
	if (r)
		return r < 0 ? -1 : 0;
	more = reallocarray(volumes->list, volumes->nr + 1, sizeof(*more));
	if (!more)
		return say_error("out of memory");
	volumes->list = more;
	volumes->list[volumes->nr++] = volume;
	return 0;
}

/* --- how it is said ----------------------------------------------------------------------- */

static void head(const char *metric, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, type);
}

/* A value of a label, in quotes. */
static void print_quoted(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if (*text == '\n')
			fputs("\\n", stdout);
		else
			putchar(*text);
	}
	putchar('"');
}

static void print_begin(const char *metric, const char *volume)
{
	printf("%s{volume=", metric);
	print_quoted(volume);
}

/* The line without its value. */
static void print_name(const char *metric, const char *volume)
{
	print_begin(metric, volume);
	fputs("} ", stdout);
}

/* The same with one more label. */
static void print_labelled(const char *metric, const char *volume, const char *label,
			   const char *value)
{
	print_begin(metric, volume);
	printf(",%s=", label);
	print_quoted(value);
	fputs("} ", stdout);
}

static void print_number(const char *metric, const char *volume, uint64_t number)
{
	print_name(metric, volume);
	printf("%" PRIu64 "\n", number);
}

/* --- jobs --------------------------------------------------------------------------------- */

static void print_states(const struct volume *volume)
{
	for (size_t i = 0; i < NR_STATES; i++) {
		print_labelled("cbw_job_state", volume->name, "state", states[i]);
		printf("%d\n", !strcmp(volume->job.state, states[i]));
	}
}

static uint64_t bytes(const struct volume *volume, uint64_t chunks)
{
	return chunks * volume->job.chunk_sectors * SECTOR_SIZE;
}

static void print_size(const struct volume *volume)
{
	print_number("cbw_job_bytes", volume->name, job_bytes(&volume->job, volume->length));
}

static void print_done(const struct volume *volume)
{
	uint64_t all = job_bytes(&volume->job, volume->length);
	uint64_t done = bytes(volume, volume->job.done);

	/* The last chunk may be short. */
	print_number("cbw_job_done_bytes", volume->name, done < all ? done : all);
}

static void print_copied(const struct volume *volume)
{
	print_labelled("cbw_job_copied_bytes_total", volume->name, "by", "cbw");
	printf("%" PRIu64 "\n", bytes(volume, volume->job.cbw));
	print_labelled("cbw_job_copied_bytes_total", volume->name, "by", "sweep");
	printf("%" PRIu64 "\n", bytes(volume, volume->job.sweep));
}

static void print_errors(const struct volume *volume)
{
	print_labelled("cbw_job_errors_total", volume->name, "side", "source");
	printf("%" PRIu64 "\n", volume->job.source_errors);
	print_labelled("cbw_job_errors_total", volume->name, "side", "target");
	printf("%" PRIu64 "\n", volume->job.target_errors);
}

static void print_held(const struct volume *volume)
{
	print_number("cbw_job_held_writes", volume->name, volume->job.held);
}

static void print_longest(const struct volume *volume)
{
	print_name("cbw_job_longest_hold_seconds", volume->name);
	printf("%.6f\n", (double)volume->stats.longest_us / 1e6);
}

/* Buckets add up, and the last of ours, which has no end, is theirs of all. */
static void print_holds(const struct volume *volume)
{
	uint64_t count = 0;
	double sum = 0;
	char le[32];

	for (int i = 0; i < JOB_BUCKETS; i++) {
		uint64_t here = volume->stats.hold_us[i];

		count += here;
		sum += i ? (double)here * (double)(1ULL << (i - 1)) / 1e6 : 0;
		if (i == JOB_BUCKETS - 1)
			break;
		snprintf(le, sizeof(le), "%g", (double)(1ULL << i) / 1e6);
		print_labelled("cbw_job_hold_seconds_bucket", volume->name, "le", le);
		printf("%" PRIu64 "\n", count);
	}
	print_labelled("cbw_job_hold_seconds_bucket", volume->name, "le", "+Inf");
	printf("%" PRIu64 "\n", count);
	print_name("cbw_job_hold_seconds_sum", volume->name);
	printf("%.6f\n", sum);
	print_number("cbw_job_hold_seconds_count", volume->name, count);
}

static void print_changed(const struct volume *volume)
{
	print_number("cbw_changed_bytes", volume->name,
		     volume->changes.nr_changed * volume->changes.chunk_sectors * SECTOR_SIZE);
}

/* Is there a backup that an incremental one can go on from? */
static void print_base(const struct volume *volume)
{
	print_number("cbw_incremental_possible", volume->name,
		     strcmp(volume->changes.generation, "-") != 0);
}

static bool has_job(const struct volume *volume)
{
	return !volume->tracked;
}

static bool is_tracked(const struct volume *volume)
{
	return volume->changes.chunk_sectors;
}

static const struct metric {
	const char *name, *type, *help;
	bool (*has)(const struct volume *volume);
	void (*print)(const struct volume *volume);
} metrics[] = {
	{ "cbw_job_state", "gauge", "1 for the state of the job, 0 for all others.",
	  has_job, print_states },
	{ "cbw_job_bytes", "gauge",
	  "What the job has to save; of one that saves only what is overwritten, the size of the volume.",
	  has_job, print_size },
	{ "cbw_job_done_bytes", "gauge", "What of that is saved.", has_job, print_done },
	{ "cbw_job_copied_bytes_total", "counter",
	  "What was saved before it was overwritten (cbw), or in the background (sweep).",
	  has_job, print_copied },
	{ "cbw_job_errors_total", "counter",
	  "Copies that could not read the volume (source) or write the target device (target).",
	  has_job, print_errors },
	{ "cbw_job_held_writes", "gauge", "Writes that wait for a copy.", has_job, print_held },
	{ "cbw_job_longest_hold_seconds", "gauge", "How long a write has waited at most.",
	  has_job, print_longest },
	{ "cbw_job_hold_seconds", "histogram",
	  "How long writes have waited. The sum is a lower bound: each counts as the shortest of its bucket.",
	  has_job, print_holds },
	{ "cbw_changed_bytes", "gauge",
	  "What has changed since the last backup, or, while a job runs, since its point in time.",
	  is_tracked, print_changed },
	{ "cbw_incremental_possible", "gauge", "1 if there is a backup that this is counted from.",
	  is_tracked, print_base },
};

#define NR_METRICS	(sizeof(metrics) / sizeof(metrics[0]))

static void print_metric(const struct metric *metric, const struct volumes *volumes)
{
	bool first = true;

	for (size_t i = 0; i < volumes->nr; i++) {
		if (!metric->has(volumes->list + i))
			continue;
		if (first)
			head(metric->name, metric->type, metric->help);
		first = false;
		metric->print(volumes->list + i);
	}
}

/* --- backups ------------------------------------------------------------------------------ */

/* To look at a server would be to connect to it every minute, and it may serve one client only. */
static bool is_good(const struct record *record)
{
	return record->complete && (record->kind == RECORD_NBD || target_is_there(record));
}

/* Nothing newer of the same volume is good. */
static bool is_last(const struct record *records, size_t nr, size_t i)
{
	for (size_t later = i + 1; later < nr; later++) {
		if (record_same_origin(records + i, records + later) && is_good(records + later))
			return false;
	}
	return true;
}

static const char *volume_of(const struct record *record)
{
	return *record->origin_dm_name ? record->origin_dm_name : record->origin;
}

static long long seconds_of(const char *time)
{
	struct tm tm = { 0 };

	return strptime(time, "%Y-%m-%dT%H:%M:%SZ", &tm) ? (long long)timegm(&tm) : 0;
}

static void print_backups(const struct record **last, size_t nr)
{
	if (!nr)
		return;
	head("cbw_backup_last_timestamp_seconds", "gauge",
	     "The point in time of the newest complete backup of the volume that is there.");
	for (size_t i = 0; i < nr; i++) {
		print_name("cbw_backup_last_timestamp_seconds", volume_of(last[i]));
		printf("%lld\n", seconds_of(last[i]->pit));
	}
	head("cbw_backup_last_size_bytes", "gauge", "The size of the volume in that backup.");
	for (size_t i = 0; i < nr; i++)
		print_number("cbw_backup_last_size_bytes", volume_of(last[i]), last[i]->size);
}

static int print_records(void)
{
	const struct record **last;
	struct record *records;
	size_t nr, nr_last = 0;

	record_list(&records, &nr);
	last = calloc(nr + 1, sizeof(*last));
	if (!last) {
		free(records);
		return say_error("out of memory");
	}
	for (size_t i = 0; i < nr; i++) {
		if (is_good(records + i) && is_last(records, nr, i))
			last[nr_last++] = records + i;
	}
	print_backups(last, nr_last);
	free(last);
	free(records);
	return 0;
}

int prometheus_print(void)
{
	struct volumes volumes = { .nr = 0 };
	int r = mapper_each(visit, &volumes);

	for (size_t i = 0; !r && i < NR_METRICS; i++)
		print_metric(metrics + i, &volumes);
	if (!r)
		r = print_records();
	free(volumes.list);
	return r;
}
