/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes that are done on both devices, the origin and the target device. Data is copied
 * first: what a user changes while it is written must not make the devices differ. Memory
 * is bounded; what finds none waits for it elsewhere than in .map.
 */
#ifndef DM_CBW_BOTH_H
#define DM_CBW_BOTH_H

#include <linux/blk_types.h>
#include <linux/types.h>

struct cbw_both;
struct cbw_geometry;
struct workqueue_struct;

/* The longest write with data, or of zeroes, in sectors: as many pages as a bio has. */
#define CBW_BOTH_MAX	2048U

struct cbw_both_ops {
	/* Submit @bio, which goes to the origin. May block as a submitted bio does. */
	void (*submit)(void *owner, struct bio *bio);

	/* A bio that was given to submit() has ended, unless it is one of cbw_both_write(). */
	void (*ended)(void *owner, const struct bio *bio);

	/*
	 * @bio has been done on both devices, or not: to be ended by the callee. Until then
	 * the owner stays. @target is BLK_STS_TIMEOUT if nobody knows. Any context.
	 */
	void (*done)(void *owner, struct bio *bio, blk_status_t origin, blk_status_t target);

	/* The target device hangs: what waits for it is done when this has returned. May sleep. */
	void (*hung)(void *owner);

	/* Nothing is in flight to the target device. Any context, and must not take locks. */
	void (*idle)(void *owner);
};

/*
 * No write waits longer than @timeout ns, 0: no limit, for the target device. @wq (WQ_MEM_RECLAIM)
 * must last until cbw_both_stop(). May sleep. ERR_PTR on failure.
 */
struct cbw_both *cbw_both_create(const struct cbw_geometry *geometry,
				 struct workqueue_struct *wq, const char *name, u64 timeout,
				 const struct cbw_both_ops *ops, void *owner);

/* No bio will come, and none waits. May sleep. NULL and ERR_PTRs are fine. */
void cbw_both_stop(struct cbw_both *both);

/* After that, and when nothing is in flight. The same. */
void cbw_both_destroy(struct cbw_both *both);

/*
 * A flush, of the target device only; or a bio that changes something, with no more than
 * CBW_BOTH_MAX sectors if it has data, or if cbw_both_limits() it. Never sleeps, but may
 * block as a submitted bio does.
 */
void cbw_both_write(struct cbw_both *both, struct bio *bio);

/* Must @bio, a write without data, have no more than CBW_BOTH_MAX sectors? */
bool cbw_both_limits(const struct cbw_both *both, const struct bio *bio);

/* What is in flight to the target device, also if nobody waits for it. Any context. */
unsigned int cbw_both_in_flight(const struct cbw_both *both);

#endif
