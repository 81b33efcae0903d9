/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every job has: a state that is changed in one place only, the events
 * and log lines that go with it, and its entry in the list of all jobs, by
 * which two jobs do not meet on one device and a new table of a mapped device
 * finds the job that it replaces.
 */
#ifndef DM_CBW_JOB_H
#define DM_CBW_JOB_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct block_device;
struct cbw_job;
struct dm_target;
struct mapped_device;

enum cbw_state {
	CBW_NEW,		/* its table was never resumed: shown as paused */
	CBW_HELD,		/* nothing runs before it is let begin: shown as paused */
	CBW_RUNNING,
	CBW_PAUSED,
	CBW_READY,		/* of a mirror: it has caught up once; it runs on */
	/* The following are final. */
	CBW_COMPLETED,
	CBW_FAILED,
	CBW_CANCELLED,
	CBW_TRACKING,		/* of a job that copies nothing: nothing of it is in flight */
};

struct cbw_job_ops {
	/*
	 * The point in time: before the first resume of the table, when no bio is in
	 * flight, and the job before this one has ended. NULL, or one word for what is
	 * wrong, for which the job fails. May sleep, but not take memory.
	 */
	const char *(*begin)(struct cbw_job *job);

	/*
	 * The job has ended: leave what is of use for the next one. It may have been done, or
	 * be asked of several at once. Does not wait for I/O; else as begin().
	 */
	void (*settle)(struct cbw_job *job);

	/*
	 * The state has changed: let the sweep run, or not. Called with the
	 * job's lock held, so in the order of the changes.
	 */
	void (*steer)(struct cbw_job *job, bool running);

	/*
	 * The job has failed or was cancelled, and its state already says so; or what
	 * is left of a completed one can go on no more. Any context that may not sleep.
	 */
	void (*broken)(struct cbw_job *job);

	/* How much is done, in chunks. Any context. */
	void (*progress)(struct cbw_job *job, unsigned long *done,
			 unsigned long *total);

	/* Is anything in flight that writes to the target device? Any context. */
	bool (*busy)(struct cbw_job *job);

	/* The last reference is gone. May sleep. */
	void (*unused)(struct cbw_job *job);
};

struct cbw_job {
	const struct cbw_job_ops *ops;
	const char *kind;		/* the word of the table line */
	struct block_device *origin;
	struct block_device *dest;	/* NULL: it has none */
	struct block_device *metadata;	/* the same */
	char name[16];			/* of the mapped device, major:minor */
	dev_t dev;			/* the same as a number */
	refcount_t refs;		/* one of its table, one of each view */

	/* Guards the following five. Taken before the chunk map's lock. */
	spinlock_t lock;
	enum cbw_state state;
	const char *reason;		/* one word, or NULL */
	struct dm_target *ti;		/* NULL once its table is gone */
	bool ready;			/* what a pause ends with: CBW_READY, not CBW_RUNNING */
	bool broken;			/* also when it had ended before: nobody may rely on it */

	struct work_struct event;	/* dm_table_event() sleeps */

	/* Guarded by the list's own mutex. */
	struct list_head list;
	struct mapped_device *md;	/* NULL once its table is gone */
};

/*
 * Enter @job into the list of all jobs, with state CBW_NEW. The caller has set
 * ops, kind, the devices and dev. -EBUSY and *@error when another job has one
 * of the devices. May sleep.
 */
int cbw_job_register(struct cbw_job *job, struct dm_target *ti, char **error);

/*
 * A reference to the job of @kind, a word of table lines, that has the point in time of
 * @origin: live, and not failed, cancelled or broken; or NULL. May sleep.
 */
struct cbw_job *cbw_job_find(const char *kind, struct block_device *origin);
void cbw_job_put(struct cbw_job *job);

/*
 * The table goes away: no more events. The job stays listed, so that nobody
 * takes the target device of a copy that is still in flight. May sleep.
 */
void cbw_job_detach(struct cbw_job *job);

/* The end of cbw_job_register(). May sleep. */
void cbw_job_unregister(struct cbw_job *job);

/*
 * Before a resume. At the first: end the job of the same mapped device whose
 * table this one replaces, then begin, with @state. Later ones change nothing. May sleep.
 */
void cbw_job_start(struct cbw_job *job, enum cbw_state state);

/* The rest may be called from any context that may not sleep, too. */

/*
 * Enter a final state, unless one is reached already or the job was never
 * started; then return false. For CBW_FAILED and CBW_CANCELLED ops->broken()
 * is called.
 */
bool cbw_job_end(struct cbw_job *job, enum cbw_state state, const char *reason);

/*
 * cbw_job_end() for CBW_FAILED or CBW_CANCELLED; and one that has ended already stays
 * what it is, but is broken all the same.
 */
void cbw_job_break(struct cbw_job *job, enum cbw_state state, const char *reason);

/* False when the job has ended, not started yet, or is held. */
bool cbw_job_pause(struct cbw_job *job);
bool cbw_job_resume(struct cbw_job *job);

/* From CBW_RUNNING to CBW_READY; one that is paused will be that when it is resumed. */
void cbw_job_get_ready(struct cbw_job *job);

/*
 * In CBW_READY: @what, one word, is wanted of the job, and shown as the reason until its state
 * changes. False in any other state.
 */
bool cbw_job_want(struct cbw_job *job, const char *what);

/* From CBW_HELD to @state, CBW_RUNNING or CBW_PAUSED; false when it is not held. */
bool cbw_job_let_begin(struct cbw_job *job, enum cbw_state state);

/* An error pauses the job. It is shown, and an event, also when a user did before. */
void cbw_job_stop(struct cbw_job *job, const char *reason);

bool cbw_job_begun(struct cbw_job *job);
bool cbw_job_held(struct cbw_job *job);
/* Also if it is ready. */
bool cbw_job_running(struct cbw_job *job);
bool cbw_job_ready(struct cbw_job *job);
bool cbw_job_wanted(struct cbw_job *job);
bool cbw_job_completed(struct cbw_job *job);
bool cbw_job_ended(struct cbw_job *job);

/* Something has happened that the state does not show: wake who waits for events. */
void cbw_job_event(struct cbw_job *job);

/* State and reason of one moment, as words. */
void cbw_job_state(struct cbw_job *job, const char **state, const char **reason);

#endif
