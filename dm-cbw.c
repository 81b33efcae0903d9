// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device-mapper target "cbw"; Documentation/dm-cbw.rst is its manual.
 */
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/device-mapper.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dm-cbw.h"
#include "dm-cbw-args.h"
#include "dm-cbw-backup.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-changes.h"
#include "dm-cbw-commit.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-copying.h"
#include "dm-cbw-late.h"
#include "dm-cbw-mirror.h"
#include "dm-cbw-snapshot.h"
#include "dm-cbw-track.h"

#define CREATE_TRACE_POINTS
#include "dm-cbw-trace.h"

/* 2^33 bits are 1 GiB of memory for each bitmap. */
#define CBW_MAX_CHUNKS	BIT_ULL(33)

struct cbw {
	struct cbw_args args;
	struct dm_dev *origin;
	struct dm_dev *dest;		/* NULL: the job has none */
	struct dm_dev *metadata;	/* NULL: it has none */
	struct dm_dev *below;		/* the same; nothing is done with it */
	struct cbw_changes *changes;	/* NULL: nothing is tracked */
	struct cbw_copying *copying;	/* one of these two is the job */
	struct cbw_track *track;
	struct mutex messages;	/* serializes them; guards nothing else */
};

/*----------------------------------------------------------------
 * Constructor and destructor
 *----------------------------------------------------------------
 */

static int open_device(struct dm_target *ti, const char *path,
		       struct dm_dev **dev, char *busy, char *other)
{
	int r = dm_get_device(ti, path, CBW_MODE_READ | CBW_MODE_WRITE, dev);

	if (r)
		ti->error = r == -EBUSY ? busy : other;
	return r;
}

static int open_devices(struct dm_target *ti, struct cbw *cbw,
			const char *origin, const char *dest)
{
	bool none = !strcmp(dest, "-");
	int r;

	if (cbw->args.job == CBW_TRACK && !none) {
		ti->error = "Job track takes no target device, but \"-\"";
		return -EINVAL;
	}
	if (cbw->args.job != CBW_TRACK && none) {
		ti->error = cbw->args.job == CBW_MIRROR ? "Job mirror needs a target device" :
			    "Job backup needs a target device";
		return -EINVAL;
	}

	r = open_device(ti, origin, &cbw->origin,
			"Origin device is in use: mounted, or claimed by another driver",
			"Cannot open the origin device");
	if (r || none)
		return r;

	return open_device(ti, dest, &cbw->dest,
			   "Target device is in use: mounted, claimed by another driver, a partition of the origin, or the reverse",
			   "Cannot open the target device");
}

/* What the table shows is its number. */
static int open_metadata(struct dm_target *ti, struct cbw *cbw)
{
	const char **name = &cbw->args.device[CBW_FEATURE_METADATA];
	int r;

	if (!*name)
		return 0;
	r = open_device(ti, *name, &cbw->metadata,
			"Metadata device is in use: mounted, claimed by another driver, or the like",
			"Cannot open the metadata device");
	if (!r)
		*name = cbw->metadata->name;
	return r;
}

/* Who follows the dependencies of devices finds it; what is read-only is all right. */
static int open_below(struct dm_target *ti, struct cbw *cbw)
{
	const char **name = &cbw->args.device[CBW_FEATURE_BELOW];
	int r;

	if (!*name)
		return 0;
	r = dm_get_device(ti, *name, CBW_MODE_READ, &cbw->below);
	if (r)
		ti->error = "Cannot open the device below";
	else
		*name = cbw->below->name;
	return r;
}

static bool fits_blocks(const struct cbw *cbw)
{
	unsigned int chunk_bytes = cbw->args.chunk << SECTOR_SHIFT;

	return IS_ALIGNED(chunk_bytes, bdev_logical_block_size(cbw->origin->bdev)) &&
	       IS_ALIGNED(chunk_bytes, bdev_logical_block_size(cbw->dest->bdev)) &&
	       IS_ALIGNED(chunk_bytes, bdev_physical_block_size(cbw->dest->bdev));
}

/* The smallest write that may come must fit the target device, too. */
static bool fits_mirror(const struct cbw *cbw)
{
	return cbw->args.job != CBW_MIRROR ||
	       bdev_logical_block_size(cbw->dest->bdev) <=
	       bdev_logical_block_size(cbw->origin->bdev);
}

/* What is wrong with the devices, or NULL. */
static char *check_dest(struct dm_target *ti, const struct cbw *cbw)
{
	struct block_device *dest = cbw->dest->bdev;

	if (bdev_is_zoned(dest))
		return "Zoned devices are not supported";
	if (ti->len > bdev_nr_sectors(dest))
		return "Target device is shorter than the table";
	if (bdev_read_only(dest))
		return "Target device is read-only";
	if (!fits_blocks(cbw))
		return "Chunk size is not a multiple of the devices' block sizes";
	if (!fits_mirror(cbw))
		return "Target device of a mirror has larger logical blocks than the origin";
	if (!IS_ALIGNED(ti->len << SECTOR_SHIFT, bdev_logical_block_size(dest)))
		return "Length is not a multiple of the target device's block size";
	return NULL;
}

static char *check_devices(struct dm_target *ti, const struct cbw *cbw)
{
	if (bdev_is_zoned(cbw->origin->bdev))
		return "Zoned devices are not supported";
	if (ti->len > bdev_nr_sectors(cbw->origin->bdev))
		return "The table is longer than the origin device";
	if (ti->len >> ilog2(cbw->args.chunk) >= min_t(u64, CBW_MAX_CHUNKS, ULONG_MAX / 2))
		return "Too many chunks: choose a larger chunk size";
	return cbw->dest ? check_dest(ti, cbw) : NULL;
}

static void set_target(struct dm_target *ti, const struct cbw *cbw)
{
	ti->num_flush_bios = cbw->copying ? cbw->copying->ops->nr_flushes : 1;
	/* Those of a mirror must come, though the origin may have no cache. */
	ti->flush_supported = ti->num_flush_bios > 1;
	ti->num_discard_bios = 1;
	ti->num_secure_erase_bios = 1;
	ti->num_write_zeroes_bios = 1;
	ti->per_io_data_size = cbw->copying ? cbw->copying->ops->per_bio_size : 0;
}

static int get_changes(struct dm_target *ti, struct cbw *cbw)
{
	struct cbw_changes_config config = {
		.origin		= cbw->origin->bdev,
		.metadata	= cbw->metadata ? cbw->metadata->bdev : NULL,
		.create		= cbw->args.job == CBW_TRACK,
		.chunk_shift	= ilog2(cbw->args.chunk),
	};

	cbw->changes = cbw_changes_get(ti, &config, &ti->error);
	return PTR_ERR_OR_ZERO(cbw->changes);
}

/* What is wrong with the tracking map of an incremental backup, or NULL. */
static char *check_changes(const struct cbw *cbw)
{
	if (!cbw->changes && cbw->metadata)
		return "Metadata of a backup needs a map that is kept there: load job track first";
	if (cbw->args.value[CBW_FEATURE_SYNC] != CBW_SYNC_INCREMENTAL)
		return NULL;
	if (!cbw->changes)
		return "Sync incremental needs a tracking map of this length and origin";
	if (!cbw_changes_based(cbw->changes))
		return "Sync incremental needs a full backup since the tracking map began";
	return NULL;
}

static int start_tracking(struct dm_target *ti, struct cbw *cbw)
{
	char *error;
	int r = get_changes(ti, cbw);

	if (r)
		return r;
	error = check_changes(cbw);
	if (error) {
		ti->error = error;
		return -EINVAL;
	}
	return 0;
}

static int start_copying(struct dm_target *ti, struct cbw *cbw)
{
	struct cbw_geometry geometry = {
		.dev		= disk_devt(dm_disk(dm_table_get_md(ti->table))),
		.origin		= cbw->origin->bdev,
		.dest		= cbw->dest->bdev,
		.len		= ti->len,
		.chunk_shift	= ilog2(cbw->args.chunk),
	};

	if (cbw->args.job == CBW_MIRROR)
		cbw->copying = cbw_mirror_create(ti, &cbw->args, &geometry, cbw->changes,
						 &ti->error);
	else
		cbw->copying = cbw_backup_create(ti, &cbw->args, &geometry, cbw->changes,
						 &ti->error);
	return PTR_ERR_OR_ZERO(cbw->copying);
}

static int start_track(struct dm_target *ti, struct cbw *cbw)
{
	cbw->track = cbw_track_create(ti, cbw->origin->bdev, cbw->changes, &ti->error);
	return PTR_ERR_OR_ZERO(cbw->track);
}

static int start_job(struct dm_target *ti, struct cbw *cbw)
{
	int r = start_tracking(ti, cbw);

	if (r)
		return r;
	return cbw->args.job == CBW_TRACK ? start_track(ti, cbw) : start_copying(ti, cbw);
}

/* For a half-built one, too. */
static void destroy(struct dm_target *ti, struct cbw *cbw)
{
	struct cbw_changes *changes = IS_ERR(cbw->changes) ? NULL : cbw->changes;

	cbw_changes_leave(changes, ti);
	if (!IS_ERR_OR_NULL(cbw->copying))
		cbw_copying_destroy(cbw->copying);
	if (!IS_ERR_OR_NULL(cbw->track))
		cbw_track_destroy(cbw->track);
	cbw_changes_put(changes);
	if (cbw->metadata)
		dm_put_device(ti, cbw->metadata);
	if (cbw->below)
		dm_put_device(ti, cbw->below);
	if (cbw->dest)
		dm_put_device(ti, cbw->dest);
	if (cbw->origin)
		dm_put_device(ti, cbw->origin);
	mutex_destroy(&cbw->messages);
	kfree(cbw);
}

static int build(struct dm_target *ti, struct cbw *cbw, unsigned int argc,
		 char **argv)
{
	char *error;
	int r;

	if (argc < 4) {
		ti->error = "Too few arguments: <origin> <target> <chunk size> <job> expected";
		return -EINVAL;
	}
	r = cbw_args_parse(&cbw->args, argc - 2, argv + 2, &ti->error);
	if (r)
		return r;
	r = open_devices(ti, cbw, argv[0], argv[1]);
	if (!r)
		r = open_metadata(ti, cbw);
	if (!r)
		r = open_below(ti, cbw);
	if (r)
		return r;

	error = check_devices(ti, cbw);
	if (error) {
		ti->error = error;
		return -EINVAL;
	}
	return start_job(ti, cbw);
}

static int cbw_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct cbw *cbw = kzalloc(sizeof(*cbw), GFP_KERNEL);
	int r;

	if (!cbw) {
		ti->error = "Cannot allocate the target";
		return -ENOMEM;
	}
	mutex_init(&cbw->messages);

	r = build(ti, cbw, argc, argv);
	if (r) {
		destroy(ti, cbw);
		return r;
	}
	set_target(ti, cbw);
	ti->private = cbw;
	return 0;
}

static void cbw_dtr(struct dm_target *ti)
{
	destroy(ti, ti->private);
}

/*----------------------------------------------------------------
 * I/O, suspend and resume
 *----------------------------------------------------------------
 */

static int map_job(struct cbw *cbw, struct bio *bio)
{
	if (cbw->copying)
		return cbw_copying_map(cbw->copying, bio);

	bio_set_dev(bio, cbw->origin->bdev);
	return DM_MAPIO_REMAPPED;
}

/* First noted, so that it becomes durable while a copy is made; what may pass waits for both. */
static int map_tracked(struct cbw *cbw, struct bio *bio)
{
	bool passes = cbw_changes_note(cbw->changes, bio);
	int r = map_job(cbw, bio);

	if (passes || r != DM_MAPIO_REMAPPED)
		return r;
	if (cbw_may_not_wait(bio))
		return cbw_would_block(bio);
	cbw_changes_submit(cbw->changes, bio);
	return DM_MAPIO_SUBMITTED;
}

static int cbw_map(struct dm_target *ti, struct bio *bio)
{
	struct cbw *cbw = ti->private;

	if (cbw->changes && op_is_write(bio_op(bio)) && bio_sectors(bio))
		return map_tracked(cbw, bio);
	return map_job(cbw, bio);
}

static int cbw_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct cbw *cbw = ti->private;

	if (cbw->changes)
		cbw_changes_ended(cbw->changes, bio);
	if (cbw->copying)
		cbw_copying_end_io(cbw->copying, bio, *error);
	return DM_ENDIO_DONE;
}

static void cbw_presuspend(struct dm_target *ti)
{
	struct cbw *cbw = ti->private;

	if (cbw->copying)
		cbw_copying_presuspend(cbw->copying);
}

static void cbw_presuspend_undo(struct dm_target *ti)
{
	struct cbw *cbw = ti->private;

	if (cbw->copying)
		cbw_copying_presuspend_undo(cbw->copying);
}

static void cbw_postsuspend(struct dm_target *ti)
{
	struct cbw *cbw = ti->private;

	if (cbw->copying)
		cbw_copying_postsuspend(cbw->copying);
}

static int cbw_preresume(struct dm_target *ti)
{
	struct cbw *cbw = ti->private;
	unsigned int policy = cbw->args.value[CBW_FEATURE_ON_METADATA_ERROR];
	u64 timeout = (u64)cbw->args.value[CBW_FEATURE_CBW_TIMEOUT] * NSEC_PER_MSEC;

	if (cbw->changes)
		cbw_changes_set_policy(cbw->changes, policy == CBW_FAIL_WRITE, timeout);
	if (cbw->copying)
		cbw_copying_preresume(cbw->copying);
	else
		cbw_track_preresume(cbw->track);
	return 0;
}

static void cbw_resume(struct dm_target *ti)
{
	struct cbw *cbw = ti->private;

	if (cbw->copying)
		cbw_copying_resume(cbw->copying);
}

/*
 * The origin only: a table that is slipped under a mounted volume must not
 * change the limits of its queue, and the target device would.
 */
static int cbw_iterate_devices(struct dm_target *ti,
			       iterate_devices_callout_fn fn, void *data)
{
	struct cbw *cbw = ti->private;

	return fn(ti, cbw->origin, 0, ti->len, data);
}

/*----------------------------------------------------------------
 * Status and messages
 *----------------------------------------------------------------
 */

#define UNKNOWN_MESSAGE	\
	"it must be pause, resume, cancel, complete, copy_mode write-blocking, speed <KiB/s>, min_speed <KiB/s>, target_latency <us>, workers <n>, bitmap add|remove <start> <length>, bitmap start, stats, stats reset, changed, changed <sector>, taken <sector> or map <sector> <sectors>"

#define NOT_RESUMED	"the table was not resumed yet"

#define NOT_HELD	"the job is not held: only sync top and bitmap are, until bitmap start"

static void job_status(struct cbw *cbw, struct cbw_copying_status *status)
{
	if (cbw->copying)
		cbw_copying_status(cbw->copying, status);
	else
		cbw_track_state(cbw->track, &status->state, &status->reason);
	if (cbw->changes)
		status->held += cbw_changes_nr_waiting(cbw->changes);
}

/* Job track has no sync. */
static const char *sync_word(const struct cbw *cbw)
{
	return cbw->copying ? cbw_args_word(&cbw->args, CBW_FEATURE_SYNC) : "-";
}

static size_t emit_info(struct cbw *cbw, char *result, unsigned int maxlen)
{
	struct cbw_copying_status status = { 0 };
	size_t sz = 0;	/* of DMEMIT */

	job_status(cbw, &status);
	DMEMIT("%s %s %s %u %lu/%lu %u %u %lu %lu %u %u %s",
	       status.state, cbw_args_job(&cbw->args), sync_word(cbw),
	       cbw->args.chunk, status.done, status.total,
	       status.in_flight, status.held, status.cbw_chunks,
	       status.sweep_chunks, status.source_errors, status.target_errors,
	       status.reason);
	return sz;
}

static const char *dest_name(const struct cbw *cbw)
{
	return cbw->dest ? cbw->dest->name : "-";
}

static size_t emit_table(struct cbw *cbw, char *result, unsigned int maxlen)
{
	size_t sz = 0;	/* of DMEMIT */

	DMEMIT("%s %s %u %s ", cbw->origin->name, dest_name(cbw), cbw->args.chunk,
	       cbw_args_job(&cbw->args));
	return sz + cbw_args_emit(&cbw->args, result + sz, maxlen - sz);
}

static void cbw_status(struct dm_target *ti, status_type_t type,
		       unsigned int status_flags, char *result,
		       unsigned int maxlen)
{
	struct cbw *cbw = ti->private;
	size_t __maybe_unused sz = 0;	/* of DMEMIT */

	switch (type) {
	case STATUSTYPE_INFO:
		emit_info(cbw, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		emit_table(cbw, result, maxlen);
		break;
#ifdef DMEMIT_TARGET_NAME_VERSION
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",origin=%s,target=%s,chunk=%u,job=%s,sync=%s;",
		       cbw->origin->name, dest_name(cbw), cbw->args.chunk,
		       cbw_args_job(&cbw->args), sync_word(cbw));
		break;
#endif
	}
}

/* kstrtou64() would take a sign. */
static int parse_sectors(const char *word, u64 *sectors)
{
	return isdigit(*word) ? kstrtou64(word, 10, sectors) : -EINVAL;
}

/* What is wrong, or NULL. */
static const char *tune(struct cbw *cbw, const char *name, const char *word)
{
	bool mode = !strcasecmp(name, "copy_mode");
	char *error = UNKNOWN_MESSAGE;

	if (mode && cbw->args.job != CBW_MIRROR)
		return "only job mirror has a copy_mode";
	if (cbw_args_tune(&cbw->args, name, word, &error))
		return error;
	if (mode)
		cbw_mirror_set_mode(cbw->copying, &cbw->args);
	else
		cbw_copying_tune(cbw->copying, &cbw->args);
	return NULL;
}

/* One line is no longer than that. */
#define RANGE_LEN	64

typedef bool next_range(struct cbw *cbw, sector_t *from, sector_t *end);

static bool next_changed(struct cbw *cbw, sector_t *from, sector_t *end)
{
	return cbw_changes_next(cbw->changes, from, end);
}

static bool next_taken(struct cbw *cbw, sector_t *from, sector_t *end)
{
	return cbw_copying_taken(cbw->copying, from, end);
}

/* "<start> <length>" of each range from @from on; "next <sector>" if that is not all. */
static void emit_ranges(struct cbw *cbw, next_range *next, sector_t from, char *result,
			size_t maxlen)
{
	sector_t end;
	size_t sz = 0;	/* of DMEMIT */

	for (; next(cbw, &from, &end); from = end) {
		if (maxlen - sz < 2 * RANGE_LEN) {
			DMEMIT("next %llu\n", (unsigned long long)from);
			return;
		}
		DMEMIT("%llu %llu\n", (unsigned long long)from,
		       (unsigned long long)(end - from));
	}
}

static void emit_changes(struct cbw *cbw, char *result, size_t maxlen)
{
	struct cbw_changes_info info = { .generation = uuid_null, .kept = "-" };
	size_t sz = 0;	/* of DMEMIT */

	if (cbw->changes)
		cbw_changes_info(cbw->changes, &info);
	if (uuid_is_null(&info.generation))
		DMEMIT("-");
	else
		DMEMIT("%pU", &info.generation);
	DMEMIT(" %u %lu %s\n", info.chunk, info.nr_changed, info.kept);
}

static bool begun(struct cbw *cbw)
{
	return cbw->copying ? cbw_copying_begun(cbw->copying) : cbw_track_begun(cbw->track);
}

/* What is wrong with a question for what was written, or NULL. No @word is none for ranges. */
static const char *parse_sector(struct cbw *cbw, const char *word, u64 *sector)
{
	/* The first resume exchanges the map, and nobody may look at it meanwhile. */
	if (!begun(cbw))
		return NOT_RESUMED;
	if (!word)
		return NULL;
	if (!cbw->changes)
		return "changes of this device are not tracked";
	if (parse_sectors(word, sector))
		return "it takes a sector, 0 to 18446744073709551615";
	return NULL;
}

static const char *taken(struct cbw *cbw, const char *word, char *result, size_t maxlen)
{
	u64 from;
	const char *error = parse_sector(cbw, word, &from);

	if (!error)
		emit_ranges(cbw, next_taken, from, result, maxlen);
	return error;
}

static const char *changed(struct cbw *cbw, const char *word, char *result, size_t maxlen)
{
	u64 from = 0;
	const char *error = parse_sector(cbw, word, &from);

	if (error)
		return error;
	/* What a job that has failed did not save has changed. */
	if (cbw->copying)
		cbw_copying_settle(cbw->copying);
	if (word)
		emit_ranges(cbw, next_changed, from, result, maxlen);
	else
		emit_changes(cbw, result, maxlen);
	return NULL;
}

/* Chunks that one message looks at, so that it takes milliseconds at most. */
#define MAX_LOOK	BIT_ULL(24)
#define MAP_LEN		192

static sector_t look_end(struct cbw *cbw, sector_t len, sector_t from)
{
	unsigned int chunk = cbw->args.chunk;

	if (cbw->changes)
		chunk = min(chunk, cbw_changes_chunk(cbw->changes));
	return min_t(u64, len, from + MAX_LOOK * chunk);
}

static size_t emit_cell(struct cbw *cbw, sector_t start, sector_t end, char *result,
			size_t maxlen)
{
	u64 sectors[CBW_NR_FATES] = { 0 };
	enum cbw_fate fate;
	size_t sz = 0;	/* of DMEMIT */

	if (cbw->copying)
		cbw_copying_count(cbw->copying, start, end, sectors);
	DMEMIT("%llu %llu", (unsigned long long)start, (unsigned long long)(end - start));
	for (fate = 0; fate < CBW_NR_FATES; fate++)
		DMEMIT(" %llu", (unsigned long long)sectors[fate]);
	DMEMIT(" %llu\n", cbw->changes ?
	       (unsigned long long)cbw_changes_count(cbw->changes, start, end) : 0);
	return sz;
}

/* A line for each @cell sectors, or for what is looked at of them; else as emit_ranges(). */
static void emit_map(struct cbw *cbw, sector_t len, sector_t from, u64 cell, char *result,
		     size_t maxlen)
{
	sector_t end, stop = from < len ? look_end(cbw, len, from) : from;
	size_t sz = 0;	/* of DMEMIT */
	u64 within;

	for (; from < stop && maxlen - sz >= MAP_LEN + RANGE_LEN; from = end) {
		div64_u64_rem(from, cell, &within);
		end = from + min_t(u64, stop - from, cell - within);
		sz += emit_cell(cbw, from, end, result + sz, maxlen - sz);
	}
	if (from < len)
		DMEMIT("next %llu\n", (unsigned long long)from);
}

/* "<sector> <sectors>": what has become of the device. */
static const char *map(struct dm_target *ti, char **argv, char *result, size_t maxlen)
{
	struct cbw *cbw = ti->private;
	u64 from, cell;

	if (!begun(cbw))
		return NOT_RESUMED;
	if (parse_sectors(argv[0], &from) || parse_sectors(argv[1], &cell) || !cell)
		return "it takes a sector, and how many each line is for, 1 or more";
	if (cbw->copying)
		cbw_copying_settle(cbw->copying);
	emit_map(cbw, ti->len, from, cell, result, maxlen);
	return NULL;
}

/* "add|remove <start> <length>" */
static const char *list(struct cbw *cbw, char **argv)
{
	sector_t len = cbw->copying->geometry.len;
	bool add = !strcasecmp(argv[0], "add");
	u64 start, length;

	if (!add && strcasecmp(argv[0], "remove"))
		return UNKNOWN_MESSAGE;
	if (parse_sectors(argv[1], &start) || parse_sectors(argv[2], &length) || !length)
		return "it takes the first sector and how many there are, 1 or more";
	if (start >= len || length > len - start)
		return "the range ends beyond the device";
	if (!cbw_copying_held(cbw->copying))
		return NOT_HELD;
	cbw_copying_list(cbw->copying, start, start + length, add);
	return NULL;
}

/* What is to be saved, of a job that is held. */
static const char *handle_bitmap(struct cbw *cbw, unsigned int argc, char **argv)
{
	if (argc == 3)
		return list(cbw, argv);
	if (argc != 1 || strcasecmp(argv[0], "start"))
		return UNKNOWN_MESSAGE;
	return cbw_copying_start(cbw->copying) ? NULL : NOT_HELD;
}

static const char *complete_mirror(struct cbw *cbw)
{
	if (cbw->args.job != CBW_MIRROR)
		return "only job mirror is completed by a message";
	if (dm_suspended(cbw->copying->ti))
		return "the device is suspended";
	return cbw_mirror_complete(cbw->copying) ? NULL :
	       "the job is not ready; copy_mode write-blocking makes it so under any load";
}

/* What steers a job. */
static const char *handle_verb(struct cbw *cbw, const char *verb)
{
	bool held = cbw_copying_held(cbw->copying);
	bool done;

	if (!strcasecmp(verb, "pause"))
		done = cbw_copying_pause(cbw->copying);
	else if (!strcasecmp(verb, "resume"))
		done = cbw_copying_unpause(cbw->copying);
	else if (!strcasecmp(verb, "cancel"))
		done = cbw_copying_cancel(cbw->copying);
	else if (!strcasecmp(verb, "complete"))
		return complete_mirror(cbw);
	else
		return UNKNOWN_MESSAGE;
	if (done)
		return NULL;
	return held ? "the job is held until bitmap start" :
		      "the job has ended, or not started yet";
}

/*
 * What is wrong with the message, or NULL. @result, if it has one, shares its
 * memory with @argv and is written last.
 */
static const char *handle_message(struct dm_target *ti, unsigned int argc, char **argv,
				  char *result, unsigned int maxlen)
{
	struct cbw *cbw = ti->private;
	const char *verb = argv[0];

	if (argc <= 2 && !strcasecmp(verb, "changed"))
		return changed(cbw, argc == 2 ? argv[1] : NULL, result, maxlen);
	if (argc == 3 && !strcasecmp(verb, "map"))
		return map(ti, argv + 1, result, maxlen);
	if (!cbw->copying)
		return "job track takes only changed, changed <sector> and map <sector> <sectors>";
	if (argc == 1 && !strcasecmp(verb, "stats")) {
		cbw_copying_stats(cbw->copying, result, maxlen);
		return NULL;
	}
	if (argc == 2 && !strcasecmp(verb, "stats") && !strcasecmp(argv[1], "reset")) {
		cbw_copying_reset_stats(cbw->copying);
		return NULL;
	}
	if (argc >= 2 && !strcasecmp(verb, "bitmap"))
		return handle_bitmap(cbw, argc - 1, argv + 1);
	if (argc == 1)
		return handle_verb(cbw, verb);
	if (argc == 2 && !strcasecmp(verb, "taken"))
		return taken(cbw, argv[1], result, maxlen);
	return argc == 2 ? tune(cbw, verb, argv[1]) : UNKNOWN_MESSAGE;
}

static int cbw_message(struct dm_target *ti, unsigned int argc, char **argv,
		       char *result, unsigned int maxlen)
{
	struct cbw *cbw = ti->private;
	const char *error;

	result[0] = '\0';
	mutex_lock(&cbw->messages);
	error = handle_message(ti, argc, argv, result, maxlen);
	mutex_unlock(&cbw->messages);
	if (!error)
		return result[0] ? 1 : 0;

	DMWARN("%s: message \"%s\" refused: %s",
	       dm_device_name(dm_table_get_md(ti->table)), argv[0], error);
	return -EINVAL;
}

/*----------------------------------------------------------------
 * The module
 *----------------------------------------------------------------
 */

static struct target_type cbw_target = {
	.name			= "cbw",
	.version		= { 0, 1, 0 },
	.features		= DM_TARGET_SINGLETON | DM_TARGET_NOWAIT |
				  DM_TARGET_ATOMIC_WRITES,
	.module			= THIS_MODULE,
	.ctr			= cbw_ctr,
	.dtr			= cbw_dtr,
	.map			= cbw_map,
	.end_io			= cbw_end_io,
	.presuspend		= cbw_presuspend,
	.presuspend_undo	= cbw_presuspend_undo,
	.postsuspend		= cbw_postsuspend,
	.preresume		= cbw_preresume,
	.resume			= cbw_resume,
	.status			= cbw_status,
	.message		= cbw_message,
	.iterate_devices	= cbw_iterate_devices,
};

static int __init dm_cbw_init(void)
{
	int r = cbw_late_module_init();

	if (r)
		return r;
	cbw_commit_init();

	r = dm_register_target(&cbw_target);
	if (r)
		goto no_target;

	r = cbw_snapshot_init();
	if (r)
		goto no_snapshot;
	return 0;

no_snapshot:
	dm_unregister_target(&cbw_target);
no_target:
	cbw_late_module_exit();
	return r;
}

static void __exit dm_cbw_exit(void)
{
	cbw_snapshot_exit();
	dm_unregister_target(&cbw_target);
	cbw_late_module_exit();
}

module_init(dm_cbw_init);
module_exit(dm_cbw_exit);

MODULE_DESCRIPTION(DM_NAME " copy-before-write: point-in-time backup of a live device");
MODULE_AUTHOR("The dm-cbw authors");
MODULE_LICENSE("GPL");
