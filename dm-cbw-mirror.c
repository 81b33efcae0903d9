// SPDX-License-Identifier: GPL-2.0-only
/*
 * The job "mirror"; see dm-cbw-mirror.h for the contract and Documentation/design.rst for
 * why no write is lost.
 *
 * A write goes to the origin, and when it has ended its chunks are pending again; or, with
 * copy_mode write-blocking, it is done on both devices. So is, in either mode, what has no
 * data: to copy what was discarded would turn a trim of the free space into a copy of it.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "dm-cbw.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-both.h"
#include "dm-cbw-changes.h"
#include "dm-cbw-copying.h"
#include "dm-cbw-job.h"
#include "dm-cbw-map.h"
#include "dm-cbw-mirror.h"
#include "dm-cbw-sweep.h"
#include "dm-cbw-trace.h"

struct cbw_mirror {
	struct cbw_copying copying;
	struct cbw_both *both;
	bool write_blocking;
	bool ends;		/* no bio is in flight, and the rest is being copied */
	bool over;		/* it has ended, and the origin has gone on alone since */
};

/* The per-bio data. */
struct mirror_io {
	struct cbw_writing writing;
	bool writes;		/* and io.waiter tells which chunks */
	struct cbw_io io;	/* the last, see cbw_io_of() */
};

static_assert(offsetofend(struct mirror_io, io) == sizeof(struct mirror_io));

static struct cbw_mirror *to_mirror(struct cbw_copying *copying)
{
	return container_of(copying, struct cbw_mirror, copying);
}

static struct mirror_io *io_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct mirror_io));
}

/*----------------------------------------------------------------
 * Writes
 *----------------------------------------------------------------
 */

/* Flushes come twice: the first is for the origin, the second for the target device. */
static int map_flush(struct cbw_mirror *mirror, struct bio *bio)
{
	if (!dm_bio_get_target_bio_nr(bio))
		return DM_MAPIO_REMAPPED;
	if (READ_ONCE(mirror->write_blocking) && cbw_map_mirrors(mirror->copying.map))
		cbw_both_write(mirror->both, bio);
	else
		bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

/*
 * So that all of it is pending, or nothing, and no more than can be done at a time. What must
 * not be torn is small.
 */
static void bound(struct cbw_mirror *mirror, struct bio *bio)
{
	unsigned int shift = mirror->copying.geometry.chunk_shift;
	struct cbw_map *map = mirror->copying.map;
	unsigned long first, last;
	bool pending;

	if (bio_has_data(bio) || cbw_both_limits(mirror->both, bio)) {
		if (bio_sectors(bio) > CBW_BOTH_MAX)
			dm_accept_partial_bio(bio, CBW_BOTH_MAX);
		return;
	}
	cbw_chunks_of(bio, shift, &first, &last);
	pending = cbw_map_pending(map, first, first);
	/* Whatever the first is by now. */
	cbw_cut_before(bio, shift, cbw_map_find(map, first + 1, last, !pending));
}

static void note_range(struct cbw_copying *copying, struct bio *bio)
{
	struct mirror_io *io = io_of(bio);
	struct cbw_waiter *waiter = &io->io.waiter;

	cbw_chunks_of(bio, copying->geometry.chunk_shift, &waiter->first, &waiter->last);
	waiter->writing = &io->writing;
	io->writing.start = bio->bi_iter.bi_sector;
	io->writing.last = bio_end_sector(bio) - 1;
}

/* Where the map says that it is to be done on both devices, it is started here. */
static bool start_on_both(struct cbw_mirror *mirror, struct bio *bio)
{
	struct cbw_writing *writing = &io_of(bio)->writing;

	if (!writing->under_way || !writing->both)
		return false;
	cbw_both_write(mirror->both, bio);
	return true;
}

static int follow(struct cbw_mirror *mirror, struct bio *bio)
{
	struct cbw_copying *copying = &mirror->copying;
	sector_t sector = bio->bi_iter.bi_sector;
	unsigned int sectors = bio_sectors(bio);
	LIST_HEAD(claims);

	switch (cbw_map_hold(copying->map, &io_of(bio)->io.waiter, ktime_get_ns(),
			     dm_noflush_suspending(copying->ti), &claims)) {
	case CBW_GO:
		return start_on_both(mirror, bio) ? DM_MAPIO_SUBMITTED : DM_MAPIO_REMAPPED;
	case CBW_REQUEUE:
		return DM_MAPIO_REQUEUE;
	default:
		/* The bio may be gone. */
		trace_cbw_hold(copying->job.dev, sector, sectors);
		cbw_copying_arm_timeout(copying);
		return DM_MAPIO_SUBMITTED;
	}
}

static int mirror_map(struct cbw_copying *copying, struct bio *bio)
{
	struct cbw_mirror *mirror = to_mirror(copying);
	bool both = (READ_ONCE(mirror->write_blocking) || !bio_has_data(bio)) &&
		    cbw_map_mirrors(copying->map);

	io_of(bio)->writes = bio_sectors(bio);
	io_of(bio)->writing.under_way = false;
	if (!bio_sectors(bio))
		return map_flush(mirror, bio);

	if (unlikely(cbw_copying_hands_back(copying, bio))) {
		io_of(bio)->writes = false;
		return cbw_may_not_wait(bio) ? cbw_would_block(bio) : DM_MAPIO_REQUEUE;
	}
	/* Memory may be short, and a copy in the way. */
	if (both && cbw_may_not_wait(bio)) {
		io_of(bio)->writes = false;
		return cbw_would_block(bio);
	}
	if (both)
		bound(mirror, bio);
	note_range(copying, bio);
	return both ? follow(mirror, bio) : DM_MAPIO_REMAPPED;
}

static void go(struct cbw_copying *copying, struct bio *bio)
{
	if (!start_on_both(to_mirror(copying), bio))
		cbw_copying_submit(copying, bio);
}

static void dirty(struct cbw_copying *copying, const struct cbw_waiter *waiter)
{
	if (!READ_ONCE(to_mirror(copying)->over) &&
	    cbw_map_dirty(copying->map, waiter->first, waiter->last))
		cbw_sweep_wake(copying->sweep);
}

/* Before its owner is told. Whatever the status is, a part may have been written. */
static void mirror_ended(struct cbw_copying *copying, struct bio *bio)
{
	struct mirror_io *io = io_of(bio);
	unsigned int what;

	if (!io->writes)
		return;
	if (!io->writing.under_way) {
		dirty(copying, &io->io.waiter);
		return;
	}
	what = cbw_map_written(copying->map, &io->writing);
	if (what & CBW_LOOK_AGAIN)
		cbw_copying_look_again(copying);
	if (what & CBW_DRAINED)
		cbw_sweep_wake(copying->sweep);
}

/*----------------------------------------------------------------
 * Writes on both devices
 *----------------------------------------------------------------
 */

static void submit_to_origin(void *owner, struct bio *bio)
{
	cbw_copying_submit(owner, bio);
}

static void origin_ended(void *owner, const struct bio *bio)
{
	struct cbw_copying *copying = owner;

	if (copying->changes)
		cbw_changes_ended(copying->changes, bio);
}

static void flushed(struct cbw_copying *copying, blk_status_t status)
{
	/* One that nobody knows of has failed already, with its job. */
	if (!status || status == BLK_STS_TIMEOUT)
		return;
	atomic_inc(&copying->target_errors);
	cbw_copying_flush_failed(copying);
}

/*
 * What a discard leaves nobody relies on. Devices say in more than one way that they cannot,
 * and some only when they are asked to.
 */
static bool tells_nothing(const struct bio *bio, blk_status_t status)
{
	return bio_op(bio) == REQ_OP_DISCARD &&
	       (status == BLK_STS_NOTSUPP || status == BLK_STS_TARGET);
}

/*
 * A write that failed on the target device has not failed for its owner: its chunks are
 * pending again. So they are after an error of the origin, where anything may be by now. What
 * has no data, a copy does instead, and tells if the device is bad.
 */
static void done_on_both(void *owner, struct bio *bio, blk_status_t origin,
			 blk_status_t target)
{
	struct cbw_copying *copying = owner;

	if (!io_of(bio)->writes) {
		flushed(copying, target);
	} else if (origin || (target && !tells_nothing(bio, target))) {
		dirty(copying, &io_of(bio)->io.waiter);
		if (target && bio_op(bio) == REQ_OP_WRITE)
			cbw_copying_target_failed(copying, target);
	}
	bio->bi_status = origin;
	bio_endio(bio);
}

static void hung(void *owner)
{
	cbw_copying_give_up(owner);
}

static void none_in_flight(void *owner)
{
	cbw_copying_wake_idle(owner);
}

static const struct cbw_both_ops both_ops = {
	.submit	= submit_to_origin,
	.ended	= origin_ended,
	.done	= done_on_both,
	.hung	= hung,
	.idle	= none_in_flight,
};

/*----------------------------------------------------------------
 * Ready, and the end
 *----------------------------------------------------------------
 */

/* Until then what is pending again is copied at once, or it may never be nothing. */
static void get_ready(struct cbw_mirror *mirror)
{
	cbw_sweep_gather(mirror->copying.sweep);
	cbw_job_get_ready(&mirror->copying.job);
}

/* All of the origin is on the target device, if no write comes any more: then it is the end. */
static void all_copied(struct cbw_copying *copying)
{
	struct cbw_mirror *mirror = to_mirror(copying);

	if (READ_ONCE(mirror->ends))
		cbw_job_end(&copying->job, CBW_COMPLETED, NULL);
	else
		get_ready(mirror);
}

/* It has ended, or something has stopped it. */
static bool is_over(struct cbw_copying *copying)
{
	return !cbw_job_ready(&copying->job);
}

static bool mirror_sweeps_on(struct cbw_copying *copying)
{
	return cbw_job_wanted(&copying->job);
}

/*
 * What is left is copied as fast as it can be. What cannot be copied leaves the job as it is,
 * or fails it, as its policy says.
 */
static void copy_rest(struct cbw_mirror *mirror)
{
	struct cbw_copying *copying = &mirror->copying;

	WRITE_ONCE(mirror->ends, true);
	cbw_map_flush_again(copying->map);
	cbw_map_allow_sweep(copying->map, true);
	cbw_sweep_hurry(copying->sweep, true);
	cbw_copying_wait_progress(copying, is_over);
	cbw_sweep_hurry(copying->sweep, false);
	cbw_copying_stop_sweep(copying);
	WRITE_ONCE(mirror->ends, false);
}

/*
 * No write is under way, nor will one come. First all stands still: a flush that began before
 * that tells nothing of the rest.
 */
static void mirror_suspended(struct cbw_copying *copying)
{
	cbw_copying_stop_sweep(copying);
	if (cbw_job_wanted(&copying->job))
		copy_rest(to_mirror(copying));
}

/* The origin goes on, by itself: whoever has not yet gone over must not any more. */
static void mirror_resumed(struct cbw_copying *copying)
{
	if (cbw_job_completed(&copying->job))
		WRITE_ONCE(to_mirror(copying)->over, true);
}

/* While the job is paused nothing is written to the target device. */
static void mirror_steer(struct cbw_copying *copying, bool running)
{
	cbw_map_mirror(copying->map, running);
}

/* It grows when chunks become pending again; what was copied was copied. */
static void mirror_progress(struct cbw_copying *copying, unsigned long *done,
			    unsigned long *total)
{
	*done = cbw_map_nr_saved(copying->map, CBW_SWEEP);
	*total = *done + cbw_map_nr_pending(copying->map);
}

static unsigned int mirror_in_flight(struct cbw_copying *copying)
{
	struct cbw_both *both = to_mirror(copying)->both;

	return IS_ERR_OR_NULL(both) ? 0 : cbw_both_in_flight(both);
}

static const char *mirror_reason(struct cbw_copying *copying)
{
	struct cbw_mirror *mirror = to_mirror(copying);

	if (READ_ONCE(mirror->over))
		return "left-behind";
	if (READ_ONCE(mirror->write_blocking) && cbw_job_ready(&copying->job) &&
	    !cbw_map_nr_pending(copying->map))
		return "synced";
	return NULL;
}

bool cbw_mirror_complete(struct cbw_copying *copying)
{
	return cbw_job_want(&copying->job, "complete");
}

/*
 * As QEMU's block-job-cancel: when it is ready, the target device is a copy in the end; unless
 * its end is wanted already.
 */
static bool mirror_cancel(struct cbw_copying *copying)
{
	if (!cbw_job_wanted(&copying->job) && cbw_job_want(&copying->job, "cancel"))
		return true;
	return cbw_job_end(&copying->job, CBW_CANCELLED, "user");
}

void cbw_mirror_set_mode(struct cbw_copying *copying, const struct cbw_args *args)
{
	bool blocking = args->value[CBW_FEATURE_COPY_MODE] == CBW_WRITE_BLOCKING;

	WRITE_ONCE(to_mirror(copying)->write_blocking, blocking);
}

/*----------------------------------------------------------------
 * Creation and destruction
 *----------------------------------------------------------------
 */

static void mirror_stop(struct cbw_copying *copying)
{
	cbw_both_stop(to_mirror(copying)->both);
}

static void mirror_free(struct cbw_copying *copying)
{
	struct cbw_mirror *mirror = to_mirror(copying);

	cbw_both_destroy(mirror->both);
	kfree(mirror);
}

static const struct cbw_copying_ops mirror_ops = {
	.kind		= "mirror",
	.follows	= true,
	.per_bio_size	= sizeof(struct mirror_io),
	.nr_flushes	= 2,
	.map		= mirror_map,
	.ended		= mirror_ended,
	.go		= go,
	.all_copied	= all_copied,
	.sweeps_on	= mirror_sweeps_on,
	.suspended	= mirror_suspended,
	.resumed	= mirror_resumed,
	.steer		= mirror_steer,
	.progress	= mirror_progress,
	.in_flight	= mirror_in_flight,
	.reason		= mirror_reason,
	.cancel		= mirror_cancel,
	.stop		= mirror_stop,
	.free		= mirror_free,
};

static int create_both(struct cbw_mirror *mirror, char **error)
{
	struct cbw_copying *copying = &mirror->copying;

	mirror->both = cbw_both_create(&copying->geometry, copying->wq, copying->job.name,
				       copying->timeout, &both_ops, copying);
	*error = "Cannot allocate what is needed to write to both devices";
	return PTR_ERR_OR_ZERO(mirror->both);
}

struct cbw_copying *cbw_mirror_create(struct dm_target *ti, const struct cbw_args *args,
				      const struct cbw_geometry *geometry,
				      struct cbw_changes *changes, char **error)
{
	struct cbw_mirror *mirror = kzalloc(sizeof(*mirror), GFP_KERNEL);
	int r;

	if (!mirror) {
		*error = "Cannot allocate the job";
		return ERR_PTR(-ENOMEM);
	}
	r = cbw_copying_init(&mirror->copying, &mirror_ops, ti, args, geometry, changes, error);
	if (r)
		return ERR_PTR(r);

	cbw_mirror_set_mode(&mirror->copying, args);
	r = create_both(mirror, error);
	if (r) {
		cbw_copying_destroy(&mirror->copying);
		return ERR_PTR(r);
	}
	return &mirror->copying;
}
