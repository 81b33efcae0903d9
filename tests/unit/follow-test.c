// SPDX-License-Identifier: GPL-2.0-only
/*
 * A map that follows, between two devices of a few sectors.
 *
 *   follow-test [-n RUNS] [SEED]
 *
 * Writes begin, arrive on the origin and on the other device, and end; copies are claimed, read,
 * write and end, or fail: each is a step, and which comes next is chance. In a run writes are
 * done on the origin alone at first, and on both devices from some moment on. It is checked
 * after each step that
 *
 *   - what is neither pending nor claimed, and not being written to, is the same on both devices;
 *   - no copy is under way where a write is that the map has let go;
 *   - of two writes to a sector that are done on both devices one waits for the other;
 *   - whoever is held waits for such a write, or counts among those that wait for a copy;
 *   - once all writes ask for both devices, nothing becomes pending again;
 *
 * and at the end that nothing is held any more, and that the devices are the same.
 */
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm-cbw-map.h"

#define SHIFT		2
#define CHUNKS		20UL
#define SECTORS		(CHUNKS << SHIFT)
#define MAX_WRITES	12
#define MAX_COPIES	4
#define STEPS		600

enum progress { UNUSED, HELD, UNDER_WAY };

struct write {
	struct cbw_waiter waiter;
	struct cbw_writing writing;
	enum progress progress;
	bool asks;			/* the map lets it go, and is told of its end */
	bool to_origin, to_other;	/* has yet to arrive there */
	unsigned int id;
};

struct copy {
	struct cbw_claim *claim;	/* NULL: unused */
	bool read;
	unsigned int data[SECTORS];
};

static unsigned long seed, step;
static unsigned int origin[SECTORS], other[SECTORS];
static struct write writes[MAX_WRITES];
static struct copy copies[MAX_COPIES];
static struct cbw_map *map;
static unsigned long cursor;
static unsigned int last_id;
static bool mirrors;			/* all writes ask from now on */
static unsigned long least;		/* pending since then */
static u64 chance;

static unsigned long below(unsigned long limit)
{
	chance = chance * 6364136223846793005ULL + 1442695040888963407ULL;
	return (chance >> 33) % limit;
}

#define check(cond) ((cond) ? (void)0 : failed(__LINE__, #cond))

static _Noreturn void failed(int line, const char *cond)
{
	fprintf(stderr, "follow-test.c:%d: not so: %s (step %lu); again: follow-test %lu\n", line,
		cond, step, seed);
	abort();
}

/*----------------------------------------------------------------
 * What must be so after each step
 *----------------------------------------------------------------
 */

static bool touches(const struct write *write, unsigned long first, unsigned long last)
{
	return write->progress == UNDER_WAY && write->writing.start <= last &&
	       first <= write->writing.last;
}

static bool any_write(unsigned long first, unsigned long last)
{
	int i;

	for (i = 0; i < MAX_WRITES; i++)
		if (touches(&writes[i], first, last))
			return true;
	return false;
}

static bool is_claimed(unsigned long chunk)
{
	int i;

	for (i = 0; i < MAX_COPIES; i++)
		if (copies[i].claim && chunk - copies[i].claim->first < copies[i].claim->nr)
			return true;
	return false;
}

static void check_sectors(void)
{
	unsigned long s;

	for (s = 0; s < SECTORS; s++)
		if (!cbw_map_pending(map, s >> SHIFT, s >> SHIFT) && !is_claimed(s >> SHIFT) &&
		    !any_write(s, s))
			check(origin[s] == other[s]);
}

static void check_writes(void)
{
	int i, k;

	for (i = 0; i < MAX_WRITES; i++) {
		struct write *write = &writes[i];

		if (write->progress != UNDER_WAY || !write->writing.under_way)
			continue;
		for (k = 0; k < MAX_COPIES; k++)
			if (copies[k].claim)
				check(!touches(write, copies[k].claim->first << SHIFT,
					       ((copies[k].claim->first + copies[k].claim->nr)
						<< SHIFT) - 1));
		for (k = 0; k < i; k++)
			if (writes[k].progress == UNDER_WAY && writes[k].writing.under_way)
				check(!touches(write, writes[k].writing.start,
					       writes[k].writing.last));
	}
}

static void check_held(void)
{
	u64 oldest = U64_MAX, since = U64_MAX;
	bool any = false;
	int i;

	for (i = 0; i < MAX_WRITES; i++) {
		const struct write *write = &writes[i];

		if (write->progress != HELD)
			continue;
		any = true;
		if (!write->waiter.behind_write)
			oldest = min(oldest, write->waiter.since);
		else
			check(any_write(write->writing.start, write->writing.last));
	}
	check(cbw_map_oldest(map, &since) == any);
	check(since == oldest);
}

static bool all_ask(void)
{
	int i;

	for (i = 0; i < MAX_WRITES; i++)
		if (writes[i].progress != UNUSED && !writes[i].asks)
			return false;
	return mirrors;
}

static void check_convergence(void)
{
	if (!all_ask()) {
		least = CHUNKS;
		return;
	}
	check(cbw_map_nr_pending(map) <= least);
	least = cbw_map_nr_pending(map);
}

/*----------------------------------------------------------------
 * Steps
 *----------------------------------------------------------------
 */

static void under_way(struct write *write)
{
	write->progress = UNDER_WAY;
	write->to_origin = true;
	write->to_other = write->asks && write->writing.under_way && write->writing.both;
}

static void begin_write(void)
{
	struct write *write = &writes[below(MAX_WRITES)];
	unsigned long len = 1 + below(below(4) ? 3 : 3 << SHIFT);
	LIST_HEAD(claims);

	if (write->progress != UNUSED)
		return;
	write->writing.start = below(SECTORS - len + 1);
	write->writing.last = write->writing.start + len - 1;
	write->writing.under_way = false;
	write->waiter.first = write->writing.start >> SHIFT;
	write->waiter.last = write->writing.last >> SHIFT;
	write->waiter.writing = &write->writing;
	write->id = ++last_id;
	write->asks = mirrors || !below(3);
	write->progress = HELD;
	if (!write->asks || cbw_map_hold(map, &write->waiter, step, false, &claims) == CBW_GO)
		under_way(write);
	check(list_empty(&claims));
}

static void let_go(void)
{
	LIST_HEAD(claims);
	struct cbw_waiter *waiter;
	enum cbw_verdict verdict;
	bool more = true;

	while (more) {
		verdict = cbw_map_next(map, &waiter, &claims, &more);
		check(verdict != CBW_FAIL && list_empty(&claims));
		if (verdict == CBW_GO)
			under_way(list_entry(waiter, struct write, waiter));
	}
}

static void end_write(struct write *write)
{
	unsigned int what;

	write->progress = UNUSED;
	if (!write->writing.under_way) {
		cbw_map_dirty(map, write->waiter.first, write->waiter.last);
		return;
	}
	what = cbw_map_written(map, &write->writing);
	if (what & CBW_LOOK_AGAIN)
		let_go();
}

static void arrive(unsigned int *device, const struct write *write)
{
	unsigned long s;

	for (s = write->writing.start; s <= write->writing.last; s++)
		device[s] = write->id;
}

static void go_on_with(struct write *write)
{
	if (write->progress != UNDER_WAY)
		return;
	if (write->to_origin && (!write->to_other || below(2))) {
		write->to_origin = false;
		arrive(origin, write);
	} else if (write->to_other) {
		write->to_other = false;
		arrive(other, write);
	} else {
		end_write(write);
	}
}

static void begin_copy(struct copy *copy)
{
	copy->claim = cbw_map_take_drained(map);
	if (!copy->claim)
		copy->claim = cbw_map_claim_sweep(map, &cursor, 1 + below(3));
	if (copy->claim && copy->claim->drains)
		copy->claim = NULL;
	if (!copy->claim && cbw_map_at_end(map, cursor))
		cursor = 0;
	copy->read = false;
}

static void go_on_with_copy(struct copy *copy)
{
	struct cbw_claim *claim = copy->claim;
	size_t at, size;
	bool saved;

	if (!claim) {
		begin_copy(copy);
		return;
	}
	at = claim->first << SHIFT;
	size = (claim->nr << SHIFT) * sizeof(origin[0]);
	if (!copy->read) {
		copy->read = true;
		memcpy(&copy->data[at], &origin[at], size);
		return;
	}
	saved = below(8);
	if (saved)
		memcpy(&other[at], &copy->data[at], size);
	copy->claim = NULL;
	if (cbw_map_finish(map, claim, saved, false))
		let_go();
}

static void take_step(void)
{
	unsigned long kind = below(10);

	if (!mirrors && !below(STEPS / 2))
		mirrors = true;
	if (kind < 3)
		begin_write();
	else if (kind < 7)
		go_on_with(&writes[below(MAX_WRITES)]);
	else
		go_on_with_copy(&copies[below(MAX_COPIES)]);
	check_sectors();
	check_writes();
	check_held();
	check_convergence();
}

/*----------------------------------------------------------------
 * Runs
 *----------------------------------------------------------------
 */

static bool busy(void)
{
	int i;

	for (i = 0; i < MAX_WRITES; i++)
		if (writes[i].progress != UNUSED)
			return true;
	return cbw_map_nr_pending(map) || cbw_map_in_flight(map, CBW_SWEEP);
}

/* No more writes: all come to an end. */
static void finish_run(void)
{
	unsigned long rounds;
	int i;

	for (rounds = 0; busy(); rounds++) {
		check(rounds < 100000);
		for (i = 0; i < MAX_WRITES; i++)
			go_on_with(&writes[i]);
		for (i = 0; i < MAX_COPIES; i++)
			go_on_with_copy(&copies[i]);
		check_sectors();
	}
	check(!cbw_map_nr_held(map));
	check(!memcmp(origin, other, sizeof(origin)));
}

static void run(unsigned long number)
{
	seed = number;
	chance = number * 0x9e3779b97f4a7c15ULL;
	memset(writes, 0, sizeof(writes));
	memset(copies, 0, sizeof(copies));
	memset(origin, 0, sizeof(origin));
	memset(other, 0xff, sizeof(other));
	cursor = 0;
	mirrors = false;
	least = CHUNKS;

	map = cbw_map_create(CHUNKS, 3, true, NULL);
	check(map && !cbw_map_may_follow(map, SHIFT));
	cbw_map_allow_sweep(map, true);
	cbw_map_mirror(map, true);
	for (step = 0; step < STEPS; step++)
		take_step();
	finish_run();
	cbw_map_destroy(map);
}

int main(int argc, char **argv)
{
	unsigned long runs = 2000, i;

	if (argc == 2) {
		run(strtoul(argv[1], NULL, 10));
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "-n"))
		runs = strtoul(argv[2], NULL, 10);
	for (i = 1; i <= runs; i++)
		run(i);
	printf("follow-test: %lu runs\n", runs);
	return 0;
}
