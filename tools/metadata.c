// SPDX-License-Identifier: GPL-2.0-only
/* Metadata devices; see metadata.h. */
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "cbw.h"
#include "extent.h"
#include "metadata.h"
#include "say.h"
#include "signature.h"
#include "stack.h"
#include "units.h"

#include "../dm-cbw-format.h"

#define CHUNKS_OF_RECORD	((uint64_t)8 * CBW_FORMAT_BYTES)

struct map {
	const char *path;
	int fd;
	struct cbw_format_super super;
};

static uint32_t checksum(const struct map *map, uint64_t sector, const void *record)
{
	uint64_t where = htole64(sector);
	uLong sum = crc32(0, map->super.map, sizeof(map->super.map));

	sum = crc32(sum, (const Bytef *)&where, sizeof(where));
	return crc32(sum, (const Bytef *)record + 4, CBW_FORMAT_RECORD - 4);
}

static int read_record(const struct map *map, uint64_t sector, void *record)
{
	off_t offset = (off_t)(sector * SECTOR_SIZE);

	if (pread(map->fd, record, CBW_FORMAT_RECORD, offset) == CBW_FORMAT_RECORD)
		return 0;
	return say_error("%s cannot be read: it is too short, or damaged", map->path);
}

static void name_generation(const struct map *map, char text[METADATA_GENERATION_MAX])
{
	static const __u8 none[16];
	const __u8 *u = map->super.generation;

	*text = '\0';
	if (!memcmp(u, none, sizeof(none)))
		return;
	snprintf(text, METADATA_GENERATION_MAX,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7],
		 u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

static int read_super(struct map *map)
{
	const struct cbw_format_super *super = &map->super;

	if (read_record(map, 0, &map->super))
		return -1;
	if (memcmp(super->magic, CBW_FORMAT_MAGIC, sizeof(super->magic)))
		return say_error("%s is not a metadata device", map->path);
	if (le32toh(super->csum) != checksum(map, 0, super))
		return say_error("the superblock of %s is damaged: its tracking map will begin anew",
				 map->path);
	if (le32toh(super->version) != CBW_FORMAT_VERSION)
		return say_error("%s has a tracking map of version %" PRIu32 ", which is not known",
				 map->path, le32toh(super->version));
	if (!super->chunk_sectors || !super->sectors)
		return say_error("%s has a tracking map of no length", map->path);
	return 0;
}

static int count_record(const struct map *map, uint64_t number, uint64_t *nr)
{
	struct cbw_format_bits record;
	uint64_t sector = CBW_FORMAT_RECORDS + number;

	if (read_record(map, sector, &record))
		return -1;
	if (le32toh(record.csum) != checksum(map, sector, &record))
		return say_error("sector %" PRIu64 " of %s is damaged: its tracking map will begin anew",
				 sector, map->path);
	for (size_t i = 0; i < sizeof(record.bits); i++)
		*nr += (uint64_t)__builtin_popcount(record.bits[i]);
	return 0;
}

static uint64_t divide_up(uint64_t amount, uint64_t by)
{
	return (amount - 1) / by + 1;
}

static int read_map(const struct map *map, struct metadata *metadata)
{
	uint64_t nr;

	*metadata = (struct metadata) {
		.closed = le32toh(map->super.state) == CBW_FORMAT_CLOSED,
		.sectors = le64toh(map->super.sectors),
		.chunk_sectors = le32toh(map->super.chunk_sectors),
	};
	name_generation(map, metadata->generation);
	/* Without a generation they mean nothing, and need not be right. */
	if (!metadata->generation[0])
		return 0;
	nr = divide_up(divide_up(metadata->sectors, metadata->chunk_sectors), CHUNKS_OF_RECORD);
	for (uint64_t i = 0; i < nr; i++)
		if (count_record(map, i, &metadata->nr_changed))
			return -1;
	return 0;
}

int metadata_read(const char *path, struct metadata *metadata)
{
	struct map map = { .path = path };
	int r;

	map.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (map.fd < 0)
		return say_error("cannot open %s: %m", path);
	/* A block device keeps what was read before. */
	posix_fadvise(map.fd, 0, 0, POSIX_FADV_DONTNEED);
	r = read_super(&map) || read_map(&map, metadata) ? -1 : 0;
	close(map.fd);
	return r;
}

uint64_t metadata_size(uint64_t bytes, uint64_t chunk)
{
	uint64_t records = divide_up(divide_up(bytes, chunk), CHUNKS_OF_RECORD);

	return (1 + divide_up(records, CBW_FORMAT_RECORDS)) * CBW_FORMAT_BLOCK;
}

static int check_device(const struct device *device, const struct device *volume, uint64_t size)
{
	char text[PATH_MAX + 64];

	if (device->dev == volume->dev)
		return say_error("%s is the volume itself", device->path);
	if (stack_stands_on(device->dev, volume->dev))
		return say_error("%s stands on %s, which would wait for itself", device->path,
				 volume->path);
	if (stack_stands_on(volume->dev, device->dev))
		return say_error("%s holds the data of %s", device->path, volume->path);
	if (stack_user(device->dev, text, sizeof(text)))
		return say_error("%s is %s", device->path, text);
	if (stack_holder(device->dev))
		return say_error("%s is in use by another device", device->path);
	if (device->size < size)
		return say_error("%s is too small for the tracking map: it has %llu bytes, and %llu are needed",
				 device->path, (unsigned long long)device->size,
				 (unsigned long long)size);
	return 0;
}

/* Is there something that the module would not take? With the reason, if so. */
static int check_content(const struct device *device, const char *block,
			 const struct device *volume, uint64_t chunk)
{
	const struct cbw_format_super *super = (const void *)block;
	struct signature signature;
	char text[256];

	if (!memcmp(super->magic, CBW_FORMAT_MAGIC, sizeof(super->magic))) {
		if (le64toh(super->sectors) * SECTOR_SIZE == volume->size &&
		    (uint64_t)le32toh(super->chunk_sectors) * SECTOR_SIZE == chunk)
			return 0;
		return say_error("%s has the tracking map of another volume, or of chunks of another size: --force begins a new one",
				 device->path);
	}
	if (signature_read(device->path, &signature))
		return -1;
	if (signature_found(&signature))
		return say_error("%s carries %s: --force overwrites it", device->path,
				 signature_text(&signature, text, sizeof(text)));
	return extent_is_zero(block, CBW_FORMAT_BLOCK) ? 0 :
	       say_error("%s is not empty: --force overwrites it", device->path);
}

static int prepare_content(struct extent *extent, const struct device *device,
			   const struct device *volume, uint64_t chunk, bool force)
{
	char *block = extent_buffer();
	int r;

	if (!block)
		return -1;
	r = extent_read(extent, block, 0, CBW_FORMAT_BLOCK);
	if (!r && force)
		r = extent_zero(extent, 0, CBW_FORMAT_BLOCK);
	else if (!r)
		r = check_content(device, block, volume, chunk);
	free(block);
	return r;
}

static int plan_zero(const struct device *device)
{
	printf("dd if=/dev/zero of='%s' bs=%d count=1 conv=fsync\n", device->path,
	       CBW_FORMAT_BLOCK);
	return 0;
}

int metadata_prepare(const struct device *device, const struct device *volume,
		     uint64_t chunk, bool force)
{
	struct extent extent;
	int r;

	if (device->dev && check_device(device, volume, metadata_size(volume->size, chunk)))
		return -1;
	if (opt_dry_run && (force || !device->dev))
		return force ? plan_zero(device) : 0;
	if (extent_open(&extent, device->path, (force ? O_RDWR : O_RDONLY) | O_EXCL))
		return -1;
	r = prepare_content(&extent, device, volume, chunk, force);
	extent_close(&extent);
	return r;
}
