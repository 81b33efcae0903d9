// SPDX-License-Identifier: GPL-2.0-only
/* The verb check: what is on a metadata device. */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>

#include "cbw.h"
#include "metadata.h"
#include "say.h"
#include "units.h"

static void print_json(const struct metadata *metadata)
{
	struct json_object *json = json_object_new_object();
	uint64_t chunk = (uint64_t)metadata->chunk_sectors * SECTOR_SIZE;

	json_object_object_add(json, "generation", metadata->generation[0] ?
			       json_object_new_string(metadata->generation) : NULL);
	json_object_object_add(json, "closed", json_object_new_boolean(metadata->closed));
	json_object_object_add(json, "size",
			       json_object_new_uint64(metadata->sectors * SECTOR_SIZE));
	json_object_object_add(json, "chunk", json_object_new_uint64(chunk));
	json_object_object_add(json, "changed",
			       json_object_new_uint64(metadata->nr_changed * chunk));
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	json_object_put(json);
}

static void print_lines(const struct metadata *metadata)
{
	uint64_t chunk = (uint64_t)metadata->chunk_sectors * SECTOR_SIZE;
	char size[UNITS_LEN], unit[UNITS_LEN], changed[UNITS_LEN];

	printf("generation  %s\n", metadata->generation[0] ? metadata->generation :
	       "none: a full backup comes first");
	printf("state       %s\n", metadata->closed ? "closed" :
	       "open: in use, or not closed when it last was");
	printf("volume      %s, in chunks of %s\n",
	       format_size(size, metadata->sectors * SECTOR_SIZE), format_size(unit, chunk));
	if (metadata->generation[0])
		printf("changed     %s or less\n",
		       format_size(changed, metadata->nr_changed * chunk));
}

static int run(int argc, char **argv)
{
	struct metadata metadata;

	if (take_no_options(argc, argv))
		return CBW_USAGE;
	if (argc - optind != 1)
		return say_usage("check needs a metadata device");
	if (metadata_read(argv[optind], &metadata))
		return CBW_FAILED;
	if (opt_json)
		print_json(&metadata);
	else
		print_lines(&metadata);
	return CBW_DONE;
}

const struct verb verb_check = {
	.name = "check",
	.arguments = "METADATA",
	.summary = "tell what a metadata device holds, and whether it is whole",
	.run = run,
};
