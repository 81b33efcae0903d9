/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of a mirror; see "Mirrors" in dm-cbw.rst. The suspend that ends the job
 * tells whether the target device is a copy; only then the volume V gets a table on it:
 *
 *    step                          V live          V loaded      V runs on
 *    (before)                      job             -             the origin
 *    1  copy_mode write-blocking   job             -             the origin
 *    2  wait until it is synced    job             -             the origin
 *    3  complete                   job             -             the origin
 *    4  suspend                    job, suspended  -             either: both are the same
 *    5  is it completed?           job, suspended  -
 *    6  load                       job, suspended  target        either
 *    7  is it completed still?     job, suspended  target
 *    8  resume                     target          -             the target device
 *
 * In V a table on the target device is loaded only while V is suspended and both are the same, so
 * whoever resumes it is right. If the watchdog of group.h resumed V before the load, step 7 tells:
 * then what is loaded is cleared. With a table on the target device H goes by itself.
 */
#ifndef CBW_PIVOT_H
#define CBW_PIVOT_H

#include <stdbool.h>

#include "attach.h"

/* Can the volume go over to that device, and stay there? 0 or -1, error said. */
int pivot_check(const struct device *volume, const struct device *target);

/*
 * All the steps; the lock of the volume is ours. Waits for the mirror to get ready, and, unless
 * @quiet, shows how far it is. If it fails V goes on, on the origin. The same.
 */
int pivot(struct attachment *at, bool quiet);

/* The same end, but V gets its own table back: the target device is a copy of that instant. */
int pivot_stay(struct attachment *at);

/* Was a tool killed between the steps 6 and 8? Then only the resume is left. */
bool pivot_is_cut_off(struct attachment *at);

#endif
