/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sweep: a thread that saves all chunks in the background, and then has
 * the target device flushed. Where chunks become pending again it saves them anew.
 *
 * Its copies end in the copier's callback, whose owner calls cbw_sweep_wake()
 * when the sweep may have something to do again.
 */
#ifndef DM_CBW_SWEEP_H
#define DM_CBW_SWEEP_H

#include <linux/types.h>

struct cbw_copier;
struct cbw_map;
struct cbw_pace;
struct cbw_sweep;

/*
 * No copy is longer than @max_run chunks, or starts before @pace allows it, for
 * which a chunk counts as @bytes_per_chunk. May sleep. ERR_PTR on failure.
 */
struct cbw_sweep *cbw_sweep_create(struct cbw_map *map, struct cbw_copier *copier,
				   struct cbw_pace *pace, unsigned long max_run,
				   u64 bytes_per_chunk, const char *name);

/*
 * Ends the thread, once. Copies that it started go on, and their callbacks may
 * still wake it. May sleep. NULL and ERR_PTRs are fine.
 */
void cbw_sweep_stop(struct cbw_sweep *sweep);

/* After cbw_sweep_stop(), when nobody wakes it any more. NULL and ERR_PTRs are fine. */
void cbw_sweep_destroy(struct cbw_sweep *sweep);

/* The rest may be called from any context that may not sleep, too. */

/* A copy has ended, or the map, its switches or the pace have changed. */
void cbw_sweep_wake(struct cbw_sweep *sweep);

/*
 * A copy of the sweep has failed, and the claim is about to end: start nothing
 * for a moment, then go on. The chunks come again with the next pass.
 */
void cbw_sweep_retry_later(struct cbw_sweep *sweep);

/* From now on chunks that become pending again may gather: a pass begins ten times a second. */
void cbw_sweep_gather(struct cbw_sweep *sweep);

/* While @hurry neither a limit of the speed nor the foreground holds up a copy. */
void cbw_sweep_hurry(struct cbw_sweep *sweep, bool hurry);

/* Start no copies while @pause. */
void cbw_sweep_pause(struct cbw_sweep *sweep, bool pause);

#endif
