/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What jobs that copy have in common: the sweep and its errors, writes that are held,
 * their timeout, what is taken from the tracking map, suspend, and teardown. What a write
 * has to wait for, and what the end of the last copy means, is the job's own to say.
 */
#ifndef DM_CBW_COPYING_H
#define DM_CBW_COPYING_H

#include <linux/device-mapper.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dm-cbw-args.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-copy.h"
#include "dm-cbw-job.h"
#include "dm-cbw-map.h"
#include "dm-cbw-pace.h"
#include "dm-cbw-stats.h"

struct bio;
struct cbw_changes;
struct cbw_copying;
struct cbw_sweep;
struct cbw_taken;

struct cbw_copying_ops {
	const char *kind;		/* the word of the table line */
	bool follows;			/* what is written to becomes pending again */
	size_t per_bio_size;		/* bytes; struct cbw_io is the last of it */
	unsigned int nr_flushes;	/* how many of each flush it wants to see */

	/* .map: returns DM_MAPIO_*. Never sleeps. */
	int (*map)(struct cbw_copying *copying, struct bio *bio);

	/* A write, or a flush, has ended. Any context. NULL is fine. */
	void (*ended)(struct cbw_copying *copying, struct bio *bio);

	/* A write that was held need not be any more. May block as a submitted bio does. */
	void (*go)(struct cbw_copying *copying, struct bio *bio);

	/* All is copied, and the target device was flushed. Context of cbw_copied_fn. */
	void (*all_copied)(struct cbw_copying *copying);

	/* Does the sweep go on in a suspend, until suspended()? May sleep. NULL: no. */
	bool (*sweeps_on)(struct cbw_copying *copying);

	/*
	 * The end of a suspend, when no bio is in flight: the sweep is to be stopped if it was
	 * not, and nothing is in flight then. And a resume. May sleep.
	 */
	void (*suspended)(struct cbw_copying *copying);
	void (*resumed)(struct cbw_copying *copying);

	/* The sweep runs from now on, or does not. Under the job's lock. NULL is fine. */
	void (*steer)(struct cbw_copying *copying, bool running);

	/* How much is done, in chunks. Any context. */
	void (*progress)(struct cbw_copying *copying, unsigned long *done,
			 unsigned long *total);

	/* What is in flight to the target device but copies. Any context. NULL: nothing. */
	unsigned int (*in_flight)(struct cbw_copying *copying);

	/* What is shown where there is no other reason, one word, or NULL. NULL is fine. */
	const char *(*reason)(struct cbw_copying *copying);

	/* The message. False: the job has ended. */
	bool (*cancel)(struct cbw_copying *copying);

	/*
	 * The table goes, and no bio is in flight: nothing of the job's own may touch it
	 * from now on, but what is in flight may end. May sleep. NULL is fine.
	 */
	void (*stop)(struct cbw_copying *copying);

	/* Nothing of it is used any more, and its memory is to be freed. May sleep. */
	void (*free)(struct cbw_copying *copying);
};

/* Begins a job of its own, which sets nothing of it but what it is told to. */
struct cbw_copying {
	struct cbw_job job;
	const struct cbw_copying_ops *ops;
	struct dm_target *ti;		/* of a live table only */
	struct cbw_geometry geometry;
	unsigned long nr_chunks;

	/* As loaded. */
	enum cbw_sync sync;
	enum cbw_bitmap_mode bitmap_mode;
	bool break_write;
	enum cbw_on_error on_source_error;
	enum cbw_on_error on_target_error;
	bool starts_paused;
	unsigned int max_copy;		/* sectors */
	u64 timeout;			/* ns, 0: none */

	struct cbw_changes *changes;	/* until the table goes; NULL: nothing is tracked */
	struct cbw_taken *taken;	/* NULL: it takes nothing */
	struct mutex settling;		/* of it, one at a time; guards nothing else */
	bool flush_failed;

	struct cbw_map *map;
	unsigned long nr_to_save;	/* chunks; set when the job begins, or is let begin */
	struct cbw_copier *copier;
	struct cbw_sweep *sweep;	/* NULL: it has none */
	struct cbw_pace pace;

	struct workqueue_struct *wq;
	struct work_struct let_go;	/* lets all go that need not be held */
	struct delayed_work expire;
	struct cbw_apart *apart;	/* for writes that may be throttled */
	struct cbw_apart *reads;	/* for reads of views that have waited: to other devices */

	wait_queue_head_t idle;		/* a kind of copies has run out */
	bool hung;			/* copies were waited for in vain */
	atomic_t source_errors;
	atomic_t target_errors;
	struct cbw_stats stats;

	/* For the case that the job outlives its table. */
	struct work_struct orphan;
	cbw_bdev_ref origin_ref;
	cbw_bdev_ref dest_ref;
};

/* What dmsetup status shows, of one moment. */
struct cbw_copying_status {
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

/* The per-bio data, or the end of it where a job has more. */
struct cbw_io {
	u64 start;			/* when it came, ns; 0: nobody wants to know */
	struct cbw_waiter waiter;	/* only while it is held */
};

static inline struct cbw_io *cbw_io_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct cbw_io));
}

/*
 * For the constructor of a table, and for device-mapper's methods of the same name.
 */

/* Nothing is held any more. Copies that hang on past cbw_timeout keep what they
 * need, and it is freed when they have ended. May sleep. NULL is fine.
 */
void cbw_copying_destroy(struct cbw_copying *copying);

/* .map: returns DM_MAPIO_*. Never sleeps. */
int cbw_copying_map(struct cbw_copying *copying, struct bio *bio);

/* .end_io, with what it is about to tell: from any context. */
void cbw_copying_end_io(struct cbw_copying *copying, struct bio *bio, blk_status_t status);

/* The rules for these are in design.rst. */
void cbw_copying_presuspend(struct cbw_copying *copying);
void cbw_copying_presuspend_undo(struct cbw_copying *copying);
void cbw_copying_postsuspend(struct cbw_copying *copying);
void cbw_copying_preresume(struct cbw_copying *copying);
void cbw_copying_resume(struct cbw_copying *copying);

/* Messages. They never wait for I/O. False: the job has ended. */
bool cbw_copying_pause(struct cbw_copying *copying);
bool cbw_copying_unpause(struct cbw_copying *copying);
bool cbw_copying_cancel(struct cbw_copying *copying);
void cbw_copying_reset_stats(struct cbw_copying *copying);

/* Was the table resumed? */
bool cbw_copying_begun(struct cbw_copying *copying);

/* Is the job held until cbw_copying_start()? */
bool cbw_copying_held(struct cbw_copying *copying);

/*
 * While it is held: [start, end) is listed, to be saved, or, if not @add, is not. A chunk
 * that lies in it in part is added, and is not removed. May sleep.
 */
void cbw_copying_list(struct cbw_copying *copying, sector_t start, sector_t end, bool add);

/* What is not listed is excluded; the job begins. False: it is not held. May sleep. */
bool cbw_copying_start(struct cbw_copying *copying);

/* If the job has ended, the tracking map has what it did not save. May sleep. */
void cbw_copying_settle(struct cbw_copying *copying);

/* As cbw_changes_next(), of what the job has taken from the tracking map. */
bool cbw_copying_taken(struct cbw_copying *copying, sector_t *from, sector_t *end);

/* Set @sectors to how many of [start, end) have which fate. As cbw_map_count(). */
void cbw_copying_count(struct cbw_copying *copying, sector_t start, sector_t end,
		       u64 sectors[CBW_NR_FATES]);

/* What @args says of the sweep's speed and workers holds from now on. One at a time. */
void cbw_copying_tune(struct cbw_copying *copying, const struct cbw_args *args);

/* Print what the message "stats" asks for; returns the length. */
size_t cbw_copying_stats(struct cbw_copying *copying, char *result, size_t maxlen);

void cbw_copying_status(struct cbw_copying *copying, struct cbw_copying_status *status);

/*
 * For the jobs.
 */

/*
 * @copying is all zeroes; @changes, NULL if nothing is tracked, outlives the table. May
 * sleep. On failure an errno, *@error in user words, and @copying is freed by ops->free().
 */
int cbw_copying_init(struct cbw_copying *copying, const struct cbw_copying_ops *ops,
		     struct dm_target *ti, const struct cbw_args *args,
		     const struct cbw_geometry *geometry, struct cbw_changes *changes,
		     char **error);

/* Start the copies of @claims, which is empty then. Never sleeps for those of writes. */
void cbw_copying_start_copies(struct cbw_copying *copying, struct list_head *claims);

/* A write is held from now on, no longer than cbw_timeout. Any context. */
void cbw_copying_arm_timeout(struct cbw_copying *copying);

/* Must @bio, which is new, be handed back to device-mapper, whatever it needs? In .map. */
bool cbw_copying_hands_back(struct cbw_copying *copying, const struct bio *bio);

/* Submit @bio to the origin, as soon as the tracking map has it. May block. */
void cbw_copying_submit(struct cbw_copying *copying, struct bio *bio);

/*
 * In a suspend: wait until @done, but for no longer than a write would be held: a device
 * that hangs must not hang the suspend, and with it production. The job is broken then,
 * so whatever its copies still do changes nothing.
 */
void cbw_copying_wait(struct cbw_copying *copying, bool (*done)(struct cbw_copying *copying));

/*
 * In a suspend: wait until @done, for as long as copies are made: if none is for as long as a
 * write would be held, the job is broken.
 */
void cbw_copying_wait_progress(struct cbw_copying *copying,
			       bool (*done)(struct cbw_copying *copying));

/* In a suspend: the sweep stops, and nothing is in flight any more. May sleep. */
void cbw_copying_stop_sweep(struct cbw_copying *copying);

/*
 * The target device has failed what is no copy: a write, of which all chunks are pending
 * again, or a flush. Any context.
 */
void cbw_copying_target_failed(struct cbw_copying *copying, blk_status_t status);
void cbw_copying_flush_failed(struct cbw_copying *copying);

/* The target device takes too long, and nobody waits for it any more. Any context. */
void cbw_copying_give_up(struct cbw_copying *copying);

/* For those who wait until something has run out. Any context. */
void cbw_copying_wake_idle(struct cbw_copying *copying);

/* Look anew at what is held, soon. Any context. */
void cbw_copying_look_again(struct cbw_copying *copying);

#endif
