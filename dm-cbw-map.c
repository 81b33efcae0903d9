// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chunk map; see dm-cbw-map.h for the contract.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/interval_tree_generic.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "dm-cbw-bits.h"
#include "dm-cbw-map.h"

/* Parts of the map in which reads are counted: a write sees without the lock that none is near. */
#define NR_PARTS	256UL

/* Chunks whose bits are changed under the lock at a time, by what may change all. */
#define PIECE	(512UL * BITS_PER_LONG)

/* The claims of one kind: a fixed array, so the cap and the pool are one. */
struct claim_pool {
	struct cbw_claim *claims;
	unsigned long in_flight[BITS_TO_LONGS(CBW_MAX_SAFE_COPIES)]; /* by slot */
	unsigned int nr;
	unsigned int nr_in_flight;
	unsigned int max_in_flight;
	unsigned long nr_saved;
};

struct cbw_map {
	unsigned long nr_chunks;
	unsigned long max_run;

	/*
	 * Guards all that follows. The bitmaps and the figures are only written
	 * under it; some are read without it.
	 */
	spinlock_t lock;
	unsigned long *pending;
	unsigned long *claimed;
	unsigned long *released;	/* NULL where nothing may be */
	unsigned long *excluded;	/* or pending and not listed; NULL where nothing may be */
	/*
	 * NULL unless the map follows. Claimed, and written to since; while user space lists
	 * what is to be saved, also what was written to meanwhile.
	 */
	unsigned long *again;
	unsigned long nr_pending;
	unsigned long nr_claimed;
	unsigned long nr_excluded;
	struct claim_pool pools[CBW_NR_KINDS];

	struct list_head held;
	struct list_head woken;		/* a copy ended; to be looked at again */
	struct list_head failed;	/* a copy failed, and so do these */
	struct list_head starved;	/* need a copy while all are in use */
	unsigned int nr_held;
	unsigned int nr_first_go;	/* held writes with first_go */

	struct list_head reading;
	struct list_head held_reads;
	struct list_head awaiting;	/* reads of what is safe */
	unsigned int nr_reading;
	unsigned int nr_releasing;
	unsigned int part_shift;
	unsigned int read_parts[NR_PARTS];	/* how many of those under way read of it */

	/* Of a map that follows. */
	struct rb_root_cached writing;	/* all that are under way */
	struct list_head draining;	/* claims that wait for some of them */
	struct list_head drained;	/* those that do no more */
	unsigned int chunk_shift;
	bool mirror;
	bool listing;

	bool broken;
	bool requeue;
	bool sweep_allowed;
	bool reads_stopped;
	bool flushed;

	struct cbw_claim claims[CBW_MAX_WRITE_COPIES + CBW_MAX_SWEEP_COPIES];
	struct cbw_claim *safe_claims;	/* NULL where nothing may be safe */
};

/*----------------------------------------------------------------
 * Ranges of chunks
 *----------------------------------------------------------------
 */

static void change_chunks(unsigned long *bits, unsigned long first,
			  unsigned long last, bool set)
{
	unsigned long i, mask;

	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++) {
		mask = cbw_bits_mask(i, first, last);
		/*
		 * Release: whoever finds a chunk not pending any more also
		 * finds it on the target device. Pairs with
		 * cbw_map_pending().
		 */
		smp_store_release(&bits[i], set ? bits[i] | mask : bits[i] & ~mask);
	}
}

static bool test_chunk(const unsigned long *bits, unsigned long chunk)
{
	return cbw_bits_find(bits, chunk, chunk, true) == chunk;
}

bool cbw_map_pending(const struct cbw_map *map, unsigned long first,
		     unsigned long last)
{
	if (cbw_bits_find(map->pending, first, last, true) <= last)
		return true;

	/* Pairs with the release in change_chunks(). */
	smp_acquire__after_ctrl_dep();
	return false;
}

unsigned long cbw_map_find(const struct cbw_map *map, unsigned long first,
			   unsigned long last, bool pending)
{
	unsigned long chunk = cbw_bits_find(map->pending, first, last, pending);

	/* As in cbw_map_pending(): what is not pending is saved, released or excluded. */
	smp_acquire__after_ctrl_dep();
	return chunk;
}

bool cbw_map_broken(const struct cbw_map *map)
{
	/* Pairs with the release in cbw_map_break(). */
	return smp_load_acquire(&map->broken);
}

void cbw_map_want(struct cbw_map *map, unsigned long first, unsigned long last)
{
	unsigned long chunk, next;

	for (chunk = first; chunk <= last; chunk = next) {
		chunk = cbw_bits_find(map->pending, chunk, last, false);
		if (chunk > last)
			break;
		next = cbw_bits_find(map->pending, chunk, last, true);
		change_chunks(map->pending, chunk, next - 1, true);
		WRITE_ONCE(map->nr_pending, map->nr_pending + next - chunk);
	}
}

/*----------------------------------------------------------------
 * Reads of the origin by snapshot views
 *----------------------------------------------------------------
 */

/* Acquires: what a read that has ended has read, it has read before. */
static bool near_a_read(const struct cbw_map *map, unsigned long first,
			unsigned long last)
{
	unsigned long part;

	/* Pairs with __end_read(). */
	if (likely(!smp_load_acquire(&map->nr_reading)))
		return false;
	for (part = first >> map->part_shift; part <= last >> map->part_shift; part++)
		/* Pairs with __end_read(). */
		if (smp_load_acquire(&map->read_parts[part]))
			return true;
	return false;
}

/*
 * Pending first, then the reads: whoever found a chunk pending has begun to read
 * it before the critical section that saved it, and so is seen here.
 */
bool cbw_map_passes(const struct cbw_map *map, unsigned long first,
		    unsigned long last)
{
	return !cbw_map_pending(map, first, last) && !near_a_read(map, first, last);
}

static void __begin_read(struct cbw_map *map, struct cbw_reader *reader)
{
	unsigned long part;

	lockdep_assert_held(&map->lock);

	reader->under_way = true;
	list_add_tail(&reader->list, &map->reading);
	for (part = reader->first >> map->part_shift;
	     part <= reader->last >> map->part_shift; part++)
		WRITE_ONCE(map->read_parts[part], map->read_parts[part] + 1);
	WRITE_ONCE(map->nr_reading, map->nr_reading + 1);
}

static void __end_read(struct cbw_map *map, struct cbw_reader *reader)
{
	unsigned long part;

	lockdep_assert_held(&map->lock);

	reader->under_way = false;
	list_del(&reader->list);
	for (part = reader->first >> map->part_shift;
	     part <= reader->last >> map->part_shift; part++)
		/* Pairs with near_a_read(). */
		smp_store_release(&map->read_parts[part], map->read_parts[part] - 1);
	/* Pairs with near_a_read(). */
	smp_store_release(&map->nr_reading, map->nr_reading - 1);
}

enum cbw_verdict cbw_map_read(struct cbw_map *map, struct cbw_reader *reader)
{
	enum cbw_verdict verdict = CBW_GO;
	unsigned long flags;

	INIT_LIST_HEAD(&reader->waiters);
	spin_lock_irqsave(&map->lock, flags);
	if (map->broken) {
		verdict = CBW_FAIL;
	} else if (cbw_bits_find(map->pending, reader->first, reader->last, false) <=
		   reader->last) {
		verdict = CBW_AGAIN;
	} else if (!map->reads_stopped) {
		__begin_read(map, reader);
	} else if (!reader->may_hold ||
		   (reader->viewer->suspended && !reader->must_hold)) {
		verdict = CBW_REQUEUE;
	} else {
		verdict = CBW_HOLD;
		list_add_tail(&reader->list, &map->held_reads);
	}
	spin_unlock_irqrestore(&map->lock, flags);
	return verdict;
}

bool cbw_map_read_done(struct cbw_map *map, struct cbw_reader *reader)
{
	unsigned long flags;
	bool work;

	spin_lock_irqsave(&map->lock, flags);
	__end_read(map, reader);
	work = !list_empty(&reader->waiters);
	list_splice_tail_init(&reader->waiters, &map->woken);
	spin_unlock_irqrestore(&map->lock, flags);
	return work;
}

void cbw_map_stop_reads(struct cbw_map *map)
{
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	map->reads_stopped = true;
	spin_unlock_irqrestore(&map->lock, flags);
}

/*
 * What was pending when they were held still is, or was excluded, but no write has come
 * since, or was released, for which they fail when they end: so they need not look again.
 */
void cbw_map_resume_reads(struct cbw_map *map, struct list_head *readers)
{
	struct cbw_reader *reader;
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	map->reads_stopped = false;
	while (!list_empty(&map->held_reads)) {
		reader = list_first_entry(&map->held_reads, struct cbw_reader, list);
		list_del(&reader->list);
		__begin_read(map, reader);
		list_add_tail(&reader->start, readers);
	}
	spin_unlock_irqrestore(&map->lock, flags);
}

void cbw_map_suspend_viewer(struct cbw_map *map, struct cbw_viewer *viewer,
			    bool suspend)
{
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	viewer->suspended = suspend;
	spin_unlock_irqrestore(&map->lock, flags);
}

struct cbw_reader *cbw_map_take_held_read(struct cbw_map *map,
					  const struct cbw_viewer *viewer)
{
	struct cbw_reader *reader, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	list_for_each_entry(reader, &map->held_reads, list) {
		if (!viewer || reader->viewer == viewer) {
			list_del(&reader->list);
			found = reader;
			break;
		}
	}
	spin_unlock_irqrestore(&map->lock, flags);
	return found;
}

/*
 * One that a write of [first, last] has to wait for, or NULL. Linear, over those under
 * way: as many as the users of the views have begun at a time.
 */
static struct cbw_reader *__reader_of(struct cbw_map *map, unsigned long first,
				      unsigned long last)
{
	struct cbw_reader *reader;

	lockdep_assert_held(&map->lock);

	if (!near_a_read(map, first, last))
		return NULL;
	list_for_each_entry(reader, &map->reading, list)
		if (reader->first <= last && first <= reader->last)
			return reader;
	return NULL;
}

/*----------------------------------------------------------------
 * Writes that are under way
 *----------------------------------------------------------------
 */

#define START(writing)	((writing)->start)
#define LAST(writing)	((writing)->last)

INTERVAL_TREE_DEFINE(struct cbw_writing, node, u64, subtree_last, START, LAST,
		     static __maybe_unused, writing_tree)

static u64 claim_start(const struct cbw_map *map, const struct cbw_claim *claim)
{
	return (u64)claim->first << map->chunk_shift;
}

static u64 claim_last(const struct cbw_map *map, const struct cbw_claim *claim)
{
	return ((u64)(claim->first + claim->nr) << map->chunk_shift) - 1;
}

static bool touches(const struct cbw_map *map, const struct cbw_writing *writing,
		    const struct cbw_claim *claim)
{
	return writing->start <= claim_last(map, claim) &&
	       claim_start(map, claim) <= writing->last;
}

/* The writes under way that a copy of @claim has to wait for. No other can come. */
static unsigned int __count_writing(struct cbw_map *map, const struct cbw_claim *claim)
{
	u64 start = claim_start(map, claim), last = claim_last(map, claim);
	struct cbw_writing *writing;
	unsigned int nr = 0;

	lockdep_assert_held(&map->lock);

	for (writing = writing_tree_iter_first(&map->writing, start, last); writing;
	     writing = writing_tree_iter_next(writing, start, last))
		nr++;
	return nr;
}

/* From here on a write to its chunks is one that the copy may miss. */
static void __begin_copy(struct cbw_map *map, struct cbw_claim *claim)
{
	change_chunks(map->again, claim->first, claim->first + claim->nr - 1, false);
	claim->draining = __count_writing(map, claim);
	claim->drains = claim->draining;
	if (claim->drains)
		list_add_tail(&claim->start, &map->draining);
	/* First claimed, then read; pairs with is_dirty(). */
	smp_mb();
}

/* One that its claims have waited for has ended. */
static bool __drain(struct cbw_map *map, const struct cbw_writing *writing)
{
	struct cbw_claim *claim, *next;
	bool drained = false;

	list_for_each_entry_safe(claim, next, &map->draining, start) {
		if (!touches(map, writing, claim) || --claim->draining)
			continue;
		list_move_tail(&claim->start, &map->drained);
		drained = true;
	}
	return drained;
}

unsigned int cbw_map_written(struct cbw_map *map, struct cbw_writing *writing)
{
	unsigned int what = 0;
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	writing->under_way = false;
	writing_tree_remove(writing, &map->writing);
	if (!list_empty(&writing->waiters))
		what |= CBW_LOOK_AGAIN;
	list_splice_tail_init(&writing->waiters, &map->woken);
	if (__drain(map, writing))
		what |= CBW_DRAINED;
	spin_unlock_irqrestore(&map->lock, flags);
	return what;
}

struct cbw_claim *cbw_map_take_drained(struct cbw_map *map)
{
	struct cbw_claim *claim;
	unsigned long flags;

	/* Whoever adds one wakes the caller after that. */
	if (likely(list_empty(&map->drained)))
		return NULL;

	spin_lock_irqsave(&map->lock, flags);
	claim = list_first_entry_or_null(&map->drained, struct cbw_claim, start);
	if (claim) {
		list_del(&claim->start);
		claim->drains = false;
	}
	spin_unlock_irqrestore(&map->lock, flags);
	return claim;
}

/*----------------------------------------------------------------
 * Claims
 *----------------------------------------------------------------
 */

static void init_pool(struct claim_pool *pool, struct cbw_claim *claims,
		      unsigned int nr, enum cbw_kind kind, void *owner)
{
	unsigned int i;

	pool->claims = claims;
	pool->nr = nr;
	pool->max_in_flight = nr;

	for (i = 0; i < nr; i++) {
		claims[i].kind = kind;
		claims[i].slot = i;
		claims[i].owner = owner;
		INIT_LIST_HEAD(&claims[i].waiters);
	}
}

static struct cbw_claim *__take_claim(struct cbw_map *map, enum cbw_kind kind)
{
	struct claim_pool *pool = &map->pools[kind];
	struct cbw_claim *claim;

	lockdep_assert_held(&map->lock);

	if (pool->nr_in_flight >= pool->max_in_flight)
		return NULL;

	/* The lowest; max_in_flight is never more than there are claims. */
	claim = &pool->claims[cbw_bits_find(pool->in_flight, 0, pool->nr - 1, false)];
	change_chunks(pool->in_flight, claim->slot, claim->slot, true);
	WRITE_ONCE(pool->nr_in_flight, pool->nr_in_flight + 1);
	return claim;
}

static bool __claim_left(const struct cbw_map *map, enum cbw_kind kind)
{
	return map->pools[kind].nr_in_flight < map->pools[kind].max_in_flight;
}

/*
 * Claim the run of pending, unclaimed chunks that starts with @first, which is
 * one, and ends with @last at most.
 */
static struct cbw_claim *__claim_run(struct cbw_map *map, enum cbw_kind kind,
				     unsigned long first, unsigned long last)
{
	struct cbw_claim *claim = __take_claim(map, kind);

	if (!claim)
		return NULL;

	last = min(last, first + map->max_run - 1);
	if (last > first) {
		last = cbw_bits_find(map->pending, first, last, false) - 1;
		last = cbw_bits_find(map->claimed, first, last, true) - 1;
	}

	change_chunks(map->claimed, first, last, true);
	claim->first = first;
	claim->nr = last - first + 1;
	WRITE_ONCE(map->nr_claimed, map->nr_claimed + claim->nr);
	/* Before they are saved: so a bit that is left when pending is not means excluded. */
	if (map->excluded)
		change_chunks(map->excluded, first, last, false);
	if (map->again)
		__begin_copy(map, claim);
	return claim;
}

/* Linear, over at most as many as may be in flight; only conflicts come here. */
static struct cbw_claim *__claim_of(struct cbw_map *map, unsigned long chunk)
{
	struct cbw_claim *claim;
	struct claim_pool *pool;
	unsigned long slot;

	for (pool = map->pools; pool < map->pools + CBW_NR_KINDS; pool++) {
		for (slot = 0; slot < pool->nr; slot++) {
			slot = cbw_bits_find(pool->in_flight, slot, pool->nr - 1, true);
			if (slot == pool->nr)
				break;
			claim = &pool->claims[slot];
			if (chunk - claim->first < claim->nr)
				return claim;
		}
	}
	return NULL;
}

/*
 * The writes that were held on a failed copy have the first go at the chunks.
 * Else the sweep could claim them anew each time before they do, for ever.
 */
static bool __may_sweep(const struct cbw_map *map)
{
	lockdep_assert_held(&map->lock);

	return !map->broken && map->sweep_allowed && !map->nr_first_go &&
	       __claim_left(map, CBW_SWEEP);
}

/*
 * Look without the lock, so that no search through a long map is done under
 * it; then claim with the lock, if it is still so.
 */
struct cbw_claim *cbw_map_claim_sweep(struct cbw_map *map, unsigned long *cursor,
				      unsigned long max_run)
{
	unsigned long last = map->nr_chunks - 1;
	unsigned long chunk = *cursor;
	struct cbw_claim *claim = NULL;
	unsigned long flags;

	while (chunk <= last && !claim) {
		chunk = cbw_bits_find(map->pending, chunk, last, true);
		if (chunk > last)
			break;
		if (test_chunk(map->claimed, chunk)) {
			chunk = cbw_bits_find(map->claimed, chunk, last, false);
			continue;
		}

		spin_lock_irqsave(&map->lock, flags);
		if (!__may_sweep(map)) {
			spin_unlock_irqrestore(&map->lock, flags);
			break;
		}
		if (test_chunk(map->pending, chunk) &&
		    !test_chunk(map->claimed, chunk)) {
			claim = __claim_run(map, CBW_SWEEP, chunk,
					    chunk + min(max_run - 1, last - chunk));
			chunk += claim->nr;
		}
		spin_unlock_irqrestore(&map->lock, flags);
	}
	*cursor = chunk;
	return claim;
}

bool cbw_map_at_end(const struct cbw_map *map, unsigned long cursor)
{
	return cursor >= map->nr_chunks;
}

bool cbw_map_unclaimed(const struct cbw_map *map)
{
	return READ_ONCE(map->nr_pending) > READ_ONCE(map->nr_claimed);
}

struct cbw_claim *cbw_map_claim_flush(struct cbw_map *map)
{
	struct cbw_claim *claim = NULL;
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	if (!map->nr_pending && !map->flushed && !map->broken &&
	    map->sweep_allowed &&
	    !map->pools[CBW_WRITE].nr_in_flight &&
	    !map->pools[CBW_SWEEP].nr_in_flight) {
		claim = __take_claim(map, CBW_SWEEP);
		claim->first = 0;
		claim->nr = 0;
	}
	spin_unlock_irqrestore(&map->lock, flags);
	return claim;
}

static void __set_first_go(struct cbw_map *map, struct cbw_waiter *waiter, bool set)
{
	lockdep_assert_held(&map->lock);

	if (waiter->first_go == set)
		return;

	waiter->first_go = set;
	if (set)
		map->nr_first_go++;
	else
		map->nr_first_go--;
}

/* Not pending, where the word @i has @mask. Returns how many chunks were. */
static unsigned long __forget_word(struct cbw_map *map, unsigned long i, unsigned long mask)
{
	lockdep_assert_held(&map->lock);

	mask &= map->pending[i];
	/* As in change_chunks(): a write that passes for it sees the reads of it as well. */
	smp_store_release(&map->pending[i], map->pending[i] & ~mask);
	WRITE_ONCE(map->nr_pending, map->nr_pending - hweight_long(mask));
	return hweight_long(mask);
}

/* But not what was written to since the copy began. */
static void __mark_followed(struct cbw_map *map, unsigned long first, unsigned long last)
{
	unsigned long i;

	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++)
		__forget_word(map, i, cbw_bits_mask(i, first, last) & ~map->again[i]);
}

static void __mark_saved(struct cbw_map *map, const struct cbw_claim *claim)
{
	struct claim_pool *pool = &map->pools[claim->kind];
	unsigned long last = claim->first + claim->nr - 1;

	lockdep_assert_held(&map->lock);

	/* Clear before release: a released write must never find it pending. */
	if (map->again) {
		__mark_followed(map, claim->first, last);
	} else if (!claim->safe) {
		change_chunks(map->pending, claim->first, last, false);
		WRITE_ONCE(map->nr_pending, map->nr_pending - claim->nr);
	}
	WRITE_ONCE(pool->nr_saved, pool->nr_saved + claim->nr);
}

/* Writes pass from now on: what they overwrite is in the buffer of the copy. */
static void __make_safe(struct cbw_map *map, struct cbw_claim *claim)
{
	lockdep_assert_held(&map->lock);

	claim->safe = true;
	change_chunks(map->pending, claim->first, claim->first + claim->nr - 1, false);
	WRITE_ONCE(map->nr_claimed, map->nr_claimed - claim->nr);
	WRITE_ONCE(map->nr_pending, map->nr_pending - claim->nr);
}

/* It will not be saved: the map is broken. For those who ask what was not. */
static void __mark_lost(struct cbw_map *map, struct cbw_claim *claim)
{
	lockdep_assert_held(&map->lock);

	claim->safe = false;
	change_chunks(map->pending, claim->first, claim->first + claim->nr - 1, true);
	WRITE_ONCE(map->nr_pending, map->nr_pending + claim->nr);
	WRITE_ONCE(map->nr_claimed, map->nr_claimed + claim->nr);
}

/* Would cbw_map_next() find one? */
static bool __has_next(const struct cbw_map *map)
{
	lockdep_assert_held(&map->lock);

	if (map->broken)
		return !list_empty(&map->held);

	return !list_empty(&map->woken) || !list_empty(&map->failed) ||
	       (!list_empty(&map->starved) && __claim_left(map, CBW_WRITE));
}

static void __give_first_go(struct cbw_map *map, const struct cbw_claim *claim)
{
	struct cbw_waiter *waiter;

	list_for_each_entry(waiter, &claim->waiters, wait)
		__set_first_go(map, waiter, true);
}

bool cbw_map_finish(struct cbw_map *map, struct cbw_claim *claim, bool saved,
		    bool fail_waiters)
{
	struct claim_pool *pool = &map->pools[claim->kind];
	unsigned long flags;
	bool work;

	spin_lock_irqsave(&map->lock, flags);
	if (claim->nr) {
		if (saved && !map->broken)
			__mark_saved(map, claim);
		change_chunks(map->claimed, claim->first,
			      claim->first + claim->nr - 1, false);
		if (!claim->safe)
			WRITE_ONCE(map->nr_claimed, map->nr_claimed - claim->nr);
		if (!saved && claim->kind == CBW_SWEEP)
			__give_first_go(map, claim);
	} else {
		map->flushed = saved;
	}
	list_splice_tail_init(&claim->waiters,
			      fail_waiters ? &map->failed : &map->woken);

	claim->buffered = false;
	claim->safe = false;
	change_chunks(pool->in_flight, claim->slot, claim->slot, false);
	WRITE_ONCE(pool->nr_in_flight, pool->nr_in_flight - 1);
	work = __has_next(map);
	spin_unlock_irqrestore(&map->lock, flags);
	return work;
}

/*----------------------------------------------------------------
 * What is safe
 *----------------------------------------------------------------
 */

int cbw_map_may_be_safe(struct cbw_map *map, unsigned int nr)
{
	struct cbw_claim *claims = kvcalloc(nr, sizeof(*claims), GFP_KERNEL);

	if (!claims)
		return -ENOMEM;

	init_pool(&map->pools[CBW_WRITE], claims, nr, CBW_WRITE, map->claims[0].owner);
	map->safe_claims = claims;
	return 0;
}

/* Not before somebody needs it: what is only pending may be copied again if the copy fails. */
bool cbw_map_buffered(struct cbw_map *map, struct cbw_claim *claim)
{
	unsigned long flags;
	bool work;

	spin_lock_irqsave(&map->lock, flags);
	claim->buffered = true;
	if (!list_empty(&claim->waiters) && !map->broken) {
		__make_safe(map, claim);
		list_splice_tail_init(&claim->waiters, &map->woken);
	}
	work = __has_next(map);
	spin_unlock_irqrestore(&map->lock, flags);
	return work;
}

bool cbw_map_lost(struct cbw_map *map, struct cbw_claim *claim)
{
	unsigned long flags;
	bool safe;

	spin_lock_irqsave(&map->lock, flags);
	claim->buffered = false;
	safe = claim->safe;
	spin_unlock_irqrestore(&map->lock, flags);
	return safe;
}

unsigned long cbw_map_find_safe(const struct cbw_map *map, unsigned long first,
				unsigned long last, bool safe)
{
	unsigned long chunk = safe ? last + 1 : first;

	if (map->safe_claims)
		chunk = cbw_bits_find(map->claimed, first, last, safe);
	/* What is claimed no more is on the target device: pairs with change_chunks(). */
	smp_acquire__after_ctrl_dep();
	return chunk;
}

enum cbw_verdict cbw_map_await_saved(struct cbw_map *map, struct cbw_reader *reader)
{
	enum cbw_verdict verdict = CBW_HOLD;
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	if (map->broken)
		verdict = CBW_FAIL;
	else if (cbw_bits_find(map->claimed, reader->first, reader->last, true) > reader->last)
		verdict = CBW_AGAIN;
	else
		list_add_tail(&reader->list, &map->awaiting);
	spin_unlock_irqrestore(&map->lock, flags);
	return verdict;
}

struct cbw_reader *cbw_map_take_saved_read(struct cbw_map *map)
{
	struct cbw_reader *reader, *found = NULL;
	unsigned long flags;

	/* Whoever added one found a chunk claimed, and this is asked after each end of a claim. */
	if (likely(list_empty(&map->awaiting)))
		return NULL;

	spin_lock_irqsave(&map->lock, flags);
	list_for_each_entry(reader, &map->awaiting, list) {
		if (!map->broken &&
		    cbw_bits_find(map->claimed, reader->first, reader->last, true) > reader->last) {
			list_del(&reader->list);
			found = reader;
			break;
		}
	}
	spin_unlock_irqrestore(&map->lock, flags);
	return found;
}

struct cbw_reader *cbw_map_take_unsaved_read(struct cbw_map *map)
{
	struct cbw_reader *reader;
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	reader = list_first_entry_or_null(&map->awaiting, struct cbw_reader, list);
	if (reader)
		list_del(&reader->list);
	spin_unlock_irqrestore(&map->lock, flags);
	return reader;
}

/*----------------------------------------------------------------
 * What nobody wants any more
 *----------------------------------------------------------------
 */

int cbw_map_may_release(struct cbw_map *map)
{
	unsigned long *bits = kvzalloc(cbw_bits_size(map->nr_chunks), GFP_KERNEL);
	unsigned long flags;

	if (!bits)
		return -ENOMEM;

	spin_lock_irqsave(&map->lock, flags);
	if (!map->released) {
		/* Pairs with cbw_map_released(). */
		smp_store_release(&map->released, bits);
		bits = NULL;
	}
	spin_unlock_irqrestore(&map->lock, flags);
	kvfree(bits);
	return 0;
}

bool cbw_map_released(const struct cbw_map *map, unsigned long first,
		      unsigned long last)
{
	/* Pairs with cbw_map_may_release(). */
	const unsigned long *released = smp_load_acquire(&map->released);

	return released && cbw_bits_find(released, first, last, true) <= last;
}

bool cbw_map_wanted(const struct cbw_map *map, const struct cbw_claim *claim)
{
	unsigned long last = claim->first + claim->nr - 1;
	/* Pairs with cbw_map_may_release(). */
	const unsigned long *released = smp_load_acquire(&map->released);

	return !released || cbw_bits_find(released, claim->first, last, false) <= last;
}

bool cbw_map_release(struct cbw_map *map, unsigned long first, unsigned long *last)
{
	unsigned long flags, i;
	bool claimed, may_free;

	spin_lock_irqsave(&map->lock, flags);
	claimed = test_chunk(map->claimed, first);
	*last = min(*last, first + CBW_MAX_RELEASE - 1);
	*last = cbw_bits_find(map->claimed, first, *last, !claimed) - 1;
	/* Released before it is pending no more: nobody takes it for saved. */
	change_chunks(map->released, first, *last, true);
	for (i = first / BITS_PER_LONG; !claimed && i <= *last / BITS_PER_LONG; i++)
		__forget_word(map, i, cbw_bits_mask(i, first, *last));
	may_free = !claimed && !map->reads_stopped && !map->broken;
	if (may_free)
		WRITE_ONCE(map->nr_releasing, map->nr_releasing + 1);
	spin_unlock_irqrestore(&map->lock, flags);
	return may_free;
}

void cbw_map_release_done(struct cbw_map *map)
{
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	WRITE_ONCE(map->nr_releasing, map->nr_releasing - 1);
	spin_unlock_irqrestore(&map->lock, flags);
}

/*----------------------------------------------------------------
 * What was never to be saved
 *----------------------------------------------------------------
 */

int cbw_map_may_exclude(struct cbw_map *map)
{
	map->excluded = kvzalloc(cbw_bits_size(map->nr_chunks), GFP_KERNEL);
	if (!map->excluded)
		return -ENOMEM;

	cbw_bits_fill(map->excluded, map->nr_chunks);
	map->listing = true;
	return 0;
}

static void __list_word(struct cbw_map *map, unsigned long i, unsigned long mask)
{
	WRITE_ONCE(map->excluded[i], map->excluded[i] & ~mask);
}

/* What is saved, or about to be, stays so; and what was written to, in a map that follows. */
static void __unlist_word(struct cbw_map *map, unsigned long i, unsigned long mask)
{
	mask &= map->pending[i] & ~map->claimed[i];
	if (map->again)
		mask &= ~map->again[i];
	WRITE_ONCE(map->excluded[i], map->excluded[i] | mask);
}

static void __exclude_word(struct cbw_map *map, unsigned long i, unsigned long mask)
{
	unsigned long nr = __forget_word(map, i, mask & map->excluded[i]);

	WRITE_ONCE(map->nr_excluded, map->nr_excluded + nr);
}

static void each_word(struct cbw_map *map, unsigned long first, unsigned long last,
		      void (*change)(struct cbw_map *map, unsigned long i, unsigned long mask))
{
	unsigned long flags, i, end;

	for (; first <= last; first = end + 1) {
		end = min(last, first | (PIECE - 1));
		spin_lock_irqsave(&map->lock, flags);
		for (i = first / BITS_PER_LONG; i <= end / BITS_PER_LONG; i++)
			change(map, i, cbw_bits_mask(i, first, end));
		spin_unlock_irqrestore(&map->lock, flags);
		cond_resched();
	}
}

void cbw_map_list(struct cbw_map *map, unsigned long first, unsigned long last, bool add)
{
	each_word(map, first, last, add ? __list_word : __unlist_word);
}

bool cbw_map_exclude(struct cbw_map *map)
{
	unsigned long flags;
	bool work;

	each_word(map, 0, map->nr_chunks - 1, __exclude_word);

	spin_lock_irqsave(&map->lock, flags);
	WRITE_ONCE(map->listing, false);
	/* They may wait for no copy any more; those on a claim, or a read, look when that ends. */
	list_splice_tail_init(&map->starved, &map->woken);
	work = __has_next(map);
	spin_unlock_irqrestore(&map->lock, flags);
	return work;
}

unsigned long cbw_map_find_excluded(const struct cbw_map *map, unsigned long first,
				    unsigned long last, bool excluded)
{
	if (map->excluded)
		return cbw_bits_find(map->excluded, first, last, excluded);
	return excluded ? last + 1 : first;
}

/*----------------------------------------------------------------
 * What was written to
 *----------------------------------------------------------------
 */

int cbw_map_may_follow(struct cbw_map *map, unsigned int chunk_shift)
{
	map->again = kvzalloc(cbw_bits_size(map->nr_chunks), GFP_KERNEL);
	map->chunk_shift = chunk_shift;
	return map->again ? 0 : -ENOMEM;
}

static unsigned long __dirty_word(struct cbw_map *map, unsigned long i, unsigned long mask)
{
	unsigned long new = mask & ~map->pending[i];

	lockdep_assert_held(&map->lock);

	map->again[i] |= map->listing ? mask : mask & map->claimed[i];
	if (map->excluded)
		WRITE_ONCE(map->excluded[i], map->excluded[i] & ~mask);
	WRITE_ONCE(map->pending[i], map->pending[i] | new);
	WRITE_ONCE(map->nr_pending, map->nr_pending + hweight_long(new));
	return new;
}

/*
 * Is it so that a copy has yet to begin for each of the chunks? Claimed before pending: the
 * end of a copy clears them the other way round. A copy that begins after the first look
 * reads what the write has left.
 */
static bool is_dirty(const struct cbw_map *map, unsigned long first, unsigned long last)
{
	smp_mb();	/* what was written first; pairs with __begin_copy() */
	if (cbw_bits_find(map->claimed, first, last, true) <= last)
		return false;
	smp_rmb();	/* pairs with the releases of cbw_map_finish() in change_chunks() */
	return cbw_bits_find(map->pending, first, last, false) > last;
}

bool cbw_map_dirty(struct cbw_map *map, unsigned long first, unsigned long last)
{
	unsigned long flags, i, before, new = 0;

	if (!READ_ONCE(map->listing) && is_dirty(map, first, last))
		return false;

	spin_lock_irqsave(&map->lock, flags);
	before = map->nr_pending;
	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++)
		new |= __dirty_word(map, i, cbw_bits_mask(i, first, last));
	spin_unlock_irqrestore(&map->lock, flags);
	return new && !before;
}

void cbw_map_mirror(struct cbw_map *map, bool mirror)
{
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	WRITE_ONCE(map->mirror, mirror);
	spin_unlock_irqrestore(&map->lock, flags);
}

bool cbw_map_mirrors(const struct cbw_map *map)
{
	return READ_ONCE(map->mirror);
}

void cbw_map_flush_again(struct cbw_map *map)
{
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	map->flushed = false;
	spin_unlock_irqrestore(&map->lock, flags);
}

/*----------------------------------------------------------------
 * Held writes
 *----------------------------------------------------------------
 */

/*
 * Claim what is pending and unclaimed in the whole range of @waiter, as far as
 * claims last and if it @may_claim. Returns the claim to wait for; NULL with
 * *@pending set when something is pending, but there is no claim to wait for.
 */
static struct cbw_claim *__claim_range(struct cbw_map *map,
				       const struct cbw_waiter *waiter,
				       bool may_claim, bool *pending,
				       struct list_head *claims)
{
	struct cbw_claim *first = NULL, *claim;
	unsigned long chunk = waiter->first;

	*pending = false;
	while (chunk <= waiter->last) {
		chunk = cbw_bits_find(map->pending, chunk, waiter->last, true);
		if (chunk > waiter->last)
			break;

		if (test_chunk(map->claimed, chunk)) {
			claim = __claim_of(map, chunk);
			if (claim->buffered) {
				__make_safe(map, claim);
				continue;
			}
			*pending = true;
		} else {
			*pending = true;
			if (!may_claim || !__claim_left(map, CBW_WRITE))
				break;
			claim = __claim_run(map, CBW_WRITE, chunk, waiter->last);
			list_add_tail(&claim->start, claims);
		}
		if (!first)
			first = claim;
		chunk = claim->first + claim->nr;
	}
	return first;
}

/* Whom a write has to wait for in a map that follows, or NULL. */
static struct list_head *__in_the_way(struct cbw_map *map, struct cbw_waiter *waiter)
{
	struct cbw_writing *writing = waiter->writing, *other;
	unsigned long chunk;

	chunk = cbw_bits_find(map->claimed, waiter->first, waiter->last, true);
	waiter->behind_write = chunk > waiter->last;
	if (!waiter->behind_write)
		return &__claim_of(map, chunk)->waiters;

	other = writing_tree_iter_first(&map->writing, writing->start, writing->last);
	return other ? &other->waiters : NULL;
}

/*
 * What is pending is copied anyway, and not before this write has ended: so it need not be
 * written twice. None is saved by being written.
 */
static enum cbw_verdict __follow(struct cbw_map *map, struct cbw_waiter *waiter)
{
	struct cbw_writing *writing = waiter->writing;
	struct list_head *waiters;

	lockdep_assert_held(&map->lock);

	if (!map->mirror)
		return CBW_GO;

	waiters = __in_the_way(map, waiter);
	if (waiters) {
		__set_first_go(map, waiter, false);
		list_add_tail(&waiter->wait, waiters);
		return CBW_HOLD;
	}
	writing->under_way = true;
	writing->both = cbw_bits_find(map->pending, waiter->first, waiter->last, false) <=
			waiter->last;
	INIT_LIST_HEAD(&writing->waiters);
	writing_tree_insert(writing, &map->writing);
	return CBW_GO;
}

/*
 * The one place that decides over a write. It looks at every chunk of the
 * range, each time: that one copy has ended says neither that it succeeded nor
 * that nothing else of the range is pending.
 */
static enum cbw_verdict __resolve(struct cbw_map *map, struct cbw_waiter *waiter,
				  bool may_claim, struct list_head *claims)
{
	struct list_head *waiters = NULL;
	struct cbw_reader *reader;
	struct cbw_claim *claim;
	bool pending;

	lockdep_assert_held(&map->lock);

	if (map->broken)
		return CBW_GO;
	if (map->again)
		return __follow(map, waiter);

	/*
	 * Reads last: none can begin for what is saved, so they come to an end;
	 * were they awaited before the copy, they could follow each other for ever.
	 */
	claim = __claim_range(map, waiter, may_claim, &pending, claims);
	if (claim) {
		waiters = &claim->waiters;
	} else if (!pending) {
		reader = __reader_of(map, waiter->first, waiter->last);
		if (!reader)
			return CBW_GO;
		waiters = &reader->waiters;
	}

	if (waiters)
		__set_first_go(map, waiter, false);
	list_add_tail(&waiter->wait, waiters ?: &map->starved);
	return CBW_HOLD;
}

static void __hold(struct cbw_map *map, struct cbw_waiter *waiter, u64 now)
{
	waiter->since = now;
	list_add_tail(&waiter->held, &map->held);
	WRITE_ONCE(map->nr_held, map->nr_held + 1);
}

static void __unhold(struct cbw_map *map, struct cbw_waiter *waiter)
{
	__set_first_go(map, waiter, false);
	list_del(&waiter->held);
	WRITE_ONCE(map->nr_held, map->nr_held - 1);
}

enum cbw_verdict cbw_map_hold(struct cbw_map *map, struct cbw_waiter *waiter,
			      u64 now, bool may_requeue,
			      struct list_head *claims)
{
	enum cbw_verdict verdict;
	unsigned long flags;

	waiter->first_go = false;
	waiter->behind_write = false;
	spin_lock_irqsave(&map->lock, flags);
	if (map->requeue && may_requeue) {
		verdict = CBW_REQUEUE;
	} else {
		/* Those that starve already have the next free claim. */
		verdict = __resolve(map, waiter, list_empty(&map->starved), claims);
		if (verdict == CBW_HOLD)
			__hold(map, waiter, now);
	}
	spin_unlock_irqrestore(&map->lock, flags);
	return verdict;
}

static struct cbw_waiter *__pop(struct list_head *list)
{
	struct cbw_waiter *waiter;

	waiter = list_first_entry_or_null(list, struct cbw_waiter, wait);
	if (waiter)
		list_del(&waiter->wait);
	return waiter;
}

static struct cbw_waiter *__pop_oldest(struct cbw_map *map, u64 before)
{
	struct cbw_waiter *waiter;

	waiter = list_first_entry_or_null(&map->held, struct cbw_waiter, held);
	if (!waiter || waiter->since > before)
		return NULL;

	list_del(&waiter->wait);
	return waiter;
}

static enum cbw_verdict __next(struct cbw_map *map, struct cbw_waiter **waiter,
			       struct list_head *claims)
{
	lockdep_assert_held(&map->lock);

	if (map->broken) {
		*waiter = __pop_oldest(map, U64_MAX);
		return *waiter ? CBW_GO : CBW_IDLE;
	}

	*waiter = __pop(&map->failed);
	if (*waiter)
		return CBW_FAIL;

	/* Whoever needs another copy goes behind those that need their first. */
	*waiter = __pop(&map->woken);
	if (*waiter)
		return __resolve(map, *waiter, list_empty(&map->starved), claims);

	if (__claim_left(map, CBW_WRITE))
		*waiter = __pop(&map->starved);
	return *waiter ? __resolve(map, *waiter, true, claims) : CBW_IDLE;
}

enum cbw_verdict cbw_map_next(struct cbw_map *map, struct cbw_waiter **waiter,
			      struct list_head *claims, bool *more)
{
	enum cbw_verdict verdict;
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	verdict = __next(map, waiter, claims);
	if (verdict != CBW_IDLE && verdict != CBW_HOLD)
		__unhold(map, *waiter);
	*more = __has_next(map);
	spin_unlock_irqrestore(&map->lock, flags);
	return verdict;
}

bool cbw_map_waits(struct cbw_map *map, unsigned long first, unsigned long last)
{
	unsigned long flags;
	bool waits;

	spin_lock_irqsave(&map->lock, flags);
	waits = !map->broken && (cbw_bits_find(map->pending, first, last, true) <= last ||
				 __reader_of(map, first, last));
	spin_unlock_irqrestore(&map->lock, flags);
	return waits;
}

struct cbw_waiter *cbw_map_take_oldest(struct cbw_map *map, u64 before)
{
	struct cbw_waiter *waiter;
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	waiter = __pop_oldest(map, before);
	if (waiter)
		__unhold(map, waiter);
	spin_unlock_irqrestore(&map->lock, flags);
	return waiter;
}

bool cbw_map_oldest(struct cbw_map *map, u64 *since)
{
	struct cbw_waiter *waiter;
	unsigned long flags;
	bool any;

	spin_lock_irqsave(&map->lock, flags);
	any = !list_empty(&map->held);
	list_for_each_entry(waiter, &map->held, held) {
		if (!waiter->behind_write) {
			*since = waiter->since;
			break;
		}
	}
	spin_unlock_irqrestore(&map->lock, flags);
	return any;
}

/*----------------------------------------------------------------
 * Switches and figures
 *----------------------------------------------------------------
 */

static void __lose_safe(struct cbw_map *map)
{
	struct cbw_claim *claim;
	struct claim_pool *pool;

	for (pool = map->pools; pool < map->pools + CBW_NR_KINDS; pool++)
		for (claim = pool->claims; claim < pool->claims + pool->nr; claim++)
			if (claim->safe)
				__mark_lost(map, claim);
}

void cbw_map_break(struct cbw_map *map)
{
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	/* Before anything that was held is let go. Pairs with cbw_map_broken(). */
	smp_store_release(&map->broken, true);
	__lose_safe(map);
	spin_unlock_irqrestore(&map->lock, flags);
}

void cbw_map_allow_sweep(struct cbw_map *map, bool allow)
{
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	WRITE_ONCE(map->sweep_allowed, allow);
	spin_unlock_irqrestore(&map->lock, flags);
}

bool cbw_map_sweep_allowed(const struct cbw_map *map)
{
	return READ_ONCE(map->sweep_allowed);
}

void cbw_map_requeue(struct cbw_map *map, bool requeue)
{
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	WRITE_ONCE(map->requeue, requeue);
	spin_unlock_irqrestore(&map->lock, flags);
}

bool cbw_map_requeues(const struct cbw_map *map)
{
	return READ_ONCE(map->requeue);
}

void cbw_map_set_sweep_copies(struct cbw_map *map, unsigned int nr)
{
	unsigned long flags;

	spin_lock_irqsave(&map->lock, flags);
	map->pools[CBW_SWEEP].max_in_flight = nr;
	spin_unlock_irqrestore(&map->lock, flags);
}

static unsigned long word_of(const unsigned long *bits, unsigned long i)
{
	return bits ? READ_ONCE(bits[i]) : 0;
}

void cbw_map_count(const struct cbw_map *map, unsigned long first, unsigned long last,
		   unsigned long nr[CBW_NR_FATES])
{
	/* Pairs with cbw_map_may_release(). */
	const unsigned long *released = smp_load_acquire(&map->released);
	unsigned long i, left, bits, claimed;

	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++) {
		left = cbw_bits_mask(i, first, last);
		/* Before the others, as in cbw_map_find(). */
		bits = left & smp_load_acquire(&map->pending[i]);
		claimed = left & READ_ONCE(map->claimed[i]);
		/* What is safe is pending no more; elsewhere what is claimed always is. */
		if (!map->safe_claims)
			claimed &= bits;
		nr[CBW_CLAIMED] += hweight_long(claimed);
		nr[CBW_PENDING] += hweight_long(bits & ~claimed);
		left &= ~(bits | claimed);
		bits = left & word_of(released, i);
		nr[CBW_RELEASED] += hweight_long(bits);
		left &= ~bits;
		bits = left & word_of(map->excluded, i);
		nr[CBW_EXCLUDED] += hweight_long(bits);
		nr[CBW_SAVED] += hweight_long(left & ~bits);
	}
}

unsigned long cbw_map_nr_pending(const struct cbw_map *map)
{
	return READ_ONCE(map->nr_pending);
}

unsigned long cbw_map_nr_excluded(const struct cbw_map *map)
{
	return READ_ONCE(map->nr_excluded);
}

unsigned long cbw_map_nr_saved(const struct cbw_map *map, enum cbw_kind kind)
{
	return READ_ONCE(map->pools[kind].nr_saved);
}

unsigned int cbw_map_in_flight(const struct cbw_map *map, enum cbw_kind kind)
{
	return READ_ONCE(map->pools[kind].nr_in_flight);
}

unsigned int cbw_map_nr_held(const struct cbw_map *map)
{
	return READ_ONCE(map->nr_held);
}

unsigned int cbw_map_nr_reading(const struct cbw_map *map)
{
	return READ_ONCE(map->nr_reading);
}

unsigned int cbw_map_nr_releasing(const struct cbw_map *map)
{
	return READ_ONCE(map->nr_releasing);
}

/*----------------------------------------------------------------
 * Creation and destruction
 *----------------------------------------------------------------
 */

struct cbw_map *cbw_map_create(unsigned long nr_chunks, unsigned long max_run,
			       bool pending, void *owner)
{
	size_t size = cbw_bits_size(nr_chunks);
	struct cbw_map *map = kzalloc(sizeof(*map), GFP_KERNEL);

	if (!map)
		return NULL;

	map->nr_chunks = nr_chunks;
	map->max_run = max_run;
	while (nr_chunks > NR_PARTS << map->part_shift)
		map->part_shift++;
	spin_lock_init(&map->lock);
	INIT_LIST_HEAD(&map->held);
	INIT_LIST_HEAD(&map->woken);
	INIT_LIST_HEAD(&map->failed);
	INIT_LIST_HEAD(&map->starved);
	INIT_LIST_HEAD(&map->reading);
	INIT_LIST_HEAD(&map->held_reads);
	INIT_LIST_HEAD(&map->awaiting);
	INIT_LIST_HEAD(&map->draining);
	INIT_LIST_HEAD(&map->drained);
	map->writing = RB_ROOT_CACHED;
	init_pool(&map->pools[CBW_WRITE], map->claims, CBW_MAX_WRITE_COPIES,
		  CBW_WRITE, owner);
	init_pool(&map->pools[CBW_SWEEP], map->claims + CBW_MAX_WRITE_COPIES,
		  CBW_MAX_SWEEP_COPIES, CBW_SWEEP, owner);

	map->pending = kvzalloc(size, GFP_KERNEL);
	map->claimed = kvzalloc(size, GFP_KERNEL);
	if (!map->pending || !map->claimed) {
		cbw_map_destroy(map);
		return NULL;
	}

	if (pending) {
		cbw_bits_fill(map->pending, nr_chunks);
		map->nr_pending = nr_chunks;
	}
	return map;
}

void cbw_map_destroy(struct cbw_map *map)
{
	if (!map)
		return;

	kvfree(map->safe_claims);
	kvfree(map->again);
	kvfree(map->excluded);
	kvfree(map->released);
	kvfree(map->claimed);
	kvfree(map->pending);
	kfree(map);
}
