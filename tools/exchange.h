/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What LVM's metadata say of a logical volume that goes over to another one.
 *
 * LVM knows the device of a volume by the UUID, which stays, and users by its name. If both are of
 * one volume group they exchange their extents, and keep names and UUIDs: the origin has those of
 * the target from then on, and the target the old ones, whatever is booted next. No extents go
 * from one group to another. Then it is their names that are exchanged, each in its group, and the
 * origin gets a UUID that no device has, so that LVM leaves the device in use alone, which stands
 * on the target. What has the old content is activated by name only, so that the next boot does
 * not find the same file system twice. These are the steps:
 *
 *    1  note the metadata of the origin's group   in memory, /run: a boot needs no note
 *    2  another group: the target gets its name   while every write is done on both volumes
 *       and is activated by a boot
 *    3  write the metadata of the origin's group  the same
 *    4  the pivot: the origin's device gets the table that the target's has, or one on that
 *    5  the note says that 4 is done
 *    6  one group: LVM refreshes the target's device, which has its new extents only then, and
 *       activates it by name only from now on
 *    7  remove the note
 *
 * If the pivot fails, 3 and 2 are undone. A machine that stops after 3 boots with the target,
 * which has all that was flushed. A tool that is killed leaves the note: the origin's device has
 * the table of 4, or it has not, and that tells what the metadata are to say.
 */
#ifndef CBW_EXCHANGE_H
#define CBW_EXCHANGE_H

#include <stdbool.h>

#include "device.h"

struct exchange {
	dev_t dev;			/* the origin's */
	char vg[DM_NAME_LEN];
	char origin[DM_NAME_LEN];	/* without the volume group */
	dev_t target_dev;
	char target_vg[DM_NAME_LEN];
	char target[DM_NAME_LEN];	/* before it gets the name of the origin */
	bool target_skipped;		/* before: a boot does not activate it */
};

/* Can they, are they simple enough? Fills in @exchange. 0 or -1, error said. */
int exchange_check(struct exchange *exchange, const struct device *origin,
		   const struct device *target);

/* Step 1. The volume group is locked. 0 or -1, error said. */
int exchange_note(const struct exchange *exchange);

/* Are they of one volume group? */
bool exchange_is_inside(const struct exchange *exchange);

/* Steps 2 and 3, or back. The group of the origin is locked. 0 or -1, error said. */
int exchange_set(const struct exchange *exchange, bool exchanged);

/* Steps 5 to 7. No volume group is locked. The same. */
int exchange_finish(const struct exchange *exchange);

/*
 * Before a job of the volume @dev is taken away: has a tool been killed in the midst of a pivot, so
 * that LVM's metadata might say what is not so? The lock of the volume is ours. The same.
 */
int exchange_settle(dev_t dev);

/* Nothing is left to do. */
void exchange_forget(const struct exchange *exchange);

/*
 * After tools that were killed: calls @tell for each volume that was put right. One that another
 * tool looks after is left to that. 0 or -1, error said.
 */
int exchange_repair(void (*tell)(const char *name, const char *what));

#endif
