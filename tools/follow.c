// SPDX-License-Identifier: GPL-2.0-only
/* From the start of jobs to their end; see follow.h. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "books.h"
#include "cbw.h"
#include "exchange.h"
#include "follow.h"
#include "lock.h"
#include "progress.h"
#include "say.h"
#include "signals.h"
#include "units.h"

/* --- watching ----------------------------------------------------------------------------- */

static const char *kind_of(const struct followed *followed)
{
	return followed->seen ? followed->job.kind : "backup";
}

/* In one job no counter runs backwards. */
static bool is_earlier(const struct job *job, const struct job *than)
{
	return job->done < than->done || job->cbw < than->cbw || job->sweep < than->sweep;
}

/* Whoever looks after the job may have ended it between two looks; the record says so before. */
static int job_is_gone(struct followed *followed, const char *why)
{
	const char *name = followed->at.volume.name;

	switch (books_state(followed->generation)) {
	case BOOKS_COMPLETE:
		followed->success = true;
		return -1;
	case BOOKS_ENDED:
		return say_error("the %s of %s was ended by whoever looks after it, and is not complete",
				 kind_of(followed), name);
	default:
		return say_error("the %s of %s has failed: %s", kind_of(followed), name, why);
	}
}

/*
 * Reads the status of the job, and then whether it was that of our table. -1: our job is gone,
 * and that has been said, unless it was complete.
 */
static int look(struct followed *followed)
{
	struct attachment *at = &followed->at;
	char name[DM_NAME_LEN];
	struct job job;
	bool live;
	int r;

	if (attach_is_gone(at))
		return job_is_gone(followed, "the volume is gone");
	memcpy(name, at->volume.name, sizeof(name));
	r = job_find(name, &job);
	if (r >= 0 && attach_is_live(at, &live))
		r = -1;
	/* It has been renamed meanwhile: it is looked at again. */
	if (r > 0 && strcmp(name, at->volume.name))
		return 0;
	if (!r && live && !(followed->seen && is_earlier(&job, &followed->job))) {
		followed->job = job;
		followed->seen = true;
		return 0;
	}
	if (r < 0)
		return -1;
	return job_is_gone(followed, "somebody else has given the volume another table");
}

static bool is_over(const struct followed *followed)
{
	return followed->lost || (followed->seen && (job_ended(&followed->job) ||
						     job_is_ready(&followed->job)));
}

static void add_progress(struct progress *progress, const struct followed *followed)
{
	const struct job *job = &followed->job;
	uint64_t chunk = job->chunk_sectors * SECTOR_SIZE;

	progress->done += job->done * chunk;
	progress->total += job->total * chunk;
	progress->held += job->held;
	progress->paused |= !strcmp(job->state, "paused");
}

static void cancel_all(struct followed *jobs, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!is_over(&jobs[i]))
			mapper_message(jobs[i].at.volume.name, "cancel", NULL);
	}
}

/* Before the job is looked at: what is seen then is not gone before it is ended. */
static void try_to_own(struct followed *followed)
{
	if (!followed->owned && followed->at.uuid[0])
		followed->owned = !lock_volume(followed->at.volume.dev);
}

/* Whoever has locked the volume of a held job was to tell it what to save. */
static void cancel_if_abandoned(struct followed *followed)
{
	if (!followed->owned || followed->abandoned || signals_stop() ||
	    !(followed->seen && job_is_held(&followed->job)))
		return;
	followed->abandoned = true;
	mapper_message(followed->at.volume.name, "cancel", NULL);
}

/* Looks at all. Returns how many have not ended. */
static size_t look_at_all(struct followed *jobs, size_t nr, struct progress *progress)
{
	size_t left = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!is_over(&jobs[i])) {
			try_to_own(&jobs[i]);
			jobs[i].lost = look(&jobs[i]);
			cancel_if_abandoned(&jobs[i]);
		}
		left += !is_over(&jobs[i]);
		add_progress(progress, &jobs[i]);
	}
	return left;
}

/* Until all have ended, or the terminal is gone: then -1. */
static int watch(struct followed *jobs, size_t nr, bool begun_here)
{
	struct progress progress = { 0 };
	bool cancelled = false;

	while (look_at_all(jobs, nr, &progress)) {
		if (signals_hung_up() || (signals_stop() && !begun_here))
			return -1;
		if (signals_stop() && !cancelled) {
			cancel_all(jobs, nr);
			cancelled = true;
		}
		signals_sleep(progress_show(&progress));
		progress = (struct progress) { 0 };
	}
	return 0;
}

/* --- the outcome -------------------------------------------------------------------------- */

static void say_failure(const struct followed *followed)
{
	const char *name = followed->at.volume.name;
	char text[PATH_MAX + 64];
	const char *why = books_why(followed->generation, text, sizeof(text));

	if (!why)
		why = job_why(&followed->job);

	if (!strcmp(followed->job.state, "cancelled"))
		say_error("the %s of %s was cancelled%s", kind_of(followed), name,
			  followed->abandoned ? ": nobody tells it what to save" : "");
	else
		say_error("the %s of %s has failed: %s", kind_of(followed), name,
			  why ? why : followed->job.reason);
}

static void conclude(struct followed *followed)
{
	const struct job *job = &followed->job;

	if (followed->lost)
		return;
	/* Somebody else may have taken the job away by now. */
	if (followed->owned)
		job_read_stats(followed->at.volume.name, &followed->stats);
	followed->success = job_completed(job) || job_is_ready(job) ||
			 (followed->wanted_cancel && !strcmp(job->state, "cancelled"));
	if (!followed->success)
		say_failure(followed);
}

static void print_summary(const struct followed *followed)
{
	char size[UNITS_LEN], time[UNITS_LEN], rate[UNITS_LEN], hold[UNITS_LEN];
	const struct job *job = &followed->job;
	uint64_t bytes = job_bytes(job, followed->at.length);

	fprintf(stderr, "%s: %s in %s", followed->at.volume.name, format_size(size, bytes),
		format_time(time, (uint64_t)(followed->seconds * 1e6)));
	if (job->total)
		fprintf(stderr, ", %s/s",
			format_size(rate, (uint64_t)((double)bytes / followed->seconds)));
	fprintf(stderr, ", chunks: %llu by copy-before-write, %llu by the sweep",
		(unsigned long long)job->cbw, (unsigned long long)job->sweep);
	if (followed->stats.held)
		fprintf(stderr, ", longest hold %s", format_time(hold, followed->stats.longest_us));
	fputc('\n', stderr);
}

static struct json_object *outcome(const struct followed *followed)
{
	struct json_object *object;

	object = followed->seen ? job_to_json(&followed->job) : json_object_new_object();
	json_object_object_add(object, "volume", json_object_new_string(followed->at.volume.name));
	json_object_object_add(object, "target", json_object_new_string(followed->at.target));
	json_object_object_add(object, "bytes",
			       json_object_new_uint64(followed->at.length * SECTOR_SIZE));
	json_object_object_add(object, "seconds", json_object_new_double(followed->seconds));
	json_object_object_add(object, "success", json_object_new_boolean(followed->success));
	json_object_object_add(object, "stats", job_stats_to_json(&followed->stats));
	return object;
}

static void print_json(const struct followed *jobs, size_t nr)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < nr; i++)
		json_object_array_add(array, outcome(&jobs[i]));
	puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY));
	json_object_put(array);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The record says "complete" while the job's table can still tell so to whoever looks. */
static int end(struct followed *followed)
{
	bool complete = followed->success && job_completed(&followed->job);
	int r = 0;

	if (!followed->lost && job_is_ready(&followed->job))
		return 0;
	/* Whoever has ended it may have begun another one. */
	if (followed->lost && books_state(followed->generation) != BOOKS_OPEN)
		return 0;
	if (complete && !attach_is_gone(&followed->at))
		r = books_complete(&followed->at, followed->generation);
	if (exchange_settle(followed->at.volume.dev) || attach_end(&followed->at))
		return -1;
	complete = complete && attach_is_gone(&followed->at);
	return books_finish(followed->generation, complete) ? -1 : r;
}

/* All of them, whatever becomes of one. */
static int end_all(struct followed *jobs, size_t nr)
{
	int r = CBW_DONE;

	for (size_t i = 0; i < nr; i++) {
		conclude(&jobs[i]);
		if ((jobs[i].owned && end(&jobs[i])) || !jobs[i].success)
			r = CBW_FAILED;
	}
	return r;
}

int follow(struct followed *jobs, size_t nr, bool begun_here, bool quiet)
{
	double begun = now();
	int r;

	for (size_t i = 0; i < nr; i++) {
		if (!jobs[i].generation[0])
			books_generation(jobs[i].at.volume.dev, jobs[i].generation);
	}
	progress_begin(quiet || opt_json);
	r = watch(jobs, nr, begun_here);
	progress_end();
	if (r) {
		say_warning("the job goes on: 'cbw wait' watches it again");
		return CBW_FAILED;
	}
	for (size_t i = 0; i < nr; i++)
		jobs[i].seconds = now() - begun;
	r = end_all(jobs, nr);
	for (size_t i = 0; i < nr && !quiet && !opt_json; i++) {
		if (jobs[i].success)
			print_summary(&jobs[i]);
	}
	if (opt_json)
		print_json(jobs, nr);
	return r;
}

int follow_leave(struct followed *jobs, size_t nr)
{
	if (!opt_json || opt_dry_run)
		return CBW_DONE;
	for (size_t i = 0; i < nr; i++) {
		jobs[i].seen = !job_read(jobs[i].at.volume.name, &jobs[i].job);
		jobs[i].success = jobs[i].seen;
	}
	print_json(jobs, nr);
	return CBW_DONE;
}

int follow_dry_run(struct followed *jobs, size_t nr)
{
	int r = 0;

	for (size_t i = 0; i < nr; i++)
		printf("while dmsetup status '%s' | grep -qE ' cbw (running|paused) '; do sleep 1; done\n",
		       jobs[i].at.volume.name);
	for (size_t i = 0; i < nr; i++) {
		printf("dmsetup status '%s' | grep ' cbw completed '\n", jobs[i].at.volume.name);
		r |= attach_end(&jobs[i].at);
	}
	return r ? CBW_FAILED : CBW_DONE;
}
