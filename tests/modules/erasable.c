// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests: /dev/erasable, a disk in memory on which a secure erase leaves
 * zeroes. None of the kernel's own test devices takes one. Nor does any fail what it
 * says that it can: this one fails the first write-zeroes, so many, and counts the others.
 */
#include <linux/blkdev.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#define MAX_SECTORS	(UINT_MAX >> SECTOR_SHIFT)

static unsigned int mib = 4;
module_param(mib, uint, 0444);
static int fails;
module_param(fails, int, 0444);
static unsigned int zeroed;
module_param(zeroed, uint, 0444);
static atomic_t asked;

static u8 *content;
static struct gendisk *disk;

static void *at(sector_t sector)
{
	return content + (sector << SECTOR_SHIFT);
}

static void transfer(struct bio *bio)
{
	struct bvec_iter iter;
	struct bio_vec bvec;
	void *data;

	bio_for_each_segment(bvec, bio, iter) {
		data = bvec_kmap_local(&bvec);
		if (bio_op(bio) == REQ_OP_WRITE)
			memcpy(at(iter.bi_sector), data, bvec.bv_len);
		else
			memcpy(data, at(iter.bi_sector), bvec.bv_len);
		kunmap_local(data);
	}
}

static void erase(struct bio *bio)
{
	memset(at(bio->bi_iter.bi_sector), 0, bio->bi_iter.bi_size);
}

static void write_zeroes(struct bio *bio)
{
	if (atomic_inc_return(&asked) <= fails) {
		bio->bi_status = BLK_STS_IOERR;
		return;
	}
	erase(bio);
	WRITE_ONCE(zeroed, zeroed + 1);
}

static void erasable_submit(struct bio *bio)
{
	if (bio_op(bio) == REQ_OP_SECURE_ERASE)
		erase(bio);
	else if (bio_op(bio) == REQ_OP_WRITE_ZEROES)
		write_zeroes(bio);
	else
		transfer(bio);
	bio_endio(bio);
}

static const struct block_device_operations erasable_ops = {
	.owner		= THIS_MODULE,
	.submit_bio	= erasable_submit,
};

static struct gendisk *alloc(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct queue_limits limits = {
		.max_secure_erase_sectors = MAX_SECTORS,
		.max_write_zeroes_sectors = MAX_SECTORS,
	};
	struct gendisk *new = blk_alloc_disk(&limits, NUMA_NO_NODE);

	return IS_ERR(new) ? NULL : new;
#else
	struct gendisk *new = blk_alloc_disk(NUMA_NO_NODE);

	if (new) {
		blk_queue_max_secure_erase_sectors(new->queue, MAX_SECTORS);
		blk_queue_max_write_zeroes_sectors(new->queue, MAX_SECTORS);
	}
	return new;
#endif
}

static int __init erasable_init(void)
{
	int r = -ENOMEM;

	content = vzalloc((size_t)mib << 20);
	disk = alloc();
	if (!content || !disk)
		goto bad;

	disk->fops = &erasable_ops;
	strscpy(disk->disk_name, "erasable", sizeof(disk->disk_name));
	set_capacity(disk, (sector_t)mib << (20 - SECTOR_SHIFT));
	r = add_disk(disk);
	if (!r)
		return 0;
bad:
	if (disk)
		put_disk(disk);
	vfree(content);
	return r;
}

static void __exit erasable_exit(void)
{
	del_gendisk(disk);
	put_disk(disk);
	vfree(content);
}

module_init(erasable_init);
module_exit(erasable_exit);
MODULE_DESCRIPTION("Disk in memory that takes secure erase, for tests");
MODULE_LICENSE("GPL");
