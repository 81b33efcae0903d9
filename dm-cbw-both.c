// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that are done on both devices; see dm-cbw-both.h for the contract.
 *
 * A write has two halves, bios of our own. It is done when both have ended; or, when the
 * target device hangs, as soon as the one to the origin has. Its memory is freed when both
 * have, whatever has become of the write.
 *
 * A device that hangs may also make whoever submits a bio to it wait. So it is asked not to;
 * what it does not take then, and what might wait even so, is submitted by a worker, for which
 * nobody else waits.
 */
#include <linux/bio.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "dm-cbw-apart.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-both.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-copy.h"
#include "dm-cbw-time.h"

/* Enough for the longest write, so that one at a time can always go on. */
#define MIN_PAGES	(((CBW_BOTH_MAX << SECTOR_SHIFT) + PAGE_SIZE - 1) >> PAGE_SHIFT)

/* Copied data that is in flight, in pages: 16 MiB, as much as QEMU's mirror buffers. */
#define MAX_PAGES	((16U << 20) >> PAGE_SHIFT)

/* Whoever starts a write does not wait for memory. */
#define GFP		(GFP_NOWAIT | __GFP_NOWARN)

/* Writes without data for which there is always memory. */
#define MIN_PAIRS	16

static_assert(MIN_PAGES <= BIO_MAX_VECS);

struct cbw_both {
	struct block_device *origin;
	struct block_device *dest;
	const struct cbw_both_ops *ops;
	void *owner;
	u64 timeout;			/* ns, 0: none */

	struct bio_set origins;
	struct bio_set targets;

	/* Guards the rest, and the pairs. */
	spinlock_t lock;
	struct page *free[MIN_PAGES];	/* used again, since new ones are cleared first */
	unsigned int nr_free;
	struct list_head pairs;		/* that somebody waits for, oldest first */
	struct bio_list waiting;	/* for memory */
	unsigned int nr_pages;		/* in use */
	unsigned int in_flight;
	bool hung;			/* nothing is done on the target device any more */

	struct workqueue_struct *wq;
	struct delayed_work start;	/* what waits for memory */
	struct delayed_work expire;
	struct cbw_apart *apart;	/* for halves to the target device */
};

/* A write. It is freed with its half to the target device. */
struct pair {
	struct cbw_both *both;
	struct bio *bio;		/* NULL: it is done */
	struct list_head list;		/* while the target device is waited for */
	u64 since;			/* ns */
	unsigned int nr_pages;
	struct bvec_iter iter;		/* of the half to the target device, at first */
	bool origin_left;
	bool target_left;
	bool abandoned;			/* nobody waits for the target device */
	blk_status_t origin_status;
	blk_status_t target_status;
	struct bio target;		/* the last: its vecs follow */
};

/*----------------------------------------------------------------
 * Pages
 *----------------------------------------------------------------
 */

/* NULL: there is none now. */
static struct page *get_page_of(struct cbw_both *both)
{
	struct page *page = NULL;
	unsigned long flags;

	spin_lock_irqsave(&both->lock, flags);
	if (both->nr_free)
		page = both->free[--both->nr_free];
	spin_unlock_irqrestore(&both->lock, flags);
	return page ?: alloc_page(GFP);
}

static void put_page_of(struct cbw_both *both, struct page *page)
{
	unsigned long flags;

	spin_lock_irqsave(&both->lock, flags);
	if (both->nr_free < MIN_PAGES) {
		both->free[both->nr_free++] = page;
		page = NULL;
	}
	spin_unlock_irqrestore(&both->lock, flags);
	if (page)
		__free_page(page);
}

static void put_pages(struct pair *pair)
{
	unsigned int i;

	for (i = 0; i < pair->nr_pages; i++)
		put_page_of(pair->both, pair->target.bi_io_vec[i].bv_page);
}

static void free_pages_of(struct cbw_both *both)
{
	while (both->nr_free)
		__free_page(both->free[--both->nr_free]);
}

static int create_pages(struct cbw_both *both)
{
	while (both->nr_free < MIN_PAGES) {
		both->free[both->nr_free] = alloc_page(GFP_KERNEL);
		if (!both->free[both->nr_free])
			return -ENOMEM;
		both->nr_free++;
	}
	return 0;
}

/*----------------------------------------------------------------
 * The end of a write
 *----------------------------------------------------------------
 */

static void free_pair(struct pair *pair)
{
	struct cbw_both *both = pair->both;
	unsigned int nr_pages = pair->nr_pages;
	unsigned long flags;

	put_pages(pair);
	bio_put(&pair->target);

	/* Whoever destroys @both takes the lock once more, so all of this is over by then. */
	spin_lock_irqsave(&both->lock, flags);
	WRITE_ONCE(both->nr_pages, both->nr_pages - nr_pages);
	if (!bio_list_empty(&both->waiting))
		mod_delayed_work(both->wq, &both->start, 0);
	WRITE_ONCE(both->in_flight, both->in_flight - 1);
	if (!both->in_flight)
		both->ops->idle(both->owner);
	spin_unlock_irqrestore(&both->lock, flags);
}

/* The bio that is done now, or NULL. */
static struct bio *__take_done(struct pair *pair)
{
	struct bio *bio = pair->bio;

	lockdep_assert_held(&pair->both->lock);

	if (!bio || pair->origin_left || (pair->target_left && !pair->abandoned))
		return NULL;
	pair->bio = NULL;
	list_del_init(&pair->list);
	if (pair->target_left)
		pair->target_status = BLK_STS_TIMEOUT;
	return bio;
}

/* One of its halves has ended. */
static void half_ended(struct pair *pair, bool *left, blk_status_t *to, blk_status_t status)
{
	struct cbw_both *both = pair->both;
	blk_status_t origin, target;
	unsigned long flags;
	struct bio *bio;
	bool over;

	spin_lock_irqsave(&both->lock, flags);
	*left = false;
	*to = status;
	/* It is the target device that may hang. */
	if (!pair->target_left)
		list_del_init(&pair->list);
	bio = __take_done(pair);
	origin = pair->origin_status;
	target = pair->target_status;
	over = !pair->origin_left && !pair->target_left;
	spin_unlock_irqrestore(&both->lock, flags);

	/* If it is not over, @pair may be gone from here on. */
	if (bio)
		both->ops->done(both->owner, bio, origin, target);
	if (over)
		free_pair(pair);
}

static void origin_ended(struct bio *half)
{
	struct pair *pair = half->bi_private;
	blk_status_t status = half->bi_status;

	pair->both->ops->ended(pair->both->owner, half);
	bio_put(half);
	half_ended(pair, &pair->origin_left, &pair->origin_status, status);
}

/* It would have had to wait. */
static void submit_again(struct pair *pair)
{
	struct bio *half = &pair->target;

	half->bi_opf &= ~REQ_NOWAIT;
	half->bi_status = BLK_STS_OK;
	half->bi_iter = pair->iter;
	/* A part of it may have been taken. */
	atomic_set(&half->__bi_remaining, 1);
	bio_set_dev(half, pair->both->dest);
	cbw_apart_submit(pair->both->apart, half);
}

static void target_ended(struct bio *half)
{
	struct pair *pair = half->bi_private;

	if (half->bi_status == BLK_STS_AGAIN && (half->bi_opf & REQ_NOWAIT)) {
		submit_again(pair);
		return;
	}
	half_ended(pair, &pair->target_left, &pair->target_status, half->bi_status);
}

/*----------------------------------------------------------------
 * A target device that hangs
 *----------------------------------------------------------------
 */

static void arm(struct cbw_both *both, u64 ns)
{
	if (both->timeout)
		queue_delayed_work(both->wq, &both->expire, cbw_jiffies(ns));
}

/*
 * All that the target device has kept waiting; those whose half to the origin has ended are
 * done, the others when it has.
 */
static void abandon_all(struct cbw_both *both)
{
	struct pair *pair, *next;
	LIST_HEAD(done);

	spin_lock_irq(&both->lock);
	WRITE_ONCE(both->hung, true);
	list_for_each_entry_safe(pair, next, &both->pairs, list) {
		pair->abandoned = true;
		if (!pair->origin_left)
			list_move_tail(&pair->list, &done);
	}
	while ((pair = list_first_entry_or_null(&done, struct pair, list))) {
		blk_status_t origin = pair->origin_status;
		struct bio *bio = __take_done(pair);

		spin_unlock_irq(&both->lock);
		both->ops->done(both->owner, bio, origin, BLK_STS_TIMEOUT);
		spin_lock_irq(&both->lock);
	}
	spin_unlock_irq(&both->lock);
}

static void expire_work(struct work_struct *work)
{
	struct cbw_both *both = container_of(to_delayed_work(work), struct cbw_both, expire);
	u64 now = ktime_get_ns();
	struct pair *oldest;
	u64 left = 0;

	spin_lock_irq(&both->lock);
	oldest = list_first_entry_or_null(&both->pairs, struct pair, list);
	if (oldest && oldest->since + both->timeout > now)
		left = oldest->since + both->timeout - now;
	spin_unlock_irq(&both->lock);

	if (left) {
		arm(both, left);
	} else if (oldest) {
		both->ops->hung(both->owner);
		abandon_all(both);
		mod_delayed_work(both->wq, &both->start, 0);
	}
}

/*----------------------------------------------------------------
 * The beginning of a write
 *----------------------------------------------------------------
 */

/* What is passed on to both. */
#define HALF_FLAGS	(REQ_SYNC | REQ_META | REQ_PRIO | REQ_FUA | REQ_IDLE | \
			 REQ_BACKGROUND | REQ_NOUNMAP)

static blk_opf_t half_flags(const struct bio *bio)
{
	return bio->bi_opf & HALF_FLAGS;
}

/* Of one moment: a device may find out that it cannot. */
bool cbw_both_limits(const struct cbw_both *both, const struct bio *bio)
{
	return bio_op(bio) == REQ_OP_WRITE_ZEROES && !bdev_write_zeroes_sectors(both->dest);
}

static void add_zeroes(struct bio *half, unsigned int bytes)
{
	unsigned int len;

	for (; bytes; bytes -= len) {
		len = min_t(unsigned int, bytes, PAGE_SIZE);
		__bio_add_page(half, ZERO_PAGE(0), len, 0);
	}
}

/* False: there is none now. */
static bool add_copy(struct pair *pair, unsigned int bytes)
{
	struct page *page;
	unsigned int len;

	for (; bytes; bytes -= len) {
		page = get_page_of(pair->both);
		if (!page)
			return false;
		len = min_t(unsigned int, bytes, PAGE_SIZE);
		__bio_add_page(&pair->target, page, len, 0);
		pair->nr_pages++;
	}
	return true;
}

/* @zeroes: with pages of them. */
static bool fill_target(struct pair *pair, struct bio *bio, bool zeroes)
{
	struct bio *half = &pair->target;
	unsigned int bytes = bio->bi_iter.bi_size;

	half->bi_opf = bio_op(bio) | half_flags(bio);
	half->bi_iter.bi_sector = bio->bi_iter.bi_sector;
	if (zeroes) {
		half->bi_opf = REQ_OP_WRITE | (half_flags(bio) & ~REQ_NOUNMAP);
		add_zeroes(half, bytes);
	} else if (!bio_has_data(bio)) {
		half->bi_iter.bi_size = bytes;
	} else {
		if (!add_copy(pair, bytes))
			return false;
		bio_copy_data(half, bio);
	}
	return true;
}

/* With its half to the target device, of so many pages; NULL: there is no memory now. */
static struct pair *create_pair(struct cbw_both *both, struct bio *bio,
				unsigned int nr_pages)
{
	struct bio *half = cbw_bio_alloc(both->dest, nr_pages, 0, GFP, &both->targets);
	struct pair *pair;

	if (!half)
		return NULL;
	pair = container_of(half, struct pair, target);
	pair->both = both;
	pair->bio = bio;
	pair->nr_pages = 0;
	pair->origin_left = false;
	pair->target_left = true;
	pair->abandoned = false;
	pair->origin_status = BLK_STS_OK;
	pair->target_status = BLK_STS_OK;
	INIT_LIST_HEAD(&pair->list);
	half->bi_private = pair;
	half->bi_end_io = target_ended;
	bio_clone_blkg_association(half, bio);
	half->bi_ioprio = bio->bi_ioprio;
	return pair;
}

static void discard_pair(struct pair *pair)
{
	put_pages(pair);
	bio_put(&pair->target);
}

/* Of the same data as the other half, or of the same kind as @bio. */
static struct bio *create_origin(struct pair *pair, struct bio *bio)
{
	struct cbw_both *both = pair->both;
	struct bio *from = bio_has_data(bio) ? &pair->target : bio;
	struct bio *half = cbw_bio_clone(both->origin, from, GFP, &both->origins);

	if (!half)
		return NULL;
	/* Untorn only where the user asked for it, who knows nothing of the target device. */
	half->bi_opf = bio_op(bio) | half_flags(bio) | (bio->bi_opf & REQ_ATOMIC);
	half->bi_private = pair;
	half->bi_end_io = origin_ended;
	pair->origin_left = true;
	return half;
}

/* False: the target device hangs, and nothing was done. */
static bool enter(struct pair *pair)
{
	struct cbw_both *both = pair->both;
	bool hung;

	spin_lock_irq(&both->lock);
	hung = both->hung;
	if (!hung) {
		pair->since = ktime_get_ns();
		list_add_tail(&pair->list, &both->pairs);
		WRITE_ONCE(both->nr_pages, both->nr_pages + pair->nr_pages);
		WRITE_ONCE(both->in_flight, both->in_flight + 1);
	}
	spin_unlock_irq(&both->lock);
	return !hung;
}

/*
 * Whoever writes back in the background is made to wait all the same, and a driver that blocks
 * does so when it has taken the bio. When some wait already, there is nothing to be asked.
 */
static bool may_be_asked(struct cbw_both *both, const struct bio *half)
{
	const struct blk_mq_tag_set *tags = bdev_get_queue(both->dest)->tag_set;

	if (cbw_apart_busy(both->apart, half))
		return false;
	return bio_op(half) == REQ_OP_WRITE && cbw_is_direct(half) &&
	       cbw_bdev_nowait(both->dest) && !(tags && (tags->flags & BLK_MQ_F_BLOCKING));
}

/* One that hangs is given nothing more: whoever waits for its end would wait for that, too. */
static void submit_apart(void *owner, struct bio *half)
{
	struct cbw_both *both = owner;

	if (READ_ONCE(both->hung)) {
		half->bi_status = BLK_STS_TIMEOUT;
		bio_endio(half);
	} else {
		submit_bio_noacct(half);
	}
}

static void submit_to_target(struct cbw_both *both, struct pair *pair)
{
	struct bio *half = &pair->target;

	arm(both, both->timeout);
	pair->iter = half->bi_iter;
	if (may_be_asked(both, half)) {
		half->bi_opf |= REQ_NOWAIT;
		submit_bio_noacct(half);
	} else {
		cbw_apart_submit(both->apart, half);
	}
}

/* False: there is no memory now. */
static bool start_write(struct cbw_both *both, struct bio *bio)
{
	bool zeroes = cbw_both_limits(both, bio);
	unsigned int nr_pages = DIV_ROUND_UP(bio->bi_iter.bi_size, PAGE_SIZE);
	struct pair *pair;
	struct bio *origin;

	/* When it was cut, the device had not yet found out. */
	if (zeroes && bio_sectors(bio) > CBW_BOTH_MAX)
		zeroes = false;
	pair = create_pair(both, bio, bio_has_data(bio) || zeroes ? nr_pages : 0);
	if (!pair)
		return false;
	origin = fill_target(pair, bio, zeroes) ? create_origin(pair, bio) : NULL;
	if (!origin) {
		discard_pair(pair);
		return false;
	}
	if (!enter(pair)) {
		bio_put(origin);
		discard_pair(pair);
		both->ops->submit(both->owner, bio);
		return true;
	}
	submit_to_target(both, pair);
	both->ops->submit(both->owner, origin);
	return true;
}

static bool start_flush(struct cbw_both *both, struct bio *bio)
{
	struct pair *pair = create_pair(both, bio, 0);

	if (!pair)
		return false;
	pair->target.bi_opf = REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC;
	if (!enter(pair)) {
		discard_pair(pair);
		both->ops->done(both->owner, bio, BLK_STS_OK, BLK_STS_TIMEOUT);
		return true;
	}
	submit_to_target(both, pair);
	return true;
}

/*----------------------------------------------------------------
 * Waiting for memory
 *----------------------------------------------------------------
 */

/* How often memory is asked for, where none of ours is about to be free. */
#define MEMORY_DELAY	(HZ / 50 + 1)

static bool start(struct cbw_both *both, struct bio *bio)
{
	if (!bio_sectors(bio))
		return start_flush(both, bio);
	if (READ_ONCE(both->nr_pages) >= MAX_PAGES && !READ_ONCE(both->hung))
		return false;
	return start_write(both, bio);
}

static struct bio *pop_waiting(struct cbw_both *both)
{
	struct bio *bio;

	spin_lock_irq(&both->lock);
	bio = bio_list_pop(&both->waiting);
	spin_unlock_irq(&both->lock);
	return bio;
}

/*
 * While any waits, nobody else takes memory, so that what is freed is enough for the first.
 * It does not sleep for it: the queue's rescuer may be all that there is.
 */
static void start_work(struct work_struct *work)
{
	struct cbw_both *both = container_of(to_delayed_work(work), struct cbw_both, start);
	struct bio *bio;

	while ((bio = pop_waiting(both))) {
		if (start(both, bio))
			continue;
		spin_lock_irq(&both->lock);
		bio_list_add_head(&both->waiting, bio);
		spin_unlock_irq(&both->lock);
		queue_delayed_work(both->wq, &both->start, MEMORY_DELAY);
		return;
	}
}

void cbw_both_write(struct cbw_both *both, struct bio *bio)
{
	/* data_race: whoever comes at the same time may take memory, too. */
	if (data_race(bio_list_empty(&both->waiting)) && start(both, bio))
		return;
	spin_lock_irq(&both->lock);
	bio_list_add(&both->waiting, bio);
	/* Before it can be taken: when it has ended, all of this may be gone. */
	queue_delayed_work(both->wq, &both->start, MEMORY_DELAY);
	spin_unlock_irq(&both->lock);
}

unsigned int cbw_both_in_flight(const struct cbw_both *both)
{
	return READ_ONCE(both->in_flight);
}

/*----------------------------------------------------------------
 * Creation and destruction
 *----------------------------------------------------------------
 */

static int create_pools(struct cbw_both *both)
{
	int r = create_pages(both);

	if (!r)
		r = bioset_init(&both->origins, MIN_PAIRS, 0, 0);
	if (!r)
		r = bioset_init(&both->targets, MIN_PAIRS, offsetof(struct pair, target),
				BIOSET_NEED_BVECS);
	return r;
}

struct cbw_both *cbw_both_create(const struct cbw_geometry *geometry,
				 struct workqueue_struct *wq, const char *name, u64 timeout,
				 const struct cbw_both_ops *ops, void *owner)
{
	struct cbw_both *both = kzalloc(sizeof(*both), GFP_KERNEL);
	int r;

	if (!both)
		return ERR_PTR(-ENOMEM);

	both->origin = geometry->origin;
	both->dest = geometry->dest;
	both->ops = ops;
	both->owner = owner;
	both->timeout = timeout;
	both->wq = wq;
	spin_lock_init(&both->lock);
	INIT_LIST_HEAD(&both->pairs);
	bio_list_init(&both->waiting);
	INIT_DELAYED_WORK(&both->start, start_work);
	INIT_DELAYED_WORK(&both->expire, expire_work);

	both->apart = cbw_apart_create(name, submit_apart, both);
	r = both->apart ? create_pools(both) : -ENOMEM;
	if (r) {
		cbw_both_destroy(both);
		return ERR_PTR(r);
	}
	return both;
}

void cbw_both_stop(struct cbw_both *both)
{
	if (IS_ERR_OR_NULL(both))
		return;
	cancel_delayed_work_sync(&both->expire);
	cancel_delayed_work_sync(&both->start);
}

void cbw_both_destroy(struct cbw_both *both)
{
	if (IS_ERR_OR_NULL(both))
		return;

	cbw_apart_destroy(both->apart);
	/* The last to end may still be about to let go of the lock, see free_pair(). */
	spin_lock_irq(&both->lock);
	spin_unlock_irq(&both->lock);
	bioset_exit(&both->targets);
	bioset_exit(&both->origins);
	free_pages_of(both);
	kfree(both);
}
