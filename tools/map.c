// SPDX-License-Identifier: GPL-2.0-only
/* The verb map: a picture of what has become of each part of a volume. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attach.h"
#include "cbw.h"
#include "cells.h"
#include "changes.h"
#include "job.h"
#include "picture.h"
#include "say.h"
#include "signals.h"
#include "units.h"

#define MAX_CELLS	65536
#define DOCUMENT_CELLS	2048		/* of JSON and SVG, if nothing else is said */
#define ROWS		16		/* of each picture, if the terminal has them */
#define OTHER_ROWS	6		/* for what is no picture */
#define EVERY_MS	1000

struct options {
	const char *svg;
	uint64_t cells;			/* 0: as many as suit */
	bool watch;
};

/* What is known of a volume at one moment. */
struct look {
	struct attachment at;
	struct job job;
	bool copying;			/* it has, or had, a job that copies */
	bool tracked;			/* its changes are */
	struct cells cells;
};

/* --- looking ------------------------------------------------------------------------------ */

static bool is_copying(const struct job *job)
{
	return strcmp(job->kind, "track") != 0;
}

/* 1, and nothing is said: job and tracking have gone. */
static int look_at(struct look *of, size_t nr)
{
	struct changes changes;
	const char *name = of->at.volume.name;
	int r = job_find(name, &of->job);

	if (!r)
		r = changes_find(name, &changes);
	if (r)
		return r;
	of->copying |= is_copying(&of->job);
	of->tracked = changes.chunk_sectors;
	return cells_read(name, of->at.length, of->job.chunk_sectors, nr, &of->cells);
}

static struct picture picture_of(const struct look *of, char *title, size_t size)
{
	char each[UNITS_LEN];
	const struct job *job = &of->job;
	bool copies = is_copying(job);

	format_size(each, of->cells.each * SECTOR_SIZE);
	if (!copies)
		snprintf(title, size, "%s: changes are tracked; each %s", of->at.volume.name, each);
	else if (job->total)
		snprintf(title, size, "%s: %s %s, %.1f %%; each %s", of->at.volume.name, job->kind,
			 job->state, 100 * (double)job->done / (double)job->total, each);
	else
		snprintf(title, size, "%s: %s %s; each %s", of->at.volume.name, job->kind,
			 job->state, each);
	return (struct picture) {
		.title = title,
		.fates = copies,
		.changes = of->tracked,
		.cells = &of->cells,
	};
}

/* --- the terminal ------------------------------------------------------------------------- */

static size_t columns(const struct winsize *size)
{
	const char *text = getenv("COLUMNS");
	uint64_t number;

	if (size->ws_col)
		return size->ws_col;
	return text && !parse_number(text, 1, 4096, &number) ? number : 80;
}

static bool has_colours(void)
{
	const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(none && *none) &&
	       !(terminal && !strcmp(terminal, "dumb"));
}

static size_t terminal_cells(const struct winsize *size)
{
	size_t rows = ROWS;

	if (size->ws_row && size->ws_row < 2 * ROWS + OTHER_ROWS)
		rows = size->ws_row > OTHER_ROWS + 2 ? (size->ws_row - OTHER_ROWS) / 2U : 1;
	return rows * columns(size);
}

/* Line by line over what is there, which is cleared where it was longer. */
static void print_picture(const struct look *of, const struct winsize *size, bool over)
{
	char title[256];
	const struct picture picture = picture_of(of, title, sizeof(title));
	const struct picture_style style = {
		.columns = columns(size),
		.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.colour = has_colours(),
		.line_end = over ? "\033[K\n" : "\n",
	};

	if (over)
		fputs("\033[H", stdout);
	picture_print(stdout, &picture, &style);
	if (over)
		fputs("\033[J", stdout);
	fflush(stdout);
}

/* --- documents ---------------------------------------------------------------------------- */

static struct json_object *cell_to_json(const struct cells *cells, size_t i)
{
	struct json_object *object = json_object_new_object();
	const struct cell *cell = cells->list + i;

	json_object_object_add(object, "offset",
			       json_object_new_uint64(i * cells->each * SECTOR_SIZE));
	json_object_object_add(object, "length",
			       json_object_new_uint64(cell->length * SECTOR_SIZE));
	for (enum fate fate = 0; fate < NR_FATES; fate++)
		json_object_object_add(object, cells_word(fate),
				       json_object_new_uint64(cell->sectors[fate] * SECTOR_SIZE));
	return object;
}

static void print_json(const struct look *of)
{
	struct json_object *json = json_object_new_object(), *cells = json_object_new_array();

	for (size_t i = 0; i < of->cells.nr; i++)
		json_object_array_add(cells, cell_to_json(&of->cells, i));
	json_object_object_add(json, "volume", json_object_new_string(of->at.volume.name));
	json_object_object_add(json, "bytes",
			       json_object_new_uint64(of->at.length * SECTOR_SIZE));
	json_object_object_add(json, "job", json_object_new_string(of->job.kind));
	json_object_object_add(json, "state", json_object_new_string(of->job.state));
	json_object_object_add(json, "tracked", json_object_new_boolean(of->tracked));
	json_object_object_add(json, "cell_bytes",
			       json_object_new_uint64(of->cells.each * SECTOR_SIZE));
	json_object_object_add(json, "cells", cells);
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	fflush(stdout);
	json_object_put(json);
}

/* Whoever shows it finds a whole one at any moment. */
static int write_svg(const struct look *of, const char *path)
{
	char title[256], new[PATH_MAX];
	const struct picture picture = picture_of(of, title, sizeof(title));
	FILE *file;
	bool bad;

	if (opt_dry_run)
		return 0;
	snprintf(new, sizeof(new), "%s.new", path);
	file = fopen(new, "we");
	if (!file)
		return say_error("cannot write %s: %s", new, strerror(errno));
	picture_svg(file, &picture);
	bad = ferror(file);
	bad = fclose(file) || bad;
	if (!bad && !rename(new, path))
		return 0;
	say_error("cannot write %s: %s", path, strerror(errno));
	unlink(new);
	return -1;
}

/* --- the verb ----------------------------------------------------------------------------- */

static size_t nr_cells(const struct options *options, const struct winsize *size)
{
	if (options->cells)
		return options->cells;
	return opt_json || options->svg ? DOCUMENT_CELLS : terminal_cells(size);
}

/* As look_at(); 0: *@over tells whether there is nothing more to wait for. */
static int show(struct look *of, const struct options *options, bool *over)
{
	struct winsize size = { 0 };
	int r;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	r = look_at(of, nr_cells(options, &size));
	if (r)
		return r;
	if (options->svg)
		r = write_svg(of, options->svg);
	if (!r && opt_json)
		print_json(of);
	else if (!r && !options->svg)
		print_picture(of, &size, options->watch && isatty(STDOUT_FILENO));
	free(of->cells.list);
	of->cells.list = NULL;
	/* Where nothing is copied, and nothing was, there is no end. */
	*over = (is_copying(&of->job) ? job_ended(&of->job) : of->copying) || ferror(stdout);
	return r;
}

/* Until the job has ended, or somebody has had enough. */
static int watch(struct look *of, const struct options *options)
{
	bool over = false;
	int r = 0;

	signals_catch();
	if (isatty(STDOUT_FILENO) && !options->svg && !opt_json)
		fputs("\033[2J", stdout);
	while (!r && !over && !signals_stop() && !signals_hung_up()) {
		r = show(of, options, &over);
		if (!r && !over)
			signals_sleep(EVERY_MS);
	}
	return r < 0 ? -1 : 0;
}

static int map(const char *name, const struct options *options)
{
	struct look of = { 0 };
	bool over;
	int r;

	if (attach_find_named(&of.at, name))
		return -1;
	if (options->watch)
		return watch(&of, options);
	r = show(&of, options, &over);
	return r > 0 ? say_error("%s has no job any more", name) : r;
}

enum {
	SVG = 1,
	CELLS,
	WATCH,
};

static const struct option longopts[] = {
	{ "svg",	required_argument,	NULL,	SVG },
	{ "cells",	required_argument,	NULL,	CELLS },
	{ "watch",	no_argument,		NULL,	WATCH },
	{ 0 }
};

static int parse_options(struct options *options, int argc, char **argv)
{
	int value;

	while ((value = next_option(argc, argv, longopts)) != -1) {
		switch (value) {
		case SVG:
			options->svg = optarg;
			break;
		case CELLS:
			if (parse_number(optarg, 1, MAX_CELLS, &options->cells))
				return say_usage("--cells is a number, 1 to %d, not '%s'",
						 MAX_CELLS, optarg);
			break;
		case WATCH:
			options->watch = true;
			break;
		default:
			return CBW_USAGE;
		}
	}
	return 0;
}

static int run(int argc, char **argv)
{
	struct options options = { 0 };

	if (parse_options(&options, argc, argv))
		return CBW_USAGE;
	if (argc - optind != 1)
		return say_usage("map takes a volume");
	if (opt_json && options.watch)
		return say_usage("--json and --watch exclude each other");
	if (mapper_need_cbw())
		return CBW_FAILED;
	setlocale(LC_CTYPE, "");
	return map(argv[optind], &options) ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_map = {
	.name = "map",
	.arguments = "VOLUME",
	.summary = "draw what is saved of a volume, what is not, and what has changed",
	.options = "  --watch     again each second, until the job has ended\n"
		   "  --svg FILE  write it to a file, as SVG\n"
		   "  --cells N   divide the volume into so many parts at most (terminal: what fits; else 2048)\n",
	.run = run,
};
