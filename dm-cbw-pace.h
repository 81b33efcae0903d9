/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pace of the sweep: when its next copy may start. Two things hold it up: a
 * limit of its speed, and the foreground, when the reads and writes of the mapped
 * device take longer than they should.
 */
#ifndef DM_CBW_PACE_H
#define DM_CBW_PACE_H

#include <linux/percpu_counter.h>
#include <linux/types.h>

struct cbw_pace {
	/* Set by anybody. */
	unsigned int speed;		/* KiB/s, 0: no limit */
	unsigned int min_speed;		/* KiB/s */
	unsigned int target_latency;	/* us, 0: none */
	unsigned long flags;
	bool paused;

	/* Of the foreground, since the beginning; exact only in sum. */
	struct percpu_counter ios;
	struct percpu_counter ns;

	/* The sweep's own. */
	u64 next_start;			/* no copy before, ns */
	u64 rate;			/* what the foreground leaves, bytes/s; U64_MAX: no limit */
	u64 window;			/* when the one that is looked at began, ns; 0: none */
	u64 bytes;			/* that the sweep has begun to copy in it */
	bool limited;			/* the rate has held it up in it */
	bool alone;			/* no foreground in the one before */
	s64 seen_ios;
	s64 seen_ns;
};

/*
 * @pace is all zeroes; it has no limits then, and is paused. May sleep. -ENOMEM, and
 * even then cbw_pace_destroy() is due.
 */
int cbw_pace_init(struct cbw_pace *pace);
void cbw_pace_destroy(struct cbw_pace *pace);

/*
 * No faster than @speed KiB/s (0: no limit); slower where the foreground takes
 * longer than @target_latency us in the mean (0: never), but for its sake no slower
 * than @min_speed KiB/s, 1 or more. One caller at a time; the sweep must be woken
 * then. From any context.
 */
void cbw_pace_set(struct cbw_pace *pace, unsigned int speed, unsigned int min_speed,
		  unsigned int target_latency);

/* Nothing starts while @pause; nor does anybody measure. From any context. */
void cbw_pace_pause(struct cbw_pace *pace, bool pause);
bool cbw_pace_paused(const struct cbw_pace *pace);

/* Does anybody want to know how long the foreground takes? */
bool cbw_pace_measures(const struct cbw_pace *pace);

/* A read or a write of the foreground took @ns. */
void cbw_pace_foreground(struct cbw_pace *pace, u64 ns);

/* By the sweep only: is there a foreground that must not wait for many copies? */
bool cbw_pace_gentle(const struct cbw_pace *pace);

/* By the sweep only: it does nothing for a while, which tells nothing of the foreground. */
void cbw_pace_rest(struct cbw_pace *pace);

/* By the sweep only: how long no copy may start, ns, or until it must be asked anew. */
u64 cbw_pace_delay(struct cbw_pace *pace, u64 now);

/* By the sweep only: a copy of @bytes, less than 2^31, starts. */
void cbw_pace_charge(struct cbw_pace *pace, u64 bytes, u64 now);

#endif
