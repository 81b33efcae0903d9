// SPDX-License-Identifier: GPL-2.0-only
/* The forms of a record; see record-form.h. */
#include <ctype.h>
#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record-form.h"

#define TAG_PREFIX	RECORD_TAG "."
#define ALLOWED_IN_TAGS	"_+.-/=!:&"

enum form {
	TEXT,
	UUID,
	NUMBER,
	KIND,
	YES_NO,
};

struct field {
	const char *name;
	size_t offset;
	size_t size;
	enum form form;
	bool tagged;
};

#define FIELD(name, form, tagged) \
	{ #name, offsetof(struct record, name), sizeof(((struct record *)0)->name), form, tagged }

static const struct field fields[] = {
	FIELD(generation, UUID, true),
	FIELD(origin, TEXT, true),
	FIELD(origin_dm_name, TEXT, true),
	FIELD(origin_dm_uuid, TEXT, true),
	FIELD(fs_type, TEXT, true),
	FIELD(fs_uuid, TEXT, true),
	FIELD(begun, TEXT, true),
	FIELD(pit, TEXT, true),
	FIELD(size, NUMBER, true),
	FIELD(chunk_size, NUMBER, true),
	FIELD(kind, KIND, false),
	FIELD(target, TEXT, false),
	FIELD(insecure, YES_NO, false),
	FIELD(device, TEXT, false),
	FIELD(keep, NUMBER, true),
	FIELD(checksum, YES_NO, true),
	FIELD(top, YES_NO, true),
	FIELD(base, UUID, true),
	FIELD(map, UUID, true),
	FIELD(mark, TEXT, true),
	FIELD(complete, YES_NO, true),
	FIELD(finished, YES_NO, false),
};

#define NR_FIELDS	(sizeof(fields) / sizeof(fields[0]))

static const char * const kinds[] = {
	[RECORD_DEVICE]	= "device",
	[RECORD_LV]	= "lv",
	[RECORD_IMAGE]	= "image",
	[RECORD_NBD]	= "nbd",
};

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static const void *value_of(const struct record *record, const struct field *field)
{
	return (const char *)record + field->offset;
}

/* As text; a number needs room. */
static const char *get(const struct record *record, const struct field *field, char room[32])
{
	const void *value = value_of(record, field);

	switch (field->form) {
	case NUMBER:
		snprintf(room, 32, "%llu", (unsigned long long)*(const uint64_t *)value);
		return room;
	case KIND:
		return kinds[*(const enum record_kind *)value];
	case YES_NO:
		return *(const bool *)value ? "true" : "false";
	default:
		return value;
	}
}

/* It becomes a part of paths. */
static bool is_uuid(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < sizeof(form); i++) {
		if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	}
	return true;
}

static bool set_text(char *value, size_t size, const char *text)
{
	return (size_t)snprintf(value, size, "%s", text) < size;
}

static bool set(struct record *record, const struct field *field, const char *text)
{
	void *value = (char *)record + field->offset;

	switch (field->form) {
	case NUMBER:
		*(uint64_t *)value = strtoull(text, NULL, 10);
		return true;
	case KIND:
		for (size_t i = 0; i < NR_KINDS; i++) {
			if (!strcmp(kinds[i], text)) {
				*(enum record_kind *)value = (enum record_kind)i;
				return true;
			}
		}
		return false;
	case YES_NO:
		*(bool *)value = !strcmp(text, "true");
		return true;
	case UUID:
		return (!*text || is_uuid(text)) && set_text(value, field->size, text);
	default:
		return set_text(value, field->size, text);
	}
}

struct json_object *record_to_json(const struct record *record)
{
	struct json_object *json = json_object_new_object(), *value;
	char room[32];

	for (const struct field *field = fields; field < fields + NR_FIELDS; field++) {
		if (field->form == NUMBER)
			value = json_object_new_uint64(*(const uint64_t *)value_of(record, field));
		else if (field->form == YES_NO)
			value = json_object_new_boolean(*(const bool *)value_of(record, field));
		else
			value = json_object_new_string(get(record, field, room));
		json_object_object_add(json, field->name, value);
	}
	return json;
}

bool record_from_json(struct json_object *json, struct record *record)
{
	struct json_object *value;

	*record = (struct record) { 0 };
	for (const struct field *field = fields; field < fields + NR_FIELDS; field++) {
		if (!json_object_object_get_ex(json, field->name, &value) || !value ||
		    !set(record, field, json_object_get_string(value)))
			return false;
	}
	return *record->generation;
}

static void escape(char *to, size_t size, const char *text)
{
	char *end = to + size - 4;

	for (; *text && to < end; text++) {
		if (isalnum((unsigned char)*text) || strchr(ALLOWED_IN_TAGS, *text))
			*to++ = *text;
		else
			to += snprintf(to, 4, "#%02x", (unsigned char)*text);
	}
	*to = '\0';
}

static void unescape(char *text)
{
	char digits[3] = "", *to = text;

	for (; *text; text++) {
		if (*text == '#' && isxdigit((unsigned char)text[1]) &&
		    isxdigit((unsigned char)text[2])) {
			memcpy(digits, text + 1, 2);
			*to++ = (char)strtoul(digits, NULL, 16);
			text += 2;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

void record_to_tags(const struct record *record, struct record_tags *tags)
{
	char room[32];
	size_t nr = 0;
	int length;

	for (const struct field *field = fields; field < fields + NR_FIELDS; field++) {
		if (!field->tagged)
			continue;
		length = snprintf(tags->text[nr], RECORD_TAG_MAX, TAG_PREFIX "%s=", field->name);
		escape(tags->text[nr] + length, RECORD_TAG_MAX - (size_t)length,
		       get(record, field, room));
		tags->list[nr] = tags->text[nr];
		nr++;
	}
	tags->list[nr] = NULL;
}

static bool set_tag(struct record *record, char *tag)
{
	char *value = strchr(tag, '=');

	if (!value)
		return false;
	*value++ = '\0';
	unescape(value);
	for (const struct field *field = fields; field < fields + NR_FIELDS; field++) {
		if (field->tagged && !strcmp(field->name, tag))
			return set(record, field, value);
	}
	return false;
}

bool record_from_tags(const char *name, const char *tags, struct record *record)
{
	char *copy = strdup(tags), *rest = copy, *tag;

	*record = (struct record) { .kind = RECORD_LV, .finished = true };
	snprintf(record->target, sizeof(record->target), "%s", name);
	while (copy && (tag = strsep(&rest, ","))) {
		if (!strncmp(tag, TAG_PREFIX, strlen(TAG_PREFIX)))
			set_tag(record, tag + strlen(TAG_PREFIX));
	}
	free(copy);
	return *record->generation;
}
