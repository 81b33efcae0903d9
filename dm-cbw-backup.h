/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The job "backup": writes to pending chunks are held until the chunks are
 * saved (copy-before-write), the sweep saves the others, and what fails is
 * dealt with as the table line says.
 */
#ifndef DM_CBW_BACKUP_H
#define DM_CBW_BACKUP_H

#include <linux/types.h>

#include "dm-cbw-args.h"

struct bio;
struct block_device;
struct cbw_backup;
struct cbw_changes;
struct cbw_geometry;
struct cbw_map;
struct cbw_reader;
struct dm_target;

/* What dmsetup status shows, of one moment. */
struct cbw_backup_status {
	const char *state;
	const char *reason;
	unsigned long done;
	unsigned long total;
	unsigned int in_flight;
	unsigned int held;
	unsigned long cbw_chunks;
	unsigned long sweep_chunks;
	unsigned int source_errors;
	unsigned int target_errors;
};

/* The number of bytes that a bio's owner must have for it in per-bio data. */
size_t cbw_backup_per_bio_size(void);

/*
 * @changes, NULL if nothing is tracked, outlives the table. May sleep. On failure an
 * errno in an ERR_PTR, and *@error in user words.
 */
struct cbw_backup *cbw_backup_create(struct dm_target *ti,
				     const struct cbw_args *args,
				     const struct cbw_geometry *geometry,
				     struct cbw_changes *changes, char **error);

/*
 * Nothing is held any more. Copies that hang on past cbw_timeout keep what they
 * need, and it is freed when they have ended. May sleep. NULL is fine.
 */
void cbw_backup_destroy(struct cbw_backup *backup);

/* .map: returns DM_MAPIO_*. Never sleeps. */
int cbw_backup_map(struct cbw_backup *backup, struct bio *bio);

/* .end_io: from any context. */
void cbw_backup_end_io(struct cbw_backup *backup, struct bio *bio);

/* Device-mapper's methods of the same name; see the rules in design.rst. */
void cbw_backup_presuspend(struct cbw_backup *backup);
void cbw_backup_presuspend_undo(struct cbw_backup *backup);
void cbw_backup_postsuspend(struct cbw_backup *backup);
void cbw_backup_preresume(struct cbw_backup *backup);
void cbw_backup_resume(struct cbw_backup *backup);

/* Messages. They never wait for I/O. False: the job has ended. */
bool cbw_backup_pause(struct cbw_backup *backup);
bool cbw_backup_unpause(struct cbw_backup *backup);
bool cbw_backup_cancel(struct cbw_backup *backup);
void cbw_backup_reset_stats(struct cbw_backup *backup);

/* Was the table resumed? */
bool cbw_backup_begun(struct cbw_backup *backup);

/* Is the job held until cbw_backup_start()? */
bool cbw_backup_held(struct cbw_backup *backup);

/*
 * While it is held: [start, end) is listed, to be saved, or, if not @add, is not. A chunk
 * that lies in it in part is added, and is not removed. May sleep.
 */
void cbw_backup_list(struct cbw_backup *backup, sector_t start, sector_t end, bool add);

/* What is not listed is excluded; the job begins. False: it is not held. May sleep. */
bool cbw_backup_start(struct cbw_backup *backup);

/* If the job has ended, the tracking map has what it did not save. May sleep. */
void cbw_backup_settle(struct cbw_backup *backup);

/* As cbw_changes_next(), of what the job has taken from the tracking map. */
bool cbw_backup_taken(struct cbw_backup *backup, sector_t *from, sector_t *end);

/* What @args says of the sweep's speed and workers holds from now on. One at a time. */
void cbw_backup_tune(struct cbw_backup *backup, const struct cbw_args *args);

/* Print what the message "stats" asks for; returns the length. */
size_t cbw_backup_stats(struct cbw_backup *backup, char *result, size_t maxlen);

void cbw_backup_status(struct cbw_backup *backup, struct cbw_backup_status *status);

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

/* What cbw_map_read() or cbw_map_release() has begun has ended. From any context. */
void cbw_backup_read_done(struct cbw_backup *backup, struct cbw_reader *reader);
void cbw_backup_release_done(struct cbw_backup *backup);

/* The module's own beginning and end. May sleep. */
int cbw_backup_init(void);
void cbw_backup_exit(void);

#endif
