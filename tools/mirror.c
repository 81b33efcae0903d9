// SPDX-License-Identifier: GPL-2.0-only
/* The verb mirror. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "books.h"
#include "cbw.h"
#include "features.h"
#include "follow.h"
#include "lock.h"
#include "overlay.h"
#include "pivot.h"
#include "say.h"
#include "signals.h"
#include "sysfs.h"
#include "units.h"

/* Those that are features come first. */
enum {
	CHUNK = OF_FEATURES + NR_FEATURES,
	PAUSED,
	PIVOT,
	NO_WAIT,
	QUIET,
	FORCE,
	OVERWRITE,
};

static const enum feature features[] = {
	SYNC, COPY_MODE, CBW_TIMEOUT, ON_SOURCE_ERROR, ON_TARGET_ERROR, SPEED,
	TARGET_LATENCY, MIN_SPEED, WORKERS, MAX_COPY,
};

static const struct option own[] = {
	{ "chunk",		required_argument,	NULL,	CHUNK },
	{ "paused",		no_argument,		NULL,	PAUSED },
	{ "pivot",		no_argument,		NULL,	PIVOT },
	{ "no-wait",		no_argument,		NULL,	NO_WAIT },
	{ "quiet",		no_argument,		NULL,	QUIET },
	{ "force",		no_argument,		NULL,	FORCE },
	{ "overwrite",		no_argument,		NULL,	OVERWRITE },
	{ 0 }
};

struct options {
	struct features features;
	struct books_options books;
	bool pivot, no_wait, quiet;
	dev_t store;		/* tells what an overlay holds; all else is on the target already */
};

/* --- options ------------------------------------------------------------------------------ */

static int set_option(struct options *options, int value)
{
	switch (value) {
	case CHUNK:
		return take_chunk(optarg, &options->books.chunk_size);
	case PAUSED:
		options->features.paused = true;
		return 0;
	case PIVOT:
		options->pivot = true;
		return 0;
	case NO_WAIT:
		options->no_wait = true;
		return 0;
	case QUIET:
		options->quiet = true;
		return 0;
	case FORCE:
		options->books.rules.force = true;
		return 0;
	case OVERWRITE:
		options->books.rules.overwrite = true;
		return 0;
	case '?':
		return CBW_USAGE;
	default:
		return features_set(&options->features, value - OF_FEATURES, optarg);
	}
}

/*
 * What is to be copied can be told of a view only, which a mirror has none of; and what is tracked
 * would end with a pivot.
 */
static bool needs_point_in_time(const char *sync)
{
	return !strcmp(sync, "top") || !strcmp(sync, "incremental");
}

static int parse_options(struct options *options, int argc, char **argv)
{
	char *mode = options->features.values[COPY_MODE];
	struct option longopts[NR_FEATURES + sizeof(own) / sizeof(own[0])];
	int value;

	features_options(features, sizeof(features) / sizeof(features[0]), own, longopts);
	while ((value = next_option(argc, argv, longopts)) != -1) {
		if (set_option(options, value))
			return CBW_USAGE;
	}
	if (argc - optind != 2)
		return say_usage("mirror takes a volume, and a target device");
	if (options->pivot && options->no_wait)
		return say_usage("--pivot and --no-wait exclude each other");
	if (needs_point_in_time(options->features.values[SYNC]))
		return say_usage("a mirror has --sync full or none");
	/* Then it gets ready under any load, and can go over. */
	if (options->pivot && !*mode)
		snprintf(mode, JOB_WORD_LEN, "write-blocking");
	return 0;
}

/* --- steps -------------------------------------------------------------------------------- */

static int block_size(const struct device *device, unsigned int *size)
{
	char text[16];

	if (sysfs_read(device->dev, "queue/logical_block_size", text, sizeof(text)) ||
	    sscanf(text, "%u", size) != 1)
		return say_error("the block size of %s is not known", device->path);
	return 0;
}

/* A file system that has smaller blocks could not be mounted there. */
static int check_blocks(const struct device *volume, const struct device *target)
{
	unsigned int its, theirs;

	if (block_size(volume, &its) || block_size(target, &theirs))
		return -1;
	if (theirs <= its)
		return 0;
	return say_error("%s has blocks of %u bytes, and %s of %u: it cannot take its place",
			 target->path, theirs, volume->path, its);
}

static int check(struct attachment *at, const struct device *volume, const struct device *target,
		 struct options *options)
{
	char *sync = options->features.values[SYNC];

	options->books.rules.commit = overlay_is_of(volume, target);
	if (attach_check(at, volume) ||
	    (options->books.rules.commit && overlay_check(volume, target)))
		return -1;
	/* It is listed when the job runs already, which looks after what is written meanwhile. */
	if (options->books.rules.commit && !opt_dry_run && !*sync)
		options->store = overlay_store(volume, target);
	if (options->store)
		snprintf(sync, JOB_WORD_LEN, "bitmap");
	if (at->tracked)
		return say_error("the changes of %s are tracked, which a pivot would end: 'cbw detach' first",
				 volume->path);
	if (check_blocks(volume, target) || (options->pivot && pivot_check(volume, target)))
		return -1;
	attach_set_target(at, target);
	return 0;
}

/* What lay on the target device is forgotten; a mirror has no record, for it has no instant. */
static int take_target(struct book *book, const struct device *volume,
		       const struct options *options)
{
	if (books_open(book, volume, 1, &options->books))
		return -1;
	return opt_dry_run ? 0 : record_remove(&book->record);
}

static int attach(struct attachment *at, const struct options *options)
{
	char words[FEATURES_LEN];
	struct attach_job job = {
		.kind = "mirror",
		.chunk_sectors = options->books.chunk_size / SECTOR_SIZE,
		.nr = features_words(&options->features, words),
		.words = words,
	};

	return attach_load(at, &job) || attach_start(at) ? -1 : 0;
}

static int send(const struct attachment *at, uint64_t start, uint64_t length)
{
	char message[80];

	snprintf(message, sizeof(message), "bitmap add %" PRIu64 " %" PRIu64, start, length);
	return mapper_message(at->volume.name, message, NULL);
}

/* What is to be copied of an overlay. If the store cannot be read, that is all. */
static int start_listed(struct attachment *at, const struct options *options)
{
	struct ranges held;
	int r = 0;

	if (overlay_list(options->store, at->length, options->books.chunk_size / SECTOR_SIZE,
			 &held)) {
		say_warning("what the overlay %s holds is not known: all of it is copied",
			    at->volume.name);
		r = send(at, 0, at->length);
	}
	for (size_t i = 0; i < held.nr && !r; i++)
		r = send(at, held.list[i].start, held.list[i].length);
	free(held.list);
	if (!r && !mapper_message(at->volume.name, "bitmap start", NULL))
		return 0;
	attach_end(at);
	return -1;
}

static int start(struct followed *followed, char **names, struct options *options)
{
	struct attachment *at = &followed->at;
	struct device volume;
	struct book book = { 0 };
	int r;

	if (device_resolve(names[0], &volume) || target_device(names[1], &book.target) ||
	    lock_named(volume.dev, volume.path))
		return -1;
	followed->owned = true;
	if (check(at, &volume, &book.target.device, options) ||
	    take_target(&book, &volume, options))
		return -1;
	lock_group(at->volume.name, at->volume.uuid);
	r = attach(at, options);
	unlock_groups();
	if (r && signals_stop())
		say_error("interrupted: no mirror was begun");
	return r || !options->store ? r : start_listed(at, options);
}

static int dry_run(struct attachment *at, bool pivots)
{
	printf("until dmsetup status '%s' | grep -q ' cbw ready '; do sleep 1; done\n",
	       at->volume.name);
	return pivots ? pivot(at, true) : 0;
}

static void say_how(const struct attachment *at)
{
	char target[DM_NAME_LEN];

	fprintf(stderr, "%s: ready; 'cbw pivot' lets it go over to %s, 'cbw cancel' leaves a copy there\n",
		at->volume.name, attach_target_name(at, target));
}

static int mirror(char **names, struct options *options)
{
	struct followed followed = { .owned = false };
	int r;

	if (start(&followed, names, options))
		return -1;
	if (opt_dry_run)
		return dry_run(&followed.at, options->pivot);
	if (options->no_wait)
		return follow_leave(&followed, 1);
	r = follow(&followed, 1, true, options->quiet);
	if (r)
		return r;
	if (signals_stop())
		return say_error("interrupted: the mirror of %s is ready; 'cbw cancel' ends it",
				 followed.at.volume.name);
	if (options->pivot)
		return pivot(&followed.at, options->quiet);
	if (!options->quiet && !opt_json)
		say_how(&followed.at);
	return 0;
}

static int run(int argc, char **argv)
{
	struct options options = {
		.books.chunk_size = 65536,
		.features.values = { [CBW_TIMEOUT] = "10000" },
	};
	int r = parse_options(&options, argc, argv);

	if (r)
		return r;
	if (mapper_need_cbw())
		return CBW_FAILED;
	signals_catch();
	return mirror(argv + optind, &options) ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_mirror = {
	.name = "mirror",
	.arguments = "VOLUME TARGET",
	.summary = "let a device follow a volume in use, to move it there",
	.options = "  --pivot                then let the volume go over to it\n"
		   "  --copy-mode background|write-blocking\n"
		   "                         background: copy later what was written; write-blocking: write to both.\n"
		   "                         Default: background, with --pivot write-blocking\n"
		   "  --force                overwrite what the target carries, or merge an overlay into its base\n"
		   "  --overwrite            even the only complete backup of a volume\n"
		   "  --chunk SIZE           the unit of copying, a power of two (64K)\n"
		   "  --sync full|none       full (default): copy all; none: the two are the same already\n"
		   "  --no-wait              leave the job to 'cbw wait'\n"
		   "  --quiet                no progress, no summary\n"
		   "  --speed SIZE           each second at most, 0: no limit (0)\n"
		   "  --min-speed SIZE       each second at least, whatever --target-latency says (1M)\n"
		   "  --target-latency TIME  slow down while reads and writes take longer, 0: never (0)\n"
		   "  --workers N            copies of the sweep in flight, 1 to 64 (16)\n"
		   "  --max-copy SIZE        the longest copy (1M)\n"
		   "  --cbw-timeout TIME     how long a write waits for the target device, 0: no limit (10s)\n"
		   "  --on-source-error report|ignore|stop|enospc\n"
		   "  --on-target-error report|ignore|stop|enospc\n"
		   "  --paused               begin with the copying paused\n",
	.run = run,
};
