// SPDX-License-Identifier: GPL-2.0-only
/* What has changed of a volume; see changes.h. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "changes.h"
#include "mapper.h"
#include "say.h"

int changes_find(const char *name, struct changes *changes)
{
	char *reply = NULL;
	int r = mapper_ask(name, "changed", &reply);

	if (!r && sscanf(reply ? reply : "", "%39s %lu %" SCNu64 " %15s", changes->generation,
			 &changes->chunk_sectors, &changes->nr_changed, changes->kept) != 4)
		r = say_error("the module does not tell what of %s has changed", name);
	free(reply);
	return r;
}

bool changes_failed(const struct changes *changes)
{
	return !strcmp(changes->kept, "failed");
}

int changes_read(const char *name, struct changes *changes)
{
	int r = changes_find(name, changes);

	return r > 0 ? say_error("the table of %s does not tell what has changed", name) : r;
}

void changes_add(struct ranges *ranges, uint64_t start, uint64_t length)
{
	size_t nr = ranges->nr++;

	/* Room for twice as many, each time that it is full. */
	if (!(nr & (nr - 1)))
		ranges->list = reallocarray(ranges->list, nr ? 2 * nr : 1, sizeof(*ranges->list));
	if (!ranges->list)
		abort();
	ranges->list[nr] = (struct range) { start, length };
}

static int add_line(void *data, const char *line)
{
	uint64_t start, length;

	if (sscanf(line, "%" SCNu64 " %" SCNu64, &start, &length) != 2)
		return -1;
	changes_add(data, start, length);
	return 0;
}

static int list(const char *name, const char *of, struct ranges *ranges)
{
	const struct question question = {
		.name = name, .word = of, .rest = "",
		.ask = mapper_message, .take = add_line, .data = ranges,
	};
	int r;

	ranges->nr = 0;
	r = answer_read(&question);
	return r == ANSWER_UNCLEAR ?
	       say_error("the module does not tell what of %s has changed", name) : r;
}

int changes_list(const char *name, struct changes *changes, struct ranges *ranges)
{
	struct changes before;
	int r = changes_read(name, changes);

	*ranges = (struct ranges) { 0 };
	if (r || !changes->chunk_sectors)
		return r;
	/* When a job ends, what it has not saved is put back, and the generation is another one. */
	do {
		before = *changes;
		r = list(name, "changed", ranges) || changes_read(name, changes) ? -1 : 0;
	} while (!r && strcmp(before.generation, changes->generation));
	return r;
}

int changes_taken(const char *name, struct ranges *ranges)
{
	*ranges = (struct ranges) { 0 };
	return list(name, "taken", ranges);
}
