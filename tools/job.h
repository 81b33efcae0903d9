/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says of a job: status and statistics, as in Documentation/dm-cbw.rst. */
#ifndef CBW_JOB_H
#define CBW_JOB_H

#include <stdbool.h>
#include <stdint.h>

#define JOB_WORD_LEN	24
#define JOB_BUCKETS	32

struct json_object;

struct job {
	char state[JOB_WORD_LEN];
	char kind[JOB_WORD_LEN];
	char sync[JOB_WORD_LEN];
	char reason[JOB_WORD_LEN];	/* "-": none */
	uint64_t chunk_sectors;
	uint64_t done, total;		/* chunks */
	uint64_t in_flight, held;
	uint64_t cbw, sweep;		/* chunks saved by each */
	uint64_t source_errors, target_errors;
};

struct job_copies {
	uint64_t copies, chunks, source_errors, target_errors;
};

struct job_stats {
	uint64_t held, longest_us;
	uint64_t hold_us[JOB_BUCKETS];	/* [0]: less than 1 us; [n]: from 2^(n-1) us on */
	struct job_copies cbw, sweep;
	uint64_t coalesced;
};

/*
 * 0, or 1 if the live table of the device is not that of a job, or there is no such device, or
 * -1 and it has been said.
 */
int job_find(const char *name, struct job *job);

/* The same, where it is an error if there is none. */
int job_read(const char *name, struct job *job);

int job_read_stats(const char *name, struct job_stats *stats);

/* It waits for the list of what is to be saved. */
bool job_is_held(const struct job *job);

/* A mirror that may end with the next suspend. */
bool job_is_ready(const struct job *job);
bool job_is_mirror(const struct job *job);

/* The job will not change its state any more. */
bool job_ended(const struct job *job);
bool job_completed(const struct job *job);

/* What it has to save of a volume of @length sectors; all, if it saves what is written to. */
uint64_t job_bytes(const struct job *job, uint64_t length);

/* The reason in words that fit "the job ... because ...", or NULL. */
const char *job_why(const struct job *job);

/* The fields by their names, numbers as numbers. */
struct json_object *job_to_json(const struct job *job);
struct json_object *job_stats_to_json(const struct job_stats *stats);

#endif
