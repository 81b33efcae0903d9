// SPDX-License-Identifier: GPL-2.0-only
/* cbw list: what backups there are. */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbw.h"
#include "record.h"
#include "say.h"
#include "target.h"
#include "units.h"

#define SHORT_ID	8

static const char *state(const struct record *record, bool there)
{
	if (!there)
		return "gone";
	return record->complete ? "complete" : "incomplete";
}

static void print_line(const struct record *record)
{
	char size[UNITS_LEN];

	printf("%.*s  %-20s  %-20s  %9s  %-10s  %s\n", SHORT_ID, record->generation,
	       *record->pit ? record->pit : "-", record->origin, format_size(size, record->size),
	       state(record, target_is_there(record)), record->target);
}

static void print_lines(const struct record *records, size_t nr, const char *origin)
{
	bool first = true;

	for (size_t i = 0; i < nr; i++) {
		if (origin && strcmp(records[i].origin, origin))
			continue;
		if (first)
			printf("%-*s  %-20s  %-20s  %9s  %-10s  %s\n", SHORT_ID, "ID",
			       "POINT IN TIME", "VOLUME", "SIZE", "STATE", "BACKUP");
		first = false;
		print_line(records + i);
	}
}

static void print_json(const struct record *records, size_t nr, const char *origin)
{
	struct json_object *array = json_object_new_array(), *json;

	for (size_t i = 0; i < nr; i++) {
		if (origin && strcmp(records[i].origin, origin))
			continue;
		json = record_to_json(records + i);
		json_object_object_add(json, "there",
				       json_object_new_boolean(target_is_there(records + i)));
		json_object_array_add(array, json);
	}
	puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(array);
}

static int run(int argc, char **argv)
{
	struct record *records;
	const char *origin;
	size_t nr;

	if (take_no_options(argc, argv))
		return CBW_USAGE;
	if (argc - optind > 1)
		return say_usage("list takes one volume at most");
	origin = argv[optind];
	if (record_list_all(&records, &nr)) {
		free(records);
		return CBW_FAILED;
	}
	if (opt_json)
		print_json(records, nr, origin);
	else
		print_lines(records, nr, origin);
	free(records);
	return CBW_DONE;
}

const struct verb verb_list = {
	.name = "list",
	.arguments = "[VOLUME]",
	.summary = "tell what backups there are, and whether they are complete",
	.run = run,
};
