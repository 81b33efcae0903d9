/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that are supported. No other file tests
 * for a version.
 */
#ifndef DM_CBW_COMPAT_H
#define DM_CBW_COMPAT_H

#include <linux/blk-cgroup.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/dm-bufio.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/part_stat.h>
#include <linux/version.h>

/* The mode that dm_get_device() takes and a table has. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define CBW_MODE_READ	BLK_OPEN_READ
#define CBW_MODE_WRITE	BLK_OPEN_WRITE
#else
#define CBW_MODE_READ	FMODE_READ
#define CBW_MODE_WRITE	FMODE_WRITE
#endif

/* A reference of our own to a block device, which claims nothing. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
typedef struct file *cbw_bdev_ref;
#define cbw_bdev_ref_get(dev)	bdev_file_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL)
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define cbw_bdev_ref_put(ref)	bdev_fput(ref)
#else
#define cbw_bdev_ref_put(ref)	fput(ref)
#endif
#else
typedef struct block_device *cbw_bdev_ref;
#define cbw_bdev_ref_get(dev)	blkdev_get_by_dev(dev, FMODE_READ, NULL)
#define cbw_bdev_ref_put(ref)	blkdev_put(ref, FMODE_READ)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 16, 0)
static inline sector_t bdev_nr_sectors(struct block_device *bdev)
{
	return i_size_read(bdev->bd_inode) >> SECTOR_SHIFT;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 0, 0)
typedef unsigned int blk_opf_t;
#endif

/* The group of programs that it is of, or NULL: that of all. */
static inline const void *cbw_bio_group(const struct bio *bio)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 19, 0)
	const struct cgroup_subsys_state *css = bio_blkcg_css((struct bio *)bio);

	return css == blkcg_root_css ? NULL : css;
#elif defined(CONFIG_BLK_CGROUP)
	const struct blkcg *blkcg = bio_blkcg((struct bio *)bio);

	return !blkcg || &blkcg->css == blkcg_root_css ? NULL : blkcg;
#else
	return NULL;
#endif
}

/* Is a bio that must not wait ended at once where it would have to? */
static inline bool cbw_bdev_nowait(struct block_device *bdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
	return bdev_nowait(bdev);
#else
	return blk_queue_nowait(bdev_get_queue(bdev));
#endif
}

static inline bool cbw_takes_discards(struct block_device *bdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 19, 0)
	return bdev_max_discard_sectors(bdev);
#else
	return blk_queue_discard(bdev_get_queue(bdev));
#endif
}

/* Discards of any size, but of whole units of @granularity bytes. */
static inline void cbw_limit_discards(struct queue_limits *limits, unsigned int granularity)
{
	limits->discard_granularity = granularity;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	limits->max_hw_discard_sectors = round_down(UINT_MAX, granularity) >> SECTOR_SHIFT;
#else
	limits->max_discard_sectors = round_down(UINT_MAX, granularity) >> SECTOR_SHIFT;
#endif
}

static inline void cbw_bio_init(struct bio *bio, struct block_device *bdev,
				struct bio_vec *vecs, unsigned short nr_vecs,
				blk_opf_t opf)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	bio_init(bio, bdev, vecs, nr_vecs, opf);
#else
	bio_init(bio, vecs, nr_vecs);
	bio_set_dev(bio, bdev);
	bio->bi_opf = opf;
#endif
}

static inline struct bio *cbw_bio_alloc(struct block_device *bdev, unsigned short nr_vecs,
					blk_opf_t opf, gfp_t gfp, struct bio_set *set)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	return bio_alloc_bioset(bdev, nr_vecs, opf, gfp, set);
#else
	struct bio *bio = bio_alloc_bioset(gfp, nr_vecs, set);

	if (bio) {
		bio_set_dev(bio, bdev);
		bio->bi_opf = opf;
	}
	return bio;
#endif
}

/* Of the same data, which must stay until it has ended. */
static inline struct bio *cbw_bio_clone(struct block_device *bdev, struct bio *from,
					gfp_t gfp, struct bio_set *set)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	return bio_alloc_clone(bdev, from, gfp, set);
#else
	struct bio *bio = bio_clone_fast(from, gfp, set);

	if (bio)
		bio_set_dev(bio, bdev);
	return bio;
#endif
}

/* For one thread, which holds one buffer at a time. */
static inline struct dm_bufio_client *cbw_bufio_create(struct block_device *bdev,
						       unsigned int block_size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)
	return dm_bufio_client_create(bdev, block_size, 1, 0, NULL, NULL, 0);
#else
	return dm_bufio_client_create(bdev, block_size, 1, 0, NULL, NULL);
#endif
}

/* Grow with each write and each discard, if the device keeps statistics. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define cbw_part_of_bdev(bdev)	(bdev)
#define cbw_part_of_disk(disk)	((disk)->part0)
#else
#define cbw_part_of_bdev(bdev)	((bdev)->bd_part)
#define cbw_part_of_disk(disk)	(&(disk)->part0)
#endif

static inline u64 cbw_count_writes(struct block_device *bdev)
{
	return part_stat_read(cbw_part_of_bdev(bdev), ios[STAT_WRITE]) +
	       part_stat_read(cbw_part_of_bdev(bdev), ios[STAT_DISCARD]);
}

static inline u64 cbw_count_disk_writes(struct gendisk *disk)
{
	return part_stat_read(cbw_part_of_disk(disk), ios[STAT_WRITE]) +
	       part_stat_read(cbw_part_of_disk(disk), ios[STAT_DISCARD]);
}

/* Is @disk, of a mapped device whose table is being destroyed, to be destroyed itself? */
static inline bool cbw_disk_goes(struct gendisk *disk)
{
#ifdef GD_DEAD
	return test_bit(GD_DEAD, &disk->state);
#else
	return blk_queue_dying(disk->queue);
#endif
}

static inline int cbw_flush_device(struct block_device *bdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
	return blkdev_issue_flush(bdev);
#else
	return blkdev_issue_flush(bdev, GFP_NOIO);
#endif
}

/* Until it is unmapped nothing may sleep. */
static inline void *cbw_map_vec(struct bio_vec *vec)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
	return bvec_kmap_local(vec);
#else
	return kmap_atomic(vec->bv_page) + vec->bv_offset;
#endif
}

static inline void cbw_unmap_vec(void *address)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
	kunmap_local(address);
#else
	kunmap_atomic(address);
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 12, 0)
#define BIO_MAX_VECS	BIO_MAX_PAGES
#endif

#ifndef REQ_ATOMIC
#define REQ_ATOMIC	0
#endif

#ifndef REQ_POLLED
#define REQ_POLLED	0
#endif

#ifndef DM_TARGET_NOWAIT
#define DM_TARGET_NOWAIT	0
#endif

#ifndef DM_TARGET_ATOMIC_WRITES
#define DM_TARGET_ATOMIC_WRITES	0
#endif

#endif
