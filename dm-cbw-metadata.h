/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tracking map on its metadata device. One thread at a time may use it; all may
 * sleep, and wait for the device.
 */
#ifndef DM_CBW_METADATA_H
#define DM_CBW_METADATA_H

#include <linux/types.h>
#include <linux/uuid.h>

#include "dm-cbw-format.h"
#include "dm-cbw-marks.h"

struct block_device;
struct cbw_metadata;

/* Longs of the bitmap that a block holds. */
#define CBW_BLOCK_LONGS	(CBW_FORMAT_RECORDS * CBW_FORMAT_BYTES / sizeof(long))

/* What the superblock says, but for what never changes. */
struct cbw_metadata_state {
	bool damaged;		/* when it was read: there is nothing to be had from it */
	uuid_t generation;	/* null: none, and the bits mean nothing */
	bool closed;
	uuid_t boot;		/* this and the next only if it is closed */
	u64 written;
	struct cbw_marks marks;
};

/*
 * For a map of @len sectors in chunks of 1 << @chunk_shift. A device whose first block is
 * zero gets a map that has no generation; one that holds anything else but such a map is
 * refused. On failure an errno in an ERR_PTR, and *@error in user words.
 */
struct cbw_metadata *cbw_metadata_open(struct block_device *bdev, sector_t len,
				       unsigned int chunk_shift, char **error);

/* NULL is fine. */
void cbw_metadata_close(struct cbw_metadata *metadata);

unsigned long cbw_metadata_nr_blocks(const struct cbw_metadata *metadata);

/* What the superblock said when it was read. */
const struct cbw_metadata_state *cbw_metadata_state(const struct cbw_metadata *metadata);

/* Has nobody written the superblock since it was read? */
bool cbw_metadata_unchanged(struct cbw_metadata *metadata);

/* From now on it is another map: no block that is on the device belongs to it. */
void cbw_metadata_renew(struct cbw_metadata *metadata);

/* Before all blocks are read in turn. */
void cbw_metadata_read_ahead(struct cbw_metadata *metadata, unsigned long block);

/* CBW_BLOCK_LONGS of the bitmap, from @block times that on. 0 or an errno. */
int cbw_metadata_read_block(struct cbw_metadata *metadata, unsigned long block,
			    unsigned long *longs);

/* What is written is on the device, or not, until cbw_metadata_flush() has returned 0. */
int cbw_metadata_write_block(struct cbw_metadata *metadata, unsigned long block,
			     const unsigned long *longs);
int cbw_metadata_write_state(struct cbw_metadata *metadata,
			     const struct cbw_metadata_state *state);
int cbw_metadata_flush(struct cbw_metadata *metadata);

#endif
