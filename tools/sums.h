/* SPDX-License-Identifier: GPL-2.0-only */
/* Checksums of a backup: a text file with a SHA-256 for each MiB. */
#ifndef CBW_SUMS_H
#define CBW_SUMS_H

#include <stdint.h>

#include "extent.h"

#define SUMS_MARK_MAX	65

/*
 * A SHA-256 of what most file systems change when they are mounted for writing, of the first @size
 * bytes of a device: their superblocks lie in its first 4 KiB, or in those at 64 KiB. 0 or -1,
 * error said.
 */
int sums_mark(const char *path, uint64_t size, char mark[SUMS_MARK_MAX]);

/* Reads the first @size bytes of the backup, and writes the file. 0 or -1, error said. */
int sums_write(const char *path, struct extent *backup, uint64_t size);

/*
 * Calls @differs with each range that does not have the checksums of the file, in units
 * of a MiB. 0, with the number of ranges in @nr, or -1, error said; with nothing said if
 * @step has stopped it.
 */
int sums_compare(const char *path, struct extent *backup, uint64_t size, extent_step *step,
		 void (*differs)(uint64_t first, uint64_t length), uint64_t *nr);

#endif
