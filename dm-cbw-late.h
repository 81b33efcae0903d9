/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What outlives its table because a device hangs: work that ends when that does, and a list of
 * the metadata devices that may be written to until then. Copies are known by their job.
 */
#ifndef DM_CBW_LATE_H
#define DM_CBW_LATE_H

#include <linux/blkdev.h>
#include <linux/list.h>
#include <linux/workqueue.h>

#include "dm-cbw-compat.h"

struct cbw_late {
	struct list_head list;
	struct block_device *bdev;
};

/* Do they share sectors? Either may be NULL. */
static inline bool cbw_overlap(struct block_device *a, struct block_device *b)
{
	return a && b && a->bd_disk == b->bd_disk &&
	       (a == b || !bdev_is_partition(a) || !bdev_is_partition(b));
}

/* All may sleep. */
void cbw_late_init(struct cbw_late *late);
void cbw_late_add(struct cbw_late *late, struct block_device *bdev);
/* If it was added. */
void cbw_late_remove(struct cbw_late *late);

/* May @bdev, or NULL, be written to by what has no table any more? In user words, or NULL. */
char *cbw_late_writes(struct block_device *bdev);

/* @work has a reference to the module, which it puts as the last thing that it does. */
void cbw_late_queue(struct work_struct *work);

/* The module's own beginning and end, which waits for such work. */
int cbw_late_module_init(void);
void cbw_late_module_exit(void);

#endif
