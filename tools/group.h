/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One instant for several volumes: all are suspended before the first is resumed.
 *
 * Order: a volume that stands on another one is suspended before that, since its suspend
 * may write to the other, and is resumed after it. Whatever order that leaves open is that
 * of the command line.
 *
 * Between the first suspend and the last resume the tool does nothing but ioctls, with all
 * of its memory locked: even its own program may lie on one of the volumes. A second process,
 * the watchdog, waits for the end. If the first dies, or is not through in time, it gives all
 * volumes their own tables back. One word in shared memory decides who goes on:
 *
 *    SUSPENDING -> RESUMING   by the tool, when all are suspended: all get their jobs, and the
 *                             watchdog, if need be, only resumes what is left
 *    SUSPENDING -> GIVEN_UP   by either: no volume gets its job. First all jobs' tables are
 *                             cleared, then all volumes resumed
 *
 * If both are killed, 'cbw repair' does the latter.
 */
#ifndef CBW_GROUP_H
#define CBW_GROUP_H

#include <stddef.h>

#include "attach.h"

/* Step 5 of attach.h for all; all are as before step 1 if it fails. */
int group_start(struct attachment *at, size_t nr);

/* Loads a table into the suspended volume, by ioctls alone. 0 or -1. */
typedef int group_load_fn(struct attachment *at);

/*
 * The suspend of one volume tells which table it gets: that of @load. If it fails, or the tool is
 * too slow, the volume goes on with the table that it has. The watchdog may have resumed it before
 * @load is through: that has to see to it. 0 or -1.
 */
int group_replace(struct attachment *at, group_load_fn *load);

#endif
