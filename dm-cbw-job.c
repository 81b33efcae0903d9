// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every job has; see dm-cbw-job.h for the contract.
 */
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "dm-cbw.h"
#include "dm-cbw-compat.h"
#include "dm-cbw-job.h"
#include "dm-cbw-late.h"
#include "dm-cbw-trace.h"

/* All jobs, whether their table is live, inactive or gone. */
static DEFINE_MUTEX(jobs_lock);
static LIST_HEAD(jobs);

static const char * const state_words[] = {
	[CBW_NEW]	= "paused",
	[CBW_HELD]	= "paused",
	[CBW_RUNNING]	= "running",
	[CBW_PAUSED]	= "paused",
	[CBW_READY]	= "ready",
	[CBW_COMPLETED]	= "completed",
	[CBW_FAILED]	= "failed",
	[CBW_CANCELLED]	= "cancelled",
	[CBW_TRACKING]	= "tracking",
};

/*----------------------------------------------------------------
 * State
 *----------------------------------------------------------------
 */

static void raise_event(struct work_struct *work)
{
	struct cbw_job *job = container_of(work, struct cbw_job, event);
	struct dm_target *ti;

	spin_lock_irq(&job->lock);
	ti = job->ti;
	spin_unlock_irq(&job->lock);

	/* Whoever is woken finds it done. One that has not completed may still find out more. */
	if (cbw_job_completed(job))
		job->ops->settle(job);
	/* cbw_job_detach() waits for this work item before the table goes. */
	if (ti)
		dm_table_event(ti->table);
}

static bool runs(enum cbw_state state)
{
	return state == CBW_RUNNING || state == CBW_READY;
}

/* The only place that changes the state. */
static void __set_state(struct cbw_job *job, enum cbw_state state,
			const char *reason)
{
	lockdep_assert_held(&job->lock);

	trace_cbw_state(job->dev, state_words[state], reason);
	job->state = state;
	job->reason = reason;
	job->ops->steer(job, runs(state));
	schedule_work(&job->event);
}

/*
 * Final states are final, and only cbw_job_start() leaves CBW_NEW: a message
 * may come after the table is live, but before it is resumed. What is held may
 * only end; cbw_job_let_begin() is the other way out.
 */
static bool __may_change(const struct cbw_job *job, enum cbw_state state)
{
	lockdep_assert_held(&job->lock);

	if (job->state == CBW_HELD)
		return state >= CBW_COMPLETED;
	return job->state > CBW_NEW && job->state < CBW_COMPLETED;
}

/* What is so already is no change, and no event. False: it may not change. */
static bool change_state(struct cbw_job *job, enum cbw_state state,
			 const char *reason)
{
	unsigned long flags;
	bool may;

	spin_lock_irqsave(&job->lock, flags);
	may = __may_change(job, state);
	if (may && job->state != state)
		__set_state(job, state, reason);
	spin_unlock_irqrestore(&job->lock, flags);
	return may;
}

static void log_end(struct cbw_job *job, enum cbw_state state, const char *reason)
{
	unsigned long done, total;

	job->ops->progress(job, &done, &total);
	DMINFO("%s: %s %s%s%s%s, %lu of %lu chunks saved", job->name,
	       job->kind, state_words[state], reason ? " (" : "", reason ?: "",
	       reason ? ")" : "", done, total);
}

bool cbw_job_end(struct cbw_job *job, enum cbw_state state, const char *reason)
{
	if (!change_state(job, state, reason))
		return false;

	/*
	 * The state is set before anything that waited is let go, so nobody
	 * can see later data on the origin while the job still looks good.
	 */
	if (state != CBW_COMPLETED)
		job->ops->broken(job);
	log_end(job, state, reason);
	return true;
}

void cbw_job_break(struct cbw_job *job, enum cbw_state state, const char *reason)
{
	unsigned long flags;

	spin_lock_irqsave(&job->lock, flags);
	job->broken = true;
	spin_unlock_irqrestore(&job->lock, flags);

	if (!cbw_job_end(job, state, reason))
		job->ops->broken(job);
}

/* Of a state that a job begins with. */
static const char *first_reason(enum cbw_state state)
{
	if (state == CBW_HELD)
		return "held";
	return state == CBW_PAUSED ? "user" : NULL;
}

bool cbw_job_pause(struct cbw_job *job)
{
	return change_state(job, CBW_PAUSED, "user");
}

void cbw_job_stop(struct cbw_job *job, const char *reason)
{
	unsigned long flags;

	spin_lock_irqsave(&job->lock, flags);
	if (__may_change(job, CBW_PAUSED))
		__set_state(job, CBW_PAUSED, reason);
	spin_unlock_irqrestore(&job->lock, flags);
}

bool cbw_job_resume(struct cbw_job *job)
{
	unsigned long flags;
	bool may;

	spin_lock_irqsave(&job->lock, flags);
	may = __may_change(job, CBW_RUNNING);
	if (may && job->state == CBW_PAUSED)
		__set_state(job, job->ready ? CBW_READY : CBW_RUNNING, NULL);
	spin_unlock_irqrestore(&job->lock, flags);
	return may;
}

void cbw_job_get_ready(struct cbw_job *job)
{
	unsigned long flags;

	spin_lock_irqsave(&job->lock, flags);
	job->ready = true;
	if (job->state == CBW_RUNNING)
		__set_state(job, CBW_READY, NULL);
	spin_unlock_irqrestore(&job->lock, flags);
}

bool cbw_job_want(struct cbw_job *job, const char *what)
{
	unsigned long flags;
	bool ready;

	spin_lock_irqsave(&job->lock, flags);
	ready = job->state == CBW_READY;
	if (ready)
		__set_state(job, CBW_READY, what);
	spin_unlock_irqrestore(&job->lock, flags);
	return ready;
}

bool cbw_job_let_begin(struct cbw_job *job, enum cbw_state state)
{
	unsigned long flags;
	bool held;

	spin_lock_irqsave(&job->lock, flags);
	held = job->state == CBW_HELD;
	if (held)
		__set_state(job, state, first_reason(state));
	spin_unlock_irqrestore(&job->lock, flags);
	return held;
}

void cbw_job_event(struct cbw_job *job)
{
	schedule_work(&job->event);
}

void cbw_job_state(struct cbw_job *job, const char **state, const char **reason)
{
	unsigned long flags;

	spin_lock_irqsave(&job->lock, flags);
	*state = state_words[job->state];
	*reason = job->reason ?: "-";
	spin_unlock_irqrestore(&job->lock, flags);
}

static enum cbw_state state_of(struct cbw_job *job)
{
	enum cbw_state state;
	unsigned long flags;

	spin_lock_irqsave(&job->lock, flags);
	state = job->state;
	spin_unlock_irqrestore(&job->lock, flags);
	return state;
}

bool cbw_job_begun(struct cbw_job *job)
{
	return state_of(job) != CBW_NEW;
}

bool cbw_job_held(struct cbw_job *job)
{
	return state_of(job) == CBW_HELD;
}

bool cbw_job_running(struct cbw_job *job)
{
	return runs(state_of(job));
}

bool cbw_job_ready(struct cbw_job *job)
{
	return state_of(job) == CBW_READY;
}

bool cbw_job_wanted(struct cbw_job *job)
{
	unsigned long flags;
	bool wanted;

	spin_lock_irqsave(&job->lock, flags);
	wanted = job->state == CBW_READY && job->reason;
	spin_unlock_irqrestore(&job->lock, flags);
	return wanted;
}

bool cbw_job_completed(struct cbw_job *job)
{
	return state_of(job) == CBW_COMPLETED;
}

bool cbw_job_ended(struct cbw_job *job)
{
	return state_of(job) >= CBW_COMPLETED;
}

/*----------------------------------------------------------------
 * All jobs
 *----------------------------------------------------------------
 */

static bool uses(const struct cbw_job *job, struct block_device *bdev)
{
	return cbw_overlap(job->origin, bdev) || cbw_overlap(job->dest, bdev) ||
	       cbw_overlap(job->metadata, bdev);
}

/* Copies that outlived their job write to its target device, and only there. */
static bool orphans_write(struct cbw_job *orphan, const struct cbw_job *job)
{
	return orphan->ops->busy(orphan) && uses(job, orphan->dest);
}

static char *__conflict(const struct cbw_job *job)
{
	struct cbw_job *other;

	lockdep_assert_held(&jobs_lock);

	if (cbw_overlap(job->origin, job->dest))
		return "Origin and target are the same device, or one is a partition of the other";
	if (cbw_overlap(job->origin, job->metadata) || cbw_overlap(job->dest, job->metadata))
		return "Metadata device is the origin or target, or a partition, or the reverse";

	list_for_each_entry(other, &jobs, list) {
		/*
		 * A table that replaces another has the same devices, and what
		 * is still in flight for that one ends with the suspend.
		 */
		if (other->md == job->md)
			continue;
		if (cbw_job_ended(other) && orphans_write(other, job))
			return "Copies of a failed job still run on this device";
		if (!other->md)
			continue;
		if (uses(other, job->origin))
			return "Origin device is in use by another cbw job";
		if (uses(other, job->dest))
			return "Target device is in use by another cbw job";
		if (uses(other, job->metadata))
			return "Metadata device is in use by another cbw job";
	}
	return cbw_late_writes(job->origin) ?: cbw_late_writes(job->dest) ?:
	       cbw_late_writes(job->metadata);
}

int cbw_job_register(struct cbw_job *job, struct dm_target *ti, char **error)
{
	char *conflict;

	spin_lock_init(&job->lock);
	INIT_WORK(&job->event, raise_event);
	refcount_set(&job->refs, 1);
	job->state = CBW_NEW;
	job->reason = "new";
	job->ti = ti;
	job->md = dm_table_get_md(ti->table);
	strscpy(job->name, dm_device_name(job->md), sizeof(job->name));

	mutex_lock(&jobs_lock);
	conflict = __conflict(job);
	if (!conflict)
		list_add_tail(&job->list, &jobs);
	mutex_unlock(&jobs_lock);

	if (!conflict)
		return 0;

	*error = conflict;
	return -EBUSY;
}

static bool has_point_in_time(struct cbw_job *job)
{
	bool has;

	spin_lock_irq(&job->lock);
	has = !job->broken && job->state >= CBW_HELD && job->state <= CBW_COMPLETED;
	spin_unlock_irq(&job->lock);
	return has;
}

/* The reference of its table lasts at least until cbw_job_detach() has taken its md. */
struct cbw_job *cbw_job_find(const char *kind, struct block_device *origin)
{
	struct cbw_job *job, *found = NULL;

	mutex_lock(&jobs_lock);
	list_for_each_entry(job, &jobs, list) {
		if (!strcmp(job->kind, kind) && job->md && job->origin == origin &&
		    has_point_in_time(job)) {
			refcount_inc(&job->refs);
			found = job;
			break;
		}
	}
	mutex_unlock(&jobs_lock);
	return found;
}

void cbw_job_put(struct cbw_job *job)
{
	if (refcount_dec_and_test(&job->refs))
		job->ops->unused(job);
}

void cbw_job_detach(struct cbw_job *job)
{
	mutex_lock(&jobs_lock);
	job->md = NULL;
	mutex_unlock(&jobs_lock);

	spin_lock_irq(&job->lock);
	job->ti = NULL;
	spin_unlock_irq(&job->lock);
	flush_work(&job->event);
}

void cbw_job_unregister(struct cbw_job *job)
{
	mutex_lock(&jobs_lock);
	list_del(&job->list);
	mutex_unlock(&jobs_lock);
	flush_work(&job->event);
}

/*
 * The device is suspended, so the table that this one replaces has nothing in
 * flight, unless a device hangs. Returns false if copies of a job that has
 * ended may still write to one of our devices.
 */
static bool end_predecessor(struct cbw_job *job)
{
	struct cbw_job *other;
	bool clean = true;

	mutex_lock(&jobs_lock);
	list_for_each_entry(other, &jobs, list) {
		if (other == job)
			continue;
		/* A new one is a table that is being loaded meanwhile. */
		if (other->md == job->md && state_of(other) != CBW_NEW) {
			cbw_job_break(other, CBW_CANCELLED, "table-replaced");
			other->ops->settle(other);
		}
		if (cbw_job_ended(other) && orphans_write(other, job))
			clean = false;
	}
	mutex_unlock(&jobs_lock);
	return clean;
}

void cbw_job_start(struct cbw_job *job, enum cbw_state state)
{
	const char *wrong;
	bool clean;

	if (state_of(job) != CBW_NEW)
		return;

	clean = end_predecessor(job);
	wrong = job->ops->begin(job);

	spin_lock_irq(&job->lock);
	__set_state(job, state, first_reason(state));
	spin_unlock_irq(&job->lock);

	/* preresume must not fail: what is wrong by now goes live as failed. */
	if (!clean)
		wrong = "orphans";
	if (wrong)
		cbw_job_end(job, CBW_FAILED, wrong);
}
