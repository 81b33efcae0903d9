// SPDX-License-Identifier: GPL-2.0-only
/*
 * The copy engine on dm-kcopyd; see dm-cbw-engine.h for the contract.
 */
#include <linux/dm-kcopyd.h>
#include <linux/slab.h>

#include "dm-cbw-compat.h"
#include "dm-cbw-engine.h"
#include "dm-cbw-map.h"

/* Below so many jobs of a client dm_kcopyd_copy() does not sleep: kcopyd's MIN_JOBS. */
#define CBW_CLIENT_COPIES	8U
#define CBW_WRITE_CLIENTS	(CBW_MAX_WRITE_COPIES / CBW_CLIENT_COPIES)

/* How much of a failed copy is done again at once, in bytes: a fine enough look. */
#define CBW_PIECE	65536U

struct kcopyd {
	struct cbw_copier copier;

	/*
	 * A client handles its jobs in order, with one thread: a held write
	 * must not queue behind the sweep. And it has as many jobs in reserve as
	 * one of ours may have in flight, so that .map can start copies.
	 */
	struct dm_kcopyd_client *write_clients[CBW_WRITE_CLIENTS];
	struct dm_kcopyd_client *sweep_client;

	/* To copy again what failed; used by the sweep's callbacks, one at a time. */
	struct page *piece;
};

static_assert(CBW_MAX_WRITE_COPIES % CBW_CLIENT_COPIES == 0);

static struct kcopyd *to_kcopyd(struct cbw_copier *copier)
{
	return container_of(copier, struct kcopyd, copier);
}

/*----------------------------------------------------------------
 * Copies
 *----------------------------------------------------------------
 */

static blk_status_t do_piece(struct kcopyd *kcopyd, struct block_device *bdev,
			     blk_opf_t op, sector_t sector, unsigned int bytes)
{
	blk_status_t status;
	struct bio_vec vec;
	struct bio bio;

	cbw_bio_init(&bio, bdev, &vec, 1, op);
	bio.bi_iter.bi_sector = sector;
	__bio_add_page(&bio, kcopyd->piece, bytes, 0);
	submit_bio_wait(&bio);
	status = bio.bi_status;
	bio_uninit(&bio);
	return status;
}

/*
 * kcopyd does not tell why a write failed; the first piece that fails again
 * does. The claim still covers the chunks, so what is read is the right content.
 */
static unsigned int copy_again(struct kcopyd *kcopyd, struct cbw_claim *claim)
{
	const struct cbw_copy_setup *setup = &kcopyd->copier.setup;
	sector_t sector = cbw_copier_first(&kcopyd->copier, claim);
	sector_t end = sector + cbw_copier_sectors(&kcopyd->copier, claim);
	unsigned int bytes, errors = 0;

	for (; sector < end && !errors; sector += bytes >> SECTOR_SHIFT) {
		if (!setup->wanted(claim))
			return CBW_TARGET_ERROR | CBW_CAUSE_UNKNOWN;

		bytes = min_t(u64, CBW_PIECE, (end - sector) << SECTOR_SHIFT);
		if (do_piece(kcopyd, setup->geometry.origin, REQ_OP_READ, sector, bytes))
			errors = CBW_SOURCE_ERROR;
		else
			errors = cbw_target_error(do_piece(kcopyd, setup->geometry.dest,
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

	/* kcopyd does not tell why a write failed. */
	if (errors == CBW_TARGET_ERROR && copier->setup.wanted && claim->kind == CBW_SWEEP)
		errors = copy_again(to_kcopyd(copier), claim);
	cbw_copier_done(copier, claim, errors);
}

static struct dm_kcopyd_client *client_of(const struct kcopyd *kcopyd,
					  const struct cbw_claim *claim)
{
	return claim->kind == CBW_SWEEP ? kcopyd->sweep_client :
	       kcopyd->write_clients[claim->slot / CBW_CLIENT_COPIES];
}

static void kcopyd_start(struct cbw_copier *copier, struct cbw_claim *claim)
{
	struct dm_io_region from = {
		.bdev = copier->setup.geometry.origin,
		.sector = cbw_copier_first(copier, claim),
		.count = cbw_copier_sectors(copier, claim),
	};
	struct dm_io_region to = from;

	to.bdev = copier->setup.geometry.dest;
	dm_kcopyd_copy(client_of(to_kcopyd(copier), claim), &from, 1, &to, 0,
		       kcopyd_done, claim);
}

/*----------------------------------------------------------------
 * Creation and destruction
 *----------------------------------------------------------------
 */

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

static int create_clients(struct kcopyd *kcopyd)
{
	unsigned int i;
	int r;

	for (i = 0; i < CBW_WRITE_CLIENTS; i++) {
		r = create_client(&kcopyd->write_clients[i]);
		if (r)
			return r;
	}
	return create_client(&kcopyd->sweep_client);
}

static void kcopyd_destroy(struct cbw_copier *copier)
{
	struct kcopyd *kcopyd = to_kcopyd(copier);
	unsigned int i;

	for (i = 0; i < CBW_WRITE_CLIENTS; i++)
		destroy_client(kcopyd->write_clients[i]);
	destroy_client(kcopyd->sweep_client);
	if (kcopyd->piece)
		__free_pages(kcopyd->piece, get_order(CBW_PIECE));
	kfree(kcopyd);
}

static struct cbw_copier *kcopyd_create(const struct cbw_copy_setup *setup)
{
	struct kcopyd *kcopyd = kzalloc(sizeof(*kcopyd), GFP_KERNEL);
	int r;

	if (!kcopyd)
		return ERR_PTR(-ENOMEM);

	r = create_clients(kcopyd);
	if (!r && setup->wanted) {
		/* Network targets look at each page of a bio. */
		kcopyd->piece = alloc_pages(GFP_KERNEL | __GFP_COMP, get_order(CBW_PIECE));
		r = kcopyd->piece ? 0 : -ENOMEM;
	}
	if (r) {
		kcopyd_destroy(&kcopyd->copier);
		return ERR_PTR(r);
	}
	return &kcopyd->copier;
}

const struct cbw_engine cbw_kcopyd = {
	.create		= kcopyd_create,
	.destroy	= kcopyd_destroy,
	.start		= kcopyd_start,
};
