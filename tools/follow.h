/* SPDX-License-Identifier: GPL-2.0-only */
/* From the start of jobs to their end: watching, detaching, and what became of them. */
#ifndef CBW_FOLLOW_H
#define CBW_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "attach.h"
#include "job.h"
#include "record.h"

struct followed {
	struct attachment at;
	struct job job;			/* as last seen */
	struct job_stats stats;
	bool seen;			/* those two were read */
	bool owned;			/* the lock of the volume is ours */
	bool lost;			/* its table is gone, or cannot be read */
	char generation[RECORD_ID_MAX];	/* of its record, or "" */
	bool abandoned;			/* nobody is left to tell what is to be saved */
	bool wanted_cancel;		/* its cancellation is no failure */
	bool success;
	double seconds;
};

/*
 * Until all jobs have ended, or, mirrors, are ready; these go on. A job has completed if its
 * table, still live, says so. Then the volumes get their tables back, but from whoever else
 * looks after one; if that one is gone meanwhile, its part is taken over. ^C ends the jobs if
 * they are @begun_here, else only this. With --json, prints the outcome.
 * Returns CBW_DONE if all have completed, or are ready (or were cancelled, where that is wanted).
 */
int follow(struct followed *jobs, size_t nr, bool begun_here, bool quiet);

/* For jobs that are left to 'cbw wait'. */
int follow_leave(struct followed *jobs, size_t nr);

/* With --dry-run: the lines that do the same. */
int follow_dry_run(struct followed *jobs, size_t nr);

#endif
