// SPDX-License-Identifier: GPL-2.0-only
/*
 * The copy engine on dm-kcopyd; see dm-cbw-copy.h for the contract.
 */
#include <linux/dm-kcopyd.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "dm-cbw-compat.h"
#include "dm-cbw-copy.h"
#include "dm-cbw-map.h"

struct cbw_copier {
	struct cbw_geometry geometry;
	cbw_copied_fn copied;

	/*
	 * A client handles its jobs in order, with one thread: a held write
	 * must not queue behind the sweep.
	 */
	struct dm_kcopyd_client *clients[CBW_NR_KINDS];

	/* There is at most one flush at a time: its claim needs all to be idle. */
	struct workqueue_struct *wq;
	struct work_struct flushed;
	struct bio flush;
	struct cbw_claim *flush_claim;
};

static void kcopyd_done(int read_err, unsigned long write_err, void *context)
{
	struct cbw_claim *claim = context;
	struct cbw_copier *copier = claim->copier;

	copier->copied(claim, (read_err ? CBW_SOURCE_ERROR : 0) |
			      (write_err ? CBW_TARGET_ERROR : 0));
}

static void start_copy(struct cbw_copier *copier, struct cbw_claim *claim)
{
	const struct cbw_geometry *geometry = &copier->geometry;
	struct dm_io_region from = {
		.bdev = geometry->origin,
		.sector = (sector_t)claim->first << geometry->chunk_shift,
	};
	struct dm_io_region to = from;

	from.count = min((sector_t)claim->nr << geometry->chunk_shift,
			 geometry->len - from.sector);
	to.count = from.count;
	to.bdev = geometry->dest;

	dm_kcopyd_copy(copier->clients[claim->kind], &from, 1, &to, 0,
		       kcopyd_done, claim);
}

static void flush_done(struct work_struct *work)
{
	struct cbw_copier *copier = container_of(work, struct cbw_copier, flushed);
	unsigned int errors = copier->flush.bi_status ? CBW_TARGET_ERROR : 0;

	bio_uninit(&copier->flush);
	copier->copied(copier->flush_claim, errors);
}

/* May be in interrupt context, where copied() must not be called. */
static void flush_endio(struct bio *bio)
{
	struct cbw_copier *copier = bio->bi_private;

	queue_work(copier->wq, &copier->flushed);
}

static void start_flush(struct cbw_copier *copier, struct cbw_claim *claim)
{
	struct bio *bio = &copier->flush;

	cbw_flush_bio_init(bio, copier->geometry.dest);
	bio->bi_private = copier;
	bio->bi_end_io = flush_endio;
	copier->flush_claim = claim;
	submit_bio(bio);
}

void cbw_copier_start(struct cbw_copier *copier, struct cbw_claim *claim)
{
	claim->copier = copier;
	if (claim->nr)
		start_copy(copier, claim);
	else
		start_flush(copier, claim);
}

struct cbw_copier *cbw_copier_create(const struct cbw_geometry *geometry,
				     struct workqueue_struct *wq,
				     cbw_copied_fn copied)
{
	struct cbw_copier *copier = kzalloc(sizeof(*copier), GFP_KERNEL);
	enum cbw_kind kind;
	int r;

	if (!copier)
		return ERR_PTR(-ENOMEM);

	copier->geometry = *geometry;
	copier->copied = copied;
	copier->wq = wq;
	INIT_WORK(&copier->flushed, flush_done);

	for (kind = 0; kind < CBW_NR_KINDS; kind++) {
		copier->clients[kind] = dm_kcopyd_client_create(NULL);
		if (IS_ERR(copier->clients[kind])) {
			r = PTR_ERR(copier->clients[kind]);
			copier->clients[kind] = NULL;
			cbw_copier_destroy(copier);
			return ERR_PTR(r);
		}
	}
	return copier;
}

void cbw_copier_destroy(struct cbw_copier *copier)
{
	enum cbw_kind kind;

	if (IS_ERR_OR_NULL(copier))
		return;

	flush_work(&copier->flushed);
	for (kind = 0; kind < CBW_NR_KINDS; kind++)
		if (copier->clients[kind])
			dm_kcopyd_client_destroy(copier->clients[kind]);
	kfree(copier);
}
