/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stamp: what a block looks like, so that one look at it tells which write
 * it comes from.
 */
#ifndef ORACLE_STAMP_H
#define ORACLE_STAMP_H

#include <stdint.h>

struct stamp {
	uint64_t magic;
	uint64_t block;
	uint64_t seq;		/* of the write; 0: from "fill" */
	uint64_t seed;
	uint32_t writer;
	uint32_t block_size;
};

/*
 * What a block holds, in one word: the sequence number of a valid stamp, or one
 * of these.
 */
#define HELD_ZEROES	UINT64_MAX		/* nothing but zero bytes */
#define HELD_CORRUPT	(UINT64_MAX - 1)	/* no stamp, or a damaged one */
#define HELD_MISPLACED	(UINT64_MAX - 2)	/* an intact stamp of another block */
#define HELD_FOREIGN	(UINT64_MAX - 3)	/* an intact stamp of another seed */
#define HELD_UNREADABLE	(UINT64_MAX - 4)	/* set by the reader of the device */
#define HELD_MAX_SEQ	(UINT64_MAX - 16)

/* Fill in a whole block: the stamp, and data that depends on all its fields. */
void stamp_write(void *block, uint64_t seed, uint32_t block_size,
		 uint64_t nr, uint64_t seq, uint32_t writer);

/* What does this block, read from block number @nr, hold? */
uint64_t stamp_classify(const void *block, uint64_t seed, uint32_t block_size,
			uint64_t nr);

#endif
