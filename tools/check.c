// SPDX-License-Identifier: GPL-2.0-only
/* The verb check: what is on a metadata device, which Documentation/metadata.rst tells of. */
#include <endian.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "cbw.h"
#include "say.h"
#include "units.h"

#include "../dm-cbw-format.h"

#define GENERATION_LEN	37

struct map {
	const char *path;
	int fd;
	struct cbw_format_super super;
	char generation[GENERATION_LEN];	/* empty: none */
	uint64_t nr_changed;			/* chunks */
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

static void name_generation(struct map *map)
{
	static const __u8 none[16];
	const __u8 *u = map->super.generation;

	if (!memcmp(u, none, sizeof(none)))
		return;
	snprintf(map->generation, sizeof(map->generation),
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
	name_generation(map);
	return 0;
}

static uint64_t nr_chunks(const struct map *map)
{
	uint64_t chunk = le32toh(map->super.chunk_sectors);

	return (le64toh(map->super.sectors) - 1) / chunk + 1;
}

static int count_record(struct map *map, uint64_t number)
{
	struct cbw_format_bits record;
	uint64_t sector = CBW_FORMAT_RECORDS + number;

	if (read_record(map, sector, &record))
		return -1;
	if (le32toh(record.csum) != checksum(map, sector, &record))
		return say_error("sector %" PRIu64 " of %s is damaged: its tracking map will begin anew",
				 sector, map->path);
	for (size_t i = 0; i < sizeof(record.bits); i++)
		map->nr_changed += (uint64_t)__builtin_popcount(record.bits[i]);
	return 0;
}

static int count(struct map *map)
{
	uint64_t records = (nr_chunks(map) - 1) / (8 * CBW_FORMAT_BYTES) + 1;

	/* Without a generation they mean nothing, and need not be right. */
	for (uint64_t i = 0; i < records && map->generation[0]; i++)
		if (count_record(map, i))
			return -1;
	return 0;
}

static bool is_closed(const struct map *map)
{
	return le32toh(map->super.state) == CBW_FORMAT_CLOSED;
}

static void print_json(const struct map *map)
{
	struct json_object *json = json_object_new_object();
	uint64_t chunk = (uint64_t)le32toh(map->super.chunk_sectors) * SECTOR_SIZE;

	json_object_object_add(json, "generation", map->generation[0] ?
			       json_object_new_string(map->generation) : NULL);
	json_object_object_add(json, "closed", json_object_new_boolean(is_closed(map)));
	json_object_object_add(json, "size",
			       json_object_new_uint64(le64toh(map->super.sectors) * SECTOR_SIZE));
	json_object_object_add(json, "chunk", json_object_new_uint64(chunk));
	json_object_object_add(json, "changed", json_object_new_uint64(map->nr_changed * chunk));
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	json_object_put(json);
}

static void print_lines(const struct map *map)
{
	uint64_t chunk = (uint64_t)le32toh(map->super.chunk_sectors) * SECTOR_SIZE;
	char size[UNITS_LEN], unit[UNITS_LEN], changed[UNITS_LEN];

	printf("generation  %s\n", map->generation[0] ? map->generation : "none: a full backup comes first");
	printf("state       %s\n", is_closed(map) ? "closed" : "open: in use, or not closed when it last was");
	printf("volume      %s, in chunks of %s\n",
	       format_size(size, le64toh(map->super.sectors) * SECTOR_SIZE),
	       format_size(unit, chunk));
	if (map->generation[0])
		printf("changed     %s or less\n", format_size(changed, map->nr_changed * chunk));
}

static int check(const char *path)
{
	struct map map = { .path = path };
	int r;

	map.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (map.fd < 0)
		return say_error("cannot open %s: %m", path);
	/* A block device keeps what was read before. */
	posix_fadvise(map.fd, 0, 0, POSIX_FADV_DONTNEED);
	r = read_super(&map) || count(&map);
	close(map.fd);
	if (r)
		return -1;
	if (opt_json)
		print_json(&map);
	else
		print_lines(&map);
	return 0;
}

static int run(int argc, char **argv)
{
	if (take_no_options(argc, argv))
		return CBW_USAGE;
	if (argc - optind != 1)
		return say_usage("check needs a metadata device");
	return check(argv[optind]) ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_check = {
	.name = "check",
	.arguments = "METADATA",
	.summary = "tell what a metadata device holds, and whether it is whole",
	.run = run,
};
