/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the workers of cbw-fuzz share.
 *
 * A set is a mapped device "fuzz<i>" of a fixed minor number, and two lower
 * devices, "origin<i>" and "target<i>", each a device-mapper device on a
 * null_blk device of its name with a 0 behind it. Users of the mapped device
 * own a part of it each and know what it holds, so its tables map it to its
 * origin sector by sector, or to errors.
 *
 * Two more mapped devices, the last, hold what nobody knows: one has all the
 * devices that do not fit, the other the views.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chance.h"
#include "watch.h"

#define SECTOR		512L
#define NR_SETS		3
#define WILD		NR_SETS		/* the number of the mapped device that is in no set */
#define VIEW		(NR_SETS + 1)	/* that of the mapped device for views, of any origin */
#define NR_MAPPED	(NR_SETS + 2)
#define FIRST_MINOR	64
#define IO_PER_SET	2
#define NR_IO		(NR_SETS * IO_PER_SET + 2)

/* What a sector must hold. */
struct sector {
	uint64_t stamp;
	bool or_zero;		/* it was discarded, perhaps not all of it */
	bool unknown;		/* a write of it has failed */
};

struct set {
	uint64_t sectors;	/* what a good table maps */
	char origin[16];	/* major:minor of the lower devices */
	char target[16];
	struct sector *content;
};

/* In memory that all processes share. */
struct fuzz {
	uint64_t seed;
	unsigned int dm_major;
	bool stop;		/* for the users and the faults */
	struct set sets[NR_SETS];
};

extern struct fuzz *fuzz;

/* Each runs one worker to its end. */
void control_run(struct worker *worker, unsigned int own, unsigned long operations);
void io_run(struct worker *worker, unsigned int number);
void faults_run(struct worker *worker);

/* Compare what the origins hold with what was written; nobody writes any more. */
void io_verify(struct worker *worker);

/* Take down all mapped devices. */
void control_clean_up(struct worker *worker);

#endif
