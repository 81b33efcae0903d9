// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pace of the sweep; see dm-cbw-pace.h for the contract.
 *
 * What the foreground leaves is found by trying: too slow, and the sweep gives
 * way at once, by as much as the latency is too long, though by no more than the
 * half; fast enough, and the sweep takes a little more, if it was this that held
 * it up. So it is as fast as the device allows when nobody else wants it.
 */
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "dm-cbw-pace.h"

/*
 * How far the sweep may fall behind its limit and still catch up, and how long
 * the foreground is looked at. As QEMU's rate-limit slice: long enough for the
 * timer, too short to be felt.
 */
#define CBW_SLICE_NS	(100 * NSEC_PER_MSEC)

/* The mean of fewer reads and writes says little: wait for more, but not for long. */
#define CBW_FEW_IOS	16
#define CBW_LONG_NS	NSEC_PER_SEC

/* One processor's part of a counter is 32 bits wide. */
#define CBW_BATCH	((s32)BIT(30))

/* A bit of cbw_pace.flags: what was charged at the old limit is forgiven. */
#define LIMIT_CHANGED	0

int cbw_pace_init(struct cbw_pace *pace)
{
	int r;

	pace->min_speed = 1;
	pace->rate = U64_MAX;
	pace->paused = true;
	r = percpu_counter_init(&pace->ios, 0, GFP_KERNEL);
	if (!r)
		r = percpu_counter_init(&pace->ns, 0, GFP_KERNEL);
	return r;
}

void cbw_pace_destroy(struct cbw_pace *pace)
{
	percpu_counter_destroy(&pace->ns);
	percpu_counter_destroy(&pace->ios);
}

void cbw_pace_set(struct cbw_pace *pace, unsigned int speed, unsigned int min_speed,
		  unsigned int target_latency)
{
	bool changed = speed != pace->speed || min_speed != pace->min_speed ||
		       target_latency != pace->target_latency;

	WRITE_ONCE(pace->speed, speed);
	WRITE_ONCE(pace->min_speed, min_speed);
	WRITE_ONCE(pace->target_latency, target_latency);
	if (!changed)
		return;

	/* Pairs with test_and_clear_bit() in cbw_pace_delay(). */
	smp_mb__before_atomic();
	set_bit(LIMIT_CHANGED, &pace->flags);
}

void cbw_pace_pause(struct cbw_pace *pace, bool pause)
{
	WRITE_ONCE(pace->paused, pause);
}

bool cbw_pace_paused(const struct cbw_pace *pace)
{
	return READ_ONCE(pace->paused);
}

bool cbw_pace_measures(const struct cbw_pace *pace)
{
	return READ_ONCE(pace->target_latency) && !cbw_pace_paused(pace);
}

void cbw_pace_foreground(struct cbw_pace *pace, u64 ns)
{
	percpu_counter_add_batch(&pace->ios, 1, CBW_BATCH);
	percpu_counter_add_batch(&pace->ns, ns, CBW_BATCH);
}

bool cbw_pace_gentle(const struct cbw_pace *pace)
{
	return cbw_pace_measures(pace) && !pace->alone;
}

static u64 kib(const unsigned int *speed)
{
	return (u64)READ_ONCE(*speed) << 10;
}

static void begin_window(struct cbw_pace *pace, s64 ios, s64 ns, u64 now)
{
	pace->window = now;
	pace->bytes = 0;
	pace->limited = false;
	pace->seen_ios = ios;
	pace->seen_ns = ns;
}

/* The foreground takes @mean ns where @target would be right. */
static void give_way(struct cbw_pace *pace, u64 mean, u64 target, u64 elapsed)
{
	if (pace->rate == U64_MAX)
		pace->rate = div64_u64(pace->bytes * MSEC_PER_SEC,
				       div_u64(elapsed, NSEC_PER_MSEC));
	pace->rate = (pace->rate >> 10) * max_t(u64, div64_u64(target << 10, mean), 512);
	pace->rate = max(pace->rate, kib(&pace->min_speed));
}

/* The foreground is fast enough. */
static void take_more(struct cbw_pace *pace)
{
	if (pace->limited)
		pace->rate += pace->rate / 4;
}

/* Look at what the foreground did since the window began. */
static void look(struct cbw_pace *pace, u64 target, u64 now)
{
	s64 all_ios = percpu_counter_sum(&pace->ios);
	s64 all_ns = percpu_counter_sum(&pace->ns);
	u64 elapsed = now - pace->window;
	u64 ios = all_ios - pace->seen_ios;
	u64 mean = ios ? div64_u64(all_ns - pace->seen_ns, ios) : 0;

	if (pace->window) {
		if (ios < CBW_FEW_IOS && elapsed < CBW_LONG_NS)
			return;

		pace->alone = !ios;
		if (!ios)
			pace->rate = U64_MAX;
		else if (mean > target)
			give_way(pace, mean, target, elapsed);
		else
			take_more(pace);
	}
	begin_window(pace, all_ios, all_ns, now);
}

static void adapt(struct cbw_pace *pace, u64 now)
{
	u64 target = (u64)READ_ONCE(pace->target_latency) * NSEC_PER_USEC;

	if (!target) {
		pace->rate = U64_MAX;
		pace->window = 0;
	} else if (!pace->window || now - pace->window >= CBW_SLICE_NS) {
		look(pace, target, now);
	}
}

void cbw_pace_rest(struct cbw_pace *pace)
{
	pace->window = 0;
	pace->alone = false;
}

/* What the sweep may do, in bytes/s; U64_MAX: no limit. */
static u64 allowed(const struct cbw_pace *pace)
{
	return min(kib(&pace->speed) ?: U64_MAX, pace->rate);
}

u64 cbw_pace_delay(struct cbw_pace *pace, u64 now)
{
	adapt(pace, now);
	if (test_and_clear_bit(LIMIT_CHANGED, &pace->flags) ||
	    allowed(pace) == U64_MAX)
		pace->next_start = 0;
	if (pace->next_start <= now)
		return 0;

	/* Else it is the speed that holds it up, and there is no need to look again. */
	if (allowed(pace) != pace->rate)
		return pace->next_start - now;

	pace->limited = true;
	return min_t(u64, pace->next_start - now, CBW_SLICE_NS);
}

/* A copy longer than the limit allows now is paid for by what comes later. */
void cbw_pace_charge(struct cbw_pace *pace, u64 bytes, u64 now)
{
	u64 rate = allowed(pace);

	pace->bytes += bytes;
	if (rate == U64_MAX)
		return;

	/* The longest copy, 2^30 bytes, times 10^9 fits. */
	pace->next_start = max(pace->next_start, now - CBW_SLICE_NS) +
			   div64_u64(bytes * NSEC_PER_SEC, rate);
}
