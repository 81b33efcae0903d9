// SPDX-License-Identifier: GPL-2.0-only
/* What outlives its table; see dm-cbw-late.h for the contract. */
#include <linux/module.h>
#include <linux/mutex.h>

#include "dm-cbw-late.h"

static struct workqueue_struct *late_wq;

static DEFINE_MUTEX(late_lock);
static LIST_HEAD(all_late);

void cbw_late_init(struct cbw_late *late)
{
	INIT_LIST_HEAD(&late->list);
}

void cbw_late_add(struct cbw_late *late, struct block_device *bdev)
{
	mutex_lock(&late_lock);
	late->bdev = bdev;
	list_add(&late->list, &all_late);
	mutex_unlock(&late_lock);
}

void cbw_late_remove(struct cbw_late *late)
{
	mutex_lock(&late_lock);
	list_del_init(&late->list);
	mutex_unlock(&late_lock);
}

char *cbw_late_writes(struct block_device *bdev)
{
	struct cbw_late *late;
	char *found = NULL;

	mutex_lock(&late_lock);
	list_for_each_entry(late, &all_late, list)
		if (cbw_overlap(late->bdev, bdev))
			found = "Writes of a tracking map that has ended still run on this device";
	mutex_unlock(&late_lock);
	return found;
}

void cbw_late_queue(struct work_struct *work)
{
	__module_get(THIS_MODULE);
	queue_work(late_wq, work);
}

int cbw_late_module_init(void)
{
	late_wq = alloc_workqueue("cbw_late", WQ_UNBOUND, 0);
	return late_wq ? 0 : -ENOMEM;
}

void cbw_late_module_exit(void)
{
	destroy_workqueue(late_wq);
}
