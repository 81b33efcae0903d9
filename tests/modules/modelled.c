// SPDX-License-Identifier: GPL-2.0-only
/*
 * For measurements: /dev/modelled0 and so on, disks that take any data and give none. Each
 * moves so many MiB in a second, one request after the other, and tells of each so much later,
 * as a disk with a cache does. null_blk moves what is asked of it at once, until what it may
 * move in 20 ms is used up, and stands still for the rest of them: what is measured then is how
 * long that is.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/version.h>

#define MAX_DISKS	4
#define MAX_SECTORS	2560
#define MAX_SEGMENTS	512

static unsigned int mib[MAX_DISKS], nr_disks;
module_param_array(mib, uint, &nr_disks, 0444);
static unsigned int mbps[MAX_DISKS] = { 1000, 1000, 1000, 1000 };
module_param_array(mbps, uint, NULL, 0444);
static unsigned int latency_us = 80;
module_param(latency_us, uint, 0444);

static struct disk {
	struct blk_mq_tag_set tags;
	struct gendisk *gendisk;
	u64 bytes_per_second;
	struct hrtimer timer;
	spinlock_t lock;		/* guards what follows */
	struct list_head under_way;	/* in the order of their ends */
	u64 free_at;			/* ns */
} disks[MAX_DISKS];

struct transfer {
	struct list_head list;
	u64 ends_at;			/* ns */
};

static u64 transfer_ns(const struct disk *disk, struct request *rq)
{
	if (req_op(rq) != REQ_OP_READ && req_op(rq) != REQ_OP_WRITE)
		return 0;
	return div64_u64((u64)blk_rq_bytes(rq) * NSEC_PER_SEC, disk->bytes_per_second);
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *data)
{
	struct transfer *transfer = blk_mq_rq_to_pdu(data->rq);
	struct disk *disk = hctx->queue->queuedata;
	unsigned long flags;

	blk_mq_start_request(data->rq);
	spin_lock_irqsave(&disk->lock, flags);
	disk->free_at = max(disk->free_at, ktime_get_ns()) + transfer_ns(disk, data->rq);
	transfer->ends_at = disk->free_at + latency_us * NSEC_PER_USEC;
	if (list_empty(&disk->under_way))
		hrtimer_start(&disk->timer, ns_to_ktime(transfer->ends_at), HRTIMER_MODE_ABS);
	list_add_tail(&transfer->list, &disk->under_way);
	spin_unlock_irqrestore(&disk->lock, flags);
	return BLK_STS_OK;
}

static enum hrtimer_restart expired(struct hrtimer *timer)
{
	struct disk *disk = container_of(timer, struct disk, timer);
	enum hrtimer_restart restart = HRTIMER_NORESTART;
	struct transfer *transfer, *next;
	u64 now = ktime_get_ns();
	unsigned long flags;
	LIST_HEAD(ended);

	spin_lock_irqsave(&disk->lock, flags);
	list_for_each_entry_safe(transfer, next, &disk->under_way, list) {
		if (transfer->ends_at > now) {
			hrtimer_set_expires(timer, ns_to_ktime(transfer->ends_at));
			restart = HRTIMER_RESTART;
			break;
		}
		list_move_tail(&transfer->list, &ended);
	}
	spin_unlock_irqrestore(&disk->lock, flags);

	list_for_each_entry_safe(transfer, next, &ended, list)
		blk_mq_end_request(blk_mq_rq_from_pdu(transfer), BLK_STS_OK);
	return restart;
}

static const struct blk_mq_ops queue_ops = {
	.queue_rq = queue_rq,
};

static const struct block_device_operations disk_ops = {
	.owner = THIS_MODULE,
};

static struct gendisk *alloc(struct disk *disk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct queue_limits limits = {
		.max_hw_sectors = MAX_SECTORS,
		.max_segments = MAX_SEGMENTS,
		.max_segment_size = UINT_MAX,
	};

	return blk_mq_alloc_disk(&disk->tags, &limits, disk);
#else
	struct gendisk *new = blk_mq_alloc_disk(&disk->tags, disk);

	if (!IS_ERR(new)) {
		blk_queue_max_hw_sectors(new->queue, MAX_SECTORS);
		blk_queue_max_segments(new->queue, MAX_SEGMENTS);
		blk_queue_max_segment_size(new->queue, UINT_MAX);
		blk_queue_flag_set(QUEUE_FLAG_NONROT, new->queue);
	}
	return new;
#endif
}

static void init_timer(struct disk *disk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(&disk->timer, expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#else
	hrtimer_init(&disk->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	disk->timer.function = expired;
#endif
}

static void remove(struct disk *disk)
{
	del_gendisk(disk->gendisk);
	put_disk(disk->gendisk);
	blk_mq_free_tag_set(&disk->tags);
	hrtimer_cancel(&disk->timer);
}

static int add(struct disk *disk, unsigned int i)
{
	int r;

	disk->bytes_per_second = (u64)mbps[i] << 20;
	spin_lock_init(&disk->lock);
	INIT_LIST_HEAD(&disk->under_way);
	init_timer(disk);

	disk->tags.ops = &queue_ops;
	disk->tags.nr_hw_queues = 1;
	disk->tags.queue_depth = 64;
	disk->tags.numa_node = NUMA_NO_NODE;
	disk->tags.cmd_size = sizeof(struct transfer);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	disk->tags.flags = BLK_MQ_F_SHOULD_MERGE;
#endif
	r = blk_mq_alloc_tag_set(&disk->tags);
	if (r)
		return r;

	disk->gendisk = alloc(disk);
	if (IS_ERR(disk->gendisk)) {
		r = PTR_ERR(disk->gendisk);
		goto bad_disk;
	}
	disk->gendisk->fops = &disk_ops;
	snprintf(disk->gendisk->disk_name, DISK_NAME_LEN, "modelled%u", i);
	set_capacity(disk->gendisk, (sector_t)mib[i] << (20 - SECTOR_SHIFT));
	r = add_disk(disk->gendisk);
	if (!r)
		return 0;

	put_disk(disk->gendisk);
bad_disk:
	blk_mq_free_tag_set(&disk->tags);
	return r;
}

static void remove_before(unsigned int i)
{
	while (i--)
		remove(&disks[i]);
}

static int __init modelled_init(void)
{
	unsigned int i;
	int r;

	for (i = 0; i < nr_disks; i++) {
		r = add(&disks[i], i);
		if (r) {
			remove_before(i);
			return r;
		}
	}
	return 0;
}

static void __exit modelled_exit(void)
{
	remove_before(nr_disks);
}

module_init(modelled_init);
module_exit(modelled_exit);
MODULE_DESCRIPTION("Disks with a speed and a latency, for measurements");
MODULE_LICENSE("GPL");
