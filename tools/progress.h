/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far a backup is: one line that is drawn again and again on a terminal, else a line now
 * and then. All of it to standard error, and nothing with --json or --quiet.
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

/* Shows it, not more often than is of use. Returns after how many ms to ask the kernel again. */
unsigned int progress_show(const struct progress *progress);

/* Leaves an empty line on a terminal. */
void progress_end(void);

#endif
