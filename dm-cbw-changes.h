/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracking map of a mapped device: which of its chunks were written since a
 * point in time. It belongs to the device, not to one of its tables: as long as
 * each of them in turn is a cbw table that has it, nothing is missed. Its chunks are
 * its own; jobs may have others. It says too much at times, as when a write failed,
 * and never too little. It may be kept on a metadata device.
 *
 * The generation of a map names the backup of that point in time. There is none, the
 * null UUID, until a full backup has begun, and again when that does not complete.
 */
#ifndef DM_CBW_CHANGES_H
#define DM_CBW_CHANGES_H

#include <linux/types.h>
#include <linux/uuid.h>

struct bio;
struct block_device;
struct cbw_changes;
struct cbw_taken;
struct dm_target;

struct cbw_changes_config {
	struct block_device *origin;
	struct block_device *metadata;	/* NULL: in memory only */
	bool create;
	unsigned int chunk_shift;	/* only if one is created */
};

/*
 * For the constructor of a table: the map of its device, of the length of @ti, of that
 * origin, and on that metadata device. If there is none that fits, a new one if config says
 * so, else NULL. On failure an errno in an ERR_PTR, and *@error in user words. The devices
 * must stay until cbw_changes_put(). May sleep, and reads the metadata device.
 */
struct cbw_changes *cbw_changes_get(struct dm_target *ti,
				    const struct cbw_changes_config *config, char **error);

/*
 * For the destructor, before all else: if no other table has come with the map, writes
 * are seen no more. NULL is fine. May sleep, and write to the metadata device.
 */
void cbw_changes_leave(struct cbw_changes *changes, struct dm_target *ti);

/* And after all else, while the devices are still there. The same. */
void cbw_changes_put(struct cbw_changes *changes);

/*
 * Before the first resume of the table of @ti, while no bio is in flight: @changes, or
 * nothing if that is NULL, tracks the device from now on. If the table before it did not
 * have the same map, that begins now: with what is on the metadata device, if that may go
 * on, else empty, without a generation. May sleep, and waits for metadata device and origin.
 */
void cbw_changes_enter(struct cbw_changes *changes, struct dm_target *ti);

/*
 * Before a bio that changes something, and has sectors, is submitted. False: it must not be,
 * but given to cbw_changes_submit() when all else is done. Any context that .map may run in.
 */
bool cbw_changes_note(struct cbw_changes *changes, const struct bio *bio);

/* The bio was noted: submit it, at once or as soon as that is durable. As above. */
void cbw_changes_submit(struct cbw_changes *changes, struct bio *bio);

/* It has ended, if it was noted. Any context. */
void cbw_changes_ended(struct cbw_changes *changes, const struct bio *bio);

/*
 * The changed sectors at or after *@from: true, and they are [*@from, *@end). Of one
 * moment, in any context.
 */
bool cbw_changes_next(struct cbw_changes *changes, sector_t *from, sector_t *end);

/* How many sectors of [start, end) have changed. The same, and looks at every word. */
u64 cbw_changes_count(struct cbw_changes *changes, sector_t start, sector_t end);

/* Sectors of one of its chunks. Any context. */
unsigned int cbw_changes_chunk(const struct cbw_changes *changes);

/* Where it is kept, or NULL. @changes may be NULL. Any context. */
struct block_device *cbw_changes_metadata(const struct cbw_changes *changes);

/*
 * What on_metadata_error and cbw_timeout, in ns, of the table say. Before each resume, for the
 * table that is resumed.
 */
void cbw_changes_set_policy(struct cbw_changes *changes, bool break_write, u64 timeout);

/* Writes that wait until they are durable. Any context. */
unsigned int cbw_changes_nr_waiting(const struct cbw_changes *changes);

/* Has the map a generation? May sleep. */
bool cbw_changes_based(struct cbw_changes *changes);

struct cbw_changes_info {
	const char *kept;		/* where, in one word */
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

/*
 * When it is settled, and before the map goes: the map needs it no more. What was dropped, but is
 * on a metadata device that fails, is in the map again. May wait for that device.
 */
void cbw_taken_let_go(struct cbw_taken *taken);

/* It took nothing, or that was let go. NULL is fine. */
void cbw_taken_destroy(struct cbw_taken *taken);

/* Once, while no bio is in flight: the map begins anew, with a new generation. */
void cbw_taken_take(struct cbw_taken *taken);

/* As cbw_changes_next(), of what was taken, whatever has become of it since. */
bool cbw_taken_next(const struct cbw_taken *taken, sector_t *from, sector_t *end);

/*
 * One of the next two settles it. If nothing was taken, or that is settled, they do nothing.
 * One at a time; writes may come meanwhile.
 *
 * What was taken is in the map again, which has the generation that it had before, unless
 * it has begun anew since; without @base it has none.
 */
void cbw_taken_give_back(struct cbw_taken *taken, bool base);

/* It is wanted no more, and the new generation stays. */
void cbw_taken_drop(struct cbw_taken *taken);

/* Before it is dropped: but what lies in [@from, @end) is in the map again. */
void cbw_taken_give_back_part(struct cbw_taken *taken, sector_t from, sector_t end);

#endif
