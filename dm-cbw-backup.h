/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The job "backup": writes to pending chunks are held until the chunks are
 * saved (copy-before-write), the sweep saves the others, and what fails is
 * dealt with as the table line says. Snapshot views read its point in time.
 */
#ifndef DM_CBW_BACKUP_H
#define DM_CBW_BACKUP_H

#include <linux/types.h>

struct block_device;
struct cbw_args;
struct cbw_backup;
struct cbw_changes;
struct cbw_copying;
struct cbw_geometry;
struct cbw_map;
struct cbw_reader;
struct dm_target;

/*
 * @changes, NULL if nothing is tracked, outlives the table. May sleep. On failure an
 * errno in an ERR_PTR, and *@error in user words. cbw_copying_destroy() is its end.
 */
struct cbw_copying *cbw_backup_create(struct dm_target *ti, const struct cbw_args *args,
				      const struct cbw_geometry *geometry,
				      struct cbw_changes *changes, char **error);

/*
 * For snapshot views: the job that has the point in time of @origin, or NULL. Until
 * cbw_backup_put() the map stays; once it is broken, what a view has read is void.
 * The table and the devices may be gone before. Both may sleep.
 */
struct cbw_backup *cbw_backup_find(struct block_device *origin);
void cbw_backup_put(struct cbw_backup *backup);

/* May what a view has read be released? Not what a sweep will come to. */
bool cbw_backup_may_release(const struct cbw_backup *backup);

struct cbw_map *cbw_backup_chunks(struct cbw_backup *backup);
const struct cbw_geometry *cbw_backup_geometry(const struct cbw_backup *backup);

/* How much of it is saved, in chunks. Any context. */
void cbw_backup_progress(struct cbw_backup *backup, unsigned long *done,
			 unsigned long *total);

/* What cbw_map_read() or cbw_map_release() has begun has ended. From any context. */
void cbw_backup_read_done(struct cbw_backup *backup, struct cbw_reader *reader);
void cbw_backup_release_done(struct cbw_backup *backup);

#endif
