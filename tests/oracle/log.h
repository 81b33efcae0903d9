/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log: every write that was ever submitted, with the instants between which
 * it took effect. The record of write @seq is the one at index seq - 1.
 *
 * A record is in the file before its write is submitted, so the log is right
 * whenever it is read: also while writers run, and after they were killed.
 */
#ifndef ORACLE_LOG_H
#define ORACLE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_kind {
	LOG_DATA,	/* leaves stamps */
	LOG_ZERO,	/* leaves zeroes */
	LOG_DISCARD,	/* leaves, per block, what was there or zeroes */
};

struct log_header {
	uint64_t magic;
	uint64_t seed;
	uint64_t nr_blocks;
	uint64_t nr_records;
	uint32_t block_size;
	uint32_t reserved;
};

struct log_record {
	uint64_t submit;	/* CLOCK_MONOTONIC, ns; 0: not submitted */
	uint64_t ack;		/* 0: not acknowledged */
	uint64_t first;		/* block */
	uint32_t nr;		/* blocks */
	uint16_t writer;
	uint8_t kind;
	uint8_t failed;		/* left old or new content, per block */
};

/* More records than this and `run` ends: bounds the memory of a check. */
#define LOG_MAX_RECORDS	(1u << 24)

struct log;

uint64_t log_now(void);

/*
 * Create the log, or go on with one that was made for the same seed, block size
 * and device size. Ends the program when that is impossible.
 */
struct log *log_open(const char *path, uint64_t seed, uint32_t block_size,
		     uint64_t nr_blocks);
void log_close(struct log *log);

/*
 * Reserve the next sequence number. The caller holds the range, so sequence
 * numbers are the order of the writes to each block. Returns 0 when the log
 * cannot grow. Safe from any thread.
 */
uint64_t log_reserve(struct log *log, const struct log_record *record);
void log_submit(struct log *log, uint64_t seq);
void log_ack(struct log *log, uint64_t seq, bool failed);

uint64_t log_last(const struct log *log);
const struct log_record *log_get(const struct log *log, uint64_t seq);

/* For readers; both end the program when the file is not a log. */
void log_read_header(const char *path, struct log_header *header);
struct log_record *log_read(const char *path, struct log_header *header);

#endif
