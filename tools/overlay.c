// SPDX-License-Identifier: GPL-2.0-only
/* An overlay and its base; see overlay.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "exceptions.h"
#include "mapper.h"
#include "overlay.h"
#include "say.h"
#include "stack.h"
#include "sysfs.h"

/* Targets that pass reads on to a device, at the same place, and how that stands in the table. */
static const struct {
	const char *type;
	const char *form;
	bool holds;		/* some are answered by what it holds itself */
} kinds[] = {
	{ "linear",	"%u:%u 0%n",			false },
	{ "snapshot",	"%u:%u%n",			true },
	{ "thin",	"%*u:%*u %*u %u:%u%n",		true },
};

/* The device, or 0. */
static dev_t parse(const struct mapper_target *target, bool *holds)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned int major, minor;
		int end = 0;

		if (strcmp(target->type, kinds[i].type))
			continue;
		if (sscanf(target->params, kinds[i].form, &major, &minor, &end) != 2 || !end ||
		    !strchr(" ", target->params[end]))
			return 0;
		*holds |= kinds[i].holds;
		return makedev(major, minor);
	}
	return 0;
}

/* Where a persistent dm-snapshot keeps what it holds; 0 of any other target. */
static dev_t parse_store(const struct mapper_target *target)
{
	unsigned int major, minor;
	char kind;

	if (strcmp(target->type, "snapshot") ||
	    sscanf(target->params, "%*u:%*u %u:%u %c", &major, &minor, &kind) != 3 || kind != 'P')
		return 0;
	return makedev(major, minor);
}

/* From a volume down to its base. */
struct way {
	struct dev_set devs;	/* both among them */
	bool holds;		/* something between holds what is not in the base */
	bool listed;		/* all that does is one, whose store tells what */
	dev_t store;
};

static void add_overlay(struct way *way, const struct mapper_target *target)
{
	way->store = parse_store(target);
	way->listed = way->store && !way->holds;
	way->holds = true;
}

/* What it reads from where it does not hold anything, or 0. */
static dev_t below(dev_t dev, struct way *way)
{
	struct mapper_info info;
	struct mapper_table table;
	bool holds = false;
	dev_t found = 0;

	if (mapper_find_dev(dev, &info) || mapper_find_table(info.name, MAPPER_LIVE, &table))
		return 0;
	if (table.nr == 1)
		found = parse(&table.targets[0], &holds);
	if (holds)
		add_overlay(way, &table.targets[0]);
	mapper_forget(&table);
	return found;
}

/* dev_set_free() what it has found. False: there is no such way. */
static bool find_way(dev_t volume, dev_t base, struct way *way)
{
	*way = (struct way) { .holds = false };
	for (dev_t dev = volume; dev && dev_set_add(&way->devs, dev); dev = below(dev, way)) {
		if (dev == base)
			return way->holds;
	}
	return false;
}

bool overlay_is_of(const struct device *volume, const struct device *base)
{
	struct way way;
	bool found = find_way(volume->dev, base->dev, &way);

	dev_set_free(&way.devs);
	return found;
}

dev_t overlay_store(const struct device *volume, const struct device *base)
{
	struct way way;
	bool found = find_way(volume->dev, base->dev, &way);

	dev_set_free(&way.devs);
	return found && way.listed ? way.store : 0;
}

static int refuse(dev_t dev, const char *user)
{
	struct device device;

	if (device_of(dev, &device))
		return -1;
	return say_error("%s would change, and is %s", device.path, user);
}

/* Nobody but who is on the way. */
static int check_one(dev_t dev, const struct dev_set *way)
{
	struct dev_set holders = { 0 };
	char text[2 * PATH_MAX];
	struct device holder;
	int r = 0;

	if (stack_user(dev, text, sizeof(text)))
		return refuse(dev, text);
	sysfs_add(dev, "holders", &holders);
	for (size_t i = 0; i < holders.nr && !r; i++) {
		if (dev_set_has(way, holders.devs[i]))
			continue;
		r = device_of(holders.devs[i], &holder);
		snprintf(text, sizeof(text), "in use by %s, too", holder.path);
		r = r ? r : refuse(dev, text);
	}
	dev_set_free(&holders);
	return r;
}

int overlay_check(const struct device *volume, const struct device *base)
{
	struct way way;
	int r = find_way(volume->dev, base->dev, &way) ? 0 : -1;

	/* The first is the volume, which is in use. */
	for (size_t i = 1; i < way.devs.nr && !r; i++)
		r = check_one(way.devs.devs[i], &way.devs);
	dev_set_free(&way.devs);
	return r;
}

struct marks {
	bool *held;		/* for each chunk */
	uint64_t nr, chunk_sectors;
};

static void mark(void *data, uint64_t start, uint64_t length)
{
	struct marks *marks = data;
	uint64_t last = (start + length - 1) / marks->chunk_sectors;

	for (uint64_t i = start / marks->chunk_sectors; i <= last && i < marks->nr; i++)
		marks->held[i] = true;
}

/* Each run of chunks is one range. */
static void add_marked(const struct marks *marks, uint64_t length, struct ranges *held)
{
	uint64_t chunk = marks->chunk_sectors, first, end;

	for (uint64_t i = 0; i < marks->nr; i++) {
		if (!marks->held[i])
			continue;
		for (first = i; i < marks->nr && marks->held[i]; i++)
			;
		end = i * chunk < length ? i * chunk : length;
		changes_add(held, first * chunk, end - first * chunk);
	}
}

int overlay_list(dev_t store, uint64_t length, uint64_t chunk_sectors, struct ranges *held)
{
	struct marks marks = {
		.nr = (length + chunk_sectors - 1) / chunk_sectors,
		.chunk_sectors = chunk_sectors,
	};
	int r;

	*held = (struct ranges) { 0 };
	marks.held = calloc(marks.nr, sizeof(*marks.held));
	if (!marks.held)
		return say_error("out of memory");
	r = exceptions_read(store, mark, &marks);
	if (!r)
		add_marked(&marks, length, held);
	free(marks.held);
	return r;
}
