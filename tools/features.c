// SPDX-License-Identifier: GPL-2.0-only
/* Options that are features of a table line. */
#include "features.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "say.h"
#include "units.h"

#define NUMBER_MAX	UINT32_MAX	/* of a feature's value */

/* One takes one of some words, with bars between, or a number: an amount divided by its unit. */
static const struct {
	const char *name;		/* of the option */
	const char *words;
	unsigned int unit;
} kinds[NR_FEATURES] = {
	[SYNC]			= { "sync", "full|top|incremental|none", 0 },
	[ON_CBW_ERROR]		= { "on-cbw-error", "break-snapshot|break-write", 0 },
	[CBW_TIMEOUT]		= { "cbw-timeout", NULL, 1000 },
	[ON_SOURCE_ERROR]	= { "on-source-error", "report|ignore|stop|enospc", 0 },
	[ON_TARGET_ERROR]	= { "on-target-error", "report|ignore|stop|enospc", 0 },
	[SPEED]			= { "speed", NULL, 1024 },
	[TARGET_LATENCY]	= { "target-latency", NULL, 1 },
	[MIN_SPEED]		= { "min-speed", NULL, 1024 },
	[WORKERS]		= { "workers", NULL, 1 },
	[MAX_COPY]		= { "max-copy", NULL, SECTOR_SIZE },
	[ENGINE]		= { "engine", "kcopyd|buffered", 0 },
	[BUF_SIZE]		= { "buf-size", NULL, 1024 },
	[RELEASE]		= { "release", "saved|safe", 0 },
	[ZEROES]		= { "zeroes", "copy|write-zeroes|skip", 0 },
	[DISCARD]		= { "discard", "skip|copy", 0 },
	[COPY_MODE]		= { "copy-mode", "background|write-blocking", 0 },
};

/* Is it one of the words, which have bars between? */
static bool is_one_of(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (; words; words = strchr(words, '|') ? strchr(words, '|') + 1 : NULL) {
		if (length == strcspn(words, "|") && !strncmp(words, word, length))
			return true;
	}
	return false;
}

static int parse_amount(enum feature feature, const char *text, uint64_t *amount)
{
	switch (feature) {
	case CBW_TIMEOUT:
	case TARGET_LATENCY:
		return parse_time(text, amount);
	case WORKERS:
		return parse_number(text, 1, 64, amount);
	default:
		return parse_size(text, amount);
	}
}

void features_options(const enum feature *features, size_t nr, const struct option *own,
		      struct option *all)
{
	for (size_t i = 0; i < nr; i++)
		*all++ = (struct option) { kinds[features[i]].name, required_argument, NULL,
					   OF_FEATURES + (int)features[i] };
	for (; own->name; own++)
		*all++ = *own;
	*all = *own;
}

int features_set(struct features *features, enum feature feature, const char *text)
{
	const char *name = kinds[feature].name, *words = kinds[feature].words;
	unsigned int unit = kinds[feature].unit;
	uint64_t amount;

	if (words) {
		if (!is_one_of(words, text))
			return say_usage("--%s is one of %s, not '%s'", name, words, text);
		snprintf(features->values[feature], JOB_WORD_LEN, "%s", text);
		return 0;
	}
	if (parse_amount(feature, text, &amount) || amount / unit > NUMBER_MAX)
		return say_usage("--%s cannot be '%s'", name, text);
	/* Only 0 is none. */
	if (amount && amount < unit)
		return say_usage("--%s cannot be so little: '%s'", name, text);
	snprintf(features->values[feature], JOB_WORD_LEN, "%llu",
		 (unsigned long long)(amount / unit));
	return 0;
}

unsigned int features_words(const struct features *features, char words[FEATURES_LEN])
{
	size_t length = 0;
	unsigned int nr = 0;

	words[0] = '\0';
	for (int feature = 0; feature < NR_FEATURES; feature++) {
		char name[JOB_WORD_LEN];

		if (!features->values[feature][0])
			continue;
		snprintf(name, sizeof(name), "%s", kinds[feature].name);
		for (char *dash = strchr(name, '-'); dash; dash = strchr(dash, '-'))
			*dash = '_';
		length += (size_t)snprintf(words + length, FEATURES_LEN - length, " %s %s", name,
					   features->values[feature]);
		nr += 2;
	}
	if (!features->paused)
		return nr;
	snprintf(words + length, FEATURES_LEN - length, " paused");
	return nr + 1;
}
