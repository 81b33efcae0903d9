// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chunk map with real threads, for ThreadSanitizer: writers, one of which
 * takes the place of the worker whenever a copy has ended, and a sweep.
 *
 * The origin and the target device are plain memory. So a write that is let
 * through before its chunk is saved is a data race between the write and the
 * copy, which ThreadSanitizer reports, and leaves a new value on the target
 * device, which is found at the end.
 */
#include <limits.h>
#include <linux/list.h>
#include <linux/types.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "dm-cbw-map.h"

#define NR_CHUNKS	300
#define MAX_RUN		5
#define NR_WRITERS	3
#define NR_WRITES	300	/* of each writer */
#define NR_ROUNDS	50
#define WIDTH		8	/* chunks of the longest write */

struct write {
	struct cbw_waiter waiter;
	int released;
};

struct writer {
	pthread_t thread;
	unsigned int column;
	unsigned int seed;
};

/* A column for each writer: only the copies meet the writes of others. */
static int origin[NR_CHUNKS][NR_WRITERS];
static int dest[NR_CHUNKS][NR_WRITERS];
static struct cbw_map *map;

static void copy(const struct cbw_claim *claim)
{
	unsigned long chunk;
	unsigned int i;

	for (chunk = claim->first; chunk < claim->first + claim->nr; chunk++)
		for (i = 0; i < NR_WRITERS; i++)
			dest[chunk][i] = origin[chunk][i];
}

static void decide_over_held(struct list_head *claims)
{
	struct cbw_waiter *waiter;
	enum cbw_verdict verdict;
	struct write *write;

	while ((verdict = cbw_map_next(map, &waiter, claims)) != CBW_IDLE) {
		if (verdict == CBW_HOLD)
			continue;
		write = list_entry(waiter, struct write, waiter);
		__atomic_store_n(&write->released, 1, __ATOMIC_RELEASE);
	}
}

/* One copy in eight fails, and is tried anew by a write that waits for it. */
static void do_copies(struct list_head *claims, unsigned int *seed)
{
	struct cbw_claim *claim;
	bool saved;

	while (!list_empty(claims)) {
		claim = list_first_entry(claims, struct cbw_claim, start);
		list_del(&claim->start);
		copy(claim);
		saved = rand_r(seed) / 7 % 8;
		if (cbw_map_finish(map, claim, saved, false))
			decide_over_held(claims);
	}
}

static void wait_until_passed(struct write *write, unsigned int *seed)
{
	LIST_HEAD(claims);
	enum cbw_verdict verdict;

	write->released = 0;
	verdict = cbw_map_hold(map, &write->waiter, 1, false, &claims);
	do_copies(&claims, seed);
	if (verdict == CBW_GO)
		return;
	while (!__atomic_load_n(&write->released, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void *write_much(void *arg)
{
	struct writer *writer = arg;
	struct write write;
	unsigned long chunk;
	unsigned int i;

	for (i = 1; i <= NR_WRITES; i++) {
		write.waiter.first = rand_r(&writer->seed) / 7 % (NR_CHUNKS - WIDTH);
		write.waiter.last = write.waiter.first +
				    rand_r(&writer->seed) / 7 % WIDTH;
		if (cbw_map_pending(map, write.waiter.first, write.waiter.last))
			wait_until_passed(&write, &writer->seed);
		for (chunk = write.waiter.first; chunk <= write.waiter.last; chunk++)
			origin[chunk][writer->column] = i;
	}
	return NULL;
}

static void *sweep(void *arg)
{
	struct writer *self = arg;
	struct cbw_claim *claim;
	unsigned long cursor = 0;
	LIST_HEAD(claims);

	while (cbw_map_nr_pending(map)) {
		if (cursor >= NR_CHUNKS)
			cursor = 0;
		claim = cbw_map_claim_sweep(map, &cursor, ULONG_MAX);
		if (!claim) {
			sched_yield();
			continue;
		}
		list_add_tail(&claim->start, &claims);
		do_copies(&claims, &self->seed);
	}
	return NULL;
}

static void run_threads(unsigned int seed)
{
	struct writer writers[NR_WRITERS + 1];
	unsigned int i;

	for (i = 0; i <= NR_WRITERS; i++) {
		writers[i].column = i;
		writers[i].seed = seed + i;
		pthread_create(&writers[i].thread, NULL,
			       i < NR_WRITERS ? write_much : sweep, &writers[i]);
	}
	for (i = 0; i <= NR_WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
}

/* At the point in time all is -1; no write ever writes that. */
static void prepare(void)
{
	unsigned long chunk;
	unsigned int i;

	for (chunk = 0; chunk < NR_CHUNKS; chunk++)
		for (i = 0; i < NR_WRITERS; i++) {
			origin[chunk][i] = -1;
			dest[chunk][i] = 0;
		}
}

static bool dest_is_right(void)
{
	unsigned long chunk;
	unsigned int i;

	for (chunk = 0; chunk < NR_CHUNKS; chunk++)
		for (i = 0; i < NR_WRITERS; i++)
			if (dest[chunk][i] != -1) {
				fprintf(stderr, "map-race: chunk %lu was saved too late\n",
					chunk);
				return false;
			}
	return true;
}

int main(void)
{
	unsigned int round;
	bool good = true;

	for (round = 0; round < NR_ROUNDS && good; round++) {
		prepare();
		map = cbw_map_create(NR_CHUNKS, MAX_RUN, NULL);
		cbw_map_allow_sweep(map, true);
		run_threads(round * (NR_WRITERS + 1));
		good = dest_is_right() && !cbw_map_nr_held(map);
		cbw_map_destroy(map);
	}
	printf("map-race: %s\n", good ? "ok" : "failed");
	return !good;
}
