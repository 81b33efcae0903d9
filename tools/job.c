// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says of a job; see job.h. */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "mapper.h"
#include "say.h"
#include "units.h"

static int parse_status(const char *params, struct job *job)
{
	int found = sscanf(params,
			   "%23s %23s %23s %" SCNu64 " %" SCNu64 "/%" SCNu64 " %" SCNu64 " %" SCNu64
			   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %23s",
			   job->state, job->kind, job->sync, &job->chunk_sectors, &job->done,
			   &job->total, &job->in_flight, &job->held, &job->cbw, &job->sweep,
			   &job->source_errors, &job->target_errors, job->reason);

	if (found == 13)
		return 0;
	return say_error("the module dm_cbw has a status that this tool does not know: %s", params);
}

int job_find(const char *name, struct job *job)
{
	char type[DM_MAX_TYPE_NAME];
	char *params;
	int r;

	r = mapper_status(name, type, &params);
	if (!r)
		r = strcmp(type, "cbw") ? 1 : parse_status(params, job);
	free(params);
	return r;
}

int job_read(const char *name, struct job *job)
{
	int r = job_find(name, job);

	return r > 0 ? say_error("%s has no job any more", name) : r;
}

static int parse_copies(const char *reply, const char *word, struct job_copies *copies)
{
	const char *line = strstr(reply, word);

	if (!line)
		return 0;
	return sscanf(line + strlen(word), "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		      &copies->copies, &copies->chunks, &copies->source_errors,
		      &copies->target_errors) == 4;
}

static int parse_buckets(const char *reply, uint64_t hold_us[JOB_BUCKETS])
{
	static const char word[] = "\nhold_us";
	const char *at = strstr(reply, word);
	char *end;

	if (!at)
		return 0;
	at += strlen(word);
	for (int i = 0; i < JOB_BUCKETS; i++, at = end) {
		hold_us[i] = strtoull(at, &end, 10);
		if (end == at)
			return 0;
	}
	return 1;
}

static int parse_stats(const char *reply, struct job_stats *stats)
{
	static const char word[] = "\ncoalesced";
	const char *line = strstr(reply, word);

	if (sscanf(reply, "held %" SCNu64 " longest_us %" SCNu64, &stats->held,
		   &stats->longest_us) == 2 &&
	    parse_buckets(reply, stats->hold_us) && parse_copies(reply, "\ncbw", &stats->cbw) &&
	    parse_copies(reply, "\nsweep", &stats->sweep) && line &&
	    sscanf(line + strlen(word), "%" SCNu64, &stats->coalesced) == 1)
		return 0;
	return say_error("the module dm_cbw has statistics that this tool does not know: %s",
			 reply);
}

int job_read_stats(const char *name, struct job_stats *stats)
{
	char *reply = NULL;
	int r = mapper_message(name, "stats", &reply);

	if (!r)
		r = reply ? parse_stats(reply, stats) : say_error("out of memory");
	free(reply);
	return r;
}

bool job_ended(const struct job *job)
{
	return strcmp(job->state, "running") && strcmp(job->state, "paused") &&
	       !job_is_ready(job);
}

bool job_is_ready(const struct job *job)
{
	return !strcmp(job->state, "ready");
}

bool job_is_mirror(const struct job *job)
{
	return !strcmp(job->kind, "mirror");
}

bool job_is_held(const struct job *job)
{
	return !strcmp(job->state, "paused") && !strcmp(job->reason, "held");
}

bool job_completed(const struct job *job)
{
	return !strcmp(job->state, "completed");
}

uint64_t job_bytes(const struct job *job, uint64_t length)
{
	uint64_t total = job->total * job->chunk_sectors;

	return (strcmp(job->sync, "none") && total < length ? total : length) * SECTOR_SIZE;
}

const char *job_why(const struct job *job)
{
	static const struct {
		const char *reason, *why;
	} table[] = {
		{ "new", "it has not begun" },
		{ "held", "what is to be saved is still being listed" },
		{ "user", "somebody wanted it" },
		{ "source-error", "the volume could not be read" },
		{ "target-error", "the target device could not be written to" },
		{ "enospc", "the target device is out of space" },
		{ "cbw-error", "a chunk could not be saved before it was overwritten" },
		{ "cbw-timeout", "saving a chunk held up a write of the volume for too long" },
		{ "orphans", "copies of an earlier job still hang on one of the devices" },
		{ "no-map", "what has changed is not tracked since a backup any more" },
		{ "table-replaced", "another table has taken its place" },
		{ "synced", "all is on both devices, and stays so" },
		{ "complete", "its end is under way" },
		{ "cancel", "its end is under way" },
		{ "left-behind", "the volume has gone on without the target device" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!strcmp(job->reason, table[i].reason))
			return table[i].why;
	}
	return NULL;
}

static void add_number(struct json_object *object, const char *name, uint64_t number)
{
	json_object_object_add(object, name, json_object_new_uint64(number));
}

static void add_word(struct json_object *object, const char *name, const char *word)
{
	json_object_object_add(object, name, json_object_new_string(word));
}

struct json_object *job_to_json(const struct job *job)
{
	struct json_object *object = json_object_new_object();

	add_word(object, "state", job->state);
	add_word(object, "job", job->kind);
	add_word(object, "sync", job->sync);
	add_number(object, "chunk_bytes", job->chunk_sectors * 512);
	add_number(object, "done", job->done);
	add_number(object, "total", job->total);
	add_number(object, "copies_in_flight", job->in_flight);
	add_number(object, "held", job->held);
	add_number(object, "cbw_chunks", job->cbw);
	add_number(object, "sweep_chunks", job->sweep);
	add_number(object, "source_errors", job->source_errors);
	add_number(object, "target_errors", job->target_errors);
	json_object_object_add(object, "reason", NULL);
	if (strcmp(job->reason, "-"))
		add_word(object, "reason", job->reason);
	return object;
}

static struct json_object *copies_to_json(const struct job_copies *copies)
{
	struct json_object *object = json_object_new_object();

	add_number(object, "copies", copies->copies);
	add_number(object, "chunks", copies->chunks);
	add_number(object, "source_errors", copies->source_errors);
	add_number(object, "target_errors", copies->target_errors);
	return object;
}

struct json_object *job_stats_to_json(const struct job_stats *stats)
{
	struct json_object *object = json_object_new_object();
	struct json_object *buckets = json_object_new_array();

	for (int i = 0; i < JOB_BUCKETS; i++)
		json_object_array_add(buckets, json_object_new_uint64(stats->hold_us[i]));
	add_number(object, "held", stats->held);
	add_number(object, "longest_us", stats->longest_us);
	json_object_object_add(object, "hold_us", buckets);
	json_object_object_add(object, "cbw", copies_to_json(&stats->cbw));
	json_object_object_add(object, "sweep", copies_to_json(&stats->sweep));
	add_number(object, "coalesced", stats->coalesced);
	return object;
}
