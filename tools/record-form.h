/* SPDX-License-Identifier: GPL-2.0-only */
/* The forms that a record is kept in: JSON, and tags of LVM. */
#ifndef CBW_RECORD_FORM_H
#define CBW_RECORD_FORM_H

#include "record.h"

/* The tag that all volumes with a record have. */
#define RECORD_TAG	"cbw"

/* A tag for each field, and NULL. */
#define RECORD_MAX_TAGS	20
#define RECORD_TAG_MAX	1025

struct record_tags {
	char text[RECORD_MAX_TAGS][RECORD_TAG_MAX];
	const char *list[RECORD_MAX_TAGS];
};

/* False if it is not a record, of a generation that is a UUID. */
bool record_from_json(struct json_object *json, struct record *record);

/*
 * "cbw.field=value", with what LVM does not allow in a tag as '#' and two hexadecimal
 * digits. The target is not among them: it is the volume. Nor is whether the run has
 * finished: where only tags are left, nobody goes on with it.
 */
void record_to_tags(const struct record *record, struct record_tags *tags);

/* The volume "vg/lv" has @tags, with commas between. False if they are not a record. */
bool record_from_tags(const char *name, const char *tags, struct record *record);

#endif
