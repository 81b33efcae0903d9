// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the pace of the sweep, on a simulated clock and a simulated device,
 * whose latency grows with what the sweep takes of its bandwidth.
 */
#include <linux/time64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm-cbw-pace.h"

#define MIB		(1024.0 * 1024)
#define TICK_NS		4000000		/* a timer is no finer */

static struct cbw_pace pace;
static u64 now;
static const char *test;

/* The device, and what the foreground does with it. */
static double bandwidth;		/* bytes/s */
static double own_latency;		/* us, of a device that does nothing else */
static double ios_per_s;

/* What was seen in a run. */
static double copied, latencies, ios;

static void expect(int right, const char *what, double value)
{
	if (right)
		return;
	fprintf(stderr, "%s: %s is %g\n", test, what, value);
	exit(1);
}

static void begin(const char *name)
{
	test = name;
	memset(&pace, 0, sizeof(pace));
	now = 1234567890123ULL;
	bandwidth = 1000 * MIB;
	own_latency = 100;
	ios_per_s = 5000;
	if (cbw_pace_init(&pace))
		expect(0, "memory", 0);
	cbw_pace_pause(&pace, false);
}

static void set_speed(unsigned int speed)
{
	cbw_pace_set(&pace, speed, pace.min_speed, pace.target_latency);
}

static void set_min_speed(unsigned int speed)
{
	cbw_pace_set(&pace, pace.speed, speed, pace.target_latency);
}

static void set_target_latency(unsigned int us)
{
	cbw_pace_set(&pace, pace.speed, pace.min_speed, us);
}

static void foreground(double seconds, double load)
{
	static double owed;
	double latency = load < 0.99 ? own_latency / (1 - load) : 100 * own_latency;

	owed += ios_per_s * seconds;
	while (owed >= 1) {
		owed--;
		if (cbw_pace_measures(&pace))
			cbw_pace_foreground(&pace, latency * 1000);
		latencies += latency;
		ios++;
	}
}

/* Copies of @bytes, one after the other, for @seconds. */
static void run(double seconds, u64 bytes)
{
	u64 end = now + seconds * NSEC_PER_SEC;
	double load = 0;

	copied = 0;
	latencies = 0;
	ios = 0;
	while (now < end) {
		u64 delay = cbw_pace_delay(&pace, now);
		u64 step = bytes / bandwidth * NSEC_PER_SEC;
		double part;

		if (delay) {
			step = (delay / TICK_NS + 1) * TICK_NS;
		} else {
			cbw_pace_charge(&pace, bytes, now);
			copied += bytes;
		}
		now += step;
		/* What the copies of the last tenth of a second have taken. */
		part = step / (0.1 * NSEC_PER_SEC);
		part = part > 1 ? 1 : part;
		load = load * (1 - part) + (delay ? 0 : part);
		foreground(step / 1e9, load);
	}
}

static double speed(double seconds)
{
	return copied / seconds;
}

static double mean(void)
{
	return latencies / ios;
}

static void test_no_limit(void)
{
	begin("no limit");
	run(1, 1 << 20);
	expect(speed(1) > 0.99 * bandwidth, "the speed", speed(1));
}

static void test_limit(void)
{
	static const unsigned int kib[] = { 1024, 10240, 102400 };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		begin("a limit");
		set_speed(kib[i]);
		run(10, 65536);
		expect(speed(10) > 0.95 * 1024 * kib[i] && speed(10) < 1.05 * 1024 * kib[i],
		       "the speed", speed(10));
	}
}

static void test_target_is_met(void)
{
	begin("the foreground is slow");
	set_target_latency(125);
	set_min_speed(1024);
	run(5, 65536);
	run(20, 65536);
	expect(mean() < 135, "the mean latency", mean());
	/* 1 / (1 - load) is 1.25 at a load of a fifth. */
	expect(speed(20) > 120 * MIB && speed(20) < 280 * MIB, "the speed", speed(20));
}

static void test_minimum_is_kept(void)
{
	begin("the foreground is always slow");
	own_latency = 1000;
	set_target_latency(125);
	set_min_speed(20480);
	run(5, 65536);
	run(10, 65536);
	expect(speed(10) > 19 * MIB && speed(10) < 21 * MIB, "the speed", speed(10));
	own_latency = 10;
	run(10, 65536);
	run(5, 65536);
	expect(speed(5) > 500 * MIB, "the speed when it is fast again", speed(5));
}

static void test_limit_beats_minimum(void)
{
	begin("a limit below the minimum");
	own_latency = 1000;
	set_target_latency(125);
	set_min_speed(20480);
	set_speed(10240);
	run(10, 65536);
	expect(speed(10) > 9.5 * MIB && speed(10) < 10.5 * MIB, "the speed", speed(10));
}

static void test_limit_hides_nothing(void)
{
	begin("slow again, after a time of being held up by the limit");
	own_latency = 1000;
	set_target_latency(125);
	set_min_speed(1024);
	run(5, 65536);
	own_latency = 10;
	set_speed(10240);
	run(30, 65536);
	expect(speed(30) > 9 * MIB, "the speed", speed(30));
	own_latency = 1000;
	run(2, 65536);
	run(5, 65536);
	expect(speed(5) < 1.1 * MIB, "the speed when it is slow again", speed(5));
}

static void test_nobody_there(void)
{
	begin("no foreground");
	set_target_latency(125);
	ios_per_s = 0;
	run(2, 1 << 20);
	expect(speed(2) > 0.99 * bandwidth, "the speed", speed(2));
	expect(!cbw_pace_gentle(&pace), "what the sweep gives way to", 1);
	ios_per_s = 5000;
	run(5, 1 << 20);
	expect(cbw_pace_gentle(&pace), "what the sweep gives way to", 0);
	ios_per_s = 0;
	run(2, 1 << 20);
	run(1, 1 << 20);
	expect(speed(1) > 0.95 * bandwidth, "the speed when they are gone", speed(1));
}

static void test_switched_off(void)
{
	begin("the target is taken back");
	own_latency = 1000;
	set_target_latency(125);
	run(5, 1 << 20);
	expect(speed(5) < 0.5 * bandwidth, "the speed", speed(5));
	set_target_latency(0);
	run(1, 1 << 20);
	expect(speed(1) > 0.99 * bandwidth, "the speed without it", speed(1));
}

static void test_long_copies(void)
{
	begin("copies that take longer than a look");
	bandwidth = 100 * MIB;
	own_latency = 1000;
	set_target_latency(125);
	set_min_speed(10240);
	run(60, 1 << 26);
	run(60, 1 << 26);
	expect(speed(60) > 9 * MIB && speed(60) < 12 * MIB, "the speed", speed(60));
}

static void test_slower_than_a_look(void)
{
	begin("reads that take longer than a look");
	set_target_latency(125);
	set_min_speed(1024);
	own_latency = 500000;
	ios_per_s = 2;
	run(15, 65536);
	run(20, 65536);
	expect(speed(20) < 1.1 * MIB, "the speed", speed(20));
}

static void test_rest(void)
{
	begin("a rest");
	set_target_latency(125);
	set_min_speed(1024);
	own_latency = 1000;
	cbw_pace_delay(&pace, now);
	foreground(0.05, 0);
	now += 1000 * NSEC_PER_SEC;
	cbw_pace_rest(&pace);
	bandwidth = 100 * MIB;
	/* What is halved is what was copied since, not in all that time. */
	run(0.12, 65536);
	expect(pace.rate > 20 * MIB, "the rate", pace.rate);
}

static void test_long_debt(void)
{
	begin("a debt that the foreground no longer asks for");
	set_target_latency(125);
	own_latency = 1000;
	run(2, 65536);
	cbw_pace_charge(&pace, 1 << 30, now);
	ios_per_s = 0;
	run(3, 1 << 20);
	expect(speed(3) > 0.3 * bandwidth, "the speed", speed(3));
}

int main(void)
{
	test_no_limit();
	test_limit();
	test_target_is_met();
	test_minimum_is_kept();
	test_limit_beats_minimum();
	test_limit_hides_nothing();
	test_nobody_there();
	test_switched_off();
	test_long_copies();
	test_slower_than_a_look();
	test_rest();
	test_long_debt();
	puts("pace: all tests passed");
	return 0;
}
