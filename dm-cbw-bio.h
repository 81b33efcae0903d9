/* SPDX-License-Identifier: GPL-2.0-only */
/* Bios, as all see them. */
#ifndef DM_CBW_BIO_H
#define DM_CBW_BIO_H

#include <linux/bio.h>
#include <linux/device-mapper.h>

#include "dm-cbw-compat.h"

/* The chunks that @bio, which has sectors, touches. */
static inline void cbw_chunks_of(const struct bio *bio, unsigned int chunk_shift,
				 unsigned long *first, unsigned long *last)
{
	*first = bio->bi_iter.bi_sector >> chunk_shift;
	*last = (bio_end_sector(bio) - 1) >> chunk_shift;
}

/* Take from @bio only what comes before @chunk; DM sends the rest anew. */
static inline void cbw_cut_before(struct bio *bio, unsigned int chunk_shift,
				  unsigned long chunk)
{
	sector_t end = (sector_t)chunk << chunk_shift;

	if (end < bio_end_sector(bio))
		dm_accept_partial_bio(bio, end - bio->bi_iter.bi_sector);
}

/*
 * Must @bio end with BLK_STS_AGAIN rather than be held? DM sends a polled one that
 * would block again, without being polled, while its poller still looks at it: what
 * DM sends again must not end at once, see hand_back().
 */
static inline bool cbw_may_not_wait(const struct bio *bio)
{
	return (bio->bi_opf & (REQ_NOWAIT | REQ_POLLED)) == REQ_NOWAIT;
}

/* What has not both is writeback for the block layer, which throttles that (WBT). */
#define CBW_DIRECT_IO	(REQ_SYNC | REQ_IDLE)

static inline bool cbw_is_direct(const struct bio *bio)
{
	return (bio->bi_opf & CBW_DIRECT_IO) == CBW_DIRECT_IO;
}

/*
 * May the block layer make whoever submits @bio, a write, sleep so that others get their share?
 * It does so with groups of programs, too (io.cost, io.latency).
 */
static inline bool cbw_may_be_throttled(const struct bio *bio)
{
	return !cbw_is_direct(bio) || cbw_bio_group(bio);
}

static inline int cbw_would_block(struct bio *bio)
{
	bio_wouldblock_error(bio);
	return DM_MAPIO_SUBMITTED;
}

#endif
