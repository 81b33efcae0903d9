// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tracking map on its metadata device; see dm-cbw-metadata.h for the contract and
 * Documentation/metadata.rst for the format.
 */
#include <linux/blkdev.h>
#include <linux/crc32.h>
#include <linux/device-mapper.h>
#include <linux/dm-bufio.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dm-cbw.h"
#include "dm-cbw-bits.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-metadata.h"

static_assert(sizeof(struct cbw_format_super) == CBW_FORMAT_RECORD);
static_assert(sizeof(struct cbw_format_bits) == CBW_FORMAT_RECORD);

#define RECORD_LONGS	(CBW_FORMAT_BYTES / sizeof(long))
#define READ_AHEAD	64U	/* blocks */

struct cbw_metadata {
	struct dm_bufio_client *bufio;
	sector_t len;
	unsigned int chunk_shift;
	unsigned long nr_blocks;
	uuid_t map;
	__le32 csum;			/* of the superblock that was read; 0: there was none */
	struct cbw_metadata_state state;
};

/*----------------------------------------------------------------
 * Records
 *----------------------------------------------------------------
 */

/* Of the record in @sector of the device, for which its first four bytes do not count. */
static __le32 checksum(const uuid_t *map, u64 sector, const void *record)
{
	__le64 where = cpu_to_le64(sector);
	u32 sum = crc32_le(~0, map->b, sizeof(map->b));

	sum = crc32_le(sum, (const u8 *)&where, sizeof(where));
	sum = crc32_le(sum, record + sizeof(__le32), CBW_FORMAT_RECORD - sizeof(__le32));
	return cpu_to_le32(~sum);
}

/* Bytes on the device are in the same order, whatever a long is here. */
#if BITS_PER_LONG == 64
#define get_long(from)		le64_to_cpup((const __le64 *)(from))
#define put_long(value, to)	(*(__le64 *)(to) = cpu_to_le64(value))
#else
#define get_long(from)		le32_to_cpup((const __le32 *)(from))
#define put_long(value, to)	(*(__le32 *)(to) = cpu_to_le32(value))
#endif

static u64 sector_of(unsigned long block, unsigned int record)
{
	return (u64)(block + 1) * CBW_FORMAT_RECORDS + record;
}

/*----------------------------------------------------------------
 * Blocks of bits
 *----------------------------------------------------------------
 */

unsigned long cbw_metadata_nr_blocks(const struct cbw_metadata *metadata)
{
	return metadata->nr_blocks;
}

static bool decode(const struct cbw_metadata *metadata, unsigned long block,
		   const struct cbw_format_bits *records, unsigned long *longs)
{
	unsigned int i, j;

	for (i = 0; i < CBW_FORMAT_RECORDS; i++) {
		if (records[i].csum != checksum(&metadata->map, sector_of(block, i), &records[i]))
			return false;
		for (j = 0; j < RECORD_LONGS; j++)
			*longs++ = get_long(records[i].bits + j * sizeof(long));
	}
	return true;
}

void cbw_metadata_read_ahead(struct cbw_metadata *metadata, unsigned long block)
{
	if (block % READ_AHEAD == 0)
		dm_bufio_prefetch(metadata->bufio, block + 1,
				  min_t(unsigned long, READ_AHEAD, metadata->nr_blocks - block));
}

int cbw_metadata_read_block(struct cbw_metadata *metadata, unsigned long block,
			    unsigned long *longs)
{
	struct dm_buffer *buffer;
	void *records;
	int r;

	records = dm_bufio_read(metadata->bufio, block + 1, &buffer);
	if (IS_ERR(records))
		return PTR_ERR(records);

	r = decode(metadata, block, records, longs) ? 0 : -EILSEQ;
	dm_bufio_release(buffer);
	return r;
}

/* A buffer that could not be read ahead is given out once more, with its error. */
static void *new_buffer(struct cbw_metadata *metadata, sector_t block, struct dm_buffer **buffer)
{
	void *data = dm_bufio_new(metadata->bufio, block, buffer);

	return IS_ERR(data) ? dm_bufio_new(metadata->bufio, block, buffer) : data;
}

int cbw_metadata_write_block(struct cbw_metadata *metadata, unsigned long block,
			     const unsigned long *longs)
{
	struct cbw_format_bits *records;
	struct dm_buffer *buffer;
	unsigned int i, j;

	records = new_buffer(metadata, block + 1, &buffer);
	if (IS_ERR(records))
		return PTR_ERR(records);

	for (i = 0; i < CBW_FORMAT_RECORDS; i++) {
		records[i].zero = 0;
		for (j = 0; j < RECORD_LONGS; j++)
			put_long(*longs++, records[i].bits + j * sizeof(long));
		records[i].csum = checksum(&metadata->map, sector_of(block, i), &records[i]);
	}
	dm_bufio_mark_buffer_dirty(buffer);
	dm_bufio_release(buffer);
	return 0;
}

int cbw_metadata_flush(struct cbw_metadata *metadata)
{
	return dm_bufio_write_dirty_buffers(metadata->bufio);
}

/*----------------------------------------------------------------
 * The superblock
 *----------------------------------------------------------------
 */

static void encode_super(const struct cbw_metadata *metadata,
			 const struct cbw_metadata_state *state,
			 struct cbw_format_super *super)
{
	unsigned int i;

	super->version = cpu_to_le32(CBW_FORMAT_VERSION);
	memcpy(super->magic, CBW_FORMAT_MAGIC, sizeof(super->magic));
	export_uuid(super->map, &metadata->map);
	export_uuid(super->generation, &state->generation);
	super->sectors = cpu_to_le64(metadata->len);
	super->chunk_sectors = cpu_to_le32(1U << metadata->chunk_shift);
	super->state = cpu_to_le32(state->closed ? CBW_FORMAT_CLOSED : CBW_FORMAT_OPEN);
	export_uuid(super->boot, &state->boot);
	super->written = cpu_to_le64(state->written);
	for (i = 0; i < CBW_FORMAT_NR_MARKS; i++) {
		super->marks[i].now = cpu_to_le32(state->marks.now[i]);
		super->marks[i].next = cpu_to_le32(state->marks.next[i]);
	}
	super->csum = checksum(&metadata->map, 0, super);
}

static void decode_super(struct cbw_metadata *metadata, const struct cbw_format_super *super)
{
	struct cbw_metadata_state *state = &metadata->state;
	unsigned int i;

	metadata->csum = super->csum;
	import_uuid(&metadata->map, super->map);
	import_uuid(&state->generation, super->generation);
	state->closed = le32_to_cpu(super->state) == CBW_FORMAT_CLOSED;
	import_uuid(&state->boot, super->boot);
	state->written = le64_to_cpu(super->written);
	for (i = 0; i < CBW_FORMAT_NR_MARKS; i++) {
		state->marks.now[i] = le32_to_cpu(super->marks[i].now);
		state->marks.next[i] = le32_to_cpu(super->marks[i].next);
	}
}

int cbw_metadata_write_state(struct cbw_metadata *metadata,
			     const struct cbw_metadata_state *state)
{
	struct cbw_format_super *super;
	struct dm_buffer *buffer;

	super = new_buffer(metadata, 0, &buffer);
	if (IS_ERR(super))
		return PTR_ERR(super);

	memset(super, 0, CBW_FORMAT_BLOCK);
	encode_super(metadata, state, super);
	dm_bufio_mark_buffer_dirty(buffer);
	dm_bufio_release(buffer);
	return 0;
}

const struct cbw_metadata_state *cbw_metadata_state(const struct cbw_metadata *metadata)
{
	return &metadata->state;
}

void cbw_metadata_renew(struct cbw_metadata *metadata)
{
	uuid_gen(&metadata->map);
}

bool cbw_metadata_unchanged(struct cbw_metadata *metadata)
{
	const struct cbw_format_super *super;
	struct dm_buffer *buffer;
	bool same;

	/* What is cached is what was read. */
	dm_bufio_forget(metadata->bufio, 0);
	super = dm_bufio_read(metadata->bufio, 0, &buffer);
	if (IS_ERR(super))
		return false;
	same = super->csum == metadata->csum &&
	       (!super->csum || super->csum == checksum(&metadata->map, 0, super));
	dm_bufio_release(buffer);
	return same;
}

/*----------------------------------------------------------------
 * Opening
 *----------------------------------------------------------------
 */

/* A map that is ours but damaged is begun anew. */
static int read_super(struct cbw_metadata *metadata, const struct cbw_format_super *super,
		      char **error)
{
	uuid_t map;

	if (!memchr_inv(super, 0, CBW_FORMAT_BLOCK))
		return 0;

	*error = "Metadata device holds something else: zero its first 4 KiB";
	if (memcmp(super->magic, CBW_FORMAT_MAGIC, sizeof(super->magic)))
		return -EINVAL;
	*error = "Metadata of a version that is not known: zero the first 4 KiB of the device";
	if (le32_to_cpu(super->version) != CBW_FORMAT_VERSION)
		return -EINVAL;
	import_uuid(&map, super->map);
	metadata->state.damaged = super->csum != checksum(&map, 0, super);
	if (metadata->state.damaged)
		return 0;

	*error = "Metadata of another length or chunk size: zero the first 4 KiB of the device";
	if (le64_to_cpu(super->sectors) != metadata->len ||
	    le32_to_cpu(super->chunk_sectors) != 1U << metadata->chunk_shift)
		return -EINVAL;

	decode_super(metadata, super);
	return 0;
}

static int load(struct cbw_metadata *metadata, char **error)
{
	struct dm_buffer *buffer;
	void *super;
	int r;

	super = dm_bufio_read(metadata->bufio, 0, &buffer);
	if (IS_ERR(super)) {
		*error = "Cannot read the metadata device";
		return PTR_ERR(super);
	}
	r = read_super(metadata, super, error);
	dm_bufio_release(buffer);
	return r;
}

static char *check_device(const struct cbw_metadata *metadata, struct block_device *bdev)
{
	u64 blocks = bdev_nr_sectors(bdev) / (CBW_FORMAT_BLOCK >> SECTOR_SHIFT);

	if (bdev_is_zoned(bdev))
		return "Zoned devices are not supported";
	if (bdev_read_only(bdev))
		return "Metadata device is read-only";
	if (bdev_logical_block_size(bdev) > CBW_FORMAT_BLOCK)
		return "Metadata device has blocks of more than 4 KiB";
	if (blocks <= metadata->nr_blocks) {
		DMERR("a metadata device of %lu KiB is needed",
		      (metadata->nr_blocks + 1) * (CBW_FORMAT_BLOCK / 1024));
		return "Metadata device is too small";
	}
	return NULL;
}

struct cbw_metadata *cbw_metadata_open(struct block_device *bdev, sector_t len,
				       unsigned int chunk_shift, char **error)
{
	struct cbw_metadata *metadata = kzalloc(sizeof(*metadata), GFP_KERNEL);
	int r = -EINVAL;

	if (!metadata) {
		*error = "Cannot allocate the metadata";
		return ERR_PTR(-ENOMEM);
	}
	metadata->len = len;
	metadata->chunk_shift = chunk_shift;
	metadata->nr_blocks = DIV_ROUND_UP(BITS_TO_LONGS(((len - 1) >> chunk_shift) + 1),
					   CBW_BLOCK_LONGS);
	*error = check_device(metadata, bdev);
	if (*error)
		goto bad;

	*error = "Cannot open the metadata device for buffered I/O";
	metadata->bufio = cbw_bufio_create(bdev, CBW_FORMAT_BLOCK);
	if (IS_ERR(metadata->bufio)) {
		r = PTR_ERR(metadata->bufio);
		goto bad;
	}
	r = load(metadata, error);
	if (!r)
		return metadata;

	dm_bufio_client_destroy(metadata->bufio);
bad:
	kfree(metadata);
	return ERR_PTR(r);
}

void cbw_metadata_close(struct cbw_metadata *metadata)
{
	if (!metadata)
		return;
	dm_bufio_client_destroy(metadata->bufio);
	kfree(metadata);
}
