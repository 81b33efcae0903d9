// SPDX-License-Identifier: GPL-2.0-only
/*
 * What jobs that copy have in common; see dm-cbw-copying.h for the contract and
 * Documentation/design.rst for why it cannot lose data.
 *
 * When a copy ends, its callback updates the map, looks at each woken write
 * anew, and lets it go, holds or fails it. It does so in the engine's own thread: if
 * the origin has no room for it, the next copies would wait for the origin as well,
 * and handing over to a worker costs a third of the throughput (4 KiB chunks,
 * 16 writes at a time). Workers are for those who may not submit bios, and for writes
 * that the block layer may throttle.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dm-cbw.h"
#include "dm-cbw-apart.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-bits.h"
#include "dm-cbw-changes.h"
#include "dm-cbw-copying.h"
#include "dm-cbw-late.h"
#include "dm-cbw-map.h"
#include "dm-cbw-sweep.h"
#include "dm-cbw-time.h"
#include "dm-cbw-trace.h"

static_assert(CBW_WORKERS_MAX == CBW_MAX_SWEEP_COPIES);

static struct bio *bio_of(struct cbw_waiter *waiter)
{
	return dm_bio_from_per_bio_data(container_of(waiter, struct cbw_io, waiter),
					sizeof(struct cbw_io));
}

/*----------------------------------------------------------------
 * Release
 *----------------------------------------------------------------
 */

void cbw_copying_start_copies(struct cbw_copying *copying, struct list_head *claims)
{
	struct cbw_claim *claim, *next;

	/* Once its copy has started a claim may end, and be on another list. */
	list_for_each_entry_safe(claim, next, claims, start)
		cbw_copier_start(copying->copier, claim);
	INIT_LIST_HEAD(claims);
}

void cbw_copying_submit(struct cbw_copying *copying, struct bio *bio)
{
	if (copying->changes)
		cbw_changes_submit(copying->changes, bio);
	else
		submit_bio_noacct(bio);
}

static void go_apart(void *owner, struct bio *bio)
{
	struct cbw_copying *copying = owner;

	copying->ops->go(copying, bio);
}

/*
 * A write is held no longer: it goes on, or ends with @status. What the block layer makes wait
 * where it is submitted, for its group's share or for being writeback, must not hold up the
 * copies that others wait for.
 */
static void let_go(struct cbw_copying *copying, struct cbw_waiter *waiter, blk_status_t status)
{
	u64 held = ktime_get_ns() - waiter->since;
	struct bio *bio = bio_of(waiter);

	/* What is handed back will be held anew. */
	if (status != BLK_STS_DM_REQUEUE)
		cbw_stats_hold(&copying->stats, held);
	trace_cbw_release(copying->job.dev, bio->bi_iter.bi_sector, bio_sectors(bio),
			  held, blk_status_to_errno(status));
	if (status) {
		bio->bi_status = status;
		bio_endio(bio);
	} else if (cbw_may_be_throttled(bio)) {
		cbw_apart_submit(copying->apart, bio);
	} else {
		copying->ops->go(copying, bio);
	}
}

/* Let go what need not be held any more. May run several times at once. */
static void let_all_go(struct cbw_copying *copying)
{
	enum cbw_verdict verdict;
	struct cbw_waiter *waiter;
	struct blk_plug plug;
	LIST_HEAD(claims);
	bool more = true;

	blk_start_plug(&plug);
	while (more) {
		verdict = cbw_map_next(copying->map, &waiter, &claims, &more);
		cbw_copying_start_copies(copying, &claims);
		if (verdict == CBW_GO)
			let_go(copying, waiter, BLK_STS_OK);
		else if (verdict == CBW_FAIL)
			let_go(copying, waiter, BLK_STS_IOERR);
		cond_resched();
	}
	blk_finish_plug(&plug);
}

void cbw_copying_look_again(struct cbw_copying *copying)
{
	queue_work(copying->wq, &copying->let_go);
}

static void fail_held_reads(struct cbw_copying *copying)
{
	struct cbw_reader *reader;

	while ((reader = cbw_map_take_held_read(copying->map, NULL)))
		bio_io_error(reader->bio);
	while ((reader = cbw_map_take_unsaved_read(copying->map)))
		bio_io_error(reader->bio);
}

static void let_go_work(struct work_struct *work)
{
	struct cbw_copying *copying = container_of(work, struct cbw_copying, let_go);

	let_all_go(copying);
	if (cbw_map_broken(copying->map))
		fail_held_reads(copying);
}

/*----------------------------------------------------------------
 * Copies
 *----------------------------------------------------------------
 */

static unsigned int others_in_flight(struct cbw_copying *copying)
{
	return copying->ops->in_flight ? copying->ops->in_flight(copying) : 0;
}

static bool idle(struct cbw_copying *copying)
{
	return !cbw_map_in_flight(copying->map, CBW_WRITE) &&
	       !cbw_map_in_flight(copying->map, CBW_SWEEP) &&
	       !others_in_flight(copying);
}

/* For those who wait until something has run out. */
void cbw_copying_wake_idle(struct cbw_copying *copying)
{
	if (wq_has_sleeper(&copying->idle))
		wake_up(&copying->idle);
}

/* As QEMU's on-source-error and on-target-error of a block job. */
static void follow_policy(struct cbw_copying *copying, enum cbw_on_error policy,
			  const char *reason, unsigned int errors)
{
	if (policy == CBW_IGNORE || (errors & CBW_CAUSE_UNKNOWN))
		cbw_job_event(&copying->job);
	else if (policy == CBW_STOP)
		cbw_job_stop(&copying->job, reason);
	else if (policy == CBW_ENOSPC && (errors & CBW_NO_SPACE))
		cbw_job_stop(&copying->job, "enospc");
	else
		cbw_job_end(&copying->job, CBW_FAILED, reason);
}

/* The writes that were held on it are looked at anew; none fails for it. */
static void sweep_failed(struct cbw_copying *copying, unsigned int errors)
{
	cbw_sweep_retry_later(copying->sweep);
	if (errors & CBW_SOURCE_ERROR)
		follow_policy(copying, copying->on_source_error, "source-error", errors);
	if (errors & CBW_TARGET_ERROR)
		follow_policy(copying, copying->on_target_error, "target-error", errors);
}

/*
 * What a flush has lost, another one does not bring back, but may hide: it reports each
 * error once.
 */
void cbw_copying_flush_failed(struct cbw_copying *copying)
{
	WRITE_ONCE(copying->flush_failed, true);
	cbw_job_end(&copying->job, CBW_FAILED, "target-error");
}

void cbw_copying_target_failed(struct cbw_copying *copying, blk_status_t status)
{
	atomic_inc(&copying->target_errors);
	follow_policy(copying, copying->on_target_error, "target-error",
		      status == BLK_STS_NOSPC ? CBW_NO_SPACE : 0);
}

static void copy_failed(struct cbw_copying *copying, struct cbw_claim *claim,
			unsigned int errors)
{
	bool lost = claim->nr && cbw_map_lost(copying->map, claim);

	if (errors & CBW_SOURCE_ERROR)
		atomic_inc(&copying->source_errors);
	if (errors & CBW_TARGET_ERROR)
		atomic_inc(&copying->target_errors);

	if (!claim->nr)
		cbw_copying_flush_failed(copying);
	else if (lost)
		/* Somebody else may be about to end it, but has not broken the map yet. */
		cbw_job_break(&copying->job, CBW_FAILED, "target-error");
	else if (claim->kind == CBW_SWEEP)
		sweep_failed(copying, errors);
	else if (!copying->break_write)
		cbw_job_end(&copying->job, CBW_FAILED, "cbw-error");
}

/*
 * Views have waited until what they read is on the target device. Whoever reads may have to wait
 * for its group's share there.
 */
static void let_saved_reads_go(struct cbw_copying *copying)
{
	struct cbw_reader *reader;

	while ((reader = cbw_map_take_saved_read(copying->map)))
		cbw_apart_submit(copying->reads, reader->bio);
}

/* What the claim covers is safe for those that wait for it. */
static void buffered(struct cbw_claim *claim)
{
	struct cbw_copying *copying = claim->owner;

	if (cbw_map_buffered(copying->map, claim))
		let_all_go(copying);
}

/*
 * A copy has ended, in this order:
 *
 * 1. if it failed, the job is broken, or is not, as its policy says; so a write
 *    that is let go because of it is let go from a job that shows it;
 * 2. the claim ends: saved chunks stop being pending, and its writes wake up;
 * 3. the writes are submitted, and whoever waits for copies looks again.
 *
 * Where writes need not wait for that, it is what they have overwritten that is lost with it.
 */
static void copied(struct cbw_claim *claim, unsigned int errors)
{
	struct cbw_copying *copying = claim->owner;
	bool by_write = claim->kind == CBW_WRITE, made = !(errors & CBW_NOT_MADE);
	bool failed;

	/* What nobody wants any more cannot fail. */
	if (errors && claim->nr && !cbw_map_wanted(copying->map, claim))
		errors = 0;
	failed = errors && made;

	if (made)
		cbw_stats_copy(&copying->stats, claim->kind, claim->nr, errors);
	if (failed)
		copy_failed(copying, claim, errors);
	else if (!claim->nr)
		copying->ops->all_copied(copying);

	if (cbw_map_finish(copying->map, claim, !errors,
			   failed && by_write && copying->break_write))
		let_all_go(copying);
	let_saved_reads_go(copying);

	/* A sweep with copies of its own in flight looks again after those. */
	if (copying->sweep &&
	    (!by_write || !cbw_map_in_flight(copying->map, CBW_SWEEP)))
		cbw_sweep_wake(copying->sweep);
	cbw_copying_wake_idle(copying);
}

static bool ended(const struct cbw_claim *claim)
{
	struct cbw_copying *copying = claim->owner;

	return cbw_map_broken(copying->map);
}

/* A job that ends, stops or is suspended does not wait to find out why a copy failed. */
static bool cause_wanted(const struct cbw_claim *claim)
{
	struct cbw_copying *copying = claim->owner;

	return cbw_job_running(&copying->job) && cbw_map_sweep_allowed(copying->map);
}

/*----------------------------------------------------------------
 * Writes
 *----------------------------------------------------------------
 */

/*
 * Copies, or what views do, take too long. Nobody waits for them any more, nor for
 * long again. A job that has completed stays so: it is only its views that break.
 */
void cbw_copying_give_up(struct cbw_copying *copying)
{
	WRITE_ONCE(copying->hung, true);
	cbw_job_break(&copying->job, CBW_FAILED, "cbw-timeout");
}

/* One that needs to wait no more, but was not yet told so, goes on. */
static void fail_expired(struct cbw_copying *copying, u64 before)
{
	struct cbw_map *map = copying->map;
	struct cbw_waiter *waiter;
	bool waits;

	while ((waiter = cbw_map_take_oldest(map, before))) {
		waits = cbw_map_waits(map, waiter->first, waiter->last);
		let_go(copying, waiter, waits ? BLK_STS_IOERR : BLK_STS_OK);
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
	struct cbw_copying *copying = container_of(to_delayed_work(work),
						 struct cbw_copying, expire);
	u64 now = ktime_get_ns();
	/* What waits for a write has no limit here, but in dm-cbw-both.c. */
	u64 since = now;

	/* When the job has completed it is a view that is waited for: that breaks, no write. */
	if (copying->break_write && !cbw_job_completed(&copying->job) && now > copying->timeout)
		fail_expired(copying, now - copying->timeout);

	if (!cbw_map_oldest(copying->map, &since))
		return;

	/* Whoever was held meanwhile has armed it for himself, and is younger. */
	if (since + copying->timeout > now) {
		mod_delayed_work(copying->wq, &copying->expire,
				 cbw_jiffies(since + copying->timeout - now));
		return;
	}
	if (cbw_job_completed(&copying->job))
		DMWARN("%s: a view has held up a write for too long, all views end",
		       copying->job.name);
	cbw_copying_give_up(copying);
}

/* One timer for all: it waits for the oldest, and whoever is held next is younger. */
void cbw_copying_arm_timeout(struct cbw_copying *copying)
{
	if (copying->timeout)
		queue_delayed_work(copying->wq, &copying->expire,
				   cbw_jiffies(copying->timeout));
}

/*----------------------------------------------------------------
 * Bios
 *----------------------------------------------------------------
 */

/*
 * A polled write is none that was handed back: those are not polled any more.
 * When a signal ends the suspend, DM lets bios in before presuspend_undo; they
 * would get an I/O error for being handed back.
 */
bool cbw_copying_hands_back(struct cbw_copying *copying, const struct bio *bio)
{
	return cbw_map_requeues(copying->map) && !(bio->bi_opf & REQ_POLLED) &&
	       dm_noflush_suspending(copying->ti);
}

static void note_start(struct cbw_copying *copying, struct bio *bio)
{
	cbw_io_of(bio)->start = cbw_pace_measures(&copying->pace) && bio_has_data(bio) ?
			    ktime_get_ns() : 0;
}

int cbw_copying_map(struct cbw_copying *copying, struct bio *bio)
{
	bio_set_dev(bio, copying->geometry.origin);
	note_start(copying, bio);
	if (!op_is_write(bio_op(bio)))
		return DM_MAPIO_REMAPPED;
	return copying->ops->map(copying, bio);
}

void cbw_copying_end_io(struct cbw_copying *copying, struct bio *bio, blk_status_t status)
{
	u64 start = cbw_io_of(bio)->start;

	/* What was not done tells nothing: it is tried again, or the device is broken. */
	if (start && !status)
		cbw_pace_foreground(&copying->pace, ktime_get_ns() - start);
	if (copying->ops->ended && op_is_write(bio_op(bio)))
		copying->ops->ended(copying, bio);
}

/*----------------------------------------------------------------
 * Suspend and resume
 *----------------------------------------------------------------
 */

static bool sweep_idle(struct cbw_copying *copying)
{
	return !cbw_map_in_flight(copying->map, CBW_SWEEP);
}

void cbw_copying_wait(struct cbw_copying *copying, bool (*done)(struct cbw_copying *copying))
{
	if (!copying->timeout) {
		wait_event_idle(copying->idle, done(copying));
		return;
	}
	if (!READ_ONCE(copying->hung) &&
	    wait_event_idle_timeout(copying->idle, done(copying),
				    cbw_jiffies(copying->timeout)))
		return;

	if (done(copying))
		return;
	cbw_copying_give_up(copying);
	DMWARN("%s: copies, or reads of a view, hang; the suspend goes on without them",
	       copying->job.name);
}

void cbw_copying_wait_progress(struct cbw_copying *copying,
			       bool (*done)(struct cbw_copying *copying))
{
	unsigned long left = copying->timeout ? cbw_jiffies(copying->timeout) :
						MAX_SCHEDULE_TIMEOUT;
	unsigned long before;

	do {
		before = cbw_map_nr_saved(copying->map, CBW_SWEEP);
		if (wait_event_idle_timeout(copying->idle, done(copying), left))
			return;
	} while (cbw_map_nr_saved(copying->map, CBW_SWEEP) != before);
	cbw_copying_give_up(copying);
}

/*
 * From now on .map hands every write back; here goes what is held. Every one:
 * DM lists what is handed back, where its worker finds it and sends it again,
 * and only then accounts for it. Passed on, it could end before that, even
 * though it was held a moment ago: a copy has saved its chunks, or the job has
 * been cancelled. Once DM has blocked new bios, what it lists stays there.
 */
static void hand_back(struct cbw_copying *copying)
{
	struct cbw_waiter *waiter;

	cbw_map_requeue(copying->map, true);
	while ((waiter = cbw_map_take_oldest(copying->map, U64_MAX))) {
		let_go(copying, waiter, BLK_STS_DM_REQUEUE);
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
void cbw_copying_presuspend(struct cbw_copying *copying)
{
	if (!copying->ops->sweeps_on || !copying->ops->sweeps_on(copying)) {
		cbw_map_allow_sweep(copying->map, false);
		cbw_copying_wait(copying, sweep_idle);
	}
	if (dm_noflush_suspending(copying->ti))
		hand_back(copying);
}

void cbw_copying_presuspend_undo(struct cbw_copying *copying)
{
	cbw_map_requeue(copying->map, false);
	cbw_map_allow_sweep(copying->map, true);
	if (copying->sweep)
		cbw_sweep_wake(copying->sweep);
}

void cbw_copying_stop_sweep(struct cbw_copying *copying)
{
	cbw_map_allow_sweep(copying->map, false);
	cbw_copying_wait(copying, idle);
}

/* No bio is in flight any more, but copies, and what else the job does. */
void cbw_copying_postsuspend(struct cbw_copying *copying)
{
	copying->ops->suspended(copying);
}

/* Does user space list what is to be saved? */
static bool is_listed(const struct cbw_copying *copying)
{
	return copying->sync == CBW_SYNC_TOP || copying->sync == CBW_SYNC_BITMAP;
}

static enum cbw_state first_state(const struct cbw_copying *copying)
{
	return copying->starts_paused ? CBW_PAUSED : CBW_RUNNING;
}

/* The first one is the point in time. */
void cbw_copying_preresume(struct cbw_copying *copying)
{
	cbw_job_start(&copying->job, is_listed(copying) ? CBW_HELD : first_state(copying));
}

void cbw_copying_resume(struct cbw_copying *copying)
{
	copying->ops->resumed(copying);
	cbw_copying_presuspend_undo(copying);
}

/*----------------------------------------------------------------
 * What the job asks of us
 *----------------------------------------------------------------
 */

static struct cbw_copying *to_copying(struct cbw_job *job)
{
	return container_of(job, struct cbw_copying, job);
}

/* What has changed is all that is to be saved. */
static void want_taken(struct cbw_copying *copying)
{
	unsigned int shift = copying->geometry.chunk_shift;
	sector_t from = 0, end;

	for (; cbw_taken_next(copying->taken, &from, &end); from = end)
		cbw_map_want(copying->map, from >> shift, (end - 1) >> shift);
	WRITE_ONCE(copying->nr_to_save, cbw_map_nr_pending(copying->map));
}

static const char *copying_begin(struct cbw_job *job)
{
	struct cbw_copying *copying = to_copying(job);
	bool incremental = copying->sync == CBW_SYNC_INCREMENTAL;

	cbw_changes_enter(copying->changes, copying->ti);
	/* The full backup that it was to follow may have failed since it was loaded. */
	if (incremental && !cbw_changes_based(copying->changes))
		return "no-map";
	if (copying->taken)
		cbw_taken_take(copying->taken);
	if (incremental)
		want_taken(copying);
	return NULL;
}

static void give_back_unsaved(struct cbw_copying *copying)
{
	unsigned int shift = copying->geometry.chunk_shift;
	unsigned long last = copying->nr_chunks - 1;
	unsigned long first = 0, next;

	while ((first = cbw_map_find(copying->map, first, last, true)) <= last) {
		next = cbw_map_find(copying->map, first + 1, last, false);
		cbw_taken_give_back_part(copying->taken, (sector_t)first << shift,
					 min((sector_t)next << shift, copying->geometry.len));
		first = next;
	}
}

/*
 * As QEMU's bitmap-mode. What a job that did not complete has saved is not flushed: where
 * the map survives a power cut, all of it is given back. If the last flush has failed,
 * nobody knows what is on the target device, of earlier jobs either.
 */
static void settle(struct cbw_copying *copying)
{
	bool completed = cbw_job_completed(&copying->job);

	if (READ_ONCE(copying->flush_failed))
		cbw_taken_give_back(copying->taken, false);
	else if (copying->bitmap_mode == CBW_NEVER ||
		 (!completed && (copying->bitmap_mode == CBW_ON_SUCCESS || copying->job.metadata)))
		cbw_taken_give_back(copying->taken, true);
	else if (!completed)
		give_back_unsaved(copying);
	/* What is left of it. */
	cbw_taken_drop(copying->taken);
}

/* By its event, by a message that comes before that, or by whoever replaces or removes it. */
static void copying_settle(struct cbw_job *job)
{
	struct cbw_copying *copying = to_copying(job);

	if (!copying->taken)
		return;
	mutex_lock(&copying->settling);
	settle(copying);
	mutex_unlock(&copying->settling);
}

void cbw_copying_settle(struct cbw_copying *copying)
{
	/* The last flush may be under way, though the job has been cancelled. */
	if (cbw_job_ended(&copying->job) && idle(copying))
		copying_settle(&copying->job);
}

bool cbw_copying_begun(struct cbw_copying *copying)
{
	return cbw_job_begun(&copying->job);
}

static void copying_steer(struct cbw_job *job, bool running)
{
	struct cbw_copying *copying = to_copying(job);

	if (copying->sweep)
		cbw_sweep_pause(copying->sweep, !running);
	if (copying->ops->steer)
		copying->ops->steer(copying, running);
	cbw_copying_wake_idle(copying);
}

static void copying_broken(struct cbw_job *job)
{
	struct cbw_copying *copying = to_copying(job);

	cbw_map_break(copying->map);
	cbw_copying_look_again(copying);
	cbw_copying_wake_idle(copying);
}

static void copying_progress(struct cbw_job *job, unsigned long *done,
			     unsigned long *total)
{
	struct cbw_copying *copying = to_copying(job);

	copying->ops->progress(copying, done, total);
}

static bool copying_busy(struct cbw_job *job)
{
	struct cbw_copying *copying = to_copying(job);

	return !idle(copying) || cbw_map_nr_releasing(copying->map);
}

static void copying_unused(struct cbw_job *job);

static const struct cbw_job_ops copying_ops = {
	.begin		= copying_begin,
	.settle		= copying_settle,
	.steer		= copying_steer,
	.broken		= copying_broken,
	.progress	= copying_progress,
	.busy		= copying_busy,
	.unused		= copying_unused,
};

/*----------------------------------------------------------------
 * Messages and status
 *----------------------------------------------------------------
 */

bool cbw_copying_taken(struct cbw_copying *copying, sector_t *from, sector_t *end)
{
	return copying->taken && cbw_taken_next(copying->taken, from, end);
}

static void count_stretch(struct cbw_copying *copying, const struct cbw_stretch *stretch,
			  u64 sectors[CBW_NR_FATES])
{
	unsigned long nr[CBW_NR_FATES] = { 0 };
	enum cbw_fate fate;

	cbw_map_count(copying->map, stretch->first, stretch->last, nr);
	for (fate = 0; fate < CBW_NR_FATES; fate++)
		sectors[fate] += stretch->each * nr[fate];
}

void cbw_copying_count(struct cbw_copying *copying, sector_t start, sector_t end,
		       u64 sectors[CBW_NR_FATES])
{
	struct cbw_stretch stretch;

	memset(sectors, 0, CBW_NR_FATES * sizeof(*sectors));
	while (start < end) {
		start = cbw_bits_stretch(start, end, copying->geometry.chunk_shift, &stretch);
		count_stretch(copying, &stretch, sectors);
	}
}

bool cbw_copying_pause(struct cbw_copying *copying)
{
	return cbw_job_pause(&copying->job);
}

bool cbw_copying_unpause(struct cbw_copying *copying)
{
	return cbw_job_resume(&copying->job);
}

bool cbw_copying_cancel(struct cbw_copying *copying)
{
	return copying->ops->cancel(copying);
}

bool cbw_copying_held(struct cbw_copying *copying)
{
	return cbw_job_held(&copying->job);
}

void cbw_copying_list(struct cbw_copying *copying, sector_t start, sector_t end, bool add)
{
	unsigned int shift = copying->geometry.chunk_shift;
	unsigned long first = start >> shift, next = ((end - 1) >> shift) + 1;

	if (!add) {
		first = (start + (1UL << shift) - 1) >> shift;
		/* The last chunk may be short. */
		if (end < copying->geometry.len)
			next = end >> shift;
	}
	if (first < next)
		cbw_map_list(copying->map, first, next - 1, add);
}

/* The sweep is off until all that is excluded is, and counted. */
bool cbw_copying_start(struct cbw_copying *copying)
{
	if (!cbw_job_held(&copying->job))
		return false;

	if (cbw_map_exclude(copying->map))
		cbw_copying_look_again(copying);
	WRITE_ONCE(copying->nr_to_save, copying->nr_chunks - cbw_map_nr_excluded(copying->map));
	return cbw_job_let_begin(&copying->job, first_state(copying));
}

void cbw_copying_tune(struct cbw_copying *copying, const struct cbw_args *args)
{
	if (!copying->sweep)
		return;

	cbw_pace_set(&copying->pace, args->value[CBW_FEATURE_SPEED],
		     args->value[CBW_FEATURE_MIN_SPEED],
		     args->value[CBW_FEATURE_TARGET_LATENCY]);
	cbw_map_set_sweep_copies(copying->map, args->value[CBW_FEATURE_WORKERS]);
	cbw_sweep_wake(copying->sweep);
}

size_t cbw_copying_stats(struct cbw_copying *copying, char *result, size_t maxlen)
{
	return cbw_stats_emit(&copying->stats, result, maxlen);
}

void cbw_copying_reset_stats(struct cbw_copying *copying)
{
	cbw_stats_reset(&copying->stats);
}

void cbw_copying_status(struct cbw_copying *copying, struct cbw_copying_status *status)
{
	struct cbw_map *map = copying->map;

	cbw_job_state(&copying->job, &status->state, &status->reason);
	if (!strcmp(status->reason, "-") && copying->ops->reason)
		status->reason = copying->ops->reason(copying) ?: "-";
	copying->ops->progress(copying, &status->done, &status->total);
	status->in_flight = cbw_map_in_flight(map, CBW_WRITE) +
			    cbw_map_in_flight(map, CBW_SWEEP) + others_in_flight(copying);
	status->held = cbw_map_nr_held(map);
	status->cbw_chunks = cbw_map_nr_saved(map, CBW_WRITE);
	status->sweep_chunks = cbw_map_nr_saved(map, CBW_SWEEP);
	status->source_errors = atomic_read(&copying->source_errors);
	status->target_errors = atomic_read(&copying->target_errors);
}

/*----------------------------------------------------------------
 * Creation and destruction
 *----------------------------------------------------------------
 */

/*
 * A job that outlives its table needs the devices to stay. They are opened when
 * all is well: opening a device that hangs may hang, too.
 */
static int get_refs(struct cbw_copying *copying, char **error)
{
	copying->origin_ref = cbw_bdev_ref_get(copying->geometry.origin->bd_dev);
	if (IS_ERR(copying->origin_ref)) {
		*error = "Cannot open the origin device once more";
		return PTR_ERR(copying->origin_ref);
	}
	copying->dest_ref = cbw_bdev_ref_get(copying->geometry.dest->bd_dev);
	if (IS_ERR(copying->dest_ref)) {
		*error = "Cannot open the target device once more";
		return PTR_ERR(copying->dest_ref);
	}
	return 0;
}

static void put_refs(struct cbw_copying *copying)
{
	if (!IS_ERR_OR_NULL(copying->origin_ref))
		cbw_bdev_ref_put(copying->origin_ref);
	if (!IS_ERR_OR_NULL(copying->dest_ref))
		cbw_bdev_ref_put(copying->dest_ref);
}

/* Nothing is held or in flight. Also for a half-built one. */
static void free_copying(struct cbw_copying *copying)
{
	/*
	 * The last copies may still be in the tail of their callback, which
	 * wakes the sweep and queues work: first no new copies, then no more
	 * callbacks, then what those use.
	 */
	cbw_sweep_stop(copying->sweep);
	cbw_copier_destroy(copying->copier);
	if (copying->wq) {
		cancel_delayed_work_sync(&copying->expire);
		destroy_workqueue(copying->wq);
	}
	cbw_apart_destroy(copying->apart);
	cbw_apart_destroy(copying->reads);
	cbw_job_unregister(&copying->job);
	cbw_sweep_destroy(copying->sweep);
	cbw_pace_destroy(&copying->pace);
	cbw_taken_destroy(copying->taken);
	mutex_destroy(&copying->settling);
	cbw_map_destroy(copying->map);
	put_refs(copying);
	copying->ops->free(copying);
}

static void orphan_work(struct work_struct *work)
{
	struct cbw_copying *copying = container_of(work, struct cbw_copying, orphan);

	wait_event_idle(copying->idle, idle(copying));
	DMINFO("%s: the last copy of the ended job has ended, too", copying->job.name);
	free_copying(copying);
	/* cbw_late_module_exit() waits for the rest of this function. */
	module_put(THIS_MODULE);
}

/*
 * Copies hang on: leave them all that they use, and the references to the
 * devices and the module, for as long as they take.
 */
static void make_orphan(struct cbw_copying *copying)
{
	INIT_WORK(&copying->orphan, orphan_work);
	cbw_late_queue(&copying->orphan);
}

static void copying_unused(struct cbw_job *job)
{
	struct cbw_copying *copying = to_copying(job);

	if (idle(copying))
		free_copying(copying);
	else
		make_orphan(copying);
}

void cbw_copying_destroy(struct cbw_copying *copying)
{
	if (!copying)
		return;

	cbw_job_break(&copying->job, CBW_CANCELLED, "removed");
	flush_work(&copying->let_go);
	cancel_delayed_work_sync(&copying->expire);
	if (copying->ops->stop)
		copying->ops->stop(copying);
	cbw_job_detach(&copying->job);
	/* Now no successor finds it any more, which would do the same. */
	copying_settle(&copying->job);
	if (copying->taken)
		cbw_taken_let_go(copying->taken);
	copying->ti = NULL;
	cbw_job_put(&copying->job);
}

static void take_args(struct cbw_copying *copying, const struct cbw_args *args)
{
	copying->sync = args->value[CBW_FEATURE_SYNC];
	copying->bitmap_mode = args->value[CBW_FEATURE_BITMAP_MODE];
	copying->break_write = args->value[CBW_FEATURE_ON_CBW_ERROR] == CBW_BREAK_WRITE;
	copying->on_source_error = args->value[CBW_FEATURE_ON_SOURCE_ERROR];
	copying->on_target_error = args->value[CBW_FEATURE_ON_TARGET_ERROR];
	copying->starts_paused = test_bit(CBW_FEATURE_PAUSED, &args->given);
	copying->max_copy = args->value[CBW_FEATURE_MAX_COPY];
	if (args->value[CBW_FEATURE_ENGINE] == CBW_BUFFERED)
		copying->max_copy = min(copying->max_copy, cbw_args_half_buffer(args));
	copying->timeout = (u64)args->value[CBW_FEATURE_CBW_TIMEOUT] * NSEC_PER_MSEC;
}

/* What a backup does not sweep is saved before it is written to; a mirror follows that only. */
static bool all_pending(const struct cbw_copying *copying)
{
	return copying->sync != CBW_SYNC_INCREMENTAL &&
	       !(copying->sync == CBW_SYNC_NONE && copying->ops->follows);
}

/* Bytes; 0: the engine has no buffers. */
static size_t buf_size(const struct cbw_args *args)
{
	return args->value[CBW_FEATURE_ENGINE] == CBW_BUFFERED ?
	       (size_t)args->value[CBW_FEATURE_BUF_SIZE] << 10 : 0;
}

static bool is_safe(const struct cbw_args *args)
{
	return args->value[CBW_FEATURE_RELEASE] == CBW_RELEASE_SAFE;
}

/* How far behind the writes they may be is for the buffer to say. */
static unsigned int nr_safe_copies(const struct cbw_args *args)
{
	return min_t(size_t, CBW_MAX_SAFE_COPIES,
		     buf_size(args) / (CBW_BUFFER_UNIT << SECTOR_SHIFT));
}

/* No write to what is followed has anything copied. */
static unsigned int nr_write_copies(const struct cbw_copying *copying, const struct cbw_args *args)
{
	if (copying->ops->follows)
		return 0;
	return is_safe(args) ? nr_safe_copies(args) : CBW_MAX_WRITE_COPIES;
}

static int create_map(struct cbw_copying *copying, const struct cbw_args *args,
		      char **error)
{
	unsigned int shift = copying->geometry.chunk_shift;
	int r = 0;

	*error = "Cannot allocate the chunk map";
	copying->map = cbw_map_create(copying->nr_chunks, copying->max_copy >> shift,
				      all_pending(copying), copying);
	if (!copying->map)
		return -ENOMEM;
	if (copying->sync != CBW_SYNC_NONE)
		copying->nr_to_save = cbw_map_nr_pending(copying->map);
	if (copying->ops->follows)
		r = cbw_map_may_follow(copying->map, shift);
	else if (is_safe(args))
		r = cbw_map_may_be_safe(copying->map, nr_safe_copies(args));
	if (r)
		return r;

	*error = "Cannot allocate the list of what is to be saved";
	return is_listed(copying) ? cbw_map_may_exclude(copying->map) : 0;
}

/* What it leaves out must be nothing that an incremental backup would need. */
static bool takes_changes(const struct cbw_copying *copying)
{
	return copying->sync != CBW_SYNC_NONE && copying->sync != CBW_SYNC_BITMAP;
}

static int create_copier(struct cbw_copying *copying, const struct cbw_args *args,
			 char **error)
{
	const struct cbw_copy_setup setup = {
		.geometry	= copying->geometry,
		.wq		= copying->wq,
		.copied		= copied,
		.buffered	= is_safe(args) ? buffered : NULL,
		.ended		= ended,
		.wanted		= copying->on_target_error == CBW_ENOSPC ? cause_wanted : NULL,
		.buf_size	= buf_size(args),
		.nr_writes	= nr_write_copies(copying, args),
		.zeroes		= args->value[CBW_FEATURE_ZEROES],
	};

	*error = "Cannot create the copy engine";
	copying->copier = cbw_copier_create(&setup);
	return PTR_ERR_OR_ZERO(copying->copier);
}

static int start_units(struct cbw_copying *copying, const struct cbw_args *args,
		       char **error)
{
	unsigned int shift = copying->geometry.chunk_shift;
	int r = get_refs(copying, error);

	if (r)
		return r;

	*error = "Cannot allocate the workqueues";
	copying->wq = alloc_workqueue("cbw/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0,
				      copying->job.name);
	copying->apart = cbw_apart_create(copying->job.name, go_apart, copying);
	copying->reads = cbw_apart_create(copying->job.name, NULL, NULL);
	if (!copying->wq || !copying->apart || !copying->reads)
		return -ENOMEM;

	r = create_map(copying, args, error);
	if (r)
		return r;

	*error = "Cannot allocate the next tracking map";
	if (copying->changes && takes_changes(copying)) {
		copying->taken = cbw_taken_create(copying->changes);
		if (!copying->taken)
			return -ENOMEM;
	}

	r = create_copier(copying, args, error);
	if (r)
		return r;

	if (copying->sync == CBW_SYNC_NONE && !copying->ops->follows)
		return 0;

	*error = "Cannot allocate the counters of the pace";
	r = cbw_pace_init(&copying->pace);
	if (r)
		return r;

	*error = "Cannot start the sweep's thread";
	copying->sweep = cbw_sweep_create(copying->map, copying->copier, &copying->pace,
					  copying->max_copy >> shift,
					  (u64)SECTOR_SIZE << shift, copying->job.name);
	if (IS_ERR(copying->sweep))
		return PTR_ERR(copying->sweep);

	cbw_copying_tune(copying, args);
	return 0;
}

static int start(struct cbw_copying *copying, const struct cbw_args *args, char **error)
{
	int r = cbw_job_register(&copying->job, copying->ti, error);

	if (r) {
		copying->ops->free(copying);
		return r;
	}
	r = start_units(copying, args, error);
	if (r) {
		cbw_job_detach(&copying->job);
		free_copying(copying);
	}
	return r;
}

int cbw_copying_init(struct cbw_copying *copying, const struct cbw_copying_ops *ops,
		     struct dm_target *ti, const struct cbw_args *args,
		     const struct cbw_geometry *geometry, struct cbw_changes *changes,
		     char **error)
{
	copying->ops = ops;
	copying->ti = ti;
	copying->geometry = *geometry;
	copying->changes = changes;
	copying->nr_chunks = ((geometry->len - 1) >> geometry->chunk_shift) + 1;
	take_args(copying, args);
	INIT_WORK(&copying->let_go, let_go_work);
	INIT_DELAYED_WORK(&copying->expire, expire_work);
	init_waitqueue_head(&copying->idle);
	mutex_init(&copying->settling);

	copying->job.ops = &copying_ops;
	copying->job.kind = ops->kind;
	copying->job.origin = geometry->origin;
	copying->job.dest = geometry->dest;
	copying->job.metadata = cbw_changes_metadata(changes);
	copying->job.dev = geometry->dev;
	return start(copying, args, error);
}
