/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What LVM's metadata says of a logical volume that goes over to another one of its group.
 *
 * LVM knows the device of a volume by the UUID, which stays, and users by its name, which is to
 * stay, too. So the two volumes exchange their extents: the origin has those of the target from
 * then on, and the target the old ones, whatever is booted next. These are the steps:
 *
 *    1  note the metadata as they are          in memory, /run: a boot needs no note
 *    2  write them with the extents exchanged  while every write is done on both volumes
 *    3  the pivot: the origin's device gets the table that the target's has
 *    4  the note says that 3 is done
 *    5  LVM refreshes the target's device, which has its new extents only then
 *    6  remove the note
 *
 * If the pivot fails, 2 is undone. A machine that stops after 2 boots with the target's extents,
 * which have all that was flushed. A tool that is killed leaves the note: the origin's device has
 * the same table as the target's, or it has not, and that tells what the metadata are to say.
 */
#ifndef CBW_EXCHANGE_H
#define CBW_EXCHANGE_H

#include <stdbool.h>

#include "device.h"

struct exchange {
	dev_t dev;			/* the origin's */
	char vg[DM_NAME_LEN];
	char origin[DM_NAME_LEN];	/* without the volume group */
	char target[DM_NAME_LEN];
};

/* Are the two of one volume group, and simple enough? Fills in @exchange. 0 or -1, error said. */
int exchange_check(struct exchange *exchange, const struct device *origin,
		   const struct device *target);

/* Step 1. The volume group is locked. 0 or -1, error said. */
int exchange_note(const struct exchange *exchange);

/* Step 2, or back. The same. */
int exchange_set(const struct exchange *exchange, bool exchanged);

/* Steps 4 to 6. The volume group is not locked. The same. */
int exchange_finish(const struct exchange *exchange);

/* Nothing is left to do. */
void exchange_forget(const struct exchange *exchange);

/*
 * After tools that were killed: calls @tell for each volume that was put right. One that another
 * tool looks after is left to that. 0 or -1, error said.
 */
int exchange_repair(void (*tell)(const char *name, const char *what));

#endif
