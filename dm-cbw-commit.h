/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tracking map is kept on its metadata device: no write goes on before the bits of its
 * chunks are durable there. Those that wait at a time share one flush.
 */
#ifndef DM_CBW_COMMIT_H
#define DM_CBW_COMMIT_H

#include <linux/types.h>
#include <linux/uuid.h>

struct bio;
struct block_device;
struct cbw_commit;
struct gendisk;

struct cbw_commit_config {
	struct block_device *metadata;
	struct block_device *origin;
	struct gendisk *disk;		/* of the mapped device */
	sector_t len;
	unsigned int chunk_shift;
	const char *name;		/* the same */
};

/* What the map is asked. */
struct cbw_commit_ops {
	/*
	 * The map that is on the device goes on: @bits, and @generation is what it builds upon.
	 * Once at most. May sleep.
	 */
	void (*begun)(void *owner, const unsigned long *bits, const uuid_t *generation);

	/*
	 * What has to be on the device at this moment: @nr longs from @first on. One that was
	 * set before stays so unless generation() has been committed since. May not sleep.
	 */
	void (*bits)(void *owner, unsigned long first, unsigned long nr, unsigned long *longs);

	/* Which backup they build upon. May sleep. */
	void (*generation)(void *owner, uuid_t *generation);

	/* That is durable. True: fewer bits may be needed now. May sleep. */
	bool (*committed)(void *owner, const uuid_t *generation);

	/* The device has failed: nothing will be durable any more. May sleep. */
	void (*broken)(void *owner);
};

/* The devices must stay until cbw_commit_destroy(). May sleep. ERR_PTR and *@error. */
struct cbw_commit *cbw_commit_create(const struct cbw_commit_config *config,
				     const struct cbw_commit_ops *ops, void *owner, char **error);

/* No write waits. NULL is fine. May sleep, and waits for a device that hangs. */
void cbw_commit_destroy(struct cbw_commit *commit);

/*
 * Those who wait for the device, writes and the three functions that say so here, do for @timeout
 * ns, unless that is 0; then it hangs, which is a failure of it. When it fails: with
 * @break_write fail the writes, not the map. Any context.
 */
void cbw_commit_set_policy(struct cbw_commit *commit, bool break_write, u64 timeout);

/*
 * Before the first write, when none is in flight: if the map that is on the device may go on,
 * begun() tells so, or will when a device that hangs does not any more. Else it begins anew,
 * without a generation. May sleep, and waits for both devices.
 */
void cbw_commit_begin(struct cbw_commit *commit);

/*
 * Once, after the last write: it may go on, if nobody writes to the origin meanwhile, or, if
 * not @go_on or the device hangs, it is void. Nothing is kept any more. May sleep, and waits
 * for both devices.
 */
void cbw_commit_end(struct cbw_commit *commit, bool go_on);

/* May it still write, since it hung when somebody waited for it? Any context. */
bool cbw_commit_hangs(const struct cbw_commit *commit);

/* Wait until a device that hung at the end has been told, or has failed. May sleep. */
void cbw_commit_finish(struct cbw_commit *commit);

/*
 * The bits of @bio's chunks, @first to @last, have been set: may it be submitted? If not, they
 * are about to become durable. Any context that .map may run in, as the next.
 */
bool cbw_commit_passes(struct cbw_commit *commit, const struct bio *bio, unsigned long first,
		       unsigned long last);

/* cbw_commit_passes() said no: @bio is submitted as soon as it may be, or fails. */
void cbw_commit_hold(struct cbw_commit *commit, struct bio *bio);

/* How many wait. Any context. */
unsigned int cbw_commit_nr_waiting(const struct cbw_commit *commit);

/* A bio has ended. Any context. */
void cbw_commit_ended(struct cbw_commit *commit, const struct bio *bio);

/* What generation() says is another one. Does not wait. */
void cbw_commit_generation(struct cbw_commit *commit);

/* Wait until that is durable, or the device has failed, or hangs. May sleep. */
void cbw_commit_wait(struct cbw_commit *commit);

/* Has the device failed? Nothing waits any more. Any context. */
bool cbw_commit_broken(const struct cbw_commit *commit);

/* The module's own beginning. */
void cbw_commit_init(void);

#endif
