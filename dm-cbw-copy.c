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
#include "dm-cbw-trace.h"

/* Below so many jobs of a client dm_kcopyd_copy() does not sleep: kcopyd's MIN_JOBS. */
#define CBW_CLIENT_COPIES	8U
#define CBW_WRITE_CLIENTS	(CBW_MAX_WRITE_COPIES / CBW_CLIENT_COPIES)

/* How much of a failed copy is done again at once, in bytes: a fine enough look. */
#define CBW_PIECE	65536U

struct cbw_copier {
	struct cbw_geometry geometry;
	cbw_copied_fn copied;

	/*
	 * A client handles its jobs in order, with one thread: a held write
	 * must not queue behind the sweep. And it has as many jobs in reserve as
	 * one of ours may have in flight, so that .map can start copies.
	 */
	struct dm_kcopyd_client *write_clients[CBW_WRITE_CLIENTS];
	struct dm_kcopyd_client *sweep_client;

	/* To copy again what failed; used by the sweep's callbacks, one at a time. */
	bool (*wanted)(const struct cbw_claim *claim);
	struct page *piece;

	/* There is at most one flush at a time: its claim needs all to be idle. */
	struct workqueue_struct *wq;
	struct work_struct flushed;
	struct bio flush;
	struct cbw_claim *flush_claim;
};

static_assert(CBW_MAX_WRITE_COPIES % CBW_CLIENT_COPIES == 0);

static sector_t first_sector(const struct cbw_copier *copier,
			     const struct cbw_claim *claim)
{
	return (sector_t)claim->first << copier->geometry.chunk_shift;
}

static sector_t nr_sectors(const struct cbw_copier *copier,
			   const struct cbw_claim *claim)
{
	return min((sector_t)claim->nr << copier->geometry.chunk_shift,
		   copier->geometry.len - first_sector(copier, claim));
}

static void done(struct cbw_copier *copier, struct cbw_claim *claim,
		 unsigned int errors)
{
	trace_cbw_copy_done(copier->geometry.dev, claim->kind,
			    first_sector(copier, claim),
			    nr_sectors(copier, claim), errors);
	copier->copied(claim, errors);
}

/*----------------------------------------------------------------
 * Copies
 *----------------------------------------------------------------
 */

static unsigned int target_error(blk_status_t status)
{
	if (!status)
		return 0;
	return CBW_TARGET_ERROR | (status == BLK_STS_NOSPC ? CBW_NO_SPACE : 0);
}

static blk_status_t do_piece(struct cbw_copier *copier, struct block_device *bdev,
			     blk_opf_t op, sector_t sector, unsigned int bytes)
{
	blk_status_t status;
	struct bio_vec vec;
	struct bio bio;

	cbw_bio_init(&bio, bdev, &vec, 1, op);
	bio.bi_iter.bi_sector = sector;
	__bio_add_page(&bio, copier->piece, bytes, 0);
	submit_bio_wait(&bio);
	status = bio.bi_status;
	bio_uninit(&bio);
	return status;
}

/*
 * kcopyd does not tell why a write failed; the first piece that fails again
 * does. The claim still covers the chunks, so what is read is the right content.
 */
static unsigned int copy_again(struct cbw_copier *copier, struct cbw_claim *claim)
{
	const struct cbw_geometry *geometry = &copier->geometry;
	sector_t sector = first_sector(copier, claim);
	sector_t end = sector + nr_sectors(copier, claim);
	unsigned int bytes, errors = 0;

	for (; sector < end && !errors; sector += bytes >> SECTOR_SHIFT) {
		if (!copier->wanted(claim))
			return CBW_TARGET_ERROR | CBW_CAUSE_UNKNOWN;

		bytes = min_t(u64, CBW_PIECE, (end - sector) << SECTOR_SHIFT);
		if (do_piece(copier, geometry->origin, REQ_OP_READ, sector, bytes))
			errors = CBW_SOURCE_ERROR;
		else
			errors = target_error(do_piece(copier, geometry->dest,
						       REQ_OP_WRITE, sector, bytes));
	}
	return errors;
}

static void kcopyd_done(int read_err, unsigned long write_err, void *context)
{
	struct cbw_claim *claim = context;
	struct cbw_copier *copier = claim->copier;
	unsigned int errors = (read_err ? CBW_SOURCE_ERROR : 0) |
			      (write_err ? CBW_TARGET_ERROR : 0);

	if (errors == CBW_TARGET_ERROR && copier->wanted && claim->kind == CBW_SWEEP)
		errors = copy_again(copier, claim);
	done(copier, claim, errors);
}

static struct dm_kcopyd_client *client_of(const struct cbw_copier *copier,
					  const struct cbw_claim *claim)
{
	return claim->kind == CBW_SWEEP ? copier->sweep_client :
	       copier->write_clients[claim->slot / CBW_CLIENT_COPIES];
}

static void start_copy(struct cbw_copier *copier, struct cbw_claim *claim)
{
	struct dm_io_region from = {
		.bdev = copier->geometry.origin,
		.sector = first_sector(copier, claim),
		.count = nr_sectors(copier, claim),
	};
	struct dm_io_region to = from;

	to.bdev = copier->geometry.dest;
	dm_kcopyd_copy(client_of(copier, claim), &from, 1, &to, 0,
		       kcopyd_done, claim);
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
	done(copier, copier->flush_claim, errors);
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

	cbw_bio_init(bio, copier->geometry.dest, NULL, 0,
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
	trace_cbw_copy_start(copier->geometry.dev, claim->kind,
			     first_sector(copier, claim),
			     nr_sectors(copier, claim));
	claim->copier = copier;
	if (claim->nr)
		start_copy(copier, claim);
	else
		start_flush(copier, claim);
}

static int create_client(struct dm_kcopyd_client **client)
{
	struct dm_kcopyd_client *new = dm_kcopyd_client_create(NULL);

	if (IS_ERR(new))
		return PTR_ERR(new);

	*client = new;
	return 0;
}

static void destroy_client(struct dm_kcopyd_client *client)
{
	if (client)
		dm_kcopyd_client_destroy(client);
}

static int create_clients(struct cbw_copier *copier)
{
	unsigned int i;
	int r;

	for (i = 0; i < CBW_WRITE_CLIENTS; i++) {
		r = create_client(&copier->write_clients[i]);
		if (r)
			return r;
	}
	return create_client(&copier->sweep_client);
}

struct cbw_copier *cbw_copier_create(const struct cbw_geometry *geometry,
				     struct workqueue_struct *wq,
				     cbw_copied_fn copied,
				     bool (*wanted)(const struct cbw_claim *claim))
{
	struct cbw_copier *copier = kzalloc(sizeof(*copier), GFP_KERNEL);
	int r;

	if (!copier)
		return ERR_PTR(-ENOMEM);

	copier->geometry = *geometry;
	copier->copied = copied;
	copier->wanted = wanted;
	copier->wq = wq;
	INIT_WORK(&copier->flushed, flush_done);

	r = create_clients(copier);
	if (!r && wanted) {
		/* Network targets look at each page of a bio. */
		copier->piece = alloc_pages(GFP_KERNEL | __GFP_COMP, get_order(CBW_PIECE));
		r = copier->piece ? 0 : -ENOMEM;
	}
	if (r) {
		cbw_copier_destroy(copier);
		return ERR_PTR(r);
	}
	return copier;
}

void cbw_copier_destroy(struct cbw_copier *copier)
{
	unsigned int i;

	if (IS_ERR_OR_NULL(copier))
		return;

	flush_work(&copier->flushed);
	for (i = 0; i < CBW_WRITE_CLIENTS; i++)
		destroy_client(copier->write_clients[i]);
	destroy_client(copier->sweep_client);
	if (copier->piece)
		__free_pages(copier->piece, get_order(CBW_PIECE));
	kfree(copier);
}
