// SPDX-License-Identifier: GPL-2.0-only
/*
 * The job "backup"; see dm-cbw-backup.h for the contract and
 * Documentation/design.rst for why it cannot lose data.
 *
 * A write takes one of two ways:
 *
 *   none of its chunks is pending: .map sends it on, without a lock;
 *   else it is held: the map claims what is pending and unclaimed, .map starts
 *   those copies, and the write waits on one copy of its range.
 */
#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "dm-cbw-apart.h"
#include "dm-cbw-backup.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-copying.h"
#include "dm-cbw-job.h"
#include "dm-cbw-map.h"
#include "dm-cbw-trace.h"

struct cbw_backup {
	struct cbw_copying copying;
	bool copy_discards;
};

static struct cbw_backup *to_backup(struct cbw_copying *copying)
{
	return container_of(copying, struct cbw_backup, copying);
}

/*----------------------------------------------------------------
 * Writes
 *----------------------------------------------------------------
 */

/* Writes without data may span the device; they are held in bounded pieces. */
static void bound(const struct cbw_copying *copying, struct bio *bio)
{
	unsigned long chunks = copying->max_copy >> copying->geometry.chunk_shift;
	unsigned long first, last;

	if (bio_op(bio) == REQ_OP_WRITE)
		return;

	cbw_chunks_of(bio, copying->geometry.chunk_shift, &first, &last);
	cbw_cut_before(bio, copying->geometry.chunk_shift, first + chunks);
}

static int hold(struct cbw_copying *copying, struct bio *bio)
{
	struct cbw_waiter *waiter = &cbw_io_of(bio)->waiter;
	enum cbw_verdict verdict;
	LIST_HEAD(claims);

	bound(copying, bio);
	cbw_chunks_of(bio, copying->geometry.chunk_shift, &waiter->first, &waiter->last);
	if (cbw_may_not_wait(bio) ||
	    !cbw_map_pending(copying->map, waiter->first, waiter->last)) {
		/* No may be wrong, but not a second time. */
		if (!cbw_map_waits(copying->map, waiter->first, waiter->last))
			return DM_MAPIO_REMAPPED;
		if (cbw_may_not_wait(bio))
			return cbw_would_block(bio);
	}

	trace_cbw_hold(copying->job.dev, bio->bi_iter.bi_sector, bio_sectors(bio));
	verdict = cbw_map_hold(copying->map, waiter, ktime_get_ns(),
			       dm_noflush_suspending(copying->ti), &claims);
	/* From here on a held bio may be gone at any moment. */
	cbw_copying_start_copies(copying, &claims);

	switch (verdict) {
	case CBW_GO:
		return DM_MAPIO_REMAPPED;
	case CBW_REQUEUE:
		return DM_MAPIO_REQUEUE;
	default:
		cbw_copying_arm_timeout(copying);
		return DM_MAPIO_SUBMITTED;
	}
}

/*
 * Discards are advisory, and a trim of the free space must not turn into a copy
 * of it: what is pending is not discarded, the rest is. Alternating runs are
 * taken one at a time. A chunk that becomes saved meanwhile stays undiscarded,
 * which is allowed as well; none becomes pending again.
 */
static int skip_discard(struct cbw_copying *copying, struct bio *bio)
{
	unsigned long first, last, next;

	cbw_chunks_of(bio, copying->geometry.chunk_shift, &first, &last);
	next = cbw_map_find(copying->map, first, last, true);
	if (next > first) {
		cbw_cut_before(bio, copying->geometry.chunk_shift, next);
		if (cbw_map_passes(copying->map, first, next - 1))
			return DM_MAPIO_REMAPPED;
		return hold(copying, bio);
	}
	/* The first is pending, or was just now. */
	next = cbw_map_find(copying->map, first + 1, last, false);
	cbw_cut_before(bio, copying->geometry.chunk_shift, next);
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

static int backup_map(struct cbw_copying *copying, struct bio *bio)
{
	unsigned long first, last;

	/* A flush, which has no data, changes nothing. */
	if (!bio_sectors(bio))
		return DM_MAPIO_REMAPPED;

	if (unlikely(cbw_copying_hands_back(copying, bio)))
		return cbw_may_not_wait(bio) ? cbw_would_block(bio) : DM_MAPIO_REQUEUE;

	cbw_chunks_of(bio, copying->geometry.chunk_shift, &first, &last);
	if (likely(cbw_map_passes(copying->map, first, last)))
		return DM_MAPIO_REMAPPED;

	/* For nobody any more: the job has failed or was cancelled. */
	if (cbw_map_broken(copying->map))
		return DM_MAPIO_REMAPPED;

	if (bio_op(bio) == REQ_OP_DISCARD && !to_backup(copying)->copy_discards)
		return skip_discard(copying, bio);

	return hold(copying, bio);
}

/*----------------------------------------------------------------
 * What the job is, beyond its copies
 *----------------------------------------------------------------
 */

static void all_copied(struct cbw_copying *copying)
{
	cbw_job_end(&copying->job, CBW_COMPLETED, NULL);
}

/* Reads of a broken map are void, whatever they find. */
static bool views_idle(struct cbw_copying *copying)
{
	return (cbw_map_broken(copying->map) || !cbw_map_nr_reading(copying->map)) &&
	       !cbw_map_nr_releasing(copying->map);
}

/*
 * Reads of the origin by views have to wait, too: the next table may let writes pass
 * that we do not see.
 */
static void backup_suspended(struct cbw_copying *copying)
{
	cbw_copying_stop_sweep(copying);
	cbw_map_stop_reads(copying->map);
	cbw_copying_wait(copying, views_idle);
}

/*
 * They were held because their chunks are pending, and count as reading from here on, before any
 * write. Nobody who writes waits until they are submitted.
 */
static void backup_resumed(struct cbw_copying *copying)
{
	struct cbw_reader *reader;
	LIST_HEAD(readers);

	cbw_map_resume_reads(copying->map, &readers);
	while (!list_empty(&readers)) {
		reader = list_first_entry(&readers, struct cbw_reader, start);
		list_del(&reader->start);
		cbw_apart_submit(copying->reads, reader->bio);
	}
}

static void backup_progress(struct cbw_copying *copying, unsigned long *done,
			    unsigned long *total)
{
	*total = READ_ONCE(copying->nr_to_save);
	*done = *total ? cbw_map_nr_saved(copying->map, CBW_WRITE) +
			 cbw_map_nr_saved(copying->map, CBW_SWEEP) : 0;
}

static bool backup_cancel(struct cbw_copying *copying)
{
	return cbw_job_end(&copying->job, CBW_CANCELLED, "user");
}

static void backup_free(struct cbw_copying *copying)
{
	kfree(to_backup(copying));
}

static const struct cbw_copying_ops backup_ops = {
	.kind		= "backup",
	.per_bio_size	= sizeof(struct cbw_io),
	.nr_flushes	= 1,
	.map		= backup_map,
	.go		= cbw_copying_submit,
	.all_copied	= all_copied,
	.suspended	= backup_suspended,
	.resumed	= backup_resumed,
	.progress	= backup_progress,
	.cancel		= backup_cancel,
	.free		= backup_free,
};

struct cbw_copying *cbw_backup_create(struct dm_target *ti, const struct cbw_args *args,
				      const struct cbw_geometry *geometry,
				      struct cbw_changes *changes, char **error)
{
	struct cbw_backup *backup = kzalloc(sizeof(*backup), GFP_KERNEL);
	int r;

	if (!backup) {
		*error = "Cannot allocate the job";
		return ERR_PTR(-ENOMEM);
	}
	backup->copy_discards = args->value[CBW_FEATURE_DISCARD] == CBW_DISCARD_COPY;
	r = cbw_copying_init(&backup->copying, &backup_ops, ti, args, geometry, changes, error);
	return r ? ERR_PTR(r) : &backup->copying;
}

/*----------------------------------------------------------------
 * Snapshot views
 *----------------------------------------------------------------
 */

struct cbw_backup *cbw_backup_find(struct block_device *origin)
{
	struct cbw_job *job = cbw_job_find(backup_ops.kind, origin);

	return job ? to_backup(container_of(job, struct cbw_copying, job)) : NULL;
}

void cbw_backup_put(struct cbw_backup *backup)
{
	cbw_job_put(&backup->copying.job);
}

void cbw_backup_progress(struct cbw_backup *backup, unsigned long *done,
			 unsigned long *total)
{
	backup_progress(&backup->copying, done, total);
}

bool cbw_backup_may_release(const struct cbw_backup *backup)
{
	return backup->copying.sync == CBW_SYNC_NONE;
}

struct cbw_map *cbw_backup_chunks(struct cbw_backup *backup)
{
	return backup->copying.map;
}

const struct cbw_geometry *cbw_backup_geometry(const struct cbw_backup *backup)
{
	return &backup->copying.geometry;
}

/* Whoever ends a read may not submit bios: the writes that waited are the worker's. */
void cbw_backup_read_done(struct cbw_backup *backup, struct cbw_reader *reader)
{
	if (cbw_map_read_done(backup->copying.map, reader))
		cbw_copying_look_again(&backup->copying);
	cbw_copying_wake_idle(&backup->copying);
}

void cbw_backup_release_done(struct cbw_backup *backup)
{
	cbw_map_release_done(backup->copying.map);
	cbw_copying_wake_idle(&backup->copying);
}
