/* SPDX-License-Identifier: GPL-2.0-only */
/* What a block device stands on, and who stands on it. */
#ifndef CBW_STACK_H
#define CBW_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "sysfs.h"

/*
 * Adds @dev and all that its data passes through: the devices of a device-mapper table or
 * an array, the disk of a partition, and for a loop device those of the file system that
 * its file lies on. 0 or -1, error said: it cannot be told.
 */
int stack_add_device(struct dev_set *set, dev_t dev);

/*
 * Adds what the file or folder stands on. A file system without a block device that the
 * kernel tells of (in memory, network, overlay) adds nothing. 0 or -1, error said.
 */
int stack_add_file(struct dev_set *set, const char *path);

/*
 * Does the data of @upper, another device, pass through @lower? No, if it cannot be
 * told, which is said.
 */
bool stack_stands_on(dev_t upper, dev_t lower);

/* Leaves only the devices that no other device of the set stands on. */
void stack_keep_tops(struct dev_set *set);

/*
 * Who uses the device or one of its partitions, so that it must not be written to:
 * "mounted on /mnt", "swap". Returns @text, or NULL if nobody does.
 */
const char *stack_user(dev_t dev, char *text, size_t size);

/* A device that stands on it or on one of its partitions, or 0. */
dev_t stack_holder(dev_t dev);

#endif
