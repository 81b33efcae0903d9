/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far a backup is, or a long read or write: one line that is drawn again and again on a
 * terminal, else a line now and then. All of it to standard error, and nothing with --json or
 * --quiet.
 */
#ifndef CBW_PROGRESS_H
#define CBW_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	uint64_t done, total;		/* bytes */
	uint64_t held;			/* writes that wait now */
	bool paused;
};

void progress_begin(bool be_quiet);

/* Shows it, not more often than is of use. Returns after how many ms to do so again. */
unsigned int progress_show(const struct progress *progress);

/* For whoever does the work himself: shows it, and lets signals in. False: one asks to stop. */
bool progress_step(uint64_t done, uint64_t total);

/* Leaves an empty line on a terminal. */
void progress_end(void);

#endif
