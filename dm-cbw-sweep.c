// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sweep; see dm-cbw-sweep.h for the contract.
 */
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "dm-cbw-copy.h"
#include "dm-cbw-map.h"
#include "dm-cbw-pace.h"
#include "dm-cbw-sweep.h"

/* How long no copy starts after one has failed: what fails at once must not spin. */
#define CBW_RETRY_NS		(100 * NSEC_PER_MSEC)

/*
 * How long a pass takes at least while the sweep gathers: what is written to time and again
 * is copied once in it. As long as a slice of QEMU's block jobs.
 */
#define CBW_PASS_NS		(100 * NSEC_PER_MSEC)

/* By how much a copy may start later than it could. */
#define CBW_SLACK_NS	(50 * NSEC_PER_USEC)

/* A bit of cbw_sweep.flags, set for the thread. */
#define COPY_FAILED	0

struct cbw_sweep {
	struct cbw_map *map;
	struct cbw_copier *copier;
	struct cbw_pace *pace;
	u64 bytes_per_chunk;

	struct task_struct *thread;
	wait_queue_head_t wait;
	unsigned long cursor;	/* the thread's own */
	unsigned long longest;	/* chunks in one copy, at most */
	unsigned long max_run;	/* the thread's own: in one of this pass */
	bool failed;		/* the thread's own: one has, in this pass */
	u64 pass_at;		/* the thread's own: no other pass begins before, ns */
	u64 retry_at;		/* the thread's own: nothing starts before, ns */
	unsigned long flags;
	bool gathers;
	bool hurry;
};

/*
 * Copy-before-write goes first: while writes are held, or copies of theirs are in flight, or
 * others are not to be slowed down, the sweep has one copy in flight, but always that one, so
 * that it advances under any load.
 */
static bool yields(struct cbw_sweep *sweep)
{
	return (cbw_map_nr_held(sweep->map) || cbw_map_in_flight(sweep->map, CBW_WRITE) ||
		cbw_pace_gentle(sweep->pace)) &&
	       cbw_map_in_flight(sweep->map, CBW_SWEEP) && !READ_ONCE(sweep->hurry);
}

/*
 * What is claimed and waits for a buffer holds up writes as well, and for the target device. One
 * may, so that copy-before-write leaves it its share.
 */
static bool is_full(struct cbw_sweep *sweep)
{
	return cbw_map_in_flight(sweep->map, CBW_SWEEP) &&
	       !cbw_copier_has_room(sweep->copier, sweep->max_run);
}

/* Until somebody wakes the thread, but for no longer than @delay ns, if it is not 0. */
static void wait_for_work(u64 delay)
{
	ktime_t time = ns_to_ktime(delay);

	/* A jiffy is too coarse: the copies of several milliseconds would start at once. */
	schedule_hrtimeout_range(delay ? &time : NULL, CBW_SLACK_NS, HRTIMER_MODE_REL);
}

/* How long what has failed makes everything wait, in ns. */
static u64 retry_delay(struct cbw_sweep *sweep, u64 now)
{
	if (test_and_clear_bit(COPY_FAILED, &sweep->flags)) {
		sweep->failed = true;
		sweep->retry_at = now + CBW_RETRY_NS;
	}
	return sweep->retry_at > now ? sweep->retry_at - now : 0;
}

/*
 * A copy fails as a whole, with what is around a bad chunk, so the next pass makes shorter
 * ones; when it is the chunk itself that fails, the others need not be short for it.
 */
static unsigned long next_run(const struct cbw_sweep *sweep)
{
	if (!sweep->failed || sweep->max_run == 1)
		return sweep->longest;
	return max(sweep->max_run / 4, 1UL);
}

/* A pass has ended; begin another if chunks are pending still, or again. */
static struct cbw_claim *next_pass(struct cbw_sweep *sweep, u64 now, u64 *delay)
{
	if (!cbw_map_unclaimed(sweep->map))
		return NULL;
	if (sweep->pass_at > now && !sweep->failed && !READ_ONCE(sweep->hurry)) {
		*delay = sweep->pass_at - now;
		return NULL;
	}
	sweep->cursor = 0;
	sweep->max_run = next_run(sweep);
	sweep->failed = false;
	sweep->pass_at = READ_ONCE(sweep->gathers) ? now + CBW_PASS_NS : now;
	return cbw_map_claim_sweep(sweep->map, &sweep->cursor, sweep->max_run);
}

/* What to copy now; NULL: nothing before the next wake-up or @delay ns. */
static struct cbw_claim *next_claim(struct cbw_sweep *sweep, u64 *delay)
{
	struct cbw_claim *claim = cbw_map_take_drained(sweep->map);
	u64 now = ktime_get_ns();

	*delay = 0;
	if (claim)
		return claim;
	if (cbw_pace_paused(sweep->pace) || !cbw_map_sweep_allowed(sweep->map)) {
		cbw_pace_rest(sweep->pace);
		return NULL;
	}
	if (yields(sweep) || is_full(sweep))
		return NULL;

	*delay = retry_delay(sweep, now);
	if (*delay)
		return NULL;

	/* The flush copies nothing, so no limit holds it up. */
	if (!cbw_map_nr_pending(sweep->map))
		return cbw_map_claim_flush(sweep->map);

	*delay = READ_ONCE(sweep->hurry) ? 0 : cbw_pace_delay(sweep->pace, now);
	if (*delay)
		return NULL;

	claim = cbw_map_claim_sweep(sweep->map, &sweep->cursor, sweep->max_run);
	if (!claim && cbw_map_at_end(sweep->map, sweep->cursor))
		claim = next_pass(sweep, now, delay);
	if (claim)
		cbw_pace_charge(sweep->pace, claim->nr * sweep->bytes_per_chunk, now);
	return claim;
}

static int sweep_thread(void *data)
{
	struct cbw_sweep *sweep = data;
	struct cbw_claim *claim;
	DEFINE_WAIT(wait);
	u64 delay;

	while (!kthread_should_stop()) {
		prepare_to_wait(&sweep->wait, &wait, TASK_IDLE);
		claim = next_claim(sweep, &delay);
		if (!claim && !kthread_should_stop())
			wait_for_work(delay);
		finish_wait(&sweep->wait, &wait);

		if (claim && !claim->drains)
			cbw_copier_start(sweep->copier, claim);
		cond_resched();
	}
	return 0;
}

void cbw_sweep_wake(struct cbw_sweep *sweep)
{
	/* Pairs with prepare_to_wait() in sweep_thread(). */
	if (wq_has_sleeper(&sweep->wait))
		wake_up(&sweep->wait);
}

void cbw_sweep_retry_later(struct cbw_sweep *sweep)
{
	set_bit(COPY_FAILED, &sweep->flags);
}

void cbw_sweep_gather(struct cbw_sweep *sweep)
{
	WRITE_ONCE(sweep->gathers, true);
}

void cbw_sweep_hurry(struct cbw_sweep *sweep, bool hurry)
{
	WRITE_ONCE(sweep->hurry, hurry);
	cbw_sweep_wake(sweep);
}

void cbw_sweep_pause(struct cbw_sweep *sweep, bool pause)
{
	cbw_pace_pause(sweep->pace, pause);
	cbw_sweep_wake(sweep);
}

struct cbw_sweep *cbw_sweep_create(struct cbw_map *map, struct cbw_copier *copier,
				   struct cbw_pace *pace, unsigned long max_run,
				   u64 bytes_per_chunk, const char *name)
{
	struct cbw_sweep *sweep = kzalloc(sizeof(*sweep), GFP_KERNEL);
	struct task_struct *thread;

	if (!sweep)
		return ERR_PTR(-ENOMEM);

	sweep->map = map;
	sweep->copier = copier;
	sweep->pace = pace;
	sweep->bytes_per_chunk = bytes_per_chunk;
	sweep->longest = max_run;
	sweep->max_run = max_run;
	init_waitqueue_head(&sweep->wait);

	thread = kthread_run(sweep_thread, sweep, "cbw_sweep/%s", name);
	if (IS_ERR(thread)) {
		kfree(sweep);
		return ERR_CAST(thread);
	}
	sweep->thread = thread;
	return sweep;
}

void cbw_sweep_stop(struct cbw_sweep *sweep)
{
	if (!IS_ERR_OR_NULL(sweep))
		kthread_stop(sweep->thread);
}

void cbw_sweep_destroy(struct cbw_sweep *sweep)
{
	if (!IS_ERR_OR_NULL(sweep))
		kfree(sweep);
}
