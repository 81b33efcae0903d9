/* SPDX-License-Identifier: GPL-2.0-only */
/* What sysfs tells about block devices. */
#ifndef CBW_SYSFS_H
#define CBW_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A set of block devices. All zeroes: empty. */
struct dev_set {
	dev_t *devs;
	size_t nr;
};

/* True if @dev was not in it. */
bool dev_set_add(struct dev_set *set, dev_t dev);
bool dev_set_has(const struct dev_set *set, dev_t dev);
void dev_set_free(struct dev_set *set);

/* The first line of the attribute @name, "size" or "dm/name", say. 0, or -1 if there is none. */
int sysfs_read(dev_t dev, const char *name, char *text, size_t size);

/* The kernel's name of it, as under /dev. 0, or -1 if there is no such device. */
int sysfs_kernel_name(dev_t dev, char *text, size_t size);

/* Adds the devices in a folder of it, "slaves" or "holders", or its partitions: ".". */
void sysfs_add(dev_t dev, const char *folder, struct dev_set *set);

/* The disk that it is a partition of, or 0. */
dev_t sysfs_disk(dev_t dev);

/* The device whose attribute dm/name is that, or 0. */
dev_t sysfs_find_dm(const char *dm_name);

#endif
