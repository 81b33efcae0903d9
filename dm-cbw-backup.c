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
 *
 * When a copy ends, its callback updates the map, looks at each woken write
 * anew, and submits, holds or fails it. It does so in kcopyd's own thread: if
 * the origin makes it wait, the next copies would wait for the origin as well,
 * and handing over to a worker costs a third of the throughput (4 KiB chunks,
 * 16 writes at a time). The worker is for those who may not submit bios.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "dm-cbw.h"
#include "dm-cbw-backup.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-changes.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-copy.h"
#include "dm-cbw-job.h"
#include "dm-cbw-map.h"
#include "dm-cbw-pace.h"
#include "dm-cbw-stats.h"
#include "dm-cbw-sweep.h"
#include "dm-cbw-trace.h"

static_assert(CBW_WORKERS_MAX == CBW_MAX_SWEEP_COPIES);

/* Frees jobs whose copies outlived their table. */
static struct workqueue_struct *orphan_wq;

struct cbw_backup {
	struct cbw_job job;
	struct dm_target *ti;		/* of a live table only */
	struct cbw_geometry geometry;
	unsigned long nr_chunks;

	/* As loaded. */
	enum cbw_sync sync;
	enum cbw_bitmap_mode bitmap_mode;
	bool break_write;
	enum cbw_on_error on_source_error;
	enum cbw_on_error on_target_error;
	bool copy_discards;
	bool starts_paused;
	unsigned int max_copy;		/* sectors */
	u64 timeout;			/* ns, 0: none */

	struct cbw_changes *changes;	/* until the table goes; NULL: nothing is tracked */
	struct cbw_taken *taken;	/* NULL: it takes nothing */
	struct mutex settling;		/* of it, one at a time; guards nothing else */
	bool flush_failed;

	struct cbw_map *map;
	unsigned long nr_to_save;	/* chunks; set when the job begins, or is let begin */
	struct cbw_copier *copier;
	struct cbw_sweep *sweep;	/* NULL with sync none */
	struct cbw_pace pace;

	struct workqueue_struct *wq;
	struct work_struct let_go;	/* calls let_all_go() */
	struct delayed_work expire;

	wait_queue_head_t idle;		/* a kind of copies has run out */
	bool hung;			/* copies were waited for in vain */
	atomic_t source_errors;
	atomic_t target_errors;
	struct cbw_stats stats;

	/* For the case that the job outlives its table. */
	struct work_struct orphan;
	cbw_bdev_ref origin_ref;
	cbw_bdev_ref dest_ref;
};

/* The per-bio data. */
struct cbw_io {
	u64 start;			/* when it came, ns; 0: nobody wants to know */
	struct cbw_waiter waiter;	/* only while it is held */
};

size_t cbw_backup_per_bio_size(void)
{
	return sizeof(struct cbw_io);
}

static struct cbw_io *io_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct cbw_io));
}

static struct bio *bio_of(struct cbw_waiter *waiter)
{
	return dm_bio_from_per_bio_data(container_of(waiter, struct cbw_io, waiter),
					sizeof(struct cbw_io));
}

/*----------------------------------------------------------------
 * Release
 *----------------------------------------------------------------
 */

static void start_copies(struct cbw_backup *backup, struct list_head *claims)
{
	struct cbw_claim *claim, *next;

	/* Once its copy has started a claim may end, and be on another list. */
	list_for_each_entry_safe(claim, next, claims, start)
		cbw_copier_start(backup->copier, claim);
	INIT_LIST_HEAD(claims);
}

/* A write is held no longer: it goes on, or ends with @status. */
static void let_go(struct cbw_backup *backup, struct cbw_waiter *waiter,
		   blk_status_t status)
{
	u64 held = ktime_get_ns() - waiter->since;
	struct bio *bio = bio_of(waiter);

	/* What is handed back will be held anew. */
	if (status != BLK_STS_DM_REQUEUE)
		cbw_stats_hold(&backup->stats, held);
	trace_cbw_release(backup->job.dev, bio->bi_iter.bi_sector, bio_sectors(bio),
			  held, blk_status_to_errno(status));
	if (status) {
		bio->bi_status = status;
		bio_endio(bio);
	} else if (backup->changes) {
		cbw_changes_submit(backup->changes, bio);
	} else {
		submit_bio_noacct(bio);
	}
}

/* Let go what need not be held any more. May run several times at once. */
static void let_all_go(struct cbw_backup *backup)
{
	enum cbw_verdict verdict;
	struct cbw_waiter *waiter;
	struct blk_plug plug;
	LIST_HEAD(claims);
	bool more = true;

	blk_start_plug(&plug);
	while (more) {
		verdict = cbw_map_next(backup->map, &waiter, &claims, &more);
		start_copies(backup, &claims);
		if (verdict == CBW_GO)
			let_go(backup, waiter, BLK_STS_OK);
		else if (verdict == CBW_FAIL)
			let_go(backup, waiter, BLK_STS_IOERR);
		cond_resched();
	}
	blk_finish_plug(&plug);
}

static void fail_held_reads(struct cbw_backup *backup)
{
	struct cbw_reader *reader;

	while ((reader = cbw_map_take_held_read(backup->map, NULL)))
		bio_io_error(reader->bio);
}

static void let_go_work(struct work_struct *work)
{
	struct cbw_backup *backup = container_of(work, struct cbw_backup, let_go);

	let_all_go(backup);
	if (cbw_map_broken(backup->map))
		fail_held_reads(backup);
}

/*----------------------------------------------------------------
 * Copies
 *----------------------------------------------------------------
 */

static bool idle(struct cbw_backup *backup)
{
	return !cbw_map_in_flight(backup->map, CBW_WRITE) &&
	       !cbw_map_in_flight(backup->map, CBW_SWEEP);
}

/* For those who wait until something has run out. */
static void wake_idle(struct cbw_backup *backup)
{
	if (wq_has_sleeper(&backup->idle))
		wake_up(&backup->idle);
}

/* As QEMU's on-source-error and on-target-error of a block job. */
static void follow_policy(struct cbw_backup *backup, enum cbw_on_error policy,
			  const char *reason, unsigned int errors)
{
	if (policy == CBW_IGNORE || (errors & CBW_CAUSE_UNKNOWN))
		cbw_job_event(&backup->job);
	else if (policy == CBW_STOP)
		cbw_job_stop(&backup->job, reason);
	else if (policy == CBW_ENOSPC && (errors & CBW_NO_SPACE))
		cbw_job_stop(&backup->job, "enospc");
	else
		cbw_job_end(&backup->job, CBW_FAILED, reason);
}

/* The writes that were held on it are looked at anew; none fails for it. */
static void sweep_failed(struct cbw_backup *backup, unsigned int errors)
{
	cbw_sweep_retry_later(backup->sweep);
	if (errors & CBW_SOURCE_ERROR)
		follow_policy(backup, backup->on_source_error, "source-error", errors);
	if (errors & CBW_TARGET_ERROR)
		follow_policy(backup, backup->on_target_error, "target-error", errors);
}

/*
 * What a flush has lost, another one does not bring back, but may hide: it reports each
 * error once.
 */
static void flush_failed(struct cbw_backup *backup)
{
	WRITE_ONCE(backup->flush_failed, true);
	cbw_job_end(&backup->job, CBW_FAILED, "target-error");
}

static void copy_failed(struct cbw_backup *backup, struct cbw_claim *claim,
			unsigned int errors)
{
	if (errors & CBW_SOURCE_ERROR)
		atomic_inc(&backup->source_errors);
	if (errors & CBW_TARGET_ERROR)
		atomic_inc(&backup->target_errors);

	if (!claim->nr)
		flush_failed(backup);
	else if (claim->kind == CBW_SWEEP)
		sweep_failed(backup, errors);
	else if (!backup->break_write)
		cbw_job_end(&backup->job, CBW_FAILED, "cbw-error");
}

/*
 * A copy has ended, in this order:
 *
 * 1. if it failed, the job is broken, or is not, as its policy says; so a write
 *    that is let go because of it is let go from a job that shows it;
 * 2. the claim ends: saved chunks stop being pending, and its writes wake up;
 * 3. the writes are submitted, and whoever waits for copies looks again.
 */
static void copied(struct cbw_claim *claim, unsigned int errors)
{
	struct cbw_backup *backup = claim->owner;
	bool by_write = claim->kind == CBW_WRITE;

	/* What nobody wants any more cannot fail. */
	if (errors && claim->nr && !cbw_map_wanted(backup->map, claim))
		errors = 0;

	cbw_stats_copy(&backup->stats, claim->kind, claim->nr, errors);
	if (errors)
		copy_failed(backup, claim, errors);
	else if (!claim->nr)
		cbw_job_end(&backup->job, CBW_COMPLETED, NULL);

	if (cbw_map_finish(backup->map, claim, !errors,
			   errors && by_write && backup->break_write))
		let_all_go(backup);

	/* A sweep with copies of its own in flight looks again after those. */
	if (backup->sweep &&
	    (!by_write || !cbw_map_in_flight(backup->map, CBW_SWEEP)))
		cbw_sweep_wake(backup->sweep);
	wake_idle(backup);
}

/* A job that ends, stops or is suspended does not wait to find out why a copy failed. */
static bool cause_wanted(const struct cbw_claim *claim)
{
	struct cbw_backup *backup = claim->owner;

	return cbw_job_running(&backup->job) && cbw_map_sweep_allowed(backup->map);
}

/*----------------------------------------------------------------
 * Writes
 *----------------------------------------------------------------
 */

/* The clamp matters where jiffies have 32 bits. */
static unsigned long to_jiffies(u64 ns)
{
	return min_t(u64, nsecs_to_jiffies64(ns) + 1, MAX_JIFFY_OFFSET);
}

/*
 * Copies, or what views do, take too long. Nobody waits for them any more, nor for
 * long again. A job that has completed stays so: it is only its views that break.
 */
static void give_up(struct cbw_backup *backup)
{
	WRITE_ONCE(backup->hung, true);
	cbw_job_break(&backup->job, CBW_FAILED, "cbw-timeout");
}

/* One that needs to wait no more, but was not yet told so, goes on. */
static void fail_expired(struct cbw_backup *backup, u64 before)
{
	struct cbw_map *map = backup->map;
	struct cbw_waiter *waiter;
	bool waits;

	while ((waiter = cbw_map_take_oldest(map, before))) {
		waits = cbw_map_waits(map, waiter->first, waiter->last);
		let_go(backup, waiter, waits ? BLK_STS_IOERR : BLK_STS_OK);
		cond_resched();
	}
}

/*
 * The limit of the wait, not of the copy: the claim stays until the copy ends,
 * however late. A second copy of the chunk could otherwise succeed, the guest
 * overwrite the origin, and the late first copy put that over what was saved.
 */
static void expire_work(struct work_struct *work)
{
	struct cbw_backup *backup = container_of(to_delayed_work(work),
						 struct cbw_backup, expire);
	u64 now = ktime_get_ns();
	u64 since;

	/* When the job has completed it is a view that is waited for: that breaks, no write. */
	if (backup->break_write && !cbw_job_completed(&backup->job) && now > backup->timeout)
		fail_expired(backup, now - backup->timeout);

	if (!cbw_map_oldest(backup->map, &since))
		return;

	/* Whoever was held meanwhile has armed it for himself, and is younger. */
	if (since + backup->timeout > now) {
		mod_delayed_work(backup->wq, &backup->expire,
				 to_jiffies(since + backup->timeout - now));
		return;
	}
	if (cbw_job_completed(&backup->job))
		DMWARN("%s: a view has held up a write for too long, all views end",
		       backup->job.name);
	give_up(backup);
}

/* One timer for all: it waits for the oldest, and whoever is held next is younger. */
static void arm_timeout(struct cbw_backup *backup)
{
	if (backup->timeout)
		queue_delayed_work(backup->wq, &backup->expire,
				   to_jiffies(backup->timeout));
}

/* Writes without data may span the device; they are held in bounded pieces. */
static void bound(const struct cbw_backup *backup, struct bio *bio)
{
	unsigned long chunks = backup->max_copy >> backup->geometry.chunk_shift;
	unsigned long first, last;

	if (bio_op(bio) == REQ_OP_WRITE)
		return;

	cbw_chunks_of(bio, backup->geometry.chunk_shift, &first, &last);
	cbw_cut_before(bio, backup->geometry.chunk_shift, first + chunks);
}

static int hold(struct cbw_backup *backup, struct bio *bio)
{
	struct cbw_waiter *waiter = &io_of(bio)->waiter;
	enum cbw_verdict verdict;
	LIST_HEAD(claims);

	bound(backup, bio);
	cbw_chunks_of(bio, backup->geometry.chunk_shift, &waiter->first, &waiter->last);
	if (cbw_may_not_wait(bio) ||
	    !cbw_map_pending(backup->map, waiter->first, waiter->last)) {
		/* No may be wrong, but not a second time. */
		if (!cbw_map_waits(backup->map, waiter->first, waiter->last))
			return DM_MAPIO_REMAPPED;
		if (cbw_may_not_wait(bio))
			return cbw_would_block(bio);
	}

	trace_cbw_hold(backup->job.dev, bio->bi_iter.bi_sector, bio_sectors(bio));
	verdict = cbw_map_hold(backup->map, waiter, ktime_get_ns(),
			       dm_noflush_suspending(backup->ti), &claims);
	/* From here on a held bio may be gone at any moment. */
	start_copies(backup, &claims);

	switch (verdict) {
	case CBW_GO:
		return DM_MAPIO_REMAPPED;
	case CBW_REQUEUE:
		return DM_MAPIO_REQUEUE;
	default:
		arm_timeout(backup);
		return DM_MAPIO_SUBMITTED;
	}
}

/*
 * Discards are advisory, and a trim of the free space must not turn into a copy
 * of it: what is pending is not discarded, the rest is. Alternating runs are
 * taken one at a time. A chunk that becomes saved meanwhile stays undiscarded,
 * which is allowed as well; none becomes pending again.
 */
static int skip_discard(struct cbw_backup *backup, struct bio *bio)
{
	unsigned long first, last, next;

	cbw_chunks_of(bio, backup->geometry.chunk_shift, &first, &last);
	next = cbw_map_find(backup->map, first, last, true);
	if (next > first) {
		cbw_cut_before(bio, backup->geometry.chunk_shift, next);
		if (cbw_map_passes(backup->map, first, next - 1))
			return DM_MAPIO_REMAPPED;
		return hold(backup, bio);
	}
	/* The first is pending, or was just now. */
	next = cbw_map_find(backup->map, first + 1, last, false);
	cbw_cut_before(bio, backup->geometry.chunk_shift, next);
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

/*
 * A polled write is none that was handed back: those are not polled any more.
 * When a signal ends the suspend, DM lets bios in before presuspend_undo; they
 * would get an I/O error for being handed back.
 */
static bool handing_back(struct cbw_backup *backup, const struct bio *bio)
{
	return cbw_map_requeues(backup->map) && !(bio->bi_opf & REQ_POLLED) &&
	       dm_noflush_suspending(backup->ti);
}

static void note_start(struct cbw_backup *backup, struct bio *bio)
{
	io_of(bio)->start = cbw_pace_measures(&backup->pace) && bio_has_data(bio) ?
			    ktime_get_ns() : 0;
}

void cbw_backup_end_io(struct cbw_backup *backup, struct bio *bio)
{
	u64 start = io_of(bio)->start;

	/* What was not done tells nothing: it is tried again, or the device is broken. */
	if (start && !bio->bi_status)
		cbw_pace_foreground(&backup->pace, ktime_get_ns() - start);
}

int cbw_backup_map(struct cbw_backup *backup, struct bio *bio)
{
	unsigned long first, last;

	bio_set_dev(bio, backup->geometry.origin);
	note_start(backup, bio);

	/* Reads, and flushes, which have no data, change nothing. */
	if (!op_is_write(bio_op(bio)) || !bio_sectors(bio))
		return DM_MAPIO_REMAPPED;

	if (unlikely(handing_back(backup, bio)))
		return cbw_may_not_wait(bio) ? cbw_would_block(bio) : DM_MAPIO_REQUEUE;

	cbw_chunks_of(bio, backup->geometry.chunk_shift, &first, &last);
	if (likely(cbw_map_passes(backup->map, first, last)))
		return DM_MAPIO_REMAPPED;

	/* For nobody any more: the job has failed or was cancelled. */
	if (cbw_map_broken(backup->map))
		return DM_MAPIO_REMAPPED;

	if (bio_op(bio) == REQ_OP_DISCARD && !backup->copy_discards)
		return skip_discard(backup, bio);

	return hold(backup, bio);
}

/*----------------------------------------------------------------
 * Suspend and resume
 *----------------------------------------------------------------
 */

static bool sweep_idle(struct cbw_backup *backup)
{
	return !cbw_map_in_flight(backup->map, CBW_SWEEP);
}

/*
 * Wait for copies, but for no longer than a write would be held: a device that
 * hangs must not hang the suspend, and with it production. The job is broken
 * then, so whatever the copies still do changes nothing.
 */
static void wait_for(struct cbw_backup *backup, bool (*done)(struct cbw_backup *))
{
	if (!backup->timeout) {
		wait_event_idle(backup->idle, done(backup));
		return;
	}
	if (!READ_ONCE(backup->hung) &&
	    wait_event_idle_timeout(backup->idle, done(backup),
				    to_jiffies(backup->timeout)))
		return;

	if (done(backup))
		return;
	give_up(backup);
	DMWARN("%s: copies, or reads of a view, hang; the suspend goes on without them",
	       backup->job.name);
}

/*
 * From now on .map hands every write back; here goes what is held. Every one:
 * DM lists what is handed back, where its worker finds it and sends it again,
 * and only then accounts for it. Passed on, it could end before that, even
 * though it was held a moment ago: a copy has saved its chunks, or the job has
 * been cancelled. Once DM has blocked new bios, what it lists stays there.
 */
static void hand_back(struct cbw_backup *backup)
{
	struct cbw_waiter *waiter;

	cbw_map_requeue(backup->map, true);
	while ((waiter = cbw_map_take_oldest(backup->map, U64_MAX))) {
		let_go(backup, waiter, BLK_STS_DM_REQUEUE);
		cond_resched();
	}
}

/*
 * Before the file system is frozen: its last writes come through here, so only
 * the sweep stops, and copy-before-write goes on.
 *
 * Bios are handed back last: DM sends them again at once, until it has blocked
 * new bios, which is what it does next.
 */
void cbw_backup_presuspend(struct cbw_backup *backup)
{
	cbw_map_allow_sweep(backup->map, false);
	wait_for(backup, sweep_idle);

	if (dm_noflush_suspending(backup->ti))
		hand_back(backup);
}

void cbw_backup_presuspend_undo(struct cbw_backup *backup)
{
	cbw_map_requeue(backup->map, false);
	cbw_map_allow_sweep(backup->map, true);
	if (backup->sweep)
		cbw_sweep_wake(backup->sweep);
}

/* Reads of a broken map are void, whatever they find. */
static bool views_idle(struct cbw_backup *backup)
{
	return (cbw_map_broken(backup->map) || !cbw_map_nr_reading(backup->map)) &&
	       !cbw_map_nr_releasing(backup->map);
}

/*
 * No bio of ours is in flight any more, but copies, and reads of the origin by
 * views. Those have to wait: the next table may let writes pass that we do not see.
 */
void cbw_backup_postsuspend(struct cbw_backup *backup)
{
	wait_for(backup, idle);
	cbw_map_stop_reads(backup->map);
	wait_for(backup, views_idle);
}

/* Does user space list what is to be saved? */
static bool is_listed(const struct cbw_backup *backup)
{
	return backup->sync == CBW_SYNC_TOP || backup->sync == CBW_SYNC_BITMAP;
}

static enum cbw_state first_state(const struct cbw_backup *backup)
{
	return backup->starts_paused ? CBW_PAUSED : CBW_RUNNING;
}

/* The first one is the point in time. */
void cbw_backup_preresume(struct cbw_backup *backup)
{
	cbw_job_start(&backup->job, is_listed(backup) ? CBW_HELD : first_state(backup));
}

/* Reads first: they were held because their chunks are pending. */
void cbw_backup_resume(struct cbw_backup *backup)
{
	struct cbw_reader *reader;
	LIST_HEAD(readers);

	cbw_map_resume_reads(backup->map, &readers);
	while (!list_empty(&readers)) {
		reader = list_first_entry(&readers, struct cbw_reader, start);
		list_del(&reader->start);
		submit_bio_noacct(reader->bio);
	}
	cbw_backup_presuspend_undo(backup);
}

/*----------------------------------------------------------------
 * What the job asks of us
 *----------------------------------------------------------------
 */

static struct cbw_backup *to_backup(struct cbw_job *job)
{
	return container_of(job, struct cbw_backup, job);
}

/* What has changed is all that is to be saved. */
static void want_taken(struct cbw_backup *backup)
{
	unsigned int shift = backup->geometry.chunk_shift;
	sector_t from = 0, end;

	for (; cbw_taken_next(backup->taken, &from, &end); from = end)
		cbw_map_want(backup->map, from >> shift, (end - 1) >> shift);
	WRITE_ONCE(backup->nr_to_save, cbw_map_nr_pending(backup->map));
}

static const char *backup_begin(struct cbw_job *job)
{
	struct cbw_backup *backup = to_backup(job);
	bool incremental = backup->sync == CBW_SYNC_INCREMENTAL;

	cbw_changes_enter(backup->changes, backup->ti);
	/* The full backup that it was to follow may have failed since it was loaded. */
	if (incremental && !cbw_changes_based(backup->changes))
		return "no-map";
	if (backup->taken)
		cbw_taken_take(backup->taken);
	if (incremental)
		want_taken(backup);
	return NULL;
}

static void give_back_unsaved(struct cbw_backup *backup)
{
	unsigned int shift = backup->geometry.chunk_shift;
	unsigned long last = backup->nr_chunks - 1;
	unsigned long first = 0, next;

	while ((first = cbw_map_find(backup->map, first, last, true)) <= last) {
		next = cbw_map_find(backup->map, first, last, false);
		cbw_taken_give_back_part(backup->taken, (sector_t)first << shift,
					 min((sector_t)next << shift, backup->geometry.len));
		first = next;
	}
}

/*
 * As QEMU's bitmap-mode. What a job that did not complete has saved is not flushed: where
 * the map survives a power cut, all of it is given back. If the last flush has failed,
 * nobody knows what is on the target device, of earlier jobs either.
 */
static void settle(struct cbw_backup *backup)
{
	bool completed = cbw_job_completed(&backup->job);

	if (READ_ONCE(backup->flush_failed))
		cbw_taken_give_back(backup->taken, false);
	else if (backup->bitmap_mode == CBW_NEVER ||
		 (!completed && (backup->bitmap_mode == CBW_ON_SUCCESS || backup->job.metadata)))
		cbw_taken_give_back(backup->taken, true);
	else if (!completed)
		give_back_unsaved(backup);
	/* What is left of it. */
	cbw_taken_drop(backup->taken);
}

/* By its event, by a message that comes before that, or by whoever replaces or removes it. */
static void backup_settle(struct cbw_job *job)
{
	struct cbw_backup *backup = to_backup(job);

	if (!backup->taken)
		return;
	mutex_lock(&backup->settling);
	settle(backup);
	mutex_unlock(&backup->settling);
}

void cbw_backup_settle(struct cbw_backup *backup)
{
	/* The last flush may be under way, though the job has been cancelled. */
	if (cbw_job_ended(&backup->job) && idle(backup))
		backup_settle(&backup->job);
}

bool cbw_backup_begun(struct cbw_backup *backup)
{
	return cbw_job_begun(&backup->job);
}

static void backup_steer(struct cbw_job *job, bool running)
{
	struct cbw_backup *backup = to_backup(job);

	if (backup->sweep)
		cbw_sweep_pause(backup->sweep, !running);
}

static void backup_broken(struct cbw_job *job)
{
	struct cbw_backup *backup = to_backup(job);

	cbw_map_break(backup->map);
	queue_work(backup->wq, &backup->let_go);
	wake_idle(backup);
}

static void backup_progress(struct cbw_job *job, unsigned long *done,
			    unsigned long *total)
{
	struct cbw_backup *backup = to_backup(job);

	*total = READ_ONCE(backup->nr_to_save);
	*done = *total ? cbw_map_nr_saved(backup->map, CBW_WRITE) +
			 cbw_map_nr_saved(backup->map, CBW_SWEEP) : 0;
}

static bool backup_busy(struct cbw_job *job)
{
	struct cbw_backup *backup = to_backup(job);

	return !idle(backup) || cbw_map_nr_releasing(backup->map);
}

static void backup_unused(struct cbw_job *job);

static const struct cbw_job_ops backup_ops = {
	.begin		= backup_begin,
	.settle		= backup_settle,
	.steer		= backup_steer,
	.broken		= backup_broken,
	.progress	= backup_progress,
	.busy		= backup_busy,
	.unused		= backup_unused,
};

/*----------------------------------------------------------------
 * Messages and status
 *----------------------------------------------------------------
 */

bool cbw_backup_taken(struct cbw_backup *backup, sector_t *from, sector_t *end)
{
	return backup->taken && cbw_taken_next(backup->taken, from, end);
}

bool cbw_backup_pause(struct cbw_backup *backup)
{
	return cbw_job_pause(&backup->job);
}

bool cbw_backup_unpause(struct cbw_backup *backup)
{
	return cbw_job_resume(&backup->job);
}

bool cbw_backup_cancel(struct cbw_backup *backup)
{
	return cbw_job_end(&backup->job, CBW_CANCELLED, "user");
}

bool cbw_backup_held(struct cbw_backup *backup)
{
	return cbw_job_held(&backup->job);
}

void cbw_backup_list(struct cbw_backup *backup, sector_t start, sector_t end, bool add)
{
	unsigned int shift = backup->geometry.chunk_shift;
	unsigned long first = start >> shift, next = ((end - 1) >> shift) + 1;

	if (!add) {
		first = (start + (1UL << shift) - 1) >> shift;
		/* The last chunk may be short. */
		if (end < backup->geometry.len)
			next = end >> shift;
	}
	if (first < next)
		cbw_map_list(backup->map, first, next - 1, add);
}

/* The sweep is off until all that is excluded is, and counted. */
bool cbw_backup_start(struct cbw_backup *backup)
{
	if (!cbw_job_held(&backup->job))
		return false;

	if (cbw_map_exclude(backup->map))
		queue_work(backup->wq, &backup->let_go);
	WRITE_ONCE(backup->nr_to_save, backup->nr_chunks - cbw_map_nr_excluded(backup->map));
	return cbw_job_let_begin(&backup->job, first_state(backup));
}

void cbw_backup_tune(struct cbw_backup *backup, const struct cbw_args *args)
{
	if (!backup->sweep)
		return;

	cbw_pace_set(&backup->pace, args->value[CBW_FEATURE_SPEED],
		     args->value[CBW_FEATURE_MIN_SPEED],
		     args->value[CBW_FEATURE_TARGET_LATENCY]);
	cbw_map_set_sweep_copies(backup->map, args->value[CBW_FEATURE_WORKERS]);
	cbw_sweep_wake(backup->sweep);
}

size_t cbw_backup_stats(struct cbw_backup *backup, char *result, size_t maxlen)
{
	return cbw_stats_emit(&backup->stats, result, maxlen);
}

void cbw_backup_reset_stats(struct cbw_backup *backup)
{
	cbw_stats_reset(&backup->stats);
}

void cbw_backup_status(struct cbw_backup *backup, struct cbw_backup_status *status)
{
	struct cbw_map *map = backup->map;

	cbw_job_state(&backup->job, &status->state, &status->reason);
	backup_progress(&backup->job, &status->done, &status->total);
	status->in_flight = cbw_map_in_flight(map, CBW_WRITE) +
			    cbw_map_in_flight(map, CBW_SWEEP);
	status->held = cbw_map_nr_held(map);
	status->cbw_chunks = cbw_map_nr_saved(map, CBW_WRITE);
	status->sweep_chunks = cbw_map_nr_saved(map, CBW_SWEEP);
	status->source_errors = atomic_read(&backup->source_errors);
	status->target_errors = atomic_read(&backup->target_errors);
}

/*----------------------------------------------------------------
 * Creation and destruction
 *----------------------------------------------------------------
 */

/*
 * A job that outlives its table needs the devices to stay. They are opened when
 * all is well: opening a device that hangs may hang, too.
 */
static int get_refs(struct cbw_backup *backup, char **error)
{
	backup->origin_ref = cbw_bdev_ref_get(backup->geometry.origin->bd_dev);
	if (IS_ERR(backup->origin_ref)) {
		*error = "Cannot open the origin device once more";
		return PTR_ERR(backup->origin_ref);
	}
	backup->dest_ref = cbw_bdev_ref_get(backup->geometry.dest->bd_dev);
	if (IS_ERR(backup->dest_ref)) {
		*error = "Cannot open the target device once more";
		return PTR_ERR(backup->dest_ref);
	}
	return 0;
}

static void put_refs(struct cbw_backup *backup)
{
	if (!IS_ERR_OR_NULL(backup->origin_ref))
		cbw_bdev_ref_put(backup->origin_ref);
	if (!IS_ERR_OR_NULL(backup->dest_ref))
		cbw_bdev_ref_put(backup->dest_ref);
}

/* Nothing is held or in flight. Also for a half-built one. */
static void free_backup(struct cbw_backup *backup)
{
	/*
	 * The last copies may still be in the tail of their callback, which
	 * wakes the sweep and queues work: first no new copies, then no more
	 * callbacks, then what those use.
	 */
	cbw_sweep_stop(backup->sweep);
	cbw_copier_destroy(backup->copier);
	if (backup->wq) {
		cancel_delayed_work_sync(&backup->expire);
		destroy_workqueue(backup->wq);
	}
	cbw_job_unregister(&backup->job);
	cbw_sweep_destroy(backup->sweep);
	cbw_pace_destroy(&backup->pace);
	cbw_taken_destroy(backup->taken);
	mutex_destroy(&backup->settling);
	cbw_map_destroy(backup->map);
	put_refs(backup);
	kfree(backup);
}

static void orphan_work(struct work_struct *work)
{
	struct cbw_backup *backup = container_of(work, struct cbw_backup, orphan);

	wait_event_idle(backup->idle, idle(backup));
	DMINFO("%s: the last copy of the ended job has ended, too", backup->job.name);
	free_backup(backup);
	/* cbw_backup_exit() waits for the rest of this function. */
	module_put(THIS_MODULE);
}

/*
 * Copies hang on: leave them all that they use, and the references to the
 * devices and the module, for as long as they take.
 */
static void make_orphan(struct cbw_backup *backup)
{
	__module_get(THIS_MODULE);
	INIT_WORK(&backup->orphan, orphan_work);
	queue_work(orphan_wq, &backup->orphan);
}

static void backup_unused(struct cbw_job *job)
{
	struct cbw_backup *backup = to_backup(job);

	if (idle(backup))
		free_backup(backup);
	else
		make_orphan(backup);
}

void cbw_backup_destroy(struct cbw_backup *backup)
{
	if (!backup)
		return;

	cbw_job_break(&backup->job, CBW_CANCELLED, "removed");
	flush_work(&backup->let_go);
	cancel_delayed_work_sync(&backup->expire);
	cbw_job_detach(&backup->job);
	/* Now no successor finds it any more, which would do the same. */
	backup_settle(&backup->job);
	if (backup->taken)
		cbw_taken_let_go(backup->taken);
	backup->ti = NULL;
	cbw_backup_put(backup);
}

/*----------------------------------------------------------------
 * Snapshot views
 *----------------------------------------------------------------
 */

struct cbw_backup *cbw_backup_find(struct block_device *origin)
{
	struct cbw_job *job = cbw_job_find(&backup_ops, origin);

	return job ? to_backup(job) : NULL;
}

void cbw_backup_put(struct cbw_backup *backup)
{
	cbw_job_put(&backup->job);
}

bool cbw_backup_may_release(const struct cbw_backup *backup)
{
	return backup->sync == CBW_SYNC_NONE;
}

struct cbw_map *cbw_backup_chunks(struct cbw_backup *backup)
{
	return backup->map;
}

const struct cbw_geometry *cbw_backup_geometry(const struct cbw_backup *backup)
{
	return &backup->geometry;
}

/* Whoever ends a read may not submit bios: the writes that waited are the worker's. */
void cbw_backup_read_done(struct cbw_backup *backup, struct cbw_reader *reader)
{
	if (cbw_map_read_done(backup->map, reader))
		queue_work(backup->wq, &backup->let_go);
	wake_idle(backup);
}

void cbw_backup_release_done(struct cbw_backup *backup)
{
	cbw_map_release_done(backup->map);
	wake_idle(backup);
}

static void take_args(struct cbw_backup *backup, const struct cbw_args *args)
{
	backup->sync = args->value[CBW_FEATURE_SYNC];
	backup->bitmap_mode = args->value[CBW_FEATURE_BITMAP_MODE];
	backup->break_write = args->value[CBW_FEATURE_ON_CBW_ERROR] == CBW_BREAK_WRITE;
	backup->on_source_error = args->value[CBW_FEATURE_ON_SOURCE_ERROR];
	backup->on_target_error = args->value[CBW_FEATURE_ON_TARGET_ERROR];
	backup->copy_discards = args->value[CBW_FEATURE_DISCARD] == CBW_DISCARD_COPY;
	backup->starts_paused = test_bit(CBW_FEATURE_PAUSED, &args->given);
	backup->max_copy = args->value[CBW_FEATURE_MAX_COPY];
	backup->timeout = (u64)args->value[CBW_FEATURE_CBW_TIMEOUT] * NSEC_PER_MSEC;
}

static int create_map(struct cbw_backup *backup, char **error)
{
	unsigned long max_run = backup->max_copy >> backup->geometry.chunk_shift;

	*error = "Cannot allocate the chunk map";
	backup->map = cbw_map_create(backup->nr_chunks, max_run,
				     backup->sync != CBW_SYNC_INCREMENTAL, backup);
	if (!backup->map)
		return -ENOMEM;
	if (backup->sync != CBW_SYNC_NONE)
		backup->nr_to_save = cbw_map_nr_pending(backup->map);

	*error = "Cannot allocate the list of what is to be saved";
	return is_listed(backup) ? cbw_map_may_exclude(backup->map) : 0;
}

/* What it leaves out must be nothing that an incremental backup would need. */
static bool takes_changes(const struct cbw_backup *backup)
{
	return backup->sync != CBW_SYNC_NONE && backup->sync != CBW_SYNC_BITMAP;
}

static int start_units(struct cbw_backup *backup, const struct cbw_args *args,
		       char **error)
{
	unsigned int shift = backup->geometry.chunk_shift;
	int r = get_refs(backup, error);

	if (r)
		return r;

	*error = "Cannot allocate the workqueue";
	backup->wq = alloc_workqueue("cbw/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0,
				     backup->job.name);
	if (!backup->wq)
		return -ENOMEM;

	r = create_map(backup, error);
	if (r)
		return r;

	*error = "Cannot allocate the next tracking map";
	if (backup->changes && takes_changes(backup)) {
		backup->taken = cbw_taken_create(backup->changes);
		if (!backup->taken)
			return -ENOMEM;
	}

	*error = "Cannot create the copy engine";
	backup->copier = cbw_copier_create(&backup->geometry, backup->wq, copied,
					   backup->on_target_error == CBW_ENOSPC ?
					   cause_wanted : NULL);
	if (IS_ERR(backup->copier))
		return PTR_ERR(backup->copier);

	if (backup->sync == CBW_SYNC_NONE)
		return 0;

	*error = "Cannot allocate the counters of the pace";
	r = cbw_pace_init(&backup->pace);
	if (r)
		return r;

	*error = "Cannot start the sweep's thread";
	backup->sweep = cbw_sweep_create(backup->map, backup->copier, &backup->pace,
					 backup->max_copy >> shift,
					 (u64)SECTOR_SIZE << shift, backup->job.name);
	if (IS_ERR(backup->sweep))
		return PTR_ERR(backup->sweep);

	cbw_backup_tune(backup, args);
	return 0;
}

struct cbw_backup *cbw_backup_create(struct dm_target *ti,
				     const struct cbw_args *args,
				     const struct cbw_geometry *geometry,
				     struct cbw_changes *changes, char **error)
{
	struct cbw_backup *backup = kzalloc(sizeof(*backup), GFP_KERNEL);
	int r;

	if (!backup) {
		*error = "Cannot allocate the job";
		return ERR_PTR(-ENOMEM);
	}

	backup->ti = ti;
	backup->geometry = *geometry;
	backup->changes = changes;
	backup->nr_chunks = ((geometry->len - 1) >> geometry->chunk_shift) + 1;
	take_args(backup, args);
	INIT_WORK(&backup->let_go, let_go_work);
	INIT_DELAYED_WORK(&backup->expire, expire_work);
	init_waitqueue_head(&backup->idle);
	mutex_init(&backup->settling);

	backup->job.ops = &backup_ops;
	backup->job.kind = "backup";
	backup->job.origin = geometry->origin;
	backup->job.dest = geometry->dest;
	backup->job.metadata = cbw_changes_metadata(changes);
	backup->job.dev = geometry->dev;
	r = cbw_job_register(&backup->job, ti, error);
	if (r) {
		kfree(backup);
		return ERR_PTR(r);
	}

	r = start_units(backup, args, error);
	if (r) {
		cbw_job_detach(&backup->job);
		free_backup(backup);
		return ERR_PTR(r);
	}
	return backup;
}

int cbw_backup_init(void)
{
	orphan_wq = alloc_workqueue("cbw_orphan", WQ_UNBOUND, 0);
	return orphan_wq ? 0 : -ENOMEM;
}

void cbw_backup_exit(void)
{
	destroy_workqueue(orphan_wq);
}
