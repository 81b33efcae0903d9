/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a dm-snapshot holds itself: the exceptions that stand in its store, if that is persistent. A
 * write to the snapshot completes after its exception is there; so all that was written before it
 * is read is among them.
 */
#ifndef CBW_EXCEPTIONS_H
#define CBW_EXCEPTIONS_H

#include <stdint.h>
#include <sys/types.h>

typedef void exceptions_holds(void *data, uint64_t start, uint64_t length);

/* Calls @holds with each range of sectors, in no order. 0 or -1, error said: then it is not all. */
int exceptions_read(dev_t store_dev, exceptions_holds *holds, void *data);

#endif
