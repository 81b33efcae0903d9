// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device-mapper target "cbw-snapshot"; Documentation/dm-cbw.rst is its manual,
 * and "Reads of the snapshot view" in design.rst says why they are right.
 *
 * A read is cut where its chunks change from saved to pending or excluded or back: what
 * is saved comes from the target device, what is pending from the origin, as a reader
 * that writes wait for, and what is excluded is zeroes. What is safe will be saved soon.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "dm-cbw.h"
#include "dm-cbw-backup.h"
#include "dm-cbw-bio.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-copy.h"
#include "dm-cbw-map.h"
#include "dm-cbw-snapshot.h"

struct cbw_snapshot {
	struct dm_dev *origin;
	struct dm_dev *dest;
	struct cbw_backup *backup;
	struct cbw_map *map;
	unsigned int chunk_shift;
	bool release;			/* a discard tells what is wanted no more */
	struct cbw_viewer viewer;

	/* Of the suspend that has begun last. */
	bool suspending;
	bool noflush;
};

/* The per-bio data. */
struct cbw_snapshot_io {
	unsigned long first, last;	/* chunks */
	bool releasing;			/* on the target device */
	struct cbw_reader reader;
};

/*----------------------------------------------------------------
 * Reads
 *----------------------------------------------------------------
 */

static struct cbw_snapshot_io *io_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct cbw_snapshot_io));
}

/* From here on @bio is a read of @bdev, and ends before the chunk @next. */
static void begin_with(struct cbw_snapshot *snapshot, struct bio *bio,
		       struct block_device *bdev, unsigned long next)
{
	struct cbw_snapshot_io *io = io_of(bio);

	cbw_cut_before(bio, snapshot->chunk_shift, next);
	bio_set_dev(bio, bdev);
	io->last = next - 1;
	io->reader.first = io->first;
	io->reader.last = io->last;
	io->reader.viewer = &snapshot->viewer;
	io->reader.bio = bio;
}

/*
 * The run of pending chunks that @bio begins with. CBW_AGAIN: there is none any more.
 * From CBW_HOLD on the bio may be gone at any moment.
 */
static enum cbw_verdict read_origin(struct cbw_snapshot *snapshot, struct bio *bio,
				    bool must_hold)
{
	struct cbw_snapshot_io *io = io_of(bio);
	unsigned long next = cbw_map_find(snapshot->map, io->first, io->last, false);

	if (next == io->first)
		return CBW_AGAIN;

	begin_with(snapshot, bio, snapshot->origin->bdev, next);
	io->reader.must_hold = must_hold;
	/* Writes may wait for it: it must not end only when somebody polls. */
	bio->bi_opf &= ~REQ_POLLED;
	return cbw_map_read(snapshot->map, &io->reader);
}

/*
 * Reads of the origin are stopped, and this one was not held, since the view is
 * suspended. When a signal ends a noflush suspend, DM lets bios in before
 * presuspend_undo: those wait.
 */
static enum cbw_verdict hold_again(struct dm_target *ti, struct bio *bio)
{
	struct cbw_snapshot *snapshot = ti->private;

	if (!READ_ONCE(snapshot->noflush))
		return CBW_FAIL;
	if (dm_noflush_suspending(ti))
		return CBW_REQUEUE;
	return read_origin(snapshot, bio, true);
}

/* None of [io->first, last] is pending or excluded. The run that @bio begins with. */
static int read_dest(struct cbw_snapshot *snapshot, struct bio *bio, unsigned long last)
{
	struct cbw_snapshot_io *io = io_of(bio);
	unsigned long next = cbw_map_find_safe(snapshot->map, io->first, last, true);
	bool safe = next == io->first;

	/* The first is, or was just now. */
	if (safe)
		next = cbw_map_find_safe(snapshot->map, io->first + 1, last, false);
	begin_with(snapshot, bio, snapshot->dest->bdev, next);
	if (!safe)
		return DM_MAPIO_REMAPPED;
	if (!io->reader.may_hold)
		return cbw_would_block(bio);

	/* Nobody polls what is not submitted. From CBW_HOLD on it may be gone at any moment. */
	bio->bi_opf &= ~REQ_POLLED;
	switch (cbw_map_await_saved(snapshot->map, &io->reader)) {
	case CBW_HOLD:
		return DM_MAPIO_SUBMITTED;
	case CBW_AGAIN:
		return DM_MAPIO_REMAPPED;
	default:
		return DM_MAPIO_KILL;
	}
}

/* None of [io->first, last] is pending. */
static int read_settled(struct cbw_snapshot *snapshot, struct bio *bio, unsigned long last)
{
	struct cbw_snapshot_io *io = io_of(bio);
	unsigned long next = cbw_map_find_excluded(snapshot->map, io->first, last, true);

	if (next > io->first)
		return read_dest(snapshot, bio, next - 1);

	next = cbw_map_find_excluded(snapshot->map, io->first + 1, last, false);
	cbw_cut_before(bio, snapshot->chunk_shift, next);
	io->last = next - 1;
	zero_fill_bio(bio);
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

static int map_read(struct dm_target *ti, struct bio *bio)
{
	struct cbw_snapshot *snapshot = ti->private;
	struct cbw_snapshot_io *io = io_of(bio);
	enum cbw_verdict verdict;
	unsigned long next;

	io->reader.may_hold = !cbw_may_not_wait(bio);
	do {
		next = cbw_map_find(snapshot->map, io->first, io->last, true);
		if (next > io->first)
			return read_settled(snapshot, bio, next - 1);

		verdict = read_origin(snapshot, bio, false);
		if (verdict == CBW_REQUEUE && !io->reader.may_hold)
			return cbw_would_block(bio);
		if (verdict == CBW_REQUEUE)
			verdict = hold_again(ti, bio);
	} while (verdict == CBW_AGAIN);

	switch (verdict) {
	case CBW_GO:
		return DM_MAPIO_REMAPPED;
	case CBW_HOLD:
		return DM_MAPIO_SUBMITTED;
	case CBW_REQUEUE:
		return DM_MAPIO_REQUEUE;
	default:
		return DM_MAPIO_KILL;
	}
}

/*----------------------------------------------------------------
 * Discards, which release
 *----------------------------------------------------------------
 */

static bool starts_a_chunk(const struct cbw_snapshot *snapshot, sector_t sector)
{
	return IS_ALIGNED(sector, 1UL << snapshot->chunk_shift);
}

/* The job's last chunk may be short. */
static bool ends_a_chunk(const struct cbw_snapshot *snapshot, sector_t sector)
{
	return starts_a_chunk(snapshot, sector) ||
	       sector == cbw_backup_geometry(snapshot->backup)->len;
}

/*
 * Releases the whole chunks that @bio begins with, a run at a time. Their space on
 * the target device is given back, unless a copy is about to fill it.
 */
static int map_discard(struct cbw_snapshot *snapshot, struct bio *bio)
{
	struct cbw_snapshot_io *io = io_of(bio);
	bool may_free = false;

	if (!starts_a_chunk(snapshot, bio->bi_iter.bi_sector)) {
		io->last = io->first;
	} else if (io->first < io->last || ends_a_chunk(snapshot, bio_end_sector(bio))) {
		if (!ends_a_chunk(snapshot, bio_end_sector(bio)))
			io->last--;
		may_free = cbw_map_release(snapshot->map, io->first, &io->last);
	}

	io->releasing = may_free;
	cbw_cut_before(bio, snapshot->chunk_shift, io->last + 1);
	if (may_free && cbw_takes_discards(snapshot->dest->bdev)) {
		bio_set_dev(bio, snapshot->dest->bdev);
		return DM_MAPIO_REMAPPED;
	}
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

/*----------------------------------------------------------------
 * Every bio
 *----------------------------------------------------------------
 */

/* Is what a read of its chunks brings not the point in time, or perhaps not? */
static bool is_void(const struct cbw_snapshot *snapshot, struct bio *bio)
{
	const struct cbw_snapshot_io *io = io_of(bio);

	return cbw_map_broken(snapshot->map) ||
	       (bio_op(bio) == REQ_OP_READ &&
		cbw_map_released(snapshot->map, io->first, io->last));
}

/*
 * What a noflush suspend hands back DM sends again, and only then accounts for it: it
 * must not end before that. So nothing passes, or fails, until DM has blocked new bios.
 * A polled bio is none that was handed back.
 */
static bool handing_back(struct dm_target *ti, const struct bio *bio)
{
	const struct cbw_snapshot *snapshot = ti->private;

	return READ_ONCE(snapshot->suspending) && !(bio->bi_opf & REQ_POLLED) &&
	       dm_noflush_suspending(ti);
}

static int snapshot_map(struct dm_target *ti, struct bio *bio)
{
	struct cbw_snapshot *snapshot = ti->private;
	struct cbw_snapshot_io *io = io_of(bio);

	io->releasing = false;
	io->reader.under_way = false;
	if (unlikely(handing_back(ti, bio)))
		return cbw_may_not_wait(bio) ? cbw_would_block(bio) : DM_MAPIO_REQUEUE;
	if (!bio_sectors(bio))
		return DM_MAPIO_KILL;

	cbw_chunks_of(bio, snapshot->chunk_shift, &io->first, &io->last);
	if (is_void(snapshot, bio))
		return DM_MAPIO_KILL;
	if (bio_op(bio) == REQ_OP_READ)
		return map_read(ti, bio);
	if (bio_op(bio) == REQ_OP_DISCARD && snapshot->release)
		return map_discard(snapshot, bio);
	return DM_MAPIO_KILL;
}

/*
 * What was read before the job broke, or the chunk was released, and what was read
 * after that look alike: all of it is void.
 */
static int snapshot_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct cbw_snapshot *snapshot = ti->private;
	struct cbw_snapshot_io *io = io_of(bio);

	if (io->reader.under_way)
		cbw_backup_read_done(snapshot->backup, &io->reader);
	if (io->releasing) {
		cbw_backup_release_done(snapshot->backup);
		/* Released they are, though their space may not have been given back. */
		*error = BLK_STS_OK;
	}
	/* The data first, then the latches: pairs with cbw_map_break() and cbw_map_release(). */
	smp_rmb();
	if (!*error && is_void(snapshot, bio))
		*error = BLK_STS_IOERR;
	return DM_ENDIO_DONE;
}

/*----------------------------------------------------------------
 * Suspend and resume
 *----------------------------------------------------------------
 */

/*
 * Device-mapper waits for what is in flight. What is held would have to wait for the
 * job's own device, which may be suspended by the same hand, and first.
 */
static void snapshot_presuspend(struct dm_target *ti)
{
	struct cbw_snapshot *snapshot = ti->private;
	struct cbw_reader *reader;

	WRITE_ONCE(snapshot->noflush, dm_noflush_suspending(ti));
	WRITE_ONCE(snapshot->suspending, true);
	cbw_map_suspend_viewer(snapshot->map, &snapshot->viewer, true);
	while ((reader = cbw_map_take_held_read(snapshot->map, &snapshot->viewer))) {
		reader->bio->bi_status = snapshot->noflush ?
					 BLK_STS_DM_REQUEUE : BLK_STS_IOERR;
		bio_endio(reader->bio);
	}
}

/* Also presuspend_undo. */
static void snapshot_resume(struct dm_target *ti)
{
	struct cbw_snapshot *snapshot = ti->private;

	cbw_map_suspend_viewer(snapshot->map, &snapshot->viewer, false);
	WRITE_ONCE(snapshot->suspending, false);
}

/*----------------------------------------------------------------
 * Constructor and destructor
 *----------------------------------------------------------------
 */

/* For a half-built one, too. */
static void destroy(struct dm_target *ti, struct cbw_snapshot *snapshot)
{
	if (snapshot->backup)
		cbw_backup_put(snapshot->backup);
	if (snapshot->dest)
		dm_put_device(ti, snapshot->dest);
	if (snapshot->origin)
		dm_put_device(ti, snapshot->origin);
	kfree(snapshot);
}

/*
 * References of our own: reads may be in flight when the job's table has gone, and
 * its devices with it.
 */
static int open_dest(struct dm_target *ti, struct cbw_snapshot *snapshot)
{
	struct block_device *bdev = cbw_backup_geometry(snapshot->backup)->dest;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "%u:%u", MAJOR(bdev->bd_dev), MINOR(bdev->bd_dev));
	r = dm_get_device(ti, name, snapshot->release ? CBW_MODE_READ | CBW_MODE_WRITE :
				    CBW_MODE_READ, &snapshot->dest);
	/* The number of a device that has gone may be another one's. */
	if (!r && snapshot->dest->bdev != bdev)
		r = -ENODEV;
	return r;
}

static int take_args(struct dm_target *ti, struct cbw_snapshot *snapshot,
		     unsigned int argc, char **argv)
{
	snapshot->release = argc == 3 && !strcmp(argv[1], "1") && !strcasecmp(argv[2], "release");
	if (argc != 1 && !snapshot->release && (argc != 2 || strcmp(argv[1], "0"))) {
		ti->error = "Arguments expected: <origin> [<#feature args> [release]]";
		return -EINVAL;
	}
	if (!snapshot->release && dm_table_get_mode(ti->table) & CBW_MODE_WRITE) {
		ti->error = "A view without feature release needs dmsetup --readonly";
		return -EINVAL;
	}
	return 0;
}

/* A discard that releases is a write, for whoever sends it. */
static int allow_release(struct dm_target *ti, struct cbw_snapshot *snapshot)
{
	int r;

	if (!cbw_backup_may_release(snapshot->backup)) {
		ti->error = "Feature release needs a job with sync none";
		return -EINVAL;
	}
	ti->error = "Cannot allocate the map of what is released";
	r = cbw_map_may_release(snapshot->map);
	if (r)
		return r;

	ti->num_discard_bios = 1;
	ti->discards_supported = true;
	return 0;
}

static int build(struct dm_target *ti, struct cbw_snapshot *snapshot,
		 unsigned int argc, char **argv)
{
	int r;

	r = take_args(ti, snapshot, argc, argv);
	if (r)
		return r;

	ti->error = "Cannot open the origin device";
	r = dm_get_device(ti, argv[0], CBW_MODE_READ, &snapshot->origin);
	if (r)
		return r;

	snapshot->backup = cbw_backup_find(snapshot->origin->bdev);
	if (!snapshot->backup) {
		ti->error = "The origin device has no backup job that could be viewed";
		return -ENODEV;
	}
	if (ti->len > cbw_backup_geometry(snapshot->backup)->len) {
		ti->error = "The table is longer than that of the job";
		return -EINVAL;
	}
	snapshot->map = cbw_backup_chunks(snapshot->backup);
	snapshot->chunk_shift = cbw_backup_geometry(snapshot->backup)->chunk_shift;

	ti->error = "Cannot open the target device of the job";
	r = open_dest(ti, snapshot);
	if (r || !snapshot->release)
		return r;
	return allow_release(ti, snapshot);
}

static int snapshot_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct cbw_snapshot *snapshot = kzalloc(sizeof(*snapshot), GFP_KERNEL);
	int r;

	if (!snapshot) {
		ti->error = "Cannot allocate the view";
		return -ENOMEM;
	}

	r = build(ti, snapshot, argc, argv);
	if (r) {
		destroy(ti, snapshot);
		return r;
	}
	ti->per_io_data_size = sizeof(struct cbw_snapshot_io);
	ti->private = snapshot;
	return 0;
}

static void snapshot_dtr(struct dm_target *ti)
{
	destroy(ti, ti->private);
}

/* Both: which of them a read comes from nobody knows. */
static int snapshot_iterate_devices(struct dm_target *ti,
				    iterate_devices_callout_fn fn, void *data)
{
	struct cbw_snapshot *snapshot = ti->private;

	return fn(ti, snapshot->origin, 0, ti->len, data) ?:
	       fn(ti, snapshot->dest, 0, ti->len, data);
}

static void snapshot_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct cbw_snapshot *snapshot = ti->private;

	if (snapshot->release)
		cbw_limit_discards(limits, SECTOR_SIZE << snapshot->chunk_shift);
}

/*----------------------------------------------------------------
 * Status
 *----------------------------------------------------------------
 */

static void snapshot_status(struct dm_target *ti, status_type_t type,
			    unsigned int status_flags, char *result,
			    unsigned int maxlen)
{
	struct cbw_snapshot *snapshot = ti->private;
	unsigned long done, total;
	size_t __maybe_unused sz = 0;	/* of DMEMIT */

	switch (type) {
	case STATUSTYPE_INFO:
		cbw_backup_progress(snapshot->backup, &done, &total);
		DMEMIT("%s %lu/%lu", cbw_map_broken(snapshot->map) ? "invalid" : "valid",
		       done, total);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s%s", snapshot->origin->name, snapshot->release ? " 1 release" : "");
		break;
#ifdef DMEMIT_TARGET_NAME_VERSION
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",origin=%s,release=%c;", snapshot->origin->name,
		       snapshot->release ? 'y' : 'n');
		break;
#endif
	}
}

/*----------------------------------------------------------------
 * The target
 *----------------------------------------------------------------
 */

static struct target_type snapshot_target = {
	.name			= "cbw-snapshot",
	.version		= { 0, 1, 0 },
	.features		= DM_TARGET_SINGLETON | DM_TARGET_NOWAIT,
	.module			= THIS_MODULE,
	.ctr			= snapshot_ctr,
	.dtr			= snapshot_dtr,
	.map			= snapshot_map,
	.end_io			= snapshot_end_io,
	.presuspend		= snapshot_presuspend,
	.presuspend_undo	= snapshot_resume,
	.resume			= snapshot_resume,
	.status			= snapshot_status,
	.iterate_devices	= snapshot_iterate_devices,
	.io_hints		= snapshot_io_hints,
};

int cbw_snapshot_init(void)
{
	return dm_register_target(&snapshot_target);
}

void cbw_snapshot_exit(void)
{
	dm_unregister_target(&snapshot_target);
}

MODULE_ALIAS("dm-cbw-snapshot");
