// SPDX-License-Identifier: GPL-2.0-only
/* What an incremental backup has saved; see ranges.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "ranges.h"
#include "say.h"

/* A line for each. */
int ranges_write(const struct record *record, const struct ranges *ranges)
{
	char path[PATH_MAX], *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	int r;

	if (!file)
		return say_error("out of memory");
	for (size_t i = 0; i < ranges->nr; i++)
		fprintf(file, "%" PRIu64 " %" PRIu64 "\n", ranges->list[i].start,
			ranges->list[i].length);
	r = fclose(file) ? say_error("out of memory") :
			   durable_write(record_ranges_path(record, path), text);
	free(text);
	return r;
}

int ranges_read(const struct record *record, struct ranges *ranges)
{
	char path[PATH_MAX];
	FILE *file = fopen(record_ranges_path(record, path), "re");
	uint64_t start, length;
	int r = 0;

	*ranges = (struct ranges) { 0 };
	if (!file)
		return errno == ENOENT ? 1 : say_error("cannot read %s: %s", path, strerror(errno));
	while (fscanf(file, "%" SCNu64 " %" SCNu64 "\n", &start, &length) == 2)
		changes_add(ranges, start, length);
	if (ferror(file) || !feof(file))
		r = say_error("%s is not understood", path);
	fclose(file);
	return r;
}
