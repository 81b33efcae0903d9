// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer writes table lines: all of a line but the devices. What is refused
 * has a reason; what is taken is in its bounds, and what is printed of it is
 * taken again and means the same. A third word "#" stands for the right
 * number of feature words, which chance would seldom find.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "dm-cbw-args.h"

#define MAX_WORDS	40
#define MAX_LINE	1024	/* longer than any line that is printed */

#define check(cond) ((cond) ? (void)0 : failed(__LINE__, #cond))

static _Noreturn void failed(int line, const char *cond)
{
	fprintf(stderr, "fuzz-args.c:%d: not so: %s\n", line, cond);
	abort();
}

struct line {
	unsigned int nr;
	char *words[MAX_WORDS];
	char text[MAX_LINE];
	char count[16];
};

static void split(struct line *line)
{
	char *word, *next = line->text;

	line->nr = 0;
	while (line->nr < MAX_WORDS && (word = strsep(&next, " ")))
		if (*word)
			line->words[line->nr++] = word;
}

static void put_count(struct line *line)
{
	if (line->nr < 3 || strcmp(line->words[2], "#"))
		return;
	snprintf(line->count, sizeof(line->count), "%u", line->nr - 3);
	line->words[2] = line->count;
}

static bool parse(struct cbw_args *args, struct line *line)
{
	char *error = NULL;
	int r = cbw_args_parse(args, line->nr, line->words, &error);

	check(r == 0 || r == -EINVAL);
	check(!r || (error && strlen(error) > 10));
	return !r;
}

/* What only the engine with buffers can do, only that is told to. */
static void check_engine(const struct cbw_args *args)
{
	const unsigned int *value = args->value;

	check(value[CBW_FEATURE_BUF_SIZE] >= 128 && value[CBW_FEATURE_BUF_SIZE] <= 1048576);
	if (value[CBW_FEATURE_ENGINE] == CBW_KCOPYD) {
		check(args->given >> CBW_FEATURE_ENGINE & 1 || args->chunk > CBW_CHUNK_BUFFERED);
		check(value[CBW_FEATURE_RELEASE] == CBW_RELEASE_SAVED);
		check(value[CBW_FEATURE_ZEROES] == CBW_ZEROES_COPY);
		return;
	}
	check(value[CBW_FEATURE_ENGINE] == CBW_BUFFERED);
	check(cbw_args_half_buffer(args) >= args->chunk);
	check(cbw_args_half_buffer(args) <= value[CBW_FEATURE_BUF_SIZE]);
	check(value[CBW_FEATURE_RELEASE] <= CBW_RELEASE_SAFE);
	check(value[CBW_FEATURE_RELEASE] == CBW_RELEASE_SAVED ||
	      (args->job == CBW_BACKUP && value[CBW_FEATURE_ON_CBW_ERROR] != CBW_BREAK_WRITE));
	check(value[CBW_FEATURE_ZEROES] <= CBW_ZEROES_SKIP);
	check(value[CBW_FEATURE_ZEROES] != CBW_ZEROES_SKIP ||
	      (args->job == CBW_BACKUP && value[CBW_FEATURE_SYNC] != CBW_SYNC_INCREMENTAL));
}

static void check_bounds(const struct cbw_args *args)
{
	const unsigned int *value = args->value;

	check(is_power_of_2(args->chunk));
	check(args->chunk >= CBW_CHUNK_MIN && args->chunk <= CBW_CHUNK_MAX);
	check(value[CBW_FEATURE_WORKERS] >= 1 && value[CBW_FEATURE_WORKERS] <= CBW_WORKERS_MAX);
	check(value[CBW_FEATURE_MAX_COPY] >= args->chunk &&
	      value[CBW_FEATURE_MAX_COPY] <= CBW_CHUNK_MAX);
	check(value[CBW_FEATURE_SYNC] <= CBW_SYNC_BITMAP);
	check(value[CBW_FEATURE_ON_CBW_ERROR] <= CBW_BREAK_WRITE);
	check(value[CBW_FEATURE_ON_SOURCE_ERROR] <= CBW_ENOSPC);
	check(value[CBW_FEATURE_ON_TARGET_ERROR] <= CBW_ENOSPC);
	check(value[CBW_FEATURE_DISCARD] <= CBW_DISCARD_COPY);
	check(value[CBW_FEATURE_COPY_MODE] <= CBW_WRITE_BLOCKING);
	check(!(args->given >> CBW_NR_FEATURES));
	check_engine(args);
}

static void print(const struct cbw_args *args, char text[MAX_LINE])
{
	size_t len = snprintf(text, MAX_LINE, "%u %s ", args->chunk, cbw_args_job(args));

	len += cbw_args_emit(args, text + len, MAX_LINE - len);
	check(len == strlen(text));
}

/* However little room there is, no byte behind it is touched. */
static void print_short(const struct cbw_args *args, size_t room)
{
	char *text = malloc(room);

	check(text);
	check(cbw_args_emit(args, text, room) < room);
	free(text);
}

static bool same(const struct cbw_args *a, const struct cbw_args *b)
{
	return a->chunk == b->chunk && a->job == b->job && a->given == b->given &&
	       !memcmp(a->value, b->value, sizeof(a->value));
}

static void check_again(const struct cbw_args *args)
{
	char printed[MAX_LINE];
	struct cbw_args again;
	struct line line;

	print(args, line.text);
	memcpy(printed, line.text, sizeof(printed));
	split(&line);
	check(parse(&again, &line));
	check(same(&again, args));
	print(&again, line.text);
	check(!strcmp(line.text, printed));
}

/* A message with the last word: all or nothing. */
static void check_message(struct cbw_args *args, const char *word)
{
	static const char * const names[] = {
		"speed", "MIN_SPEED", "target_latency", "workers", "sync", "paused"
	};
	struct cbw_args before;
	char *error = NULL;
	unsigned int i;
	int r;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		before = *args;
		r = cbw_args_tune(args, names[i], word, &error);
		check(!r || same(&before, args));
		check((r == -EINVAL) == !!error);
		check((r == -ENOENT) == (i >= 4));
		error = NULL;
		check_bounds(args);
		check_again(args);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct cbw_args args;
	struct line line;
	size_t room;

	if (size < 1 || size >= MAX_LINE)
		return 0;
	room = 1 + *data;
	memcpy(line.text, data + 1, size - 1);
	line.text[size - 1] = '\0';
	split(&line);
	put_count(&line);
	memset(&args, 0, sizeof(args));
	if (line.nr < 2 || !parse(&args, &line))
		return 0;
	check_bounds(&args);
	check_again(&args);
	print_short(&args, room);
	if (args.job != CBW_TRACK)
		check_message(&args, line.words[line.nr - 1]);
	return 0;
}
