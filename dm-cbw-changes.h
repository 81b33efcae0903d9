/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracking map of a mapped device: which of its chunks were written since a
 * point in time. It belongs to the device, not to one of its tables: as long as
 * each of them in turn is a cbw table that has it, nothing is missed. Its chunks are
 * its own; jobs may have others. It says too much at times, as when a write failed,
 * and never too little.
 *
 * The generation of a map names the backup of that point in time. There is none, the
 * null UUID, until a full backup has begun, and again when that does not complete.
 */
#ifndef DM_CBW_CHANGES_H
#define DM_CBW_CHANGES_H

#include <linux/types.h>
#include <linux/uuid.h>

struct bio;
struct cbw_changes;
struct cbw_taken;
struct dm_target;

/*
 * For the constructor of a table: the map of its device, of the length of @ti. If there
 * is none that fits, a new one with chunks of 1 << @chunk_shift sectors if @create, else
 * NULL. An ERR_PTR when memory is short. May sleep.
 */
struct cbw_changes *cbw_changes_get(struct dm_target *ti, bool create,
				    unsigned int chunk_shift);

/*
 * For the destructor, before all else: if no other table has come with the map, writes
 * are seen no more. NULL is fine. May sleep.
 */
void cbw_changes_leave(struct cbw_changes *changes, struct dm_target *ti);

/* And after all else. NULL is fine. May sleep. */
void cbw_changes_put(struct cbw_changes *changes);

/*
 * Before the first resume of the table of @ti, while no bio is in flight: @changes, or
 * nothing if that is NULL, tracks the device from now on. If the table before it did not
 * have the same map, that begins now: empty, without a generation. May sleep.
 */
void cbw_changes_enter(struct cbw_changes *changes, struct dm_target *ti);

/* Before a bio that changes something, and has sectors, is submitted. Any context. */
void cbw_changes_note(struct cbw_changes *changes, const struct bio *bio);

/*
 * The changed sectors at or after *@from: true, and they are [*@from, *@end). Of one
 * moment, in any context.
 */
bool cbw_changes_next(struct cbw_changes *changes, sector_t *from, sector_t *end);

/* Has the map a generation? May sleep. */
bool cbw_changes_based(struct cbw_changes *changes);

struct cbw_changes_info {
	uuid_t generation;
	unsigned int chunk;		/* sectors */
	unsigned long nr_changed;	/* chunks */
};

/* For the table that is live. May sleep. */
void cbw_changes_info(struct cbw_changes *changes, struct cbw_changes_info *info);

/*
 * What a job takes at its point in time. Created in its constructor; NULL when memory
 * is short. May sleep, as all that follow.
 */
struct cbw_taken *cbw_taken_create(struct cbw_changes *changes);

/* Nothing is given back. NULL is fine. */
void cbw_taken_destroy(struct cbw_taken *taken);

/* Once, while no bio is in flight: the map begins anew, with a new generation. */
void cbw_taken_take(struct cbw_taken *taken);

/* As cbw_changes_next(), of what was taken. */
bool cbw_taken_next(const struct cbw_taken *taken, sector_t *from, sector_t *end);

/*
 * What was taken is in the map again, which has the generation that it had before, unless
 * it has begun anew since; without @base it has none. Writes may come meanwhile. If nothing
 * was taken, nothing is done.
 */
void cbw_taken_give_back(struct cbw_taken *taken, bool base);

/* The same with what lies in [@from, @end) alone, and the new generation stays. */
void cbw_taken_give_back_part(struct cbw_taken *taken, sector_t from, sector_t end);

#endif
