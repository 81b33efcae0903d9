/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The job "mirror": the target device follows the origin, until both are the same and the
 * volume may go on there.
 */
#ifndef DM_CBW_MIRROR_H
#define DM_CBW_MIRROR_H

#include <linux/types.h>

struct cbw_args;
struct cbw_changes;
struct cbw_copying;
struct cbw_geometry;
struct dm_target;

/*
 * @changes, NULL if nothing is tracked, outlives the table. May sleep. On failure an
 * errno in an ERR_PTR, and *@error in user words. cbw_copying_destroy() is its end.
 */
struct cbw_copying *cbw_mirror_create(struct dm_target *ti, const struct cbw_args *args,
				      const struct cbw_geometry *geometry,
				      struct cbw_changes *changes, char **error);

/*
 * Messages, which never wait for I/O. The next suspend copies the rest, and the job is
 * completed then. False: it is not ready.
 */
bool cbw_mirror_complete(struct cbw_copying *copying);

/* The copy mode that @args has holds for all writes that come from now on. */
void cbw_mirror_set_mode(struct cbw_copying *copying, const struct cbw_args *args);

#endif
