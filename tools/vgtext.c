// SPDX-License-Identifier: GPL-2.0-only
/* LVM's metadata as text; see vgtext.h. */
#define _GNU_SOURCE
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vgtext.h"

#define ID		"\n\t\t\tid = \""
#define FLAGS		"\n\t\t\tflags = ["
#define SKIP		"\"ACTIVATION_SKIP\""
#define UUID_LEN	39		/* with its hyphens, and the end */

/* The first place of @what within the piece, or NULL. */
static const char *find(const struct span *span, const char *what)
{
	return memmem(span->begin, span->length, what, strlen(what));
}

bool vgtext_volume(const char *text, const char *lv, struct span *volume)
{
	static const char close[] = "\n\t\t}\n";
	char pattern[DM_NAME_LEN + 16];
	const char *at = strstr(text, "\n\tlogical_volumes {\n"), *end;

	snprintf(pattern, sizeof(pattern), "\n\t\t%s {\n", lv);
	at = at ? strstr(at, pattern) : NULL;
	end = at ? strstr(at, close) : NULL;
	if (!end)
		return false;
	volume->begin = at;
	volume->length = (size_t)(end - at);
	return true;
}

bool vgtext_segments(const struct span *volume, struct span *segments)
{
	segments->begin = find(volume, "\n\t\t\tsegment_count = ");
	if (!segments->begin)
		return false;
	segments->length = volume->length - (size_t)(segments->begin - volume->begin);
	return true;
}

bool vgtext_is_simple(const struct span *segments)
{
	static const char type[] = "\ttype = ", striped[] = "\"striped\"";
	struct span rest = *segments;
	bool found = false;

	for (const char *at = find(&rest, type); at; at = find(&rest, type)) {
		rest.length -= (size_t)(at + strlen(type) - rest.begin);
		rest.begin = at + strlen(type);
		if (strncmp(rest.begin, striped, strlen(striped)))
			return false;
		found = true;
	}
	return found;
}

bool vgtext_same(const struct span *a, const struct span *b)
{
	return a->length == b->length && !memcmp(a->begin, b->begin, a->length);
}

char *vgtext_exchange(const char *text, struct span a, struct span b)
{
	struct span first = a.begin < b.begin ? a : b, second = a.begin < b.begin ? b : a;
	const char *between = first.begin + first.length;
	const char *rest = second.begin + second.length;
	char *new;

	if (asprintf(&new, "%.*s%.*s%.*s%.*s%s", (int)(first.begin - text), text,
		     (int)second.length, second.begin, (int)(second.begin - between), between,
		     (int)first.length, first.begin, rest) < 0)
		return NULL;
	return new;
}

char *vgtext_replace(const char *text, const struct span *old, const struct span *new)
{
	char *replaced;

	if (asprintf(&replaced, "%.*s%.*s%s", (int)(old->begin - text), text, (int)new->length,
		     new->begin, old->begin + old->length) < 0)
		return NULL;
	return replaced;
}

/* As LVM writes it: 32 letters and digits, six of them first and last, and four between hyphens. */
static bool new_uuid(char uuid[UUID_LEN])
{
	static const char letters[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZab";
	unsigned char random[UUID_LEN - 1];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return false;
	for (size_t i = 0; i < sizeof(random); i++)
		uuid[i] = i >= 6 && i < 32 && (i - 6) % 5 == 0 ? '-' : letters[random[i] % 64];
	uuid[UUID_LEN - 1] = '\0';
	return true;
}

bool vgtext_rename(const struct span *volume, const char *name, struct span *renamed)
{
	const char *id = find(volume, ID), *flags = find(volume, FLAGS), *end;
	const char *skip = find(volume, SKIP) ? "" : SKIP, *comma = ", ";
	char uuid[UUID_LEN], *text;
	int length;

	if (!id || !flags || flags < id || !new_uuid(uuid))
		return false;
	id += strlen(ID);
	flags += strlen(FLAGS);
	end = volume->begin + volume->length;
	if (!*skip || *flags == ']')
		comma = "";
	length = asprintf(&text, "\n\t\t%s {" ID "%s%.*s%s%s%.*s", name, uuid,
			  (int)(flags - (id + UUID_LEN - 1)), id + UUID_LEN - 1, skip, comma,
			  (int)(end - flags), flags);
	if (length < 0)
		return false;
	renamed->begin = text;
	renamed->length = (size_t)length;
	return true;
}
