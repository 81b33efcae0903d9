// SPDX-License-Identifier: GPL-2.0-only
/* The verb changed: which parts of a volume have changed since its last backup. */
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "cbw.h"
#include "changes.h"
#include "lock.h"
#include "say.h"
#include "units.h"

static void print_ranges(const struct ranges *ranges)
{
	for (size_t i = 0; i < ranges->nr; i++)
		printf("%" PRIu64 " %" PRIu64 "\n", ranges->list[i].start * SECTOR_SIZE,
		       ranges->list[i].length * SECTOR_SIZE);
}

static void print_block(uint64_t start, uint64_t end, char status)
{
	if (start < end)
		printf("0x%08" PRIX64 "  0x%08" PRIX64 "  %c\n", start * SECTOR_SIZE,
		       (end - start) * SECTOR_SIZE, status);
}

/* The blocks of such a file lie side by side, up to the end of the volume. */
static void print_mapfile(const struct attachment *at, const struct ranges *ranges)
{
	const struct range *range = ranges->list;
	uint64_t end = 0;

	printf("# Mapfile. Created by cbw changed %s\n"
	       "# current_pos  current_status  current_pass\n"
	       "0x00000000     ?               1\n"
	       "#      pos        size  status\n", at->volume.name);
	for (; range < ranges->list + ranges->nr; range++) {
		print_block(end, range->start, '?');
		end = range->start + range->length;
		print_block(range->start, end, '+');
	}
	print_block(end, at->length, '?');
}

static struct json_object *ranges_to_json(const struct ranges *ranges)
{
	struct json_object *array = json_object_new_array(), *range;

	for (size_t i = 0; i < ranges->nr; i++) {
		const struct range *of = &ranges->list[i];

		range = json_object_new_object();
		json_object_object_add(range, "offset",
				       json_object_new_uint64(of->start * SECTOR_SIZE));
		json_object_object_add(range, "length",
				       json_object_new_uint64(of->length * SECTOR_SIZE));
		json_object_array_add(array, range);
	}
	return array;
}

static void print_json(const struct attachment *at, const struct changes *changes,
		       struct json_object *ranges)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "volume", json_object_new_string(at->volume.name));
	json_object_object_add(json, "bytes", json_object_new_uint64(at->length * SECTOR_SIZE));
	json_object_object_add(json, "generation",
			       strcmp(changes->generation, "-") ?
				       json_object_new_string(changes->generation) :
				       NULL);
	json_object_object_add(json, "chunk_bytes",
			       json_object_new_uint64(changes->chunk_sectors * SECTOR_SIZE));
	json_object_object_add(json, "ranges", ranges);
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	json_object_put(json);
}

static int show(const char *name, bool mapfile)
{
	struct changes changes;
	struct attachment at;
	struct ranges ranges;
	int r;

	if (attach_find_named(&at, name) || lock_named(at.volume.dev, name))
		return -1;
	r = changes_list(at.volume.name, &changes, &ranges);
	if (!r && !changes.chunk_sectors)
		r = say_error("the changes of %s are not tracked", name);
	else if (!r && mapfile)
		print_mapfile(&at, &ranges);
	else if (!r && opt_json)
		print_json(&at, &changes, ranges_to_json(&ranges));
	else if (!r)
		print_ranges(&ranges);
	free(ranges.list);
	return r;
}

static int run(int argc, char **argv)
{
	bool mapfile = false;

	if (take_flag(argc, argv, "ddrescue", &mapfile))
		return CBW_USAGE;
	if (argc - optind != 1)
		return say_usage("changed takes a volume");
	if (mapfile && opt_json)
		return say_usage("--json and --ddrescue exclude each other");
	if (mapper_need_cbw())
		return CBW_FAILED;
	return show(argv[optind], mapfile) ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_changed = {
	.name = "changed",
	.arguments = "VOLUME",
	.summary = "tell which parts of a volume have changed since its last backup",
	.options = "  --ddrescue  as a mapfile of GNU ddrescue, with what has changed as finished\n",
	.run = run,
};
