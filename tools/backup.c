// SPDX-License-Identifier: GPL-2.0-only
/* The verb backup. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "base.h"
#include "books.h"
#include "cbw.h"
#include "features.h"
#include "follow.h"
#include "group.h"
#include "lock.h"
#include "nbd.h"
#include "pin.h"
#include "say.h"
#include "signals.h"
#include "then.h"
#include "top.h"
#include "units.h"

/* Those that are features come first. */
enum {
	CHUNK = OF_FEATURES + NR_FEATURES,
	PAUSED,
	THEN,
	NO_WAIT,
	QUIET,
	TO,
	INSECURE,
	KEEP,
	OVERWRITE,
	FORCE,
	CHECKSUM,
};

static const enum feature features[] = {
	SYNC, ON_CBW_ERROR, CBW_TIMEOUT, ON_SOURCE_ERROR, ON_TARGET_ERROR, SPEED,
	TARGET_LATENCY, MIN_SPEED, WORKERS, MAX_COPY, ENGINE, BUF_SIZE, RELEASE, ZEROES,
	DISCARD,
};

static const struct option own[] = {
	{ "chunk",		required_argument,	NULL,	CHUNK },
	{ "paused",		no_argument,		NULL,	PAUSED },
	{ "then",		required_argument,	NULL,	THEN },
	{ "no-wait",		no_argument,		NULL,	NO_WAIT },
	{ "quiet",		no_argument,		NULL,	QUIET },
	{ "to",			required_argument,	NULL,	TO },
	{ "insecure",		no_argument,		NULL,	INSECURE },
	{ "keep",		required_argument,	NULL,	KEEP },
	{ "overwrite",		no_argument,		NULL,	OVERWRITE },
	{ "force",		no_argument,		NULL,	FORCE },
	{ "checksum",		no_argument,		NULL,	CHECKSUM },
	{ 0 }
};

struct options {
	struct features features;
	struct books_options books;
	const char *then;
	const char *to;
	bool no_wait, quiet, insecure;
};

/* --- options ------------------------------------------------------------------------------ */

/* Options that are about the target. */
static int set_book_option(struct options *options, int value)
{
	switch (value) {
	case TO:
		options->to = optarg;
		return 0;
	case INSECURE:
		options->insecure = true;
		return 0;
	case KEEP:
		if (parse_number(optarg, 1, UINT32_MAX, &options->books.keep))
			return say_usage("--keep is a number, 1 or more, not '%s'", optarg);
		return 0;
	case OVERWRITE:
		options->books.rules.overwrite = true;
		return 0;
	case FORCE:
		options->books.rules.force = true;
		return 0;
	default:
		options->books.checksum = true;
		return 0;
	}
}

static int set_option(struct options *options, int value)
{
	switch (value) {
	case CHUNK:
		return take_chunk(optarg, &options->books.chunk_size);
	case PAUSED:
		options->features.paused = true;
		return 0;
	case THEN:
		options->then = optarg;
		return 0;
	case NO_WAIT:
		options->no_wait = true;
		return 0;
	case QUIET:
		options->quiet = true;
		return 0;
	case '?':
		return CBW_USAGE;
	default:
		if (value >= CHUNK)
			return set_book_option(options, value);
		return features_set(&options->features, value - OF_FEATURES, optarg);
	}
}

static int parse_options(struct options *options, int argc, char **argv)
{
	bool none;
	struct option longopts[NR_FEATURES + sizeof(own) / sizeof(own[0])];
	int value;

	features_options(features, sizeof(features) / sizeof(features[0]), own, longopts);
	while ((value = next_option(argc, argv, longopts)) != -1) {
		if (set_option(options, value))
			return CBW_USAGE;
	}
	none = !strcmp(options->features.values[SYNC], "none");
	options->books.top = !strcmp(options->features.values[SYNC], "top");
	options->books.rules.zero = !strcmp(options->features.values[ZEROES], "skip");
	if (options->then && !none)
		return say_usage("--then needs --sync none");
	if (none && !options->then && !options->no_wait)
		return say_usage("--sync none never ends by itself: it needs --then or --no-wait");
	if (options->insecure && !(options->to && nbd_is_url(options->to)))
		return say_usage("--insecure needs --to nbd://...");
	if (options->books.keep && !options->to)
		return say_usage("--keep needs --to: a device has one backup");
	if (none && (options->books.keep || options->books.checksum))
		return say_usage("with --sync none there is no backup to --keep or to --checksum");
	if (options->then && options->no_wait)
		return say_usage("--then and --no-wait exclude each other");
	return 0;
}

/* The words of the job are in @words. */
static struct attach_job job_of(const struct options *options, char words[FEATURES_LEN])
{
	return (struct attach_job) {
		.kind = "backup",
		.chunk_sectors = options->books.chunk_size / SECTOR_SIZE,
		.nr = features_words(&options->features, words),
		.words = words,
	};
}

/* --- steps -------------------------------------------------------------------------------- */

/* What is backed up to where. */
struct plan {
	size_t nr;
	bool incremental;
	struct device *volumes;
	struct book *books;
	struct followed *jobs;
	int *pins;			/* of their file systems, or -1 */
};

static int resolve_volumes(struct plan *plan, char **names)
{
	for (size_t i = 0; i < plan->nr; i++) {
		if (device_resolve(names[i], &plan->volumes[i]))
			return -1;
		for (size_t j = 0; j < i; j++) {
			if (plan->volumes[j].dev == plan->volumes[i].dev)
				return say_error("%s is named twice", names[i]);
		}
	}
	return 0;
}

/* Of the one volume. */
static int resolve_target(struct plan *plan, size_t i, const char *name, const char *to,
			  bool insecure)
{
	struct book *book = &plan->books[i];

	if (plan->incremental)
		return base_find(&plan->volumes[i], &plan->jobs[i].at, to ? to : name, to,
				 &book->base) ||
		       target_reuse(&book->base, &book->target) ? -1 : 0;
	return to ? target_to(to, insecure, &plan->volumes[i], &book->target) :
		    target_device(name, &book->target);
}

static int resolve_targets(struct plan *plan, char **names, const struct options *options)
{
	const char *to = options->to;

	int r = 0;

	for (size_t i = 0; i < plan->nr && !r; i++)
		r = resolve_target(plan, i, to ? NULL : names[i], to, options->insecure);
	return r;
}

/* From here on no other tool touches the volumes. */
static int take(const struct plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < plan->nr && !r; i++) {
		r = lock_named(plan->volumes[i].dev, plan->volumes[i].path);
		plan->jobs[i].owned = !r;
	}
	return r;
}

static int check(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nr; i++) {
		if (attach_check(&plan->jobs[i].at, &plan->volumes[i]))
			return -1;
		attach_set_target(&plan->jobs[i].at, &plan->books[i].target.device);
	}
	return 0;
}

/* Once the jobs are loaded, whoever changes what a map begins with clears or replaces them. */
static int confirm_bases(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nr; i++) {
		if (plan->books[i].target.reused &&
		    base_confirm(&plan->jobs[i].at, &plan->books[i].base))
			return -1;
	}
	return 0;
}

/* LVM leaves them alone until unlock_groups(): what it has to do for us is done. */
static void lock_groups(const struct plan *plan)
{
	struct mapper_info info;

	for (size_t i = 0; i < plan->nr; i++) {
		if (!mapper_find(plan->volumes[i].dm_name, &info))
			lock_group(info.name, info.uuid);
	}
}

static int start_all(struct followed *jobs, size_t nr)
{
	struct attachment *at = calloc(nr, sizeof(*at));
	int r = -1;

	if (!at)
		return say_error("out of memory");
	for (size_t i = 0; i < nr; i++)
		at[i] = jobs[i].at;
	r = nr == 1 ? attach_start(at) : group_start(at, nr);
	free(at);
	return r;
}

static int attach_all(const struct plan *plan, const struct attach_job *job)
{
	struct followed *jobs = plan->jobs;
	size_t nr = plan->nr, loaded = 0;
	int r = 0;

	while (loaded < nr && !r) {
		r = signals_stop() ? -1 : attach_load(&jobs[loaded].at, job);
		loaded += !r;
	}
	if (!r)
		r = confirm_bases(plan);
	/* Of several, some may have begun before one did not. */
	if (!r)
		return start_all(jobs, nr) ? (nr > 1 ? 1 : -1) : 0;
	while (loaded)
		attach_undo(&jobs[--loaded].at);
	return -1;
}

static void pin_all(struct plan *plan, bool top)
{
	for (size_t i = 0; i < plan->nr; i++)
		plan->pins[i] = top ? pin_mounted(plan->volumes[i].dev) : -1;
}

/* One that turns out to save all is what a full one is. */
static int start_top(const struct attachment *at, struct book *book, uint64_t chunk_sectors,
		     bool frozen)
{
	bool all;

	if (opt_dry_run)
		return top_dry_run(at, frozen);
	if (top_start(at, chunk_sectors, frozen, &all))
		return -1;
	return all ? record_all(&book->record) : 0;
}

/* Held jobs are started, each by itself. */
static int start_held(struct plan *plan, const struct options *options)
{
	uint64_t chunk_sectors = options->books.chunk_size / SECTOR_SIZE;
	int r = 0;

	for (size_t i = 0; i < plan->nr; i++) {
		bool frozen = plan->pins[i] >= 0;

		if (frozen)
			close(plan->pins[i]);
		if (options->books.top)
			r |= start_top(&plan->jobs[i].at, &plan->books[i], chunk_sectors, frozen);
	}
	return r;
}

/* One that is still held is not left to others, but cancelled. */
static int finish(struct plan *plan, const struct options *options)
{
	struct followed *jobs = plan->jobs;
	size_t nr = plan->nr;
	bool held = start_held(plan, options);

	if (options->then)
		return then_run(jobs, nr, options->then, options->quiet);
	if (options->no_wait && !held)
		return follow_leave(jobs, nr);
	return opt_dry_run ? follow_dry_run(jobs, nr) : follow(jobs, nr, true, options->quiet);
}

/* The point in time is between the two. */
static int start(struct plan *plan, const struct options *options)
{
	char words[FEATURES_LEN];
	struct attach_job job = job_of(options, words);
	int r;

	lock_groups(plan);
	pin_all(plan, options->books.top);
	for (size_t i = 0; i < plan->nr; i++)
		memcpy(plan->jobs[i].generation, plan->books[i].record.generation, RECORD_ID_MAX);
	r = check(plan) ? -1 : attach_all(plan, &job);
	unlock_groups();
	if (r && signals_stop())
		say_error("interrupted: no backup was begun");
	if (opt_dry_run)
		return r;
	if (r)
		books_drop(plan->books, plan->nr, r > 0);
	else
		books_begun(plan->books, plan->nr);
	return r;
}

static int back_up(struct plan *plan, char **names, const struct options *options)
{
	if (resolve_volumes(plan, names) || take(plan) || check(plan) ||
	    resolve_targets(plan, names + plan->nr, options) ||
	    books_open(plan->books, plan->volumes, plan->nr, &options->books) ||
	    start(plan, options))
		return CBW_FAILED;
	return finish(plan, options);
}

static int run_plan(size_t nr, char **names, const struct options *options)
{
	struct plan plan = {
		.nr = nr,
		.incremental = !strcmp(options->features.values[SYNC], "incremental"),
		.volumes = calloc(nr, sizeof(*plan.volumes)),
		.books = calloc(nr, sizeof(*plan.books)),
		.jobs = calloc(nr, sizeof(*plan.jobs)),
		.pins = calloc(nr, sizeof(*plan.pins)),
	};
	int r;

	signals_catch();
	if (plan.volumes && plan.books && plan.jobs && plan.pins)
		r = back_up(&plan, names, options);
	else
		r = say_error("out of memory");
	free(plan.volumes);
	free(plan.books);
	free(plan.jobs);
	free(plan.pins);
	return r ? CBW_FAILED : CBW_DONE;
}

static int run(int argc, char **argv)
{
	struct options options = {
		.books.chunk_size = 65536,
		.features.values[CBW_TIMEOUT] = "10000",
	};
	int r = parse_options(&options, argc, argv);
	size_t nr = (size_t)(argc - optind);

	if (r)
		return r;
	if (options.to ? !nr : !nr || nr % 2)
		return say_usage("backup takes volumes, and then as many target devices, or --to");
	if (mapper_need_cbw())
		return CBW_FAILED;
	return run_plan(options.to ? nr : nr / 2, argv + optind, &options);
}

const struct verb verb_backup = {
	.name = "backup",
	.arguments = "VOLUME... TARGET... | VOLUME... --to WHERE",
	.summary = "back up volumes in use to target devices, as they are at one instant",
	.options = "  --to WHERE             make the target: a new volume in the volume group WHERE, an image file, or a\n"
		   "                         new image in a folder; a path has a '/'; or nbd://HOST[:PORT]/EXPORT\n"
		   "  --insecure             to an NBD server of another machine without TLS\n"
		   "  --keep N               then remove the oldest such backups of the volume, but for N\n"
		   "  --checksum             make checksums for 'cbw verify'\n"
		   "  --force                overwrite what the target carries\n"
		   "  --overwrite            even the only complete backup of a volume\n"
		   "  --chunk SIZE           the unit of copying, a power of two (64K)\n"
		   "  --sync WHAT            full (default): save all; top: only what the file system uses;\n"
		   "                         incremental: only what has changed since the backup that lies there;\n"
		   "                         none: only what is overwritten\n"
		   "  --then COMMAND         with --sync none: run it by sh -c, with the view in $CBW_VIEW, and end\n"
		   "  --no-wait              leave the job to 'cbw wait'\n"
		   "  --quiet                no progress, no summary\n"
		   "  --speed SIZE           each second at most, 0: no limit (0)\n"
		   "  --min-speed SIZE       each second at least, whatever --target-latency says (1M)\n"
		   "  --target-latency TIME  slow down while reads and writes take longer, 0: never (0)\n"
		   "  --workers N            copies of the sweep in flight, 1 to 64 (16)\n"
		   "  --max-copy SIZE        the longest copy (1M)\n"
		   "  --engine kcopyd|buffered\n"
		   "                         who copies: buffered does from a buffer of the job's own (buffered)\n"
		   "  --buf-size SIZE        how large that is (16M)\n"
		   "  --release saved|safe   held writes go on when their chunks are saved, or in the buffer (saved)\n"
		   "  --zeroes copy|write-zeroes|skip\n"
		   "                         skip them only where the target has nothing else (copy)\n"
		   "  --cbw-timeout TIME     how long a write is held at most, 0: no limit (10s)\n"
		   "  --on-cbw-error break-snapshot|break-write\n"
		   "  --on-source-error report|ignore|stop|enospc\n"
		   "  --on-target-error report|ignore|stop|enospc\n"
		   "  --discard skip|copy    what becomes of discards of what is not saved (skip)\n"
		   "  --paused               begin with the sweep paused\n",
	.run = run,
};
