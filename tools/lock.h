/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who looks after a volume: one tool at a time, from before it attaches a job until that
 * is detached. A lock goes with its owner, so a volume without one has no owner, whatever
 * has become of that. The state of the volume itself is device-mapper's alone.
 */
#ifndef CBW_LOCK_H
#define CBW_LOCK_H

#include <sys/types.h>

/* 0, or 1 if another tool has it, or -1 and the error has been said. */
int lock_volume(dev_t volume);

/* The same, where it is an error if another tool has the volume of that name. 0 or -1. */
int lock_named(dev_t volume, const char *name);

/* Needed only before the end of the process. */
void unlock_volume(dev_t volume);

/*
 * Keeps LVM from changing anything of the volume group, if the device of device-mapper is a
 * logical volume, until unlock_groups().
 */
void lock_group(const char *name, const char *uuid);
void unlock_groups(void);

#endif
