/* SPDX-License-Identifier: GPL-2.0-only */
/* What has become of each part of a volume, as the kernel tells by the message map. */
#ifndef CBW_CELLS_H
#define CBW_CELLS_H

#include <stddef.h>
#include <stdint.h>

/* As a line of that message has them. */
enum fate {
	SAVED,
	PENDING,
	CLAIMED,
	RELEASED,
	EXCLUDED,
	CHANGED,		/* besides one of the others */
	NR_FATES
};

struct cell {
	uint64_t length;		/* sectors */
	uint64_t sectors[NR_FATES];
};

struct cells {
	uint64_t length;		/* of the volume, sectors */
	uint64_t each;			/* but the last one may be shorter */
	size_t nr;
	struct cell *list;		/* for free() */
};

/* The word that people read. */
const char *cells_word(enum fate fate);

/*
 * Divides a volume of @length sectors into @nr cells at most, of whole chunks. 0, or 1, and nothing
 * is said, if nobody is there who tells, or -1, error said. The list is NULL then.
 */
int cells_read(const char *name, uint64_t length, uint64_t chunk, size_t nr, struct cells *cells);

/* Of all of them. */
uint64_t cells_sum(const struct cells *cells, enum fate fate);

#endif
