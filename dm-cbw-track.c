// SPDX-License-Identifier: GPL-2.0-only
/*
 * The job "track"; see dm-cbw-track.h for the contract.
 */
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/slab.h>

#include "dm-cbw-changes.h"
#include "dm-cbw-job.h"
#include "dm-cbw-track.h"

struct cbw_track {
	struct cbw_job job;
	struct dm_target *ti;
	struct cbw_changes *changes;
};

static struct cbw_track *to_track(struct cbw_job *job)
{
	return container_of(job, struct cbw_track, job);
}

static const char *track_begin(struct cbw_job *job)
{
	struct cbw_track *track = to_track(job);

	cbw_changes_enter(track->changes, track->ti);
	return NULL;
}

/* The map passes on, and nothing else is to be done when a table comes or goes. */
static void track_settle(struct cbw_job *job)
{
}

static void track_steer(struct cbw_job *job, bool running)
{
}

static void track_broken(struct cbw_job *job)
{
}

static void track_progress(struct cbw_job *job, unsigned long *done, unsigned long *total)
{
	*done = 0;
	*total = 0;
}

static bool track_busy(struct cbw_job *job)
{
	return false;
}

static void track_unused(struct cbw_job *job)
{
	cbw_job_unregister(job);
	kfree(to_track(job));
}

static const struct cbw_job_ops track_ops = {
	.begin		= track_begin,
	.settle		= track_settle,
	.steer		= track_steer,
	.broken		= track_broken,
	.progress	= track_progress,
	.busy		= track_busy,
	.unused		= track_unused,
};

void cbw_track_preresume(struct cbw_track *track)
{
	cbw_job_start(&track->job, CBW_TRACKING);
}

bool cbw_track_begun(struct cbw_track *track)
{
	return cbw_job_begun(&track->job);
}

void cbw_track_state(struct cbw_track *track, const char **state, const char **reason)
{
	cbw_job_state(&track->job, state, reason);
}

void cbw_track_destroy(struct cbw_track *track)
{
	if (!track)
		return;

	cbw_job_detach(&track->job);
	cbw_job_put(&track->job);
}

struct cbw_track *cbw_track_create(struct dm_target *ti, struct block_device *origin,
				   struct cbw_changes *changes, char **error)
{
	struct cbw_track *track = kzalloc(sizeof(*track), GFP_KERNEL);
	int r;

	if (!track) {
		*error = "Cannot allocate the job";
		return ERR_PTR(-ENOMEM);
	}

	track->ti = ti;
	track->changes = changes;
	track->job.ops = &track_ops;
	track->job.kind = "track";
	track->job.origin = origin;
	track->job.metadata = cbw_changes_metadata(changes);
	track->job.dev = disk_devt(dm_disk(dm_table_get_md(ti->table)));
	r = cbw_job_register(&track->job, ti, error);
	if (r) {
		kfree(track);
		return ERR_PTR(r);
	}
	return track;
}
