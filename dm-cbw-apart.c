// SPDX-License-Identifier: GPL-2.0-only
/* Bios whose submission may sleep; see dm-cbw-apart.h for the contract. */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "dm-cbw-apart.h"
#include "dm-cbw-compat.h"

/* So many in one go; then other work has its turn. */
#define BATCH		32U

/* What nobody waits for does not hold up what somebody does, nor what is throttled what is not. */
#define URGENCY		(REQ_SYNC | REQ_IDLE | REQ_BACKGROUND)

/* For bios of one group and urgency as long as it is busy. */
struct lane {
	struct cbw_apart *apart;
	struct work_struct work;
	bool busy;			/* the work is queued, or will look again */
	const void *group;
	blk_opf_t urgency;
	struct bio_list bios;
};

struct cbw_apart {
	void (*submit)(void *owner, struct bio *bio);
	void *owner;
	struct workqueue_struct *wq;

	spinlock_t lock;		/* guards the rest */
	unsigned int nr_busy;
	struct lane lanes[CBW_APART_LANES];
};

static void submit_it(void *owner, struct bio *bio)
{
	submit_bio_noacct(bio);
}

static struct bio *take(struct lane *lane)
{
	struct bio *bio;

	spin_lock_irq(&lane->apart->lock);
	bio = bio_list_pop(&lane->bios);
	spin_unlock_irq(&lane->apart->lock);
	return bio;
}

static void lane_work(struct work_struct *work)
{
	struct lane *lane = container_of(work, struct lane, work);
	struct cbw_apart *apart = lane->apart;
	struct blk_plug plug;
	struct bio *bio;
	unsigned int i;

	blk_start_plug(&plug);
	for (i = 0; i < BATCH && (bio = take(lane)); i++)
		apart->submit(apart->owner, bio);
	blk_finish_plug(&plug);

	spin_lock_irq(&apart->lock);
	lane->busy = !bio_list_empty(&lane->bios);
	if (lane->busy)
		queue_work(apart->wq, &lane->work);
	else
		WRITE_ONCE(apart->nr_busy, apart->nr_busy - 1);
	spin_unlock_irq(&apart->lock);
}

/*
 * One that is busy with such, or else is not, or else has to be shared, with others that are as
 * urgent if there are any.
 */
static struct lane *__lane_for(struct cbw_apart *apart, const struct bio *bio)
{
	const void *group = cbw_bio_group(bio);
	blk_opf_t urgency = bio->bi_opf & URGENCY;
	struct lane *lane, *unused = NULL, *shared = apart->lanes;

	for (lane = apart->lanes; lane < apart->lanes + CBW_APART_LANES; lane++) {
		if (lane->busy && lane->group == group && lane->urgency == urgency)
			return lane;
		if (!lane->busy)
			unused = lane;
		else if (lane->urgency == urgency)
			shared = lane;
	}
	return unused ?: shared;
}

void cbw_apart_submit(struct cbw_apart *apart, struct bio *bio)
{
	unsigned long flags;
	struct lane *lane;

	spin_lock_irqsave(&apart->lock, flags);
	lane = __lane_for(apart, bio);
	bio_list_add(&lane->bios, bio);
	if (!lane->busy) {
		lane->busy = true;
		lane->group = cbw_bio_group(bio);
		lane->urgency = bio->bi_opf & URGENCY;
		WRITE_ONCE(apart->nr_busy, apart->nr_busy + 1);
		queue_work(apart->wq, &lane->work);
	}
	spin_unlock_irqrestore(&apart->lock, flags);
}

bool cbw_apart_busy(struct cbw_apart *apart, const struct bio *bio)
{
	unsigned long flags;
	bool busy;

	if (likely(!READ_ONCE(apart->nr_busy)))
		return false;
	spin_lock_irqsave(&apart->lock, flags);
	busy = __lane_for(apart, bio)->busy;
	spin_unlock_irqrestore(&apart->lock, flags);
	return busy;
}

struct cbw_apart *cbw_apart_create(const char *name,
				   void (*submit)(void *owner, struct bio *bio), void *owner)
{
	struct cbw_apart *apart = kzalloc(sizeof(*apart), GFP_KERNEL);
	unsigned int i;

	if (!apart)
		return NULL;
	apart->submit = submit ?: submit_it;
	apart->owner = owner;
	spin_lock_init(&apart->lock);
	for (i = 0; i < CBW_APART_LANES; i++) {
		apart->lanes[i].apart = apart;
		bio_list_init(&apart->lanes[i].bios);
		INIT_WORK(&apart->lanes[i].work, lane_work);
	}
	apart->wq = alloc_workqueue("cbw_apart/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, name);
	if (!apart->wq) {
		kfree(apart);
		return NULL;
	}
	return apart;
}

void cbw_apart_destroy(struct cbw_apart *apart)
{
	if (!apart)
		return;
	destroy_workqueue(apart->wq);
	kfree(apart);
}
