// SPDX-License-Identifier: GPL-2.0-only
/*
 * The copy engine with buffers of its own; see dm-cbw-engine.h for the contract.
 *
 * A copy takes a run of units of the buffer, reads into them, and writes from them, each
 * with one bio, or one after the other where one cannot carry it all. The units are
 * allocated once, and so are the bios: nothing is allocated, and no page zeroed, on the
 * way of a write.
 *
 * A bio may end in any context, and nothing is submitted there: what has ended goes on in
 * a worker, all that has come to its list by then in one turn, beneath one plug.
 */
#include <linux/bio.h>
#include <linux/bitmap.h>
#include <linux/blk-cgroup.h>
#include <linux/blkdev.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "dm-cbw-args.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-engine.h"
#include "dm-cbw-map.h"

#define UNIT		(CBW_BUFFER_UNIT << SECTOR_SHIFT)
#define UNIT_ORDER	get_order(UNIT)

struct lane;

/* The copy of the claim that has its slot. It reads all, then writes all, in steps. */
struct copy {
	struct lane *lane;
	struct cbw_claim *claim;
	unsigned int first;		/* units */
	unsigned int nr;
	bool writes;			/* or it reads still */
	bool as_data;			/* zeroes, too */
	sector_t sector;		/* where the step begins */
	sector_t nr_sectors;		/* of the step */
	struct bio bio;			/* of the step */
	struct llist_node ended;
	struct list_head going_on;	/* for its next step */
};

/* Copies of which a step has ended, and who goes on with them. */
struct desk {
	struct lane *lane;
	struct workqueue_struct *wq;
	struct llist_head ended;
	struct work_struct work;
	struct task_struct *worker;	/* while it looks at the list again */
};

/* Copies of one kind, so that a held write does not queue behind the sweep. */
struct lane {
	struct buffered *buffered;
	struct copy *copies;		/* by the slot of the claim */
	struct list_head waiting;	/* claims, for units. Under buffered.lock */
	struct desk steps;		/* its queue is its own: its worker may block for long */

	/*
	 * Where somebody wants to know of them, reads end here first: submitting a write may
	 * block for as long as the target device does, and who waits for a read must not. So
	 * it has the queue of its user, where nobody submits to that.
	 */
	struct desk reads;
};

struct buffered {
	struct cbw_copier copier;
	struct lane lanes[CBW_NR_KINDS];

	unsigned int nr_units;
	unsigned int sweep_from;	/* the first unit that the sweep may take */
	struct bio_vec *vecs;		/* a bio takes a run of them */
	unsigned int nr_vecs;		/* a unit has several if memory was in pieces */
	unsigned int order;		/* of their pages */

	enum cbw_zeroes zeroes;		/* may become CBW_ZEROES_COPY at any time */

	/* Odd while copy-before-write submits a write. Only its worker changes it. */
	unsigned int submissions;
	wait_queue_head_t submitted;

	spinlock_t lock;		/* guards what follows, and the lanes' waiting */
	unsigned long *used;		/* units */
};

static struct buffered *to_buffered(struct cbw_copier *copier)
{
	return container_of(copier, struct buffered, copier);
}

/*----------------------------------------------------------------
 * Units
 *----------------------------------------------------------------
 */

/*
 * The sweep has the upper half, or all where no write has anything copied. Copy-before-write may
 * take any, but while the sweep waits for some it leaves that half alone: a run of the length
 * that is wanted would never come free.
 */
static bool take_units(struct buffered *buffered, struct copy *copy)
{
	bool sweep = copy->claim->kind == CBW_SWEEP;
	unsigned int from = sweep ? buffered->sweep_from : 0;
	unsigned int end = sweep || list_empty(&buffered->lanes[CBW_SWEEP].waiting) ?
			   buffered->nr_units : buffered->sweep_from;
	unsigned long first;

	lockdep_assert_held(&buffered->lock);

	first = bitmap_find_next_zero_area(buffered->used, end, from, copy->nr, 0);
	if (first >= end)
		return false;

	bitmap_set(buffered->used, first, copy->nr);
	copy->first = first;
	return true;
}

static struct copy *copy_of(struct buffered *buffered, const struct cbw_claim *claim)
{
	return &buffered->lanes[claim->kind].copies[claim->slot];
}

/* False: it waits, behind those that do. */
static bool get_units(struct buffered *buffered, struct copy *copy)
{
	struct list_head *waiting = &copy->lane->waiting;
	unsigned long flags;
	bool taken;

	spin_lock_irqsave(&buffered->lock, flags);
	taken = list_empty(waiting) && take_units(buffered, copy);
	if (!taken)
		list_add_tail(&copy->claim->start, waiting);
	spin_unlock_irqrestore(&buffered->lock, flags);
	return taken;
}

static void put_units(struct buffered *buffered, struct copy *copy)
{
	unsigned long flags;

	spin_lock_irqsave(&buffered->lock, flags);
	bitmap_clear(buffered->used, copy->first, copy->nr);
	spin_unlock_irqrestore(&buffered->lock, flags);
}

/* One that waited and has units now, or NULL. */
static struct copy *take_waiting(struct buffered *buffered)
{
	struct cbw_claim *claim;
	struct copy *copy, *taken = NULL;
	unsigned long flags;
	enum cbw_kind kind;

	spin_lock_irqsave(&buffered->lock, flags);
	for (kind = 0; kind < CBW_NR_KINDS && !taken; kind++) {
		claim = list_first_entry_or_null(&buffered->lanes[kind].waiting,
						 struct cbw_claim, start);
		if (!claim)
			continue;
		copy = copy_of(buffered, claim);
		if (take_units(buffered, copy)) {
			list_del(&claim->start);
			taken = copy;
		}
	}
	spin_unlock_irqrestore(&buffered->lock, flags);
	return taken;
}

/*----------------------------------------------------------------
 * Steps
 *----------------------------------------------------------------
 */

/*
 * In any context. What the worker submits may end before that returns, and so comes to the
 * worker itself: that need not be woken, and no other in its place.
 */
static void hand_to(struct desk *desk, struct copy *copy)
{
	bool by_worker = in_task() && READ_ONCE(desk->worker) == current;

	/* A worker that runs may take the last copy before it is woken: see buffered_destroy(). */
	rcu_read_lock();
	if (llist_add(&copy->ended, &desk->ended) && !by_worker)
		queue_work(desk->wq, &desk->work);
	rcu_read_unlock();
}

static void step_endio(struct bio *bio)
{
	struct copy *copy = bio->bi_private;
	struct lane *lane = copy->lane;
	bool tell = !copy->writes && lane->buffered->copier.setup.buffered;

	hand_to(tell ? &lane->reads : &lane->steps, copy);
}

static sector_t end_of(const struct buffered *buffered, const struct cbw_claim *claim)
{
	return cbw_copier_first(&buffered->copier, claim) +
	       cbw_copier_sectors(&buffered->copier, claim);
}

/* Where in the buffer @sector is, in bytes. */
static u64 place_of(const struct buffered *buffered, const struct copy *copy, sector_t sector)
{
	sector_t first = cbw_copier_first(&buffered->copier, copy->claim);

	return (u64)copy->first * UNIT + ((sector - first) << SECTOR_SHIFT);
}

/* log2 of the bytes in a vector. */
static unsigned int vec_shift(const struct buffered *buffered)
{
	return PAGE_SHIFT + buffered->order;
}

/* The vector that has it, and where in that. */
static struct bio_vec *vec_of(const struct buffered *buffered, u64 place, unsigned int *skip)
{
	*skip = place & ((1U << vec_shift(buffered)) - 1);
	return &buffered->vecs[place >> vec_shift(buffered)];
}

/* So many bytes go into one bio, for its vectors. */
static u64 carried(const struct buffered *buffered, unsigned int skip)
{
	return ((u64)BIO_MAX_VECS << vec_shift(buffered)) - skip;
}

/* The step carries data: all of it, or as much as the vectors of a bio can. */
static void fill(struct buffered *buffered, struct copy *copy)
{
	u64 place = place_of(buffered, copy, copy->sector), bytes;
	struct bio *bio = &copy->bio;
	unsigned int skip;

	bio->bi_io_vec = vec_of(buffered, place, &skip);
	bytes = min_t(u64, copy->nr_sectors << SECTOR_SHIFT, carried(buffered, skip));
	bio->bi_vcnt = ((skip + bytes - 1) >> vec_shift(buffered)) + 1;
	bio->bi_iter.bi_size = skip + bytes;
	if (skip)
		bio_advance(bio, skip);
	bio->bi_iter.bi_sector = copy->sector;
	copy->nr_sectors = bytes >> SECTOR_SHIFT;
}

static bool writes_next(const struct buffered *buffered, const struct copy *copy)
{
	return copy->writes || copy->sector == end_of(buffered, copy->claim);
}

/*
 * Who submits to a device that is full sleeps until a slot is free, and it is not always the
 * one who has waited longest that has it then: the sweep, which comes again at once, might
 * have all of them. So it does not come while copy-before-write waits for one. It waits for
 * that one only, for it has to advance as well, beneath any storm of writes.
 */
static void give_way(struct buffered *buffered, const struct copy *copy)
{
	unsigned int seen = READ_ONCE(buffered->submissions);

	if (copy->claim->kind == CBW_SWEEP && writes_next(buffered, copy) && (seen & 1))
		wait_event(buffered->submitted, READ_ONCE(buffered->submissions) != seen);
}

static void submit_write(struct buffered *buffered, struct copy *copy)
{
	unsigned int seen;

	if (copy->claim->kind == CBW_SWEEP) {
		submit_bio_noacct(&copy->bio);
		return;
	}

	seen = buffered->submissions;
	WRITE_ONCE(buffered->submissions, seen + 1);
	submit_bio_noacct(&copy->bio);
	/* From here on the copy may have ended. */
	WRITE_ONCE(buffered->submissions, seen + 2);
	if (wq_has_sleeper(&buffered->submitted))
		wake_up(&buffered->submitted);
}

static void submit_step(struct buffered *buffered, struct copy *copy, blk_opf_t op)
{
	const struct cbw_geometry *geometry = &buffered->copier.setup.geometry;
	struct bio *bio = &copy->bio;

	/* As direct I/O, which those spare who make writeback wait. */
	cbw_bio_init(bio, copy->writes ? geometry->dest : geometry->origin, NULL, 0,
		     op | (copy->claim->kind == CBW_WRITE ? CBW_DIRECT_IO : 0));
	/* In .map, for a writer whose limits must not hold it up: others may wait for it, too. */
	if (!copy->writes && copy->claim->kind == CBW_WRITE)
		bio_associate_blkg_from_css(bio, blkcg_root_css);
	bio->bi_private = copy;
	bio->bi_end_io = step_endio;
	if (op == REQ_OP_WRITE_ZEROES) {
		bio->bi_iter.bi_sector = copy->sector;
		bio->bi_iter.bi_size = copy->nr_sectors << SECTOR_SHIFT;
	} else {
		fill(buffered, copy);
	}
	if (copy->writes)
		submit_write(buffered, copy);
	else
		submit_bio_noacct(bio);
}

static bool is_zero(const struct buffered *buffered, const struct copy *copy,
		    sector_t sector, sector_t end)
{
	u64 place = place_of(buffered, copy, sector);
	u64 last = place_of(buffered, copy, end);
	unsigned int skip, bytes;
	const struct bio_vec *vec;

	for (; place < last; place += bytes) {
		vec = vec_of(buffered, place, &skip);
		bytes = min_t(u64, last - place, vec->bv_len - skip);
		if (memchr_inv(page_address(vec->bv_page) + skip, 0, bytes))
			return false;
	}
	return true;
}

/*
 * The step ends where its chunks change from zeroes to others, or back, or where a bio does: what
 * lies behind that is not read again and again. True: zeroes. Few of them between others go with
 * those: a step waits for the one before it.
 */
static bool find_zeroes(const struct buffered *buffered, struct copy *copy)
{
	sector_t chunk = 1UL << buffered->copier.setup.geometry.chunk_shift;
	sector_t at, next, end, zeroes = copy->sector;
	bool data = false;
	unsigned int skip;

	vec_of(buffered, place_of(buffered, copy, copy->sector), &skip);
	end = copy->sector + min_t(sector_t, copy->nr_sectors,
				   carried(buffered, skip) >> SECTOR_SHIFT);

	for (at = copy->sector; at < end; at = next) {
		next = min(end, at + chunk);
		if (!is_zero(buffered, copy, at, next)) {
			if (!data && at > copy->sector) {
				copy->nr_sectors = at - copy->sector;
				return true;
			}
			data = true;
			zeroes = next;
		} else if (data && next - zeroes >= CBW_BUFFER_UNIT) {
			break;
		}
	}
	copy->nr_sectors = (data ? zeroes : end) - copy->sector;
	return !data;
}

/* The next step. False: there is none. */
static bool next_step(struct buffered *buffered, struct copy *copy)
{
	enum cbw_zeroes zeroes = READ_ONCE(buffered->zeroes);
	sector_t end = end_of(buffered, copy->claim);

	if (copy->sector == end && !copy->writes) {
		copy->writes = true;
		copy->sector = cbw_copier_first(&buffered->copier, copy->claim);
	}
	while (copy->sector < end) {
		copy->nr_sectors = end - copy->sector;
		if (!copy->writes) {
			submit_step(buffered, copy, REQ_OP_READ);
			return true;
		}
		if (zeroes == CBW_ZEROES_COPY || copy->as_data || !find_zeroes(buffered, copy)) {
			submit_step(buffered, copy, REQ_OP_WRITE);
			return true;
		}
		if (zeroes == CBW_ZEROES_WRITE) {
			submit_step(buffered, copy, REQ_OP_WRITE_ZEROES);
			return true;
		}
		copy->sector += copy->nr_sectors;
	}
	return false;
}

static void begin(struct buffered *buffered, struct copy *copy)
{
	copy->writes = false;
	copy->as_data = false;
	copy->sector = cbw_copier_first(&buffered->copier, copy->claim);
	next_step(buffered, copy);
}

static void end(struct buffered *buffered, struct copy *copy, unsigned int errors)
{
	struct copy *waited;

	put_units(buffered, copy);
	/* Who is told of the end may be held up by what it submits. */
	while ((waited = take_waiting(buffered))) {
		if (buffered->copier.setup.ended(waited->claim)) {
			put_units(buffered, waited);
			cbw_copier_done(&buffered->copier, waited->claim, CBW_NOT_MADE);
		} else {
			begin(buffered, waited);
		}
	}
	/* From here on the copy may be that of another claim. */
	cbw_copier_done(&buffered->copier, copy->claim, errors);
}

/* Some disks find out only when they are asked to. */
static bool cannot_zero(blk_status_t status)
{
	return status == BLK_STS_NOTSUPP || status == BLK_STS_TARGET;
}

/* True: the copy has come to its end with it, and has been told of. */
static bool step_ended(struct buffered *buffered, struct copy *copy)
{
	blk_status_t status = copy->bio.bi_status;
	bool zeroes = bio_op(&copy->bio) == REQ_OP_WRITE_ZEROES;

	bio_uninit(&copy->bio);
	if (zeroes && status) {
		if (cannot_zero(status))
			WRITE_ONCE(buffered->zeroes, CBW_ZEROES_COPY);
		copy->as_data = true;
		return false;
	}
	if (status) {
		end(buffered, copy, copy->writes ? cbw_target_error(status) : CBW_SOURCE_ERROR);
		return true;
	}
	copy->sector += copy->nr_sectors;
	if (copy->writes && copy->sector == end_of(buffered, copy->claim)) {
		end(buffered, copy, 0);
		return true;
	}
	return false;
}

/* The target device of a job that has ended may be somebody else's by now. */
static void go_on(struct buffered *buffered, struct copy *copy)
{
	give_way(buffered, copy);
	if (buffered->copier.setup.ended(copy->claim))
		end(buffered, copy, CBW_NOT_MADE);
	else if (!next_step(buffered, copy))
		end(buffered, copy, 0);
}

/* Those that have not come to their end are added to @going_on. */
static void take_ended(struct desk *desk, struct list_head *going_on)
{
	struct copy *copy, *next;
	struct llist_node *ended;

	while ((ended = llist_del_all(&desk->ended))) {
		ended = llist_reverse_order(ended);
		llist_for_each_entry_safe(copy, next, ended, ended)
			if (!step_ended(desk->lane->buffered, copy))
				list_add_tail(&copy->going_on, going_on);
	}
}

/*
 * To submit may take its time: whoever waits for a copy that ends meanwhile does not wait for
 * the rest as well. Copies that go on meanwhile do so after what lies in the plug.
 */
static void steps_work(struct work_struct *work)
{
	struct desk *desk = container_of(work, struct desk, work);
	LIST_HEAD(going_on);
	LIST_HEAD(later);
	struct blk_plug plug;
	struct copy *copy;

	WRITE_ONCE(desk->worker, current);
	do {
		blk_start_plug(&plug);
		take_ended(desk, &later);
		list_splice_init(&later, &going_on);
		while ((copy = list_first_entry_or_null(&going_on, struct copy, going_on))) {
			list_del(&copy->going_on);
			go_on(desk->lane->buffered, copy);
			take_ended(desk, &later);
		}
		blk_finish_plug(&plug);
		cond_resched();
	} while (!list_empty(&later) || !llist_empty(&desk->ended));
	WRITE_ONCE(desk->worker, NULL);
}

static void reads_work(struct work_struct *work)
{
	struct desk *desk = container_of(work, struct desk, work);
	struct buffered *buffered = desk->lane->buffered;
	struct copy *copy, *next;
	struct llist_node *ended;

	ended = llist_reverse_order(llist_del_all(&desk->ended));
	llist_for_each_entry_safe(copy, next, ended, ended) {
		if (!copy->bio.bi_status &&
		    copy->sector + copy->nr_sectors == end_of(buffered, copy->claim))
			buffered->copier.setup.buffered(copy->claim);
		hand_to(&desk->lane->steps, copy);
	}
}

static unsigned int nr_units(sector_t nr_sectors)
{
	return DIV_ROUND_UP_SECTOR_T(nr_sectors, CBW_BUFFER_UNIT);
}

static bool buffered_has_room(struct cbw_copier *copier, unsigned long nr)
{
	struct buffered *buffered = to_buffered(copier);
	unsigned int units = nr_units((sector_t)nr << copier->setup.geometry.chunk_shift);
	unsigned long flags, first;
	bool has;

	spin_lock_irqsave(&buffered->lock, flags);
	first = bitmap_find_next_zero_area(buffered->used, buffered->nr_units,
					   buffered->sweep_from, units, 0);
	has = first < buffered->nr_units && list_empty(&buffered->lanes[CBW_SWEEP].waiting);
	spin_unlock_irqrestore(&buffered->lock, flags);
	return has;
}

static void buffered_start(struct cbw_copier *copier, struct cbw_claim *claim)
{
	struct buffered *buffered = to_buffered(copier);
	struct copy *copy = copy_of(buffered, claim);

	copy->claim = claim;
	copy->nr = nr_units(cbw_copier_sectors(copier, claim));
	if (get_units(buffered, copy))
		begin(buffered, copy);
}

/*----------------------------------------------------------------
 * Creation and destruction
 *----------------------------------------------------------------
 */

static void free_vecs(struct buffered *buffered)
{
	unsigned int i;

	for (i = 0; buffered->vecs && i < buffered->nr_vecs; i++)
		if (buffered->vecs[i].bv_page)
			__free_pages(buffered->vecs[i].bv_page, buffered->order);
	kvfree(buffered->vecs);
	buffered->vecs = NULL;
}

/* Units are made of pages of that order. */
static int alloc_vecs(struct buffered *buffered, unsigned int order)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN |
		    (order ? __GFP_COMP | __GFP_NORETRY : __GFP_RETRY_MAYFAIL);
	unsigned int i;

	buffered->order = order;
	buffered->nr_vecs = buffered->nr_units << (UNIT_ORDER - order);
	buffered->vecs = kvcalloc(buffered->nr_vecs, sizeof(*buffered->vecs), GFP_KERNEL);
	if (!buffered->vecs)
		return -ENOMEM;

	for (i = 0; i < buffered->nr_vecs; i++) {
		buffered->vecs[i].bv_page = alloc_pages(gfp, order);
		if (!buffered->vecs[i].bv_page)
			return -ENOMEM;
		buffered->vecs[i].bv_len = PAGE_SIZE << order;
		cond_resched();
	}
	return 0;
}

/* A bio of large pages costs less, but any do. */
static int alloc_units(struct buffered *buffered, size_t bytes)
{
	int r;

	buffered->nr_units = bytes / UNIT;
	buffered->used = bitmap_zalloc(buffered->nr_units, GFP_KERNEL);
	if (!buffered->used)
		return -ENOMEM;

	r = alloc_vecs(buffered, UNIT_ORDER);
	if (r) {
		free_vecs(buffered);
		r = alloc_vecs(buffered, 0);
	}
	return r;
}

static void init_desk(struct desk *desk, struct lane *lane, struct workqueue_struct *wq,
		      work_func_t work)
{
	desk->lane = lane;
	desk->wq = wq;
	init_llist_head(&desk->ended);
	INIT_WORK(&desk->work, work);
}

static void init_lane(struct buffered *buffered, const struct cbw_copy_setup *setup,
		      enum cbw_kind kind)
{
	struct lane *lane = &buffered->lanes[kind];

	lane->buffered = buffered;
	init_desk(&lane->reads, lane, setup->wq, reads_work);
	init_desk(&lane->steps, lane, NULL, steps_work);
	INIT_LIST_HEAD(&lane->waiting);
}

static int alloc_lane(struct buffered *buffered, enum cbw_kind kind, unsigned int nr)
{
	struct lane *lane = &buffered->lanes[kind];
	unsigned int i;

	lane->steps.wq = alloc_workqueue("cbw_copy", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	lane->copies = kvcalloc(nr, sizeof(*lane->copies), GFP_KERNEL);
	for (i = 0; lane->copies && i < nr; i++)
		lane->copies[i].lane = lane;
	return lane->steps.wq && lane->copies ? 0 : -ENOMEM;
}

static void free_lane(struct lane *lane)
{
	flush_work(&lane->reads.work);
	if (lane->steps.wq)
		destroy_workqueue(lane->steps.wq);
	kvfree(lane->copies);
}

static int alloc_all(struct buffered *buffered, const struct cbw_copy_setup *setup)
{
	return alloc_lane(buffered, CBW_WRITE, setup->nr_writes) ?:
	       alloc_lane(buffered, CBW_SWEEP, CBW_MAX_SWEEP_COPIES) ?:
	       alloc_units(buffered, setup->buf_size);
}

static void buffered_destroy(struct cbw_copier *copier)
{
	struct buffered *buffered = to_buffered(copier);
	enum cbw_kind kind;

	/* The last steps may still be in the tail of their callback, or about to wake a worker. */
	synchronize_rcu();
	for (kind = 0; kind < CBW_NR_KINDS; kind++)
		free_lane(&buffered->lanes[kind]);
	free_vecs(buffered);
	bitmap_free(buffered->used);
	kfree(buffered);
}

static struct cbw_copier *buffered_create(const struct cbw_copy_setup *setup)
{
	struct buffered *buffered = kzalloc(sizeof(*buffered), GFP_KERNEL);
	int r;

	if (!buffered)
		return ERR_PTR(-ENOMEM);

	spin_lock_init(&buffered->lock);
	init_waitqueue_head(&buffered->submitted);
	buffered->zeroes = setup->zeroes;
	if (setup->zeroes == CBW_ZEROES_WRITE && !bdev_write_zeroes_sectors(setup->geometry.dest))
		buffered->zeroes = CBW_ZEROES_COPY;
	init_lane(buffered, setup, CBW_WRITE);
	init_lane(buffered, setup, CBW_SWEEP);
	r = alloc_all(buffered, setup);
	if (r) {
		buffered_destroy(&buffered->copier);
		return ERR_PTR(r);
	}
	buffered->sweep_from = setup->nr_writes ? buffered->nr_units / 2 : 0;
	return &buffered->copier;
}

const struct cbw_engine cbw_buffered = {
	.create		= buffered_create,
	.destroy	= buffered_destroy,
	.start		= buffered_start,
	.has_room	= buffered_has_room,
};
