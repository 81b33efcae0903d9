// SPDX-License-Identifier: GPL-2.0-only
/* See words.h for the contract. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "words.h"

#define MAX_WORDS	40
#define MAX_WORD	160

/* The first two are the devices; what follows may be anything. */
struct line {
	unsigned int nr;
	char words[MAX_WORDS][MAX_WORD];
};

static const struct feature {
	const char *name;
	const char *needs;	/* a word that comes before; NULL: none */
	const char *values[6];	/* none: a flag */
} features[] = {
	{ "sync", NULL, { "full", "none", "full", "incremental", "top", "bitmap" } },
	{ "bitmap_mode", "backup", { "on-success", "always", "never" } },
	{ "on_cbw_error", "backup", { "break-snapshot", "break-write" } },
	{ "copy_mode", "mirror", { "background", "write-blocking" } },
	{ "cbw_timeout", NULL, { "0", "1", "20", "500", "30000", "4294967295" } },
	{ "on_source_error", NULL, { "report", "ignore", "stop", "enospc" } },
	{ "on_target_error", NULL, { "report", "ignore", "stop", "enospc" } },
	{ "speed", NULL, { "0", "1", "512", "4096", "65536", "4294967295" } },
	{ "min_speed", NULL, { "1", "64", "65536", "4294967295" } },
	{ "target_latency", NULL, { "0", "1", "100", "10000", "4294967295" } },
	{ "workers", NULL, { "1", "2", "16", "64" } },
	{ "max_copy", NULL, { "2048", "4096", "65536", "2097152" } },
	{ "engine", NULL, { "kcopyd", "buffered", "buffered" } },
	{ "buf_size", "buffered", { "128", "256", "1000", "4096", "16384" } },
	{ "release", "buffered", { "saved", "safe", "safe" } },
	{ "zeroes", "buffered", { "copy", "write-zeroes", "skip" } },
	{ "discard", "backup", { "skip", "copy" } },
	{ "paused", NULL, { NULL } },
};

static const char * const numbers[] = {
	"0", "1", "-1", "+1", "7", "8", "65", "128", "2147483647", "2147483648", "4294967295",
	"4294967296", "9223372036854775807", "18446744073709551615", "18446744073709551616",
	"99999999999999999999999999999999999999", "0x10", "1e3", "1k", "", " ", "-", "%s%n%p",
};

static const char * const chunks[] = { "8", "16", "64", "128", "512", "2048" };
static const char * const big_chunks[] = { "128", "2048", "65536", "2097152" };

/* For the mapped device that is in no set. */
static const char * const wild[] = {
	"/dev/huge0", "/dev/huge1", "/dev/zoned", "/dev/small", "/dev/spare0", "/dev/spare1",
};

static const char * const nowhere[] = {
	"-", "/dev/none", "/dev/mapper/none", "0:0", "1048575:0", "7:99999", ":", "/", "/dev/null",
	"../dev/spare0x", "9999999999:1",
};

/*----------------------------------------------------------------
 * Words
 *----------------------------------------------------------------
 */

static void random_bytes(struct chance *chance, char *word, unsigned int max)
{
	unsigned int i, len = 1 + below(chance, max - 1);

	for (i = 0; i < len; i++)
		word[i] = 1 + below(chance, percent(chance, 80) ? 127 : 255);
	word[len] = '\0';
}

static void random_word(struct chance *chance, char *word)
{
	const struct feature *feature = &PICK(chance, features);

	switch (below(chance, 4)) {
	case 0:
		random_bytes(chance, word, percent(chance, 90) ? 20 : MAX_WORD - 1);
		break;
	case 1:
		strcpy(word, feature->name);
		break;
	default:
		strcpy(word, PICK(chance, numbers));
	}
}

static unsigned int nr_values(const struct feature *feature)
{
	unsigned int nr = 0;

	while (nr < 6 && feature->values[nr])
		nr++;
	return nr;
}

static void add(struct line *line, const char *word)
{
	if (line->nr < MAX_WORDS)
		snprintf(line->words[line->nr++], MAX_WORD, "%s", word);
}

static void add_feature(struct chance *chance, struct line *line, const struct feature *feature)
{
	unsigned int nr = nr_values(feature);

	add(line, feature->name);
	if (nr)
		add(line, feature->values[below(chance, nr)]);
}

static void add_metadata(unsigned int number, struct line *line)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/metadata%u", number);
	add(line, "metadata");
	add(line, path);
}

static bool has_word(const struct line *line, const char *word)
{
	unsigned int i;

	for (i = 0; i < line->nr; i++)
		if (!strcmp(line->words[i], word))
			return true;
	return false;
}

/* Seldom one that is of another job, or of another engine. */
static bool suits(struct chance *chance, const struct feature *feature, const struct line *line)
{
	return !feature->needs || has_word(line, feature->needs) || percent(chance, 2);
}

/* A sweep of terabytes without a limit would leave the processors to nobody. */
static void add_features(struct chance *chance, unsigned int number, struct line *line, bool kept)
{
	unsigned int at = line->nr, i, wanted = percent(chance, 50) ? 20 : 45;
	bool slow = number == WILD;

	add(line, "");
	if (kept)
		add_metadata(number, line);
	if (slow) {
		add(line, "speed");
		add(line, "16384");
	}
	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (percent(chance, wanted) && suits(chance, &features[i], line) &&
		    !(slow && !strcmp(features[i].name, "speed")))
			add_feature(chance, line, &features[i]);
	snprintf(line->words[at], MAX_WORD, "%u", line->nr - at - 1);
}

static void good_line(struct chance *chance, unsigned int number, struct line *line)
{
	const struct set *set = &fuzz->sets[number];
	bool track = percent(chance, 20);
	const char *job = track ? "track" : percent(chance, 30) ? "mirror" : "backup";
	/* Mostly, since a map that has a metadata device is not given up for one that has none. */
	bool kept = number < WILD && percent(chance, 70);

	line->nr = 0;
	if (number == WILD) {
		add(line, PICK(chance, wild));
		add(line, track ? "-" : PICK(chance, wild));
		add(line, PICK(chance, big_chunks));
	} else {
		add(line, set->origin);
		add(line, track ? "-" : set->target);
		add(line, track && kept ? "8" : PICK(chance, chunks));
	}
	add(line, job);
	if (!track) {
		add_features(chance, number, line, kept);
	} else if (kept) {
		add(line, "2");
		add_metadata(number, line);
	} else {
		add(line, "0");
	}
}

/* A view may be of an origin whose job comes and goes meanwhile. */
static void make_view(struct chance *chance, struct table *table)
{
	const struct set *set = &fuzz->sets[below(chance, NR_SETS)];
	bool release = percent(chance, 40);

	strcpy(table->type, "cbw-snapshot");
	table->start = 0;
	table->length = percent(chance, 80) ? set->sectors : below(chance, set->sectors + 8);
	table->readonly = !release;
	snprintf(table->params, MAX_PARAMS, "%s%s", set->origin, release ? " 1 release" : "");
}

static void bad_view(struct chance *chance, struct table *table)
{
	static const char * const bad[] = {
		"", "%s 0", "%s 1", "%s 1 speed", "%s 2 release", "%s -1 release", "%s release",
		"%s 1 release release", "/dev/none%.0s",
	};
	char word[MAX_WORD];

	make_view(chance, table);
	table->readonly = percent(chance, 50);
	if (percent(chance, 20)) {
		random_word(chance, word);
		snprintf(table->params, MAX_PARAMS, "%s", word);
	} else {
		snprintf(table->params, MAX_PARAMS, PICK(chance, bad),
			 percent(chance, 70) ? fuzz->sets[0].origin : PICK(chance, wild));
	}
}

/*----------------------------------------------------------------
 * What is wrong with a line
 *----------------------------------------------------------------
 */

/* Nothing that is the origin of another set: its users would find it changed. */
static void wrong_device(struct chance *chance, unsigned int number, struct line *line)
{
	unsigned int other = below(chance, NR_SETS);

	switch (below(chance, 4)) {
	case 0:
		strcpy(line->words[0], PICK(chance, nowhere));
		break;
	case 1:
		strcpy(line->words[1], PICK(chance, nowhere));
		break;
	case 2:
		strcpy(line->words[1], line->words[0]);
		break;
	default:
		if (number == WILD)
			strcpy(line->words[1], PICK(chance, wild));
		else
			strcpy(line->words[1], fuzz->sets[other].target);
	}
}

static unsigned int behind_devices(struct chance *chance, const struct line *line)
{
	return line->nr > 2 ? 2 + below(chance, line->nr - 2) : 2;
}

static void replace_word(struct chance *chance, struct line *line)
{
	random_word(chance, line->words[behind_devices(chance, line)]);
}

static void insert_word(struct chance *chance, struct line *line)
{
	unsigned int at = behind_devices(chance, line);

	if (line->nr < at || line->nr == MAX_WORDS)
		return;
	memmove(line->words[at + 1], line->words[at], (line->nr - at) * sizeof(line->words[0]));
	random_word(chance, line->words[at]);
	line->nr++;
}

static void drop_word(struct chance *chance, struct line *line)
{
	unsigned int at = behind_devices(chance, line);

	if (at >= line->nr)
		return;
	memmove(line->words[at], line->words[at + 1], (line->nr - at - 1) * sizeof(line->words[0]));
	line->nr--;
}

static void swap_words(struct chance *chance, struct line *line)
{
	unsigned int a = behind_devices(chance, line), b = behind_devices(chance, line);
	char word[MAX_WORD];

	memcpy(word, line->words[a], MAX_WORD);
	memcpy(line->words[a], line->words[b], MAX_WORD);
	memcpy(line->words[b], word, MAX_WORD);
}

/* The number is right again, so that what is wrong is found further on. */
static void double_feature(struct chance *chance, struct line *line)
{
	add_feature(chance, line, &PICK(chance, features));
	if (line->nr > 5)
		snprintf(line->words[4], MAX_WORD, "%u", line->nr - 5);
}

static void cut_line(struct chance *chance, struct line *line)
{
	line->nr = below(chance, line->nr + 1);
}

static void spoil(struct chance *chance, unsigned int number, struct line *line)
{
	switch (below(chance, 8)) {
	case 0:
	case 1:
		wrong_device(chance, number, line);
		break;
	case 2:
		insert_word(chance, line);
		break;
	case 3:
		drop_word(chance, line);
		break;
	case 4:
		swap_words(chance, line);
		break;
	case 5:
		double_feature(chance, line);
		break;
	case 6:
		cut_line(chance, line);
		break;
	default:
		replace_word(chance, line);
	}
}

/*----------------------------------------------------------------
 * Tables
 *----------------------------------------------------------------
 */

static void join(const struct line *line, char params[MAX_PARAMS])
{
	size_t len = 0;
	unsigned int i;

	params[0] = '\0';
	for (i = 0; i < line->nr && len < MAX_PARAMS; i++)
		len += snprintf(params + len, MAX_PARAMS - len, "%s%s", i ? " " : "",
				line->words[i]);
}

static uint64_t wild_length(struct chance *chance)
{
	static const uint64_t lengths[] = {
		8192, 16384, 16381, 32768, 1ULL << 31, 1ULL << 32, (1ULL << 32) + 8,
		(1ULL << 35) - 1, 1ULL << 35,
	};

	return PICK(chance, lengths);
}

static void bad_extent(struct chance *chance, struct table *table)
{
	static const uint64_t bad[] = {
		0, 1, 7, 1ULL << 20, 1ULL << 32, 1ULL << 35, 1ULL << 54, 1ULL << 55,
		1ULL << 63, UINT64_MAX,
	};

	if (percent(chance, 80))
		table->length = PICK(chance, bad);
	else
		table->start = PICK(chance, bad);
}

void make_good_table(struct chance *chance, unsigned int number, struct table *table)
{
	struct line line;

	if (number == VIEW) {
		make_view(chance, table);
		return;
	}
	table->readonly = false;
	good_line(chance, number, &line);
	strcpy(table->type, "cbw");
	table->start = 0;
	table->length = number == WILD ? wild_length(chance) : fuzz->sets[number].sectors;
	join(&line, table->params);
}

static void bad_cbw(struct chance *chance, unsigned int number, struct table *table)
{
	unsigned int i, nr = 1 + below(chance, 3);
	struct line line;

	if (number == VIEW) {
		bad_view(chance, table);
		return;
	}
	make_good_table(chance, number, table);
	good_line(chance, number, &line);
	for (i = 0; i < nr; i++)
		spoil(chance, number, &line);
	join(&line, table->params);
	if (percent(chance, 15))
		bad_extent(chance, table);
}

static void other_target(struct chance *chance, unsigned int number, struct table *table)
{
	const char *device = number >= WILD ? PICK(chance, wild) : fuzz->sets[number].origin;
	static const char * const bad[] = {
		"%s x", "%s", "%s 999999999999999", "/dev/none%.0s 0", "",
	};

	make_good_table(chance, number, table);
	if (percent(chance, 25)) {
		strcpy(table->type, "error");
		table->params[0] = '\0';
		return;
	}
	strcpy(table->type, "linear");
	snprintf(table->params, MAX_PARAMS, percent(chance, 75) ? "%s 0" : PICK(chance, bad),
		 device);
}

static void no_target(struct chance *chance, unsigned int number, struct table *table)
{
	make_good_table(chance, number, table);
	random_bytes(chance, table->type, sizeof(table->type));
}

void make_table(struct chance *chance, unsigned int number, struct table *table)
{
	unsigned int kind = below(chance, 100);

	if (kind < 50)
		make_good_table(chance, number, table);
	else if (kind < 88)
		bad_cbw(chance, number, table);
	else if (kind < 98)
		other_target(chance, number, table);
	else
		no_target(chance, number, table);
}

/*----------------------------------------------------------------
 * Messages
 *----------------------------------------------------------------
 */

static const char * const verbs[] = {
	"pause", "resume", "cancel", "speed", "workers", "stats", "stats reset", "speed 0",
	"speed 4096", "speed 4294967295", "workers 1", "workers 64", "pause", "resume", "stats",
	"min_speed", "target_latency", "min_speed 64", "target_latency 0", "target_latency 100",
	"changed", "changed 0", "changed 8", "taken 0", "taken 8", "map 0 1024",
	"map 0 18446744073709551615", "map 8 1", "PAUSE", "Resume", "complete",
	"complete", "copy_mode write-blocking", "copy_mode background", "copy_mode",
	"bitmap start", "bitmap start", "bitmap add 0 4096", "bitmap add 1000 8192",
	"bitmap remove 2000 300", "bitmap remove 0 8192", "bitmap add 16000 1", "bitmap",
	"@cancel_deferred_remove", "@none",
};

static size_t words_message(struct chance *chance, char message[MAX_MESSAGE])
{
	unsigned int i, nr = below(chance, percent(chance, 95) ? 4 : 200);
	char word[MAX_WORD];
	size_t len;

	len = snprintf(message, MAX_MESSAGE, "%s", PICK(chance, verbs));
	for (i = 0; i < nr; i++) {
		random_word(chance, word);
		if (len + strlen(word) + 2 < MAX_MESSAGE)
			len += sprintf(message + len, " %s", word);
	}
	return len;
}

size_t make_message(struct chance *chance, char message[MAX_MESSAGE])
{
	unsigned int kind = below(chance, 100);

	if (kind < 60)
		return snprintf(message, MAX_MESSAGE, "%s", PICK(chance, verbs));
	if (kind < 85)
		return words_message(chance, message);
	if (kind < 87)
		message[0] = '\0';
	else
		random_bytes(chance, message, kind < 98 ? 40 : MAX_MESSAGE - 1);
	return strlen(message);
}
