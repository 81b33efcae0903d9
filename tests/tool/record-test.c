// SPDX-License-Identifier: GPL-2.0-only
/* The forms of a record of the tool: what is written is read again, whatever is in it. */
#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/record-form.h"

static const struct record full = {
	.generation = "01234567-89ab-cdef-0123-456789abcdef",
	.origin = "vg0/root,with #2c \303\244 and \"quotes\"",
	.origin_dm_name = "vg0-root",
	.origin_dm_uuid = "LVM-32eeVPVrQ950H9vvqfuf0fBfukpj2eOkey5a71runOjGu4M4sZVxAc32PQx3xo4v",
	.fs_type = "ext4",
	.begun = "2026-01-31T23:59:58Z",
	.pit = "2026-01-31T23:59:59Z",
	.size = 1ULL << 53 | 1,
	.chunk_size = 65536,
	.kind = RECORD_LV,
	.target = "vg1/root-cbw-20260131T235958Z",
	.keep = 3,
	.base = "00112233-4455-6677-8899-aabbccddeeff",
	.map = "fedcba98-7654-3210-fedc-ba9876543210",
	.mark = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	.complete = true,
	.finished = true,
};

static void expect(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "record-test: %s\n", what);
	exit(1);
}

static bool is_same(const struct record *record, const struct record *other)
{
	struct json_object *a = record_to_json(record), *b = record_to_json(other);
	bool same = json_object_equal(a, b);

	json_object_put(a);
	json_object_put(b);
	return same;
}

static void test_generations(struct json_object *json)
{
	static const char * const wrong[] = {
		"", "..", "../../../../../../etc/cron.d/record-xx",
		"01234567-89ab-cdef-0123-456789abcde",
		"01234567-89ab-cdef-0123-456789abcdef0", "01234567-89ab-cdef-0123-456789abcdeg",
		"0123456789ab-cdef-0123-456789abcdef-",
	};
	struct record record;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_object_object_add(json, "generation", json_object_new_string(wrong[i]));
		expect(!record_from_json(json, &record), "a generation is no UUID, and taken");
	}
}

static void test_json(void)
{
	struct json_object *json = record_to_json(&full);
	struct json_object *again = json_tokener_parse(json_object_to_json_string(json));
	struct record record;

	expect(record_from_json(again, &record), "JSON is not read");
	expect(is_same(&record, &full), "JSON is read otherwise");

	test_generations(again);
	json_object_object_add(again, "generation", json_object_new_string(full.generation));
	expect(record_from_json(again, &record), "JSON is not read any more");
	json_object_object_del(again, "size");
	expect(!record_from_json(again, &record), "a record without a size is taken");
	expect(!record_from_json(NULL, &record), "nothing is taken for a record");
	json_object_put(json);
	json_object_put(again);
}

/* With commas between, and a tag of somebody else's. */
static void join(char *text, size_t size, const struct record_tags *tags)
{
	size_t length = (size_t)snprintf(text, size, "cbw,mine");

	for (size_t i = 0; tags->list[i]; i++)
		length += (size_t)snprintf(text + length, size - length, ",%s", tags->list[i]);
}

static bool is_allowed(const char *tag)
{
	for (; *tag; tag++) {
		if (!isalnum((unsigned char)*tag) && !strchr("_+.-/=!:&#", *tag))
			return false;
	}
	return true;
}

static void test_tags(void)
{
	static struct record_tags tags;
	static char text[RECORD_MAX_TAGS * RECORD_TAG_MAX];
	struct record record;

	record_to_tags(&full, &tags);
	for (size_t i = 0; tags.list[i]; i++)
		expect(is_allowed(tags.list[i]), "LVM does not allow a tag");
	join(text, sizeof(text), &tags);
	expect(record_from_tags(full.target, text, &record), "tags are not read");
	expect(is_same(&record, &full), "tags are read otherwise");
	expect(!record_from_tags(full.target, "cbw,mine", &record), "other tags are taken");
	expect(!record_from_tags(full.target, "", &record), "no tags are taken");
}

int main(void)
{
	test_json();
	test_tags();
	return 0;
}
