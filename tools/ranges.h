/* SPDX-License-Identifier: GPL-2.0-only */
/* What an incremental backup has that the one before it had not: a text file beside its record. */
#ifndef CBW_RANGES_H
#define CBW_RANGES_H

#include "changes.h"
#include "record.h"

/* 0 or -1, error said. */
int ranges_write(const struct record *record, const struct ranges *ranges);

/* 0; 1: there is no such file; or -1, error said. */
int ranges_read(const struct record *record, struct ranges *ranges);

#endif
