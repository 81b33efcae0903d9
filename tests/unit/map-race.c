// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chunk map with real threads, for ThreadSanitizer: writers, a sweep, and
 * readers of the point in time; whoever ends a copy or a read takes the place of
 * the worker.
 *
 * The origin and the target device are plain memory. So a write that is let
 * through before its chunk is saved, or while it is read, is a data race between
 * the write and the copy or the read, which ThreadSanitizer reports, and leaves a
 * new value on the target device, which is found at the end, or in the reader.
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
#define NR_READERS	2
#define NR_THREADS	(NR_WRITERS + 1 + NR_READERS)
#define NR_WRITES	300	/* of each writer */
#define NR_ROUNDS	50
#define WIDTH		8	/* chunks of the longest write */
#define NR_SAFE		2	/* copies of writes at a time, where chunks may become safe */

struct write {
	struct cbw_waiter waiter;
	int passed;
};

/* A reader that waits until what is safe is saved. */
struct awaiting {
	struct cbw_reader reader;
	int saved;
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
static struct cbw_viewer viewer;
static bool releases;
static bool excludes;
static bool safe;
static int nr_busy;	/* writers and sweep: the readers end after them */

static void copy_run(int (*to)[NR_WRITERS], int (*from)[NR_WRITERS], unsigned long nr)
{
	unsigned long chunk;
	unsigned int i;

	for (chunk = 0; chunk < nr; chunk++)
		for (i = 0; i < NR_WRITERS; i++)
			to[chunk][i] = from[chunk][i];
}

static void decide_over_held(struct list_head *claims)
{
	struct cbw_waiter *waiter;
	enum cbw_verdict verdict;
	struct write *write;
	bool more = true;

	while (more) {
		verdict = cbw_map_next(map, &waiter, claims, &more);
		if (verdict == CBW_HOLD || verdict == CBW_IDLE)
			continue;
		write = list_entry(waiter, struct write, waiter);
		__atomic_store_n(&write->passed, 1, __ATOMIC_RELEASE);
	}
}

/* In two steps; between them writes may pass. */
static void copy(struct cbw_claim *claim, struct list_head *claims)
{
	int buffer[MAX_RUN][NR_WRITERS] = { 0 };

	copy_run(buffer, &origin[claim->first], claim->nr);
	if (safe && cbw_map_buffered(map, claim))
		decide_over_held(claims);
	sched_yield();
	copy_run(&dest[claim->first], buffer, claim->nr);
}

static void tell_saved_reads(void)
{
	struct cbw_reader *reader;

	while ((reader = cbw_map_take_saved_read(map)))
		__atomic_store_n(&list_entry(reader, struct awaiting, reader)->saved, 1,
				 __ATOMIC_RELEASE);
}

/*
 * One copy in eight fails, and is tried anew by a write that waits for it; but none that
 * would break the map.
 */
static void do_copies(struct list_head *claims, unsigned int *seed)
{
	struct cbw_claim *claim;
	bool saved;

	while (!list_empty(claims)) {
		claim = list_first_entry(claims, struct cbw_claim, start);
		list_del(&claim->start);
		copy(claim, claims);
		saved = rand_r(seed) / 7 % 8 || cbw_map_lost(map, claim);
		if (cbw_map_finish(map, claim, saved, false))
			decide_over_held(claims);
		tell_saved_reads();
	}
}

static void wait_until_passed(struct write *write, unsigned int *seed)
{
	LIST_HEAD(claims);
	enum cbw_verdict verdict;

	write->passed = 0;
	verdict = cbw_map_hold(map, &write->waiter, 1, false, &claims);
	do_copies(&claims, seed);
	if (verdict == CBW_GO)
		return;
	while (!__atomic_load_n(&write->passed, __ATOMIC_ACQUIRE))
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
		if (!cbw_map_passes(map, write.waiter.first, write.waiter.last))
			wait_until_passed(&write, &writer->seed);
		for (chunk = write.waiter.first; chunk <= write.waiter.last; chunk++)
			origin[chunk][writer->column] = i;
	}
	__atomic_fetch_sub(&nr_busy, 1, __ATOMIC_RELAXED);
	return NULL;
}

static bool is_old(int (*device)[NR_WRITERS], unsigned long first, unsigned long last)
{
	unsigned long chunk;
	unsigned int i;

	for (chunk = first; chunk <= last; chunk++)
		for (i = 0; i < NR_WRITERS; i++)
			if (device[chunk][i] != -1)
				return false;
	return true;
}

/* To be asked of a chunk that is not pending. */
static bool is_excluded(unsigned long chunk)
{
	return cbw_map_find_excluded(map, chunk, chunk, true) == chunk;
}

static void await_saved(unsigned long first, unsigned long last)
{
	struct awaiting read = { .reader = { .first = first, .last = last } };

	if (cbw_map_await_saved(map, &read.reader) != CBW_HOLD)
		return;
	while (!__atomic_load_n(&read.saved, __ATOMIC_ACQUIRE))
		sched_yield();
}

/* None of the chunks is pending or excluded. Moves *@end to the end of the run. */
static bool read_dest(unsigned long first, unsigned long *end)
{
	bool waits = cbw_map_find_safe(map, first, *end - 1, true) == first;

	*end = cbw_map_find_safe(map, first, *end - 1, !waits);
	if (waits)
		await_saved(first, *end - 1);
	return is_old(dest, first, *end - 1);
}

/* Run by run, as a view does; returns the chunk behind the one that was read. */
static unsigned long read_run(unsigned long first, unsigned long last, unsigned int *seed)
{
	struct cbw_reader reader = { .first = first, .viewer = &viewer, .may_hold = true };
	unsigned long end = cbw_map_find(map, first, last, true);
	LIST_HEAD(claims);
	bool old;

	if (end > first) {
		if (is_excluded(first))
			return cbw_map_find_excluded(map, first, end - 1, false);
		end = cbw_map_find_excluded(map, first, end - 1, true);
		old = read_dest(first, &end);
	} else {
		end = cbw_map_find(map, first, last, false);
		reader.last = end - 1;
		if (end == first || cbw_map_read(map, &reader) != CBW_GO)
			return first;
		/* Long enough for a copy to end meanwhile. */
		sched_yield();
		old = is_old(origin, first, end - 1);
		if (cbw_map_read_done(map, &reader)) {
			decide_over_held(&claims);
			do_copies(&claims, seed);
		}
	}
	if (!old && !cbw_map_released(map, first, end - 1)) {
		fprintf(stderr, "map-race: chunks %lu to %lu are read too late\n", first, end - 1);
		abort();
	}
	return end;
}

/* In every third round: then what is released need not be saved, and reads of it are void. */
static void release_run(unsigned long first, unsigned long last)
{
	if (cbw_map_release(map, first, &last))
		cbw_map_release_done(map);
}

/* In every third round, too: every other run of chunks is listed, by and by; then it starts. */
static void list_and_start(unsigned long step, unsigned int *seed)
{
	unsigned long first = step * 2 * WIDTH;
	LIST_HEAD(claims);

	if (first < NR_CHUNKS - WIDTH) {
		cbw_map_list(map, first, first + WIDTH, true);
		cbw_map_list(map, first + WIDTH, first + WIDTH, false);
	} else {
		if (cbw_map_exclude(map))
			decide_over_held(&claims);
		do_copies(&claims, seed);
		cbw_map_allow_sweep(map, true);
	}
}

static void *read_much(void *arg)
{
	struct writer *self = arg;
	bool lists = excludes && self->column == NR_THREADS - 1;
	unsigned long chunk, last;
	unsigned long step = 0;

	while (__atomic_load_n(&nr_busy, __ATOMIC_RELAXED)) {
		chunk = rand_r(&self->seed) / 7 % (NR_CHUNKS - WIDTH);
		last = chunk + rand_r(&self->seed) / 7 % WIDTH;
		while (chunk <= last)
			chunk = read_run(chunk, last, &self->seed);
		if (lists && !cbw_map_sweep_allowed(map))
			list_and_start(step++, &self->seed);
		if (releases && rand_r(&self->seed) / 7 % 64 == 0)
			release_run(last, last + 1);
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
	__atomic_fetch_sub(&nr_busy, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void run_threads(unsigned int seed)
{
	struct writer threads[NR_THREADS];
	unsigned int i;

	nr_busy = NR_WRITERS + 1;
	for (i = 0; i < NR_THREADS; i++) {
		threads[i].column = i;
		threads[i].seed = seed + i;
		pthread_create(&threads[i].thread, NULL,
			       i < NR_WRITERS ? write_much :
			       i == NR_WRITERS ? sweep : read_much, &threads[i]);
	}
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i].thread, NULL);
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
			if (dest[chunk][i] != -1 && !cbw_map_released(map, chunk, chunk) &&
			    !is_excluded(chunk)) {
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
		map = cbw_map_create(NR_CHUNKS, MAX_RUN, true, NULL);
		releases = round % 3 == 1;
		excludes = round % 3 == 2;
		safe = round % 2;
		cbw_map_allow_sweep(map, !excludes);
		good = (!safe || !cbw_map_may_be_safe(map, NR_SAFE)) &&
		       (!releases || !cbw_map_may_release(map)) &&
		       (!excludes || !cbw_map_may_exclude(map));
		run_threads(round * NR_THREADS);
		good = good && dest_is_right() && !cbw_map_nr_held(map);
		cbw_map_destroy(map);
	}
	printf("map-race: %s\n", good ? "ok" : "failed");
	return !good;
}
