/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The check: is there one instant p whose content of the origin this device
 * holds, in every block?
 *
 * A block that holds the stamp of write w says: w was submitted by then
 * (p >= submit of w), and the next write to this block had not been
 * acknowledged (p <= its ack). Between its submit and its ack a write may be
 * there or not; between one write's bios, and only for writes that need more
 * than one, it may be there in part ("torn").
 *
 * Weaker evidence: zeroes may come from any write-zeroes or discard of the
 * block; a discard, a failed and a never acknowledged write leave old or new
 * content per block.
 */
#ifndef ORACLE_CHECK_H
#define ORACLE_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CHECK_NO_PIT	UINT64_MAX
#define CHECK_LAST_PIT	(UINT64_MAX - 1)

struct check_options {
	uint64_t after, before;	/* p must lie within (ns); 0 and UINT64_MAX: anywhere */
	uint64_t pit;		/* p is after this write, or one of the two above */
	uint64_t chunk;		/* bytes; 0: unknown, then chunks are not named */
	/*
	 * Chunks that hold foreign stamps only were never saved: they are taken
	 * from this device, the origin, as a snapshot view would. NULL: they are wrong.
	 */
	const char *pending_from;
	uint64_t torn_min;	/* bytes: from this size on a write may be torn; UINT64_MAX: none */
	uint64_t report;	/* how many violations are described */
};

struct check_result {
	uint64_t blocks;	/* checked */
	uint64_t violations;	/* blocks that disagree, and torn writes */
	uint64_t lo, hi;	/* the instants possible, when there is no violation */
	uint64_t newest;	/* highest sequence number found on the device */
	uint64_t before, in_flight, after;	/* writes, seen from [lo, hi] */
};

/* True: it holds. Violations are described to @out, one per line. */
bool check_device(const char *device, const char *log, const struct check_options *options,
		  struct check_result *result, FILE *out);

#endif
