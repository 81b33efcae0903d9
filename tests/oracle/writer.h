/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The writers: threads that stamp random ranges of a device, log every write,
 * and read back what is not being written.
 */
#ifndef ORACLE_WRITER_H
#define ORACLE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

enum writer_mode {
	MODE_RANDOM,
	MODE_SEQUENTIAL,
	MODE_BOUNDARY,	/* around chunk boundaries, and both ends of the device */
};

struct writer_options {
	uint32_t block_size;
	uint64_t seed;
	unsigned int threads;
	uint64_t ops, seconds;		/* 0: no limit */
	const char *until_file;		/* run until it exists; NULL: no limit */
	uint64_t min, max, chunk;	/* bytes */
	uint64_t within;		/* bytes at the device's start; 0: all of it */
	unsigned int discard, zero, read;	/* per cent of the operations */
	unsigned int flush;		/* per cent of the operations that are followed by one */
	enum writer_mode mode;
	bool hot, buffered, allow_errors;
	bool may_end;			/* of readers: after an error there is nothing else */
};

/* Write generation 0 to every block. */
void writer_fill(const char *device, uint32_t block_size, uint64_t seed);

/*
 * Run until a limit is reached or SIGTERM or SIGINT comes. SIGUSR1 pauses: when
 * nothing is in flight any more the file LOG.paused appears, and holds the last
 * sequence number. SIGUSR2 resumes and removes it. The signals are safe to send
 * as soon as the log exists. True: no read was wrong, no error was not allowed.
 */
bool writer_run(const char *device, const char *log, const struct writer_options *options);

#endif
