// SPDX-License-Identifier: GPL-2.0-only
/* Backups of what the file system uses; see top.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "job.h"
#include "say.h"
#include "signals.h"
#include "top.h"
#include "units.h"
#include "unused.h"
#include "view.h"

static int say_all(const struct attachment *at, const char *why)
{
	say_warning("all of %s is saved: %s", at->volume.name, why);
	return 0;
}

/* What is not used, or nothing if nobody can tell. 0 or -1, error said. */
static int read_unused(const struct attachment *at, const char *view, bool frozen,
		       struct ranges *unused)
{
	char program[UNUSED_PROGRAM_LEN], path[DM_NAME_LEN + 16];
	const char *why;
	int r;

	snprintf(path, sizeof(path), "/dev/mapper/%s", view);
	r = unused_program(path, frozen, program, &why);
	if (!r)
		r = unused_read(program, path, at->length, unused, &why);
	if (r <= 0 || signals_stop())
		return r ? -1 : 0;
	free(unused->list);
	*unused = (struct ranges) { 0 };
	return say_all(at, why);
}

static int list_unused(const struct attachment *at, bool frozen, struct ranges *unused)
{
	char view[DM_NAME_LEN];
	int r;

	if (view_create(at->volume.name, at->origin, at->uuid, at->length, false, view))
		return say_all(at, "there is no view in which to look");
	r = read_unused(at, view, frozen, unused);
	/* If somebody reads it, it goes with the job. */
	view_drop(at->uuid);
	return r;
}

static int send(const struct attachment *at, const char *what, uint64_t start, uint64_t length)
{
	char message[80];

	snprintf(message, sizeof(message), "bitmap %s %" PRIu64 " %" PRIu64, what, start, length);
	return mapper_message(at->volume.name, message, NULL);
}

/* The chunks that lie in it as a whole. Others stay, so why send them? */
static int remove_range(const struct attachment *at, const struct range *range,
			uint64_t chunk_sectors)
{
	uint64_t start = (range->start + chunk_sectors - 1) / chunk_sectors * chunk_sectors;
	uint64_t end = range->start + range->length;

	if (end < at->length)
		end = end / chunk_sectors * chunk_sectors;
	return start < end ? send(at, "remove", start, end - start) : 0;
}

/* All but what is known to be free: so what no file system covers is saved. */
static int send_list(const struct attachment *at, const struct ranges *unused,
		     uint64_t chunk_sectors)
{
	int r = send(at, "add", 0, at->length);

	for (size_t i = 0; i < unused->nr && !r; i++)
		r = remove_range(at, &unused->list[i], chunk_sectors);
	return r ? -1 : mapper_message(at->volume.name, "bitmap start", NULL);
}

/* It may have failed, or been cancelled, while partclone was at work. */
static bool is_held(const struct attachment *at)
{
	struct job job;

	return !job_find(at->volume.name, &job) && job_is_held(&job);
}

int top_start(const struct attachment *at, uint64_t chunk_sectors, bool frozen, bool *all)
{
	struct ranges unused = { 0 };
	int r = list_unused(at, frozen, &unused);

	/* Lets in what has come. */
	signals_sleep(0);
	if (!r)
		r = signals_stop() || !is_held(at) ? -1 : send_list(at, &unused, chunk_sectors);
	*all = !unused.nr;
	free(unused.list);
	return r;
}

static int print_list(const struct attachment *at, const char *program, const char *view)
{
	char path[DM_NAME_LEN + 16], line[2 * DM_NAME_LEN];

	snprintf(path, sizeof(path), "/dev/mapper/%s", view);
	unused_line(program, path, line, sizeof(line));
	printf("%s | while read -r START LENGTH STATUS; do [ \"$STATUS\" != '?' ] || dmsetup message '%s' 0 bitmap remove $((START / %u)) $((LENGTH / %u)); done\n",
	       line, at->volume.name, SECTOR_SIZE, SECTOR_SIZE);
	return 0;
}

int top_dry_run(const struct attachment *at, bool frozen)
{
	char program[UNUSED_PROGRAM_LEN], path[DM_NAME_LEN + 16], view[DM_NAME_LEN];
	const struct ranges none = { 0 };
	const char *why;
	int r;

	snprintf(path, sizeof(path), "/dev/mapper/%s", at->volume.name);
	r = unused_program(path, frozen, program, &why);
	if (r)
		return r < 0 ? -1 : say_all(at, why) || send_list(at, &none, 1) ? -1 : 0;
	return view_create(at->volume.name, at->origin, at->uuid, at->length, false, view) ||
	       send(at, "add", 0, at->length) || print_list(at, program, view) ||
	       mapper_remove(view) || mapper_message(at->volume.name, "bitmap start", NULL) ?
		       -1 : 0;
}
