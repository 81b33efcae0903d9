/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies what a claim covers from the origin to the target device, and flushes the
 * target device. How a copy is made is its engine's own: see dm-cbw-engine.h.
 */
#ifndef DM_CBW_COPY_H
#define DM_CBW_COPY_H

#include <linux/types.h>

#include "dm-cbw-args.h"

struct block_device;
struct cbw_claim;
struct cbw_copier;
struct workqueue_struct;

/* Where a copy goes from and to. The last chunk may be short. */
struct cbw_geometry {
	dev_t dev;			/* the mapped device, for those who watch */
	struct block_device *origin;
	struct block_device *dest;
	sector_t len;
	unsigned int chunk_shift;	/* log2 of the sectors in a chunk */
};

/*
 * Which side of a copy failed. The last two come with CBW_TARGET_ERROR only; kcopyd
 * finds out why only for CBW_SWEEP, and if it is wanted.
 */
#define CBW_SOURCE_ERROR	1U
#define CBW_TARGET_ERROR	2U
#define CBW_NO_SPACE		4U	/* for want of space */
#define CBW_CAUSE_UNKNOWN	8U	/* nobody wanted to find out */

/* Neither has failed: the job had ended before all of the copy was made. */
#define CBW_NOT_MADE		16U

/*
 * A copy has ended; @errors is 0 or says what failed. The claim is the
 * callee's again. Called in process context without locks. Calls for the sweep
 * come one after the other, but for CBW_NOT_MADE; those for writes also at once.
 * Other copies wait for the callee: it may submit bios, but must not wait for a copy.
 */
typedef void (*cbw_copied_fn)(struct cbw_claim *claim, unsigned int errors);

/* How copies are made, and for whom. */
struct cbw_copy_setup {
	struct cbw_geometry geometry;
	struct workqueue_struct *wq;	/* WQ_MEM_RECLAIM; outlives it */
	cbw_copied_fn copied;

	/*
	 * What the claim covers has been read, and is in memory: before copied(), in process
	 * context without locks, those of a kind one after the other; only of an engine with
	 * buffers. Waits for no copy, nor for the target device: copies that were read at the
	 * same time wait for it. NULL is fine.
	 */
	void (*buffered)(struct cbw_claim *claim);

	/* Has the job ended? What of a copy is not made yet need not be made then. Any context. */
	bool (*ended)(const struct cbw_claim *claim);

	/*
	 * Is it worth while to find out why this copy of CBW_SWEEP could not be written?
	 * Asked time and again. NULL: it never is.
	 */
	bool (*wanted)(const struct cbw_claim *claim);

	/*
	 * 0: dm-kcopyd copies. Else bytes of buffers: half of the units of CBW_BUFFER_UNIT
	 * sectors that they have hold the longest copy.
	 */
	size_t buf_size;
	unsigned int nr_writes;		/* claims of CBW_WRITE in flight, at most; may be 0 */
	enum cbw_zeroes zeroes;		/* what an engine with buffers makes of them */
};

/* May sleep. ERR_PTR on failure. */
struct cbw_copier *cbw_copier_create(const struct cbw_copy_setup *setup);

/* No copy is in flight; waits until their callbacks have returned. May sleep. */
void cbw_copier_destroy(struct cbw_copier *copier);

/*
 * Start the copy of a claim. Never sleeps for CBW_WRITE, unless the origin blocks whoever
 * submits to it; may sleep for CBW_SWEEP. A claim without chunks flushes the target device.
 */
void cbw_copier_start(struct cbw_copier *copier, struct cbw_claim *claim);

/*
 * Would a copy of @nr chunks for CBW_SWEEP begin at once, rather than wait for those in flight?
 * Any context.
 */
bool cbw_copier_has_room(struct cbw_copier *copier, unsigned long nr);

#endif
