/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An overlay and its base. What a dm-snapshot, or a thin device with an external origin, does not
 * hold itself, it reads from its base, at the same place.
 *
 * A mirror of the overlay may write to the base, nevertheless: all that it writes there is what
 * the overlay has at that place, so the overlay reads as before, however far the mirror comes.
 * But whatever else reads the base finds it changed, and its copy-before-write, if the base has
 * snapshots, is passed by. So nobody else may have to do with it.
 */
#ifndef CBW_OVERLAY_H
#define CBW_OVERLAY_H

#include <stdbool.h>

#include "changes.h"
#include "device.h"

/* Is @volume, or what it is linear on, an overlay whose base is @base, or one of those below? */
bool overlay_is_of(const struct device *volume, const struct device *base);

/* Does nobody need the base, and what is between, but @volume? 0 or -1, error said. */
int overlay_check(const struct device *volume, const struct device *base);

/*
 * The store that tells all in which @volume differs from @base: that of the only overlay between
 * them, a persistent dm-snapshot. 0: there is none.
 */
dev_t overlay_store(const struct device *volume, const struct device *base);

/*
 * What that holds of the first @length sectors, in whole chunks, @held->list for free(). 0 or -1,
 * error said.
 */
int overlay_list(dev_t store, uint64_t length, uint64_t chunk_sectors, struct ranges *held);

#endif
