/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The backup that an incremental one goes on from, and is written over: what differs between that
 * and the volume is what the kernel has in its tracking map. The generation of the map tells which
 * backup that is; it stands in the record.
 */
#ifndef CBW_BASE_H
#define CBW_BASE_H

#include <stdbool.h>

#include "attach.h"
#include "changes.h"
#include "record.h"

/*
 * The record of that backup of @volume, whose job is to be attached as @at has it. @where is any
 * name of the backup or its device, or with @to what target_to() takes. 0 or -1, error said, and
 * what to do.
 */
int base_find(const struct device *volume, const struct attachment *at, const char *where, bool to,
	      struct record *base);

/*
 * Does the device @path hold what the base has written? Not if it is another, or has been mounted
 * for writing. 1: yes; 0: no; -1, error said.
 */
int base_is_on(const struct record *base, const char *path);

/* The same, where it is an error if it does not. 0 or -1. */
int base_check(const struct record *base, const char *path);

/*
 * Does the map of that generation have all in which its volume may differ from what @base holds? If
 * so, the record has it as its own afterwards.
 */
bool base_fits(struct record *base, const char *generation);

/* Is it still that one, right before the point in time? 0 or -1, error said. */
int base_confirm(const struct attachment *at, const struct record *base);

/*
 * For the record of a job that has completed, and whose table is live: the generation of the map
 * that has what changes from its point in time on, or "". If @taken is not NULL, also what the job
 * has taken, for free().
 */
void base_next(struct attachment *at, char map[RECORD_ID_MAX], struct ranges *taken);

#endif
