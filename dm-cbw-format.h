/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a metadata device holds, for the module and for what reads it in user space;
 * Documentation/metadata.rst tells what it means.
 */
#ifndef DM_CBW_FORMAT_H
#define DM_CBW_FORMAT_H

#include <linux/types.h>

#define CBW_FORMAT_MAGIC	"dm-cbw changes\n"	/* and its NUL: 16 bytes */
#define CBW_FORMAT_VERSION	1

#define CBW_FORMAT_BLOCK	4096	/* bytes: the superblock's, and each block of bits */
#define CBW_FORMAT_RECORD	512	/* bytes: what is written as a whole, or not at all */
#define CBW_FORMAT_RECORDS	(CBW_FORMAT_BLOCK / CBW_FORMAT_RECORD)

#define CBW_FORMAT_NR_MARKS	16

enum cbw_format_state { CBW_FORMAT_OPEN = 1, CBW_FORMAT_CLOSED = 2 };

/* A sector of the origin holds what has one of these checksums. */
struct cbw_format_mark {
	__le32 now;
	__le32 next;
};

/* The first record of block 0; the others are zero. */
struct cbw_format_super {
	__le32 csum;
	__le32 version;
	__u8 magic[16];
	__u8 map[16];			/* random; part of all checksums */
	__u8 generation[16];		/* all zero: none, and the bits mean nothing */
	__le64 sectors;			/* of the origin */
	__le32 chunk_sectors;
	__le32 state;
	__u8 boot[16];			/* when it was closed: of the module since it was loaded */
	__le64 written;			/* and what the origin had counted */
	struct cbw_format_mark marks[CBW_FORMAT_NR_MARKS];
	__u8 zero[288];
};

#define CBW_FORMAT_BYTES	(CBW_FORMAT_RECORD - 2 * 4)	/* of bits in a record */

/* From block 1 on: bit n of all bytes in a row, the least significant first, is chunk n. */
struct cbw_format_bits {
	__le32 csum;
	__le32 zero;
	__u8 bits[CBW_FORMAT_BYTES];
};

#endif
