// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all copy engines have in common; see dm-cbw-copy.h for the contract.
 */
#include <linux/bio.h>
#include <linux/err.h>
#include <linux/workqueue.h>

#include "dm-cbw-compat.h"
#include "dm-cbw-copy.h"
#include "dm-cbw-engine.h"
#include "dm-cbw-map.h"
#include "dm-cbw-trace.h"

sector_t cbw_copier_first(const struct cbw_copier *copier, const struct cbw_claim *claim)
{
	return (sector_t)claim->first << copier->setup.geometry.chunk_shift;
}

sector_t cbw_copier_sectors(const struct cbw_copier *copier, const struct cbw_claim *claim)
{
	return min((sector_t)claim->nr << copier->setup.geometry.chunk_shift,
		   copier->setup.geometry.len - cbw_copier_first(copier, claim));
}

unsigned int cbw_target_error(blk_status_t status)
{
	if (!status)
		return 0;
	return CBW_TARGET_ERROR | (status == BLK_STS_NOSPC ? CBW_NO_SPACE : 0);
}

void cbw_copier_done(struct cbw_copier *copier, struct cbw_claim *claim, unsigned int errors)
{
	trace_cbw_copy_done(copier->setup.geometry.dev, claim->kind,
			    cbw_copier_first(copier, claim),
			    cbw_copier_sectors(copier, claim), errors);
	copier->setup.copied(claim, errors);
}

/*----------------------------------------------------------------
 * The flush
 *----------------------------------------------------------------
 */

static void flush_done(struct work_struct *work)
{
	struct cbw_copier *copier = container_of(work, struct cbw_copier, flushed);
	unsigned int errors = copier->flush.bi_status ? CBW_TARGET_ERROR : 0;

	bio_uninit(&copier->flush);
	cbw_copier_done(copier, copier->flush_claim, errors);
}

/* May be in interrupt context, where copied() must not be called. */
static void flush_endio(struct bio *bio)
{
	struct cbw_copier *copier = bio->bi_private;

	queue_work(copier->setup.wq, &copier->flushed);
}

static void start_flush(struct cbw_copier *copier, struct cbw_claim *claim)
{
	struct bio *bio = &copier->flush;

	cbw_bio_init(bio, copier->setup.geometry.dest, NULL, 0,
		     REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);
	bio->bi_private = copier;
	bio->bi_end_io = flush_endio;
	copier->flush_claim = claim;
	submit_bio(bio);
}

/*----------------------------------------------------------------
 * Both
 *----------------------------------------------------------------
 */

void cbw_copier_start(struct cbw_copier *copier, struct cbw_claim *claim)
{
	trace_cbw_copy_start(copier->setup.geometry.dev, claim->kind,
			     cbw_copier_first(copier, claim),
			     cbw_copier_sectors(copier, claim));
	claim->copier = copier;
	if (claim->nr)
		copier->engine->start(copier, claim);
	else
		start_flush(copier, claim);
}

bool cbw_copier_has_room(struct cbw_copier *copier, unsigned long nr)
{
	return !copier->engine->has_room || copier->engine->has_room(copier, nr);
}

struct cbw_copier *cbw_copier_create(const struct cbw_copy_setup *setup)
{
	const struct cbw_engine *engine = setup->buf_size ? &cbw_buffered : &cbw_kcopyd;
	struct cbw_copier *copier = engine->create(setup);

	if (IS_ERR(copier))
		return copier;

	copier->engine = engine;
	copier->setup = *setup;
	INIT_WORK(&copier->flushed, flush_done);
	return copier;
}

void cbw_copier_destroy(struct cbw_copier *copier)
{
	if (IS_ERR_OR_NULL(copier))
		return;

	flush_work(&copier->flushed);
	copier->engine->destroy(copier);
}
