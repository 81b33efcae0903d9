// SPDX-License-Identifier: GPL-2.0-only
/* What has become of each part of a volume; see cells.h. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "cells.h"
#include "mapper.h"
#include "say.h"

static const char * const words[NR_FATES] = {
	[SAVED]		= "saved",
	[PENDING]	= "pending",
	[CLAIMED]	= "claimed",
	[RELEASED]	= "released",
	[EXCLUDED]	= "excluded",
	[CHANGED]	= "changed",
};

const char *cells_word(enum fate fate)
{
	return words[fate];
}

uint64_t cells_sum(const struct cells *cells, enum fate fate)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < cells->nr; i++)
		sum += cells->list[i].sectors[fate];
	return sum;
}

/* "<sector> <sectors>", and as many of each fate: they lie in one cell, and may be a part of it. */
static int add_line(void *data, const char *line)
{
	struct cells *cells = data;
	uint64_t figures[2 + NR_FATES];
	struct cell *cell;
	char *end;

	for (size_t i = 0; i < 2 + NR_FATES; i++, line = end) {
		figures[i] = strtoull(line, &end, 10);
		if (end == line)
			return -1;
	}
	if (figures[0] >= cells->length)
		return -1;
	cell = &cells->list[figures[0] / cells->each];
	cell->length += figures[1];
	for (size_t i = 0; i < NR_FATES; i++)
		cell->sectors[i] += figures[2 + i];
	return 0;
}

static int ask(const char *name, struct cells *cells)
{
	char each[32];
	const struct question question = {
		.name = name, .word = "map", .rest = each,
		.ask = mapper_ask, .take = add_line, .data = cells,
	};
	int r;

	snprintf(each, sizeof(each), " %" PRIu64, cells->each);
	r = answer_read(&question);
	return r == ANSWER_UNCLEAR ?
	       say_error("the module does not tell what has become of %s", name) : r;
}

int cells_read(const char *name, uint64_t length, uint64_t chunk, size_t nr, struct cells *cells)
{
	uint64_t each = (length + nr - 1) / nr;
	int r;

	each += chunk - 1;
	each -= each % chunk;
	*cells = (struct cells) { .length = length, .each = each };
	cells->nr = (length + each - 1) / each;
	cells->list = calloc(cells->nr, sizeof(*cells->list));
	if (!cells->list)
		return say_error("out of memory");
	r = ask(name, cells);
	if (!r)
		return 0;
	free(cells->list);
	cells->list = NULL;
	return r;
}
