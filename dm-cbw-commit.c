// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps a tracking map on its metadata device; see dm-cbw-commit.h for the contract and
 * Documentation/design.rst for why it never says too little.
 *
 * One worker does all I/O. In each turn it
 *
 * 1. takes the writes that wait;
 * 2. writes the blocks whose bits have changed, and flushes: those are durable now;
 * 3. writes the superblock if it has changed, and flushes;
 * 4. submits those writes.
 *
 * Writes that come meanwhile wait for its next turn. A device that hangs keeps the worker in
 * its turn; so whoever waits has a time limit, and the writes are where a timer finds them.
 */
#include <linux/bio.h>
#include <linux/bitops.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dm-cbw.h"
#include "dm-cbw-apart.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-bits.h"
#include "dm-cbw-commit.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-marks.h"
#include "dm-cbw-metadata.h"
#include "dm-cbw-time.h"

/* Of this time that the module is loaded: the origin has counted on since. */
static uuid_t this_boot;

/* A device that has not taken that its map is void is told again after so long. */
#define RETRY_DELAY	(5 * HZ)

/* Of cbw_commit.marked: what that write has left there is still to be looked at. */
#define HAS_ENDED	((struct bio *)ERR_PTR(-EALREADY))

/* Bits of cbw_commit.flags. */
enum {
	BEGINNING,
	SUPER_CHANGED,
	CLOSING,		/* no more writes come: the map may go on */
	LEAVING,		/* the same, and it may not */
};

/* Writes that wait, in their order. */
struct waiting {
	struct bio_list bios;
	/* In jiffies: when the first came; if they waited for another to end, when it did. */
	unsigned long since;
};

struct cbw_commit {
	/* What each write looks at. */
	bool begun;			/* before, no write may go on */
	bool broken;			/* nothing is kept any more, and nothing waits */
	struct bio *marked;		/* a write that touches marks is in flight, or HAS_ENDED */
	/*
	 * Bits that are durable; changed by the worker alone. Blocks of bits that have some
	 * which are not: set by whoever needs them, cleared by the worker before it looks.
	 */
	unsigned long *durable;
	unsigned long *dirty;

	const struct cbw_commit_ops *ops;
	void *owner;
	struct block_device *origin;
	struct gendisk *disk;		/* of the mapped device; gone when that is */
	u64 passed;			/* writes of it before the beginning */
	sector_t len;
	unsigned long nr_longs;
	bool break_write;
	unsigned long timeout;		/* in jiffies; 0: none */
	const char *damaged;		/* what of the device could not be used, or NULL */
	char name[16];

	struct cbw_metadata *metadata;
	struct workqueue_struct *wq;
	struct delayed_work work;
	unsigned long flags;
	atomic_t nr_waiting;

	spinlock_t lock;		/* guards the next four, and broken while writes come */
	struct waiting new;
	struct waiting in_turn;		/* for the end of the worker's turn */
	struct waiting to_mark;		/* one at a time is in a turn, or in flight */
	struct bio *marking;		/* one of the turn that touches marks, or NULL */

	struct cbw_apart *apart;	/* for those that go on, but may be throttled */
	struct workqueue_struct *timer_wq;	/* the worker may hang, with its rescuer */
	struct delayed_work timer;
	unsigned int turns_begun, turns_ended;
	unsigned int hung;		/* until that turn has ended, nobody waits for it again */
	wait_queue_head_t turn_ended;

	/* The worker's own. */
	struct cbw_metadata_state state;
	struct page *page;		/* for the marks */
	unsigned long *written;		/* blocks, in this turn */
	unsigned long *longs;		/* of one block */
	bool told;			/* the device says that the map is void, or closed */
};

bool cbw_commit_broken(const struct cbw_commit *commit)
{
	return READ_ONCE(commit->broken);
}

static void kick(struct cbw_commit *commit)
{
	mod_delayed_work(commit->wq, &commit->work, 0);
}

/*----------------------------------------------------------------
 * Writes
 *----------------------------------------------------------------
 */

static bool durable(const struct cbw_commit *commit, unsigned long first, unsigned long last)
{
	unsigned long i, mask;

	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++) {
		mask = cbw_bits_mask(i, first, last);
		if ((READ_ONCE(commit->durable[i]) & mask) != mask)
			return false;
	}
	return true;
}

static void want(struct cbw_commit *commit, unsigned long first, unsigned long last)
{
	unsigned long i;

	first /= CBW_BLOCK_LONGS * BITS_PER_LONG;
	last /= CBW_BLOCK_LONGS * BITS_PER_LONG;
	for (i = first; i <= last; i++)
		set_bit(i, commit->dirty);
	kick(commit);
}

bool cbw_commit_passes(struct cbw_commit *commit, const struct bio *bio, unsigned long first,
		       unsigned long last)
{
	if (cbw_commit_broken(commit))
		return true;
	/* The bits of @bio were set before; pairs with write_block(). */
	smp_mb();
	/* Pairs with begin(). */
	if (likely(smp_load_acquire(&commit->begun) && durable(commit, first, last)))
		return !cbw_marks_touched(bio);
	want(commit, first, last);
	return false;
}

static void __add_waiting(struct waiting *waiting, struct bio *bio, unsigned long since)
{
	if (bio_list_empty(&waiting->bios))
		WRITE_ONCE(waiting->since, since);
	bio_list_add(&waiting->bios, bio);
}

static void arm_timer(struct cbw_commit *commit)
{
	unsigned long timeout = READ_ONCE(commit->timeout);

	if (timeout)
		queue_delayed_work(commit->timer_wq, &commit->timer, timeout);
}

void cbw_commit_hold(struct cbw_commit *commit, struct bio *bio)
{
	bool waits;

	spin_lock(&commit->lock);
	waits = !commit->broken;
	if (waits) {
		atomic_inc(&commit->nr_waiting);
		__add_waiting(&commit->new, bio, jiffies);
		/* Before it can be taken: when it has ended, all of this may be gone. */
		kick(commit);
		arm_timer(commit);
	}
	spin_unlock(&commit->lock);
	if (!waits)
		submit_bio_noacct(bio);
}

unsigned int cbw_commit_nr_waiting(const struct cbw_commit *commit)
{
	return atomic_read(&commit->nr_waiting);
}

void cbw_commit_ended(struct cbw_commit *commit, const struct bio *bio)
{
	if (likely(READ_ONCE(commit->marked) != bio))
		return;
	/* Those that waited for it wait for the worker from now on. */
	WRITE_ONCE(commit->to_mark.since, jiffies);
	/* Before another bio can lie at the same address. Pairs with __oldest(). */
	smp_store_release(&commit->marked, HAS_ENDED);
	kick(commit);
}

/*----------------------------------------------------------------
 * Blocks of bits
 *----------------------------------------------------------------
 */

static unsigned long longs_of(const struct cbw_commit *commit, unsigned long block)
{
	return min_t(unsigned long, CBW_BLOCK_LONGS, commit->nr_longs - block * CBW_BLOCK_LONGS);
}

static void look(struct cbw_commit *commit, unsigned long block)
{
	unsigned long nr = longs_of(commit, block);

	commit->ops->bits(commit->owner, block * CBW_BLOCK_LONGS, nr, commit->longs);
	memset(commit->longs + nr, 0, (CBW_BLOCK_LONGS - nr) * sizeof(long));
}

/*
 * What is needed no more may be missing from the block, so it stops being durable first.
 * A write that has just set such a bit again either finds it not durable, or is seen here.
 */
static int write_block(struct cbw_commit *commit, unsigned long block)
{
	unsigned long *kept = commit->durable + block * CBW_BLOCK_LONGS;
	unsigned long i, nr = longs_of(commit, block);

	look(commit, block);
	for (i = 0; i < nr; i++)
		WRITE_ONCE(kept[i], kept[i] & commit->longs[i]);
	/* Pairs with cbw_commit_passes(). */
	smp_mb();
	look(commit, block);
	return cbw_metadata_write_block(commit->metadata, block, commit->longs);
}

/* What is on the device is as it was written, since only this thread writes. */
static int note_durable(struct cbw_commit *commit, unsigned long block)
{
	unsigned long *kept = commit->durable + block * CBW_BLOCK_LONGS;
	unsigned long i, nr = longs_of(commit, block);
	int r = cbw_metadata_read_block(commit->metadata, block, commit->longs);

	for (i = 0; i < nr && !r; i++)
		WRITE_ONCE(kept[i], commit->longs[i]);
	return r;
}

static int write_dirty(struct cbw_commit *commit)
{
	unsigned long nr = cbw_metadata_nr_blocks(commit->metadata);
	unsigned long block;
	int r = 0;

	for (block = 0; block < nr && !r; block++) {
		block = cbw_bits_find(commit->dirty, block, nr - 1, true);
		if (block == nr)
			break;
		/* Before the bits are looked at. */
		clear_bit(block, commit->dirty);
		/* Pairs with cbw_commit_passes(). */
		smp_mb__after_atomic();
		set_bit(block, commit->written);
		r = write_block(commit, block);
		cond_resched();
	}
	return r;
}

/* Those that were written: @done, or to be written again. */
static int after_write(struct cbw_commit *commit, bool done)
{
	unsigned long nr = cbw_metadata_nr_blocks(commit->metadata);
	unsigned long block;
	int r = 0;

	for (block = 0; block < nr; block++) {
		block = cbw_bits_find(commit->written, block, nr - 1, true);
		if (block == nr)
			break;
		clear_bit(block, commit->written);
		if (done && !r)
			r = note_durable(commit, block);
		if (!done || r)
			set_bit(block, commit->dirty);
	}
	return r;
}

static bool any_dirty(const struct cbw_commit *commit)
{
	unsigned long nr = cbw_metadata_nr_blocks(commit->metadata);

	return cbw_bits_find(commit->dirty, 0, nr - 1, true) < nr;
}

static int commit_bits(struct cbw_commit *commit)
{
	int r;

	if (!any_dirty(commit))
		return 0;
	r = write_dirty(commit);
	if (!r)
		r = cbw_metadata_flush(commit->metadata);
	return after_write(commit, !r) ?: r;
}

/* Write again what has bits that are needed no more. */
static void trim(struct cbw_commit *commit)
{
	unsigned long block, i, nr;

	for (block = 0; block < cbw_metadata_nr_blocks(commit->metadata); block++) {
		look(commit, block);
		nr = longs_of(commit, block);
		for (i = 0; i < nr; i++)
			if (commit->durable[block * CBW_BLOCK_LONGS + i] & ~commit->longs[i])
				set_bit(block, commit->dirty);
		cond_resched();
	}
}

/*----------------------------------------------------------------
 * The superblock
 *----------------------------------------------------------------
 */

static int commit_state(struct cbw_commit *commit)
{
	int r = cbw_metadata_write_state(commit->metadata, &commit->state);

	return r ?: cbw_metadata_flush(commit->metadata);
}

/* On the device, if it takes that; it is tried again until it does. */
static void make_void(struct cbw_commit *commit)
{
	commit->state.closed = false;
	commit->state.generation = uuid_null;
	commit->told = !commit_state(commit);
	if (!commit->told)
		queue_delayed_work(commit->wq, &commit->work, RETRY_DELAY);
}

/* Of all that wait, none does any more. */
static void __take_all(struct cbw_commit *commit, struct bio_list *bios)
{
	bio_list_merge(bios, &commit->in_turn.bios);
	bio_list_merge(bios, &commit->to_mark.bios);
	bio_list_merge(bios, &commit->new.bios);
	bio_list_init(&commit->in_turn.bios);
	bio_list_init(&commit->to_mark.bios);
	bio_list_init(&commit->new.bios);
	commit->marking = NULL;
}

/* They go on, or fail. What is throttled is not to hold up the next turn, nor the others. */
static void let_go(struct cbw_commit *commit, struct bio_list *bios, bool fail)
{
	struct blk_plug plug;
	struct bio *bio;

	blk_start_plug(&plug);
	while ((bio = bio_list_pop(bios))) {
		atomic_dec(&commit->nr_waiting);
		if (fail)
			bio_io_error(bio);
		else if (cbw_may_be_throttled(bio))
			cbw_apart_submit(commit->apart, bio);
		else
			submit_bio_noacct(bio);
	}
	blk_finish_plug(&plug);
}

static void break_map(struct cbw_commit *commit)
{
	bool first;

	spin_lock(&commit->lock);
	first = !commit->broken;
	WRITE_ONCE(commit->broken, true);
	spin_unlock(&commit->lock);
	if (!first)
		return;
	commit->ops->broken(commit->owner);
	DMWARN("%s: the tracking map is void; incremental backups need a full one first",
	       commit->name);
}

/* First the device should say so: as soon as writes pass, it lacks what they write to. */
static void give_up(struct cbw_commit *commit)
{
	make_void(commit);
	break_map(commit);
}

/*
 * What was written before the point in time is not among the bits of its generation: before
 * that is on the device, so must be those writes, which the origin may only have cached.
 */
static int set_generation(struct cbw_commit *commit)
{
	uuid_t generation;
	int r = 0;

	commit->ops->generation(commit->owner, &generation);
	if (!uuid_equal(&generation, &commit->state.generation) && !uuid_is_null(&generation))
		r = cbw_flush_device(commit->origin);
	if (r)
		DMERR("%s: the origin cannot be flushed: error %d", commit->name, r);
	commit->state.generation = r ? uuid_null : generation;
	return r;
}

static int commit_super(struct cbw_commit *commit)
{
	int r;

	if (!test_and_clear_bit(SUPER_CHANGED, &commit->flags))
		return 0;
	/* An origin that loses writes costs the map, and no further write. */
	if (set_generation(commit)) {
		give_up(commit);
		return 0;
	}
	r = commit_state(commit);
	if (r)
		set_bit(SUPER_CHANGED, &commit->flags);
	else if (commit->ops->committed(commit->owner, &commit->state.generation))
		trim(commit);
	return r;
}

static int read_marks(struct cbw_commit *commit)
{
	return cbw_marks_read(&commit->state.marks, commit->origin, commit->len, commit->page);
}

/* A write has ended, and another one is not under way. It may have left what nobody expected. */
static void look_at_marks(struct cbw_commit *commit)
{
	struct cbw_marks expected = commit->state.marks;

	/* Release: whoever sees it has seen since when others wait, too; see __oldest(). */
	smp_store_release(&commit->marked, NULL);
	if (cbw_commit_broken(commit))
		return;
	if (read_marks(commit))
		DMWARN("%s: cannot read the marks of the origin", commit->name);
	if (!cbw_marks_match(&expected, &commit->state.marks))
		set_bit(SUPER_CHANGED, &commit->flags);
}

/*
 * The first of the writes that touch marks, if none is in flight: what it will leave there
 * becomes durable together with what was there.
 */
static void mark_next(struct cbw_commit *commit)
{
	struct bio *bio;

	if (READ_ONCE(commit->marked) == HAS_ENDED)
		look_at_marks(commit);
	if (READ_ONCE(commit->marked))
		return;
	spin_lock(&commit->lock);
	bio = bio_list_pop(&commit->to_mark.bios);
	/* The others have waited for those before them, too. */
	WRITE_ONCE(commit->to_mark.since, jiffies);
	spin_unlock(&commit->lock);
	if (!bio)
		return;

	/* While it is looked at nobody else may let it go, nor does the timer see it. */
	cbw_marks_expect(&commit->state.marks, bio);
	set_bit(SUPER_CHANGED, &commit->flags);
	spin_lock(&commit->lock);
	__add_waiting(&commit->in_turn, bio, jiffies);
	commit->marking = bio;
	arm_timer(commit);
	spin_unlock(&commit->lock);
}

/* None is under way: what such a write was to leave does not come. */
static void expect_nothing(struct cbw_commit *commit)
{
	struct cbw_marks *marks = &commit->state.marks;

	if (!READ_ONCE(commit->marked))
		memcpy(marks->next, marks->now, sizeof(marks->next));
}

static bool leaving(const struct cbw_commit *commit)
{
	return cbw_commit_broken(commit) || test_bit(LEAVING, &commit->flags);
}

/*----------------------------------------------------------------
 * The first turn
 *----------------------------------------------------------------
 */

/* Why what is on the device cannot go on, or NULL. */
static const char *why_not(struct cbw_commit *commit, const struct cbw_marks *found)
{
	const struct cbw_metadata_state *state = cbw_metadata_state(commit->metadata);
	bool same_boot = uuid_equal(&state->boot, &this_boot);
	u64 counted = cbw_count_writes(commit->origin);

	if (commit->damaged)
		return commit->damaged;
	if (!cbw_metadata_unchanged(commit->metadata))
		return "it was written by others since the table was loaded";
	if (!state->closed && same_boot)
		return "it was not closed";
	/* One that counts from its creation, or not at all, tells nothing here. */
	if (same_boot && !counted)
		return "the origin does not tell whether it was written to";
	if (!cbw_marks_match(&state->marks, found) ||
	    counted != (same_boot ? state->written : 0) || commit->passed)
		return "the origin was written to meanwhile";
	return NULL;
}

static bool may_go_on(struct cbw_commit *commit)
{
	const struct cbw_metadata_state *state = cbw_metadata_state(commit->metadata);
	const char *reason = "the origin cannot be read";

	if (!read_marks(commit))
		reason = why_not(commit, &commit->state.marks);
	/* One that builds upon nothing is none. */
	if (uuid_is_null(&state->generation) && !commit->damaged)
		return false;
	if (reason)
		DMWARN("%s: the tracking map on the metadata device begins anew: %s",
		       commit->name, reason);
	return !reason;
}

static void begin_anew(struct cbw_commit *commit)
{
	unsigned long i;

	cbw_metadata_renew(commit->metadata);
	commit->state.generation = uuid_null;
	memset(commit->durable, 0, commit->nr_longs * sizeof(long));
	for (i = 0; i < cbw_metadata_nr_blocks(commit->metadata); i++)
		set_bit(i, commit->dirty);
}

/* Of the first turn. */
static void begin(struct cbw_commit *commit)
{
	bool goes_on = may_go_on(commit);
	int r;

	commit->state.closed = false;
	commit->state.boot = this_boot;
	if (goes_on)
		commit->state.generation = cbw_metadata_state(commit->metadata)->generation;
	else
		begin_anew(commit);
	/* Whoever was to be told of it waits no longer. */
	if (leaving(commit)) {
		kick(commit);
		return;
	}
	r = commit_state(commit);
	if (r && !commit->break_write) {
		DMERR("%s: cannot write to the metadata device: error %d", commit->name, r);
		give_up(commit);
	}
	if (r)
		set_bit(SUPER_CHANGED, &commit->flags);
	if (goes_on)
		commit->ops->begun(commit->owner, commit->durable, &commit->state.generation);
	/* Pairs with cbw_commit_passes(), which looks at what is durable. */
	smp_store_release(&commit->begun, true);
	kick(commit);
}

/*----------------------------------------------------------------
 * The worker
 *----------------------------------------------------------------
 */

static void take_new(struct cbw_commit *commit)
{
	struct bio *bio;

	spin_lock(&commit->lock);
	while ((bio = bio_list_pop(&commit->new.bios)))
		__add_waiting(cbw_marks_touched(bio) ? &commit->to_mark : &commit->in_turn,
			      bio, commit->new.since);
	spin_unlock(&commit->lock);
}

/* What waited for it goes on, but for what did not wait so long. */
static void end_turn(struct cbw_commit *commit)
{
	struct bio_list bios;

	spin_lock(&commit->lock);
	bios = commit->in_turn.bios;
	bio_list_init(&commit->in_turn.bios);
	if (commit->marking)
		WRITE_ONCE(commit->marked, commit->marking);
	commit->marking = NULL;
	spin_unlock(&commit->lock);
	expect_nothing(commit);
	let_go(commit, &bios, false);
}

static void fail_turn(struct cbw_commit *commit, int r)
{
	struct bio_list bios = BIO_EMPTY_LIST;
	bool break_write = READ_ONCE(commit->break_write);

	DMERR_LIMIT("%s: the tracking map cannot be written to its metadata device: error %d",
		    commit->name, r);
	if (!break_write)
		give_up(commit);
	spin_lock(&commit->lock);
	__take_all(commit, &bios);
	spin_unlock(&commit->lock);
	expect_nothing(commit);
	let_go(commit, &bios, break_write);
}

/*
 * As it is now, with nothing under way. Whoever waits for the end no longer has said so
 * before anybody else can write to the origin: then what was read may be too old.
 */
static int close(struct cbw_commit *commit)
{
	int r = read_marks(commit);

	if (r)
		return r;
	commit->state.closed = true;
	commit->state.written = cbw_count_writes(commit->origin);
	/* Pairs with cbw_commit_end(). */
	smp_mb();
	r = leaving(commit) ? -ETIMEDOUT : commit_state(commit);
	commit->told = !r;
	return r;
}

/* Whatever comes later changes nothing any more. */
static void finish(struct cbw_commit *commit, bool all_done)
{
	bool closed;

	/* Whoever ends it may kick once more than was needed. */
	if (cbw_commit_broken(commit) && commit->told)
		return;
	closed = all_done && !leaving(commit) && !close(commit) && !leaving(commit);
	if (!closed && (commit->state.closed || !commit->told))
		make_void(commit);
	WRITE_ONCE(commit->broken, true);
}

static int commit_all(struct cbw_commit *commit)
{
	int r = commit_bits(commit);

	/* What is void must not get another generation. */
	if (!r && !leaving(commit))
		r = commit_super(commit);
	/* What is needed no more should be gone from what is closed. */
	return r || !test_bit(CLOSING, &commit->flags) ? r : commit_bits(commit);
}

static void do_turn(struct cbw_commit *commit)
{
	bool ending = test_bit(CLOSING, &commit->flags) || test_bit(LEAVING, &commit->flags);
	int r = 0;

	take_new(commit);
	mark_next(commit);
	if (!leaving(commit))
		r = commit_all(commit);
	if (r)
		fail_turn(commit, r);
	else
		end_turn(commit);

	if (ending)
		finish(commit, !r);
	else if (cbw_commit_broken(commit) && !commit->told)
		make_void(commit);
	else if (!cbw_commit_broken(commit) && !r && any_dirty(commit))
		kick(commit);
}

static void commit_work(struct work_struct *work)
{
	struct cbw_commit *commit = container_of(to_delayed_work(work), struct cbw_commit, work);

	WRITE_ONCE(commit->turns_begun, commit->turns_begun + 1);
	/* What was asked for before is seen now; pairs with wait_turn(). */
	smp_mb();
	if (test_and_clear_bit(BEGINNING, &commit->flags))
		begin(commit);
	else
		do_turn(commit);
	/* Pairs with ended(). */
	smp_store_release(&commit->turns_ended, commit->turns_begun);
	wake_up(&commit->turn_ended);
}

/*----------------------------------------------------------------
 * A device that hangs
 *----------------------------------------------------------------
 */

static bool ended(const struct cbw_commit *commit, unsigned int turn)
{
	/* Pairs with commit_work(). */
	return (int)(smp_load_acquire(&commit->turns_ended) - turn) >= 0;
}

/* Nobody waits for it any more. The worker goes on when it does, and tells it then. */
static void hangs(struct cbw_commit *commit, unsigned int turn)
{
	struct bio_list bios = BIO_EMPTY_LIST;
	bool break_write = READ_ONCE(commit->break_write);

	WRITE_ONCE(commit->hung, turn);
	DMERR_LIMIT("%s: the metadata device has not answered for %u ms", commit->name,
		    jiffies_to_msecs(READ_ONCE(commit->timeout)));
	if (!break_write)
		break_map(commit);
	/* That turn may have ended just before, and the device would not be told. */
	kick(commit);
	spin_lock(&commit->lock);
	__take_all(commit, &bios);
	spin_unlock(&commit->lock);
	let_go(commit, &bios, break_write);
}

/* If any waits: since when. One that is to be marked after another has ended waits for that. */
static bool __oldest(const struct cbw_commit *commit, unsigned long *since)
{
	const struct waiting *lists[] = { &commit->new, &commit->in_turn, &commit->to_mark };
	/* Pairs with cbw_commit_ended(). */
	const struct bio *marked = smp_load_acquire(&commit->marked);
	bool in_flight = marked && marked != HAS_ENDED;
	unsigned long began;
	bool any = false;
	unsigned int i;

	*since = jiffies;
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		if (bio_list_empty(&lists[i]->bios))
			continue;
		any = true;
		began = READ_ONCE(lists[i]->since);
		if (time_before(began, *since) && !(in_flight && lists[i] == &commit->to_mark))
			*since = began;
	}
	return any;
}

/* One timer for all: whoever waits next is younger. */
static void timer_work(struct work_struct *work)
{
	struct cbw_commit *commit = container_of(to_delayed_work(work), struct cbw_commit, timer);
	unsigned long timeout = READ_ONCE(commit->timeout);
	unsigned int turn = READ_ONCE(commit->turns_begun);
	unsigned long now = jiffies, since;
	bool any;

	spin_lock(&commit->lock);
	any = __oldest(commit, &since);
	spin_unlock(&commit->lock);
	if (!any || !timeout)
		return;
	if (time_after_eq(now, since + timeout))
		hangs(commit, turn);
	else
		mod_delayed_work(commit->timer_wq, &commit->timer, since + timeout - now);
}

bool cbw_commit_hangs(const struct cbw_commit *commit)
{
	/* That turn, or the one before it, is under way; others before may be any number ago. */
	return READ_ONCE(commit->hung) - smp_load_acquire(&commit->turns_ended) - 1 < 2;
}

/* What was asked of the worker is done; or not, since the device hangs. */
static bool wait_turn(struct cbw_commit *commit)
{
	unsigned long timeout = READ_ONCE(commit->timeout);
	unsigned int turn;

	/* Pairs with commit_work(). */
	smp_mb();
	turn = READ_ONCE(commit->turns_begun) + 1;
	kick(commit);
	if (!timeout)
		timeout = MAX_SCHEDULE_TIMEOUT;
	else if (cbw_commit_hangs(commit))
		timeout = 1;
	if (wait_event_idle_timeout(commit->turn_ended, ended(commit, turn), timeout))
		return true;
	hangs(commit, turn);
	return false;
}

/*----------------------------------------------------------------
 * Beginning and end
 *----------------------------------------------------------------
 */

void cbw_commit_begin(struct cbw_commit *commit)
{
	commit->passed = cbw_count_disk_writes(commit->disk);
	set_bit(BEGINNING, &commit->flags);
	wait_turn(commit);
}

void cbw_commit_end(struct cbw_commit *commit, bool go_on)
{
	set_bit(go_on ? CLOSING : LEAVING, &commit->flags);
	if (!wait_turn(commit)) {
		/* It may not be closed later, when it is wrong. */
		set_bit(LEAVING, &commit->flags);
		/* Pairs with close(). */
		smp_mb__after_atomic();
	} else if (commit->told) {
		return;
	}
	DMWARN("%s: cannot tell the metadata device that its tracking map is void", commit->name);
}

void cbw_commit_finish(struct cbw_commit *commit)
{
	flush_delayed_work(&commit->work);
}

void cbw_commit_generation(struct cbw_commit *commit)
{
	set_bit(SUPER_CHANGED, &commit->flags);
	kick(commit);
}

/* A turn may leave work for another one. */
void cbw_commit_wait(struct cbw_commit *commit)
{
	wait_turn(commit);
}

void cbw_commit_set_policy(struct cbw_commit *commit, bool break_write, u64 timeout)
{
	WRITE_ONCE(commit->break_write, break_write);
	WRITE_ONCE(commit->timeout, timeout ? cbw_jiffies(timeout) : 0);
	/* It may run for as long as was waited before. */
	mod_delayed_work(commit->timer_wq, &commit->timer, 0);
}

/*----------------------------------------------------------------
 * Creation and destruction
 *----------------------------------------------------------------
 */

/* What cannot be read is no reason to do without tracking. */
static void load(struct cbw_commit *commit)
{
	unsigned long block;
	int r = 0;

	if (cbw_metadata_state(commit->metadata)->damaged)
		r = -EILSEQ;
	else if (uuid_is_null(&cbw_metadata_state(commit->metadata)->generation))
		return;
	for (block = 0; block < cbw_metadata_nr_blocks(commit->metadata) && !r; block++) {
		cbw_metadata_read_ahead(commit->metadata, block);
		r = note_durable(commit, block);
		cond_resched();
	}
	if (r)
		commit->damaged = r == -EILSEQ ? "it is damaged" : "it cannot be read";
}

static int allocate(struct cbw_commit *commit)
{
	size_t blocks = cbw_bits_size(cbw_metadata_nr_blocks(commit->metadata));

	commit->durable = kvcalloc(commit->nr_longs, sizeof(long), GFP_KERNEL);
	commit->dirty = kvzalloc(blocks, GFP_KERNEL);
	commit->written = kvzalloc(blocks, GFP_KERNEL);
	commit->longs = kmalloc_array(CBW_BLOCK_LONGS, sizeof(long), GFP_KERNEL);
	commit->page = alloc_page(GFP_KERNEL);
	commit->wq = alloc_workqueue("cbw_commit/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 1,
				     commit->name);
	commit->timer_wq = alloc_workqueue("cbw_timer/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 1,
					   commit->name);
	commit->apart = cbw_apart_create(commit->name, NULL, NULL);
	return commit->durable && commit->dirty && commit->written && commit->longs &&
	       commit->page && commit->wq && commit->timer_wq && commit->apart ? 0 : -ENOMEM;
}

void cbw_commit_destroy(struct cbw_commit *commit)
{
	if (!commit)
		return;
	/* It may still be in its tail, and kicks the worker. */
	if (commit->timer_wq) {
		cancel_delayed_work_sync(&commit->timer);
		destroy_workqueue(commit->timer_wq);
	}
	if (commit->wq) {
		cancel_delayed_work_sync(&commit->work);
		destroy_workqueue(commit->wq);
	}
	cbw_apart_destroy(commit->apart);
	cbw_metadata_close(commit->metadata);
	if (commit->page)
		__free_page(commit->page);
	kfree(commit->longs);
	kvfree(commit->written);
	kvfree(commit->dirty);
	kvfree(commit->durable);
	kfree(commit);
}

struct cbw_commit *cbw_commit_create(const struct cbw_commit_config *config,
				     const struct cbw_commit_ops *ops, void *owner, char **error)
{
	struct cbw_commit *commit = kzalloc(sizeof(*commit), GFP_KERNEL);
	int r = -ENOMEM;

	*error = "Cannot allocate the metadata";
	if (!commit)
		return ERR_PTR(r);
	commit->ops = ops;
	commit->owner = owner;
	commit->origin = config->origin;
	commit->disk = config->disk;
	commit->len = config->len;
	commit->nr_longs = BITS_TO_LONGS(((config->len - 1) >> config->chunk_shift) + 1);
	strscpy(commit->name, config->name, sizeof(commit->name));
	INIT_DELAYED_WORK(&commit->work, commit_work);
	INIT_DELAYED_WORK(&commit->timer, timer_work);
	init_waitqueue_head(&commit->turn_ended);
	spin_lock_init(&commit->lock);
	bio_list_init(&commit->new.bios);
	bio_list_init(&commit->in_turn.bios);
	bio_list_init(&commit->to_mark.bios);

	commit->metadata = cbw_metadata_open(config->metadata, config->len, config->chunk_shift,
					     error);
	if (IS_ERR(commit->metadata)) {
		r = PTR_ERR(commit->metadata);
		commit->metadata = NULL;
	} else {
		*error = "Cannot allocate the metadata";
		r = allocate(commit);
	}
	if (r) {
		cbw_commit_destroy(commit);
		return ERR_PTR(r);
	}
	load(commit);
	return commit;
}

void cbw_commit_init(void)
{
	uuid_gen(&this_boot);
}
