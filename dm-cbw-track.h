/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The job "track": nothing is copied, and what is written is noted in the tracking map
 * of the device. It has no end but that of its table.
 */
#ifndef DM_CBW_TRACK_H
#define DM_CBW_TRACK_H

#include <linux/types.h>

struct block_device;
struct cbw_changes;
struct cbw_track;
struct dm_target;

/*
 * @changes outlives the job. May sleep. On failure an errno in an ERR_PTR, and *@error
 * in user words.
 */
struct cbw_track *cbw_track_create(struct dm_target *ti, struct block_device *origin,
				   struct cbw_changes *changes, char **error);

/* May sleep. NULL is fine. */
void cbw_track_destroy(struct cbw_track *track);

/* Device-mapper's method of the same name. */
void cbw_track_preresume(struct cbw_track *track);

/* Was the table resumed? */
bool cbw_track_begun(struct cbw_track *track);

/* As words. */
void cbw_track_state(struct cbw_track *track, const char **state, const char **reason);

#endif
