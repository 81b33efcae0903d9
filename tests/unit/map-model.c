// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model of the chunk map; see map-model.h for the contract.
 *
 * It keeps one state per chunk and plain arrays where the map has bitmaps and
 * lists. Each step calls one function of the map, works out from the contract
 * in dm-cbw-map.h what it had to do, and compares all that can be seen from
 * outside. Where the contract leaves a choice, so does the model.
 *
 * A held write is freed as soon as the map has given it back, so that
 * AddressSanitizer finds a list of the map that still knows it.
 */
#include <limits.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm-cbw-map.h"
#include "map-model.h"

#define MAX_CHUNKS	700
#define MAX_HELD	100
#define MAX_READS	20
#define NR_VIEWERS	2
#define MAX_COPIES	(CBW_MAX_SAFE_COPIES + CBW_MAX_SWEEP_COPIES)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/*----------------------------------------------------------------
 * What is printed when something is wrong
 *----------------------------------------------------------------
 */

#define NR_LOGGED 20

static unsigned long run_seed;	/* 0: the run has bytes instead */
static unsigned long step;
static char logged[NR_LOGGED][160];
static unsigned long nr_logged;

__attribute__((format(printf, 1, 2)))
static void note(const char *format, ...)
{
	char *line = logged[nr_logged++ % NR_LOGGED];
	int len = snprintf(line, sizeof(logged[0]), "%6lu ", step);
	va_list args;

	va_start(args, format);
	vsnprintf(line + len, sizeof(logged[0]) - len, format, args);
	va_end(args);
}

void model_print_log(void)
{
	unsigned long i = nr_logged > NR_LOGGED ? nr_logged - NR_LOGGED : 0;

	fprintf(stderr, "seed %lu, step %lu; the last steps:\n", run_seed, step);
	for (; i < nr_logged; i++)
		fprintf(stderr, "%s\n", logged[i % NR_LOGGED]);
	if (run_seed)
		fprintf(stderr, "again: map-test %lu\n", run_seed);
	nr_logged = 0;
}

void model_failed(const char *file, int line, const char *cond, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (%s)\n", cond);
	model_print_log();
	abort();
}

/*----------------------------------------------------------------
 * Chance
 *----------------------------------------------------------------
 */

static u64 chance_state;
static const unsigned char *bytes;	/* NULL: the run has a seed */
static size_t bytes_left;

static u64 scramble(void)
{
	u64 z = (chance_state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Of what a fuzzer gives, no more than is needed; zeroes when it has run out. */
static u64 next_bytes(unsigned long limit)
{
	u64 value = 0;

	for (; limit > 1; limit = (limit + 255) / 256) {
		value <<= 8;
		if (bytes_left) {
			value |= *bytes++;
			bytes_left--;
		}
	}
	return value;
}

static unsigned long below(unsigned long limit)
{
	return (bytes ? next_bytes(limit) : scramble()) % limit;
}

static bool percent(unsigned int p)
{
	return below(100) < p;
}

/*----------------------------------------------------------------
 * The model
 *----------------------------------------------------------------
 */

struct write;

struct queue {
	struct write *writes[MAX_HELD];
	unsigned int nr;
};

struct write {
	struct cbw_waiter waiter;
	struct queue *on;	/* a copy's or a read's, woken, failed or starved */
	bool first_go;		/* the sweep may not come before it */
};

/* A claim in flight. */
struct copy {
	struct cbw_claim *claim;	/* NULL: free */
	unsigned long first, nr;
	enum cbw_kind kind;
	bool buffered;			/* what it covers was read, and it has not failed */
	bool safe;
	bool failed;			/* and the map was asked what is lost with it */
	struct queue waiters;
};

enum read_state { UNDER_WAY, HELD, AWAITING };

/* A read of the origin that is under way or held, or one of what is safe. */
struct read {
	struct cbw_reader *reader;	/* NULL: free */
	unsigned long first, last;
	unsigned int viewer;
	unsigned long began;		/* before those with higher numbers */
	enum read_state state;
	struct queue waiters;
};

struct run {
	unsigned long first, nr;
};

enum state { PENDING, CLAIMED, SAFE, SAVED };

static struct cbw_map *map;

static struct {
	unsigned long nr_chunks, max_run;
	unsigned int write_copies, sweep_copies, max_copies;
	enum state state[MAX_CHUNKS];	/* released and unclaimed, or excluded, counts as saved */
	bool overwritten[MAX_CHUNKS];	/* on the origin, and the map is not broken */
	bool released[MAX_CHUNKS];
	bool excluded[MAX_CHUNKS];	/* or pending, and not listed */
	bool started;
	unsigned long nr_excluded;
	unsigned long nr_saved[CBW_NR_KINDS];
	unsigned int in_flight[CBW_NR_KINDS];
	struct copy copies[MAX_COPIES];
	struct queue held, woken, failed, starved;
	struct read reads[MAX_READS];
	unsigned long nr_begun;
	unsigned int nr_releasing;
	struct cbw_viewer viewers[NR_VIEWERS];
	bool viewer_suspended[NR_VIEWERS];
	bool broken, requeue, sweep_allowed, flushed, reads_stopped;
	unsigned long cursor;
	u64 now;
} model;

/* How a run behaves; drawn once, so that rare states last. */
static struct {
	unsigned int steps;
	unsigned int failing;	/* percent of copies that fail */
	unsigned int wide;	/* percent of writes that may span the map */
	unsigned int weight[24];
	bool releases;
	bool excludes;
	bool safe;		/* writes need not wait until what they overwrite is saved */
	bool diligent;		/* decides over held writes only when it has to */
} habits;

static void queue_add(struct queue *queue, struct write *write)
{
	check(queue->nr < MAX_HELD, "the test holds too many writes");
	queue->writes[queue->nr++] = write;
}

static void queue_del(struct queue *queue, const struct write *write)
{
	unsigned int i;

	for (i = 0; i < queue->nr && queue->writes[i] != write; i++)
		;
	check(i < queue->nr, "a write came back that was not held there");
	memmove(&queue->writes[i], &queue->writes[i + 1],
		(--queue->nr - i) * sizeof(queue->writes[0]));
}

static void move_write(struct write *write, struct queue *to)
{
	if (write->on)
		queue_del(write->on, write);
	write->on = to;
	if (to)
		queue_add(to, write);
}

static void set_state(unsigned long first, unsigned long nr, enum state from,
		      enum state to)
{
	unsigned long chunk;

	for (chunk = first; chunk < first + nr; chunk++) {
		check(chunk < model.nr_chunks, "chunk %lu is none", chunk);
		check(model.state[chunk] == from, "chunk %lu: claimed out of turn",
		      chunk);
		model.state[chunk] = to;
	}
}

static bool is_pending(unsigned long chunk)
{
	return model.state[chunk] == PENDING || model.state[chunk] == CLAIMED;
}

static bool is_claimed(unsigned long chunk)
{
	return model.state[chunk] == CLAIMED || model.state[chunk] == SAFE;
}

static unsigned long count_pending(unsigned long first, unsigned long last)
{
	unsigned long chunk, nr = 0;

	for (chunk = first; chunk <= last; chunk++)
		nr += is_pending(chunk);
	return nr;
}

static bool any_pending(unsigned long first, unsigned long last)
{
	return count_pending(first, last);
}

static bool any_safe(unsigned long first, unsigned long last)
{
	unsigned long chunk;

	for (chunk = first; chunk <= last; chunk++)
		if (model.state[chunk] == SAFE)
			return true;
	return false;
}

static bool any_overwritten(unsigned long first, unsigned long last)
{
	unsigned long chunk;

	for (chunk = first; chunk <= last; chunk++)
		if (model.overwritten[chunk])
			return true;
	return false;
}

static bool any_unclaimed(void)
{
	unsigned long chunk;

	for (chunk = 0; chunk < model.nr_chunks; chunk++)
		if (model.state[chunk] == PENDING)
			return true;
	return false;
}

static struct copy *copy_of(unsigned long chunk)
{
	struct copy *copy;

	for (copy = model.copies; copy < model.copies + model.max_copies; copy++)
		if (copy->claim && copy->first <= chunk &&
		    chunk < copy->first + copy->nr)
			return copy;
	return NULL;
}

static struct copy *copy_for(const struct cbw_claim *claim)
{
	struct copy *copy;

	for (copy = model.copies; copy < model.copies + model.max_copies; copy++)
		if (copy->claim == claim)
			return copy;
	return NULL;
}

static bool write_copy_left(void)
{
	return model.in_flight[CBW_WRITE] < model.write_copies;
}

static void make_safe(struct copy *copy)
{
	set_state(copy->first, copy->nr, CLAIMED, SAFE);
	copy->safe = true;
}

/* The runs to be claimed for a write of [first, last]. What is in a buffer becomes safe. */
static unsigned int plan_runs(unsigned long first, unsigned long last, bool may_claim,
			      struct run runs[CBW_MAX_SAFE_COPIES])
{
	unsigned int nr = 0;
	unsigned long chunk;
	bool inside = false;

	for (chunk = first; chunk <= last; chunk++) {
		if (model.state[chunk] == CLAIMED && copy_of(chunk)->buffered)
			make_safe(copy_of(chunk));
		if (model.state[chunk] != PENDING) {
			inside = false;
		} else if (inside && runs[nr - 1].nr < model.max_run) {
			runs[nr - 1].nr++;
		} else {
			if (!may_claim || model.in_flight[CBW_WRITE] + nr == model.write_copies)
				break;
			runs[nr].first = chunk;
			runs[nr++].nr = 1;
			inside = true;
		}
	}
	return nr;
}

static void adopt(struct cbw_claim *claim, enum cbw_kind kind,
		  unsigned long first, unsigned long nr)
{
	struct copy *copy;

	check(!copy_for(claim), "a claim was given out twice");
	check(claim->kind == kind && claim->owner == &model, "a wrong claim");
	check(claim->nr == nr && (!nr || claim->first == first),
	      "claimed %lu+%lu instead of %lu+%lu", claim->first, claim->nr,
	      first, nr);
	set_state(first, nr, PENDING, CLAIMED);
	memset(&model.excluded[first], 0, nr * sizeof(model.excluded[0]));

	copy = copy_for(NULL);
	*copy = (struct copy){ .claim = claim, .first = first, .nr = nr, .kind = kind };
	model.in_flight[kind]++;
}

/* That began first of those under way which a write of [first, last] conflicts with. */
static struct read *conflicting_read(unsigned long first, unsigned long last)
{
	struct read *read, *oldest = NULL;

	for (read = model.reads; read < model.reads + MAX_READS; read++)
		if (read->reader && read->state == UNDER_WAY && read->first <= last &&
		    first <= read->last && (!oldest || read->began < oldest->began))
			oldest = read;
	return oldest;
}

/* Compare what was claimed for @write, and what became of it, with the model. */
static void check_resolved(struct write *write, enum cbw_verdict verdict,
			   bool may_claim, struct list_head *claims)
{
	unsigned long first = write->waiter.first, last = write->waiter.last;
	struct run runs[CBW_MAX_SAFE_COPIES];
	unsigned int i, nr = plan_runs(first, last, may_claim, runs);
	struct cbw_claim *claim;
	struct copy *copy;

	for (i = 0; i < nr; i++) {
		check(!list_empty(claims), "%lu+%lu was not claimed",
		      runs[i].first, runs[i].nr);
		claim = list_first_entry(claims, struct cbw_claim, start);
		list_del(&claim->start);
		adopt(claim, CBW_WRITE, runs[i].first, runs[i].nr);
	}
	check(list_empty(claims), "more was claimed than pending");

	if (!any_pending(first, last)) {
		struct read *read = conflicting_read(first, last);

		check(verdict == (read ? CBW_HOLD : CBW_GO),
		      "verdict %d, nothing is pending", verdict);
		if (read) {
			move_write(write, &read->waiters);
			write->first_go = false;
		}
		return;
	}
	check(verdict == CBW_HOLD, "verdict %d, a chunk is pending", verdict);

	while (!is_pending(first))
		first++;
	copy = copy_of(first);
	move_write(write, copy ? &copy->waiters : &model.starved);
	write->first_go &= !copy;
}

/*----------------------------------------------------------------
 * Steps
 *----------------------------------------------------------------
 */

static void release(struct write *write)
{
	queue_del(&model.held, write);
	move_write(write, NULL);
	free(write);
}

static unsigned long pick_last(unsigned long first)
{
	unsigned long left = model.nr_chunks - first;

	if (!percent(habits.wide) && left > 4)
		left = 4;
	return first + below(left);
}

/* A write may pass: what it overwrites is saved, or in the buffer of its copy, or not wanted. */
static void overwrite(const struct cbw_waiter *waiter)
{
	unsigned long chunk;

	for (chunk = waiter->first; chunk <= waiter->last && !model.broken; chunk++) {
		check(model.state[chunk] == SAVED ||
		      (model.state[chunk] == SAFE && copy_of(chunk)->buffered),
		      "chunk %lu is overwritten too early", chunk);
		model.overwritten[chunk] = true;
	}
}

static void do_hold(void)
{
	struct write *write;
	bool may_requeue = percent(70), may_claim = !model.starved.nr;
	enum cbw_verdict verdict;
	LIST_HEAD(claims);

	if (model.held.nr == MAX_HELD)
		return;

	write = calloc(1, sizeof(*write));
	write->waiter.first = below(model.nr_chunks);
	write->waiter.last = pick_last(write->waiter.first);
	model.now += below(3);
	verdict = cbw_map_hold(map, &write->waiter, model.now, may_requeue, &claims);
	note("hold %lu-%lu may_requeue %d: %d", write->waiter.first,
	     write->waiter.last, may_requeue, verdict);

	if (model.requeue && may_requeue) {
		check(verdict == CBW_REQUEUE, "verdict %d instead of requeue", verdict);
		check(list_empty(&claims), "claimed for a write that is requeued");
	} else if (model.broken) {
		check(verdict == CBW_GO, "verdict %d, the map is broken", verdict);
		check(list_empty(&claims), "claimed in a broken map");
	} else {
		check_resolved(write, verdict, may_claim, &claims);
	}

	if (verdict == CBW_GO)
		overwrite(&write->waiter);
	if (verdict == CBW_HOLD)
		queue_add(&model.held, write);
	else
		free(write);
}

/* Every write that could be decided over has been. */
static void check_idle(void)
{
	if (model.broken) {
		check(!model.held.nr, "idle, %u writes are held", model.held.nr);
		return;
	}
	check(!model.failed.nr, "idle, %u writes have failed", model.failed.nr);
	check(!model.woken.nr, "idle, %u writes are woken", model.woken.nr);
	check(!model.starved.nr || !write_copy_left(),
	      "idle, %u writes starve and a copy is free", model.starved.nr);
}

static bool decidable(void)
{
	if (model.broken)
		return model.held.nr;

	return model.woken.nr || model.failed.nr ||
	       (model.starved.nr && write_copy_left());
}

static void check_next(struct write *write, enum cbw_verdict verdict,
		       struct list_head *claims)
{
	struct queue *queue = model.broken ? &model.held : write->on;

	check(queue->nr && queue->writes[0] == write, "out of order");
	if (model.broken) {
		check(verdict == CBW_GO, "verdict %d", verdict);
		check(list_empty(claims), "claimed in a broken map");
	} else if (queue == &model.failed) {
		check(verdict == CBW_FAIL, "verdict %d, its copy failed", verdict);
		check(list_empty(claims), "claimed for what has failed");
	} else {
		check(queue == &model.woken ||
		      (queue == &model.starved && write_copy_left()),
		      "a write was decided over that has to wait");
		check_resolved(write, verdict,
			       queue == &model.starved || !model.starved.nr,
			       claims);
	}
}

static enum cbw_verdict next(void)
{
	struct cbw_waiter *waiter = NULL;
	struct write *write;
	enum cbw_verdict verdict;
	LIST_HEAD(claims);
	bool more;

	verdict = cbw_map_next(map, &waiter, &claims, &more);
	if (verdict == CBW_IDLE) {
		note("next: idle");
		check(list_empty(&claims), "claimed for nobody");
		check(!more, "idle, and more to come");
		check_idle();
		return verdict;
	}

	note("next: %lu-%lu %d", waiter->first, waiter->last, verdict);
	write = list_entry(waiter, struct write, waiter);
	check_next(write, verdict, &claims);
	if (verdict == CBW_GO)
		overwrite(waiter);
	if (verdict != CBW_HOLD)
		release(write);
	check(more == decidable(), "next reports %d", more);
	return verdict;
}

static void next_until_idle(void)
{
	unsigned int left = 2 * MAX_HELD;

	while (next() != CBW_IDLE)
		check(left--, "next never comes to an end");
}

static void do_next(void)
{
	next();
}

static void check_work(bool work)
{
	check(work == decidable(), "finish reports %d", work);
}

static void give_first_go(const struct queue *waiters)
{
	unsigned int i;

	for (i = 0; i < waiters->nr; i++)
		waiters->writes[i]->first_go = true;
}

/* All of it was read, at this moment at the latest. */
static bool buffer(struct copy *copy)
{
	bool work;

	check(!any_overwritten(copy->first, copy->first + copy->nr - 1) || model.broken,
	      "%lu+%lu is read too late", copy->first, copy->nr);
	work = cbw_map_buffered(map, copy->claim);
	note("buffered %s %lu+%lu: work %d", copy->kind == CBW_WRITE ? "write" : "sweep",
	     copy->first, copy->nr, work);

	copy->buffered = true;
	if (copy->waiters.nr && !model.broken) {
		make_safe(copy);
		while (copy->waiters.nr)
			move_write(copy->waiters.writes[0], &model.woken);
	}
	check_work(work);
	return work;
}

/* What is safe will not be saved: it is pending again, for those who ask what was not. */
static void break_map(void)
{
	struct copy *copy;

	cbw_map_break(map);
	model.broken = true;
	for (copy = model.copies; copy < model.copies + model.max_copies; copy++) {
		if (!copy->claim || !copy->safe)
			continue;
		set_state(copy->first, copy->nr, SAFE, CLAIMED);
		copy->safe = false;
	}
}

/* As an engine that has failed does before the claim ends. */
static void fail(struct copy *copy)
{
	bool lost = cbw_map_lost(map, copy->claim);

	note("failed %s %lu+%lu: lost %d", copy->kind == CBW_WRITE ? "write" : "sweep",
	     copy->first, copy->nr, lost);
	check(lost == copy->safe, "%lu+%lu lost %d", copy->first, copy->nr, lost);
	copy->failed = true;
	copy->buffered = false;
	if (lost)
		break_map();
}

static struct read *oldest_awaiting(bool saved)
{
	struct read *read, *oldest = NULL;

	for (read = model.reads; read < model.reads + MAX_READS; read++)
		if (read->reader && read->state == AWAITING &&
		    (!saved || !any_safe(read->first, read->last)) &&
		    (!oldest || read->began < oldest->began))
			oldest = read;
	return oldest;
}

static void forget_read(struct read *read)
{
	free(read->reader);
	read->reader = NULL;
}

/* As after each end of a claim. None is given out of a map that is broken. */
static void take_saved_reads(void)
{
	struct cbw_reader *reader;
	struct read *read;

	do {
		read = model.broken ? NULL : oldest_awaiting(true);
		reader = cbw_map_take_saved_read(map);
		check(reader == (read ? read->reader : NULL), "a wrong read ends its wait");
		if (read)
			forget_read(read);
	} while (read);
}

/* Where it may be lost, the engine asks first; and what is lost breaks the map. */
static bool finish(struct copy *copy, bool saved, bool fail_waiters)
{
	struct queue *to = fail_waiters ? &model.failed : &model.woken;
	bool done, work;

	if (!saved && copy->nr && habits.safe && !copy->failed)
		fail(copy);
	done = saved && !model.broken;
	check(!done || !copy->nr || copy->buffered ||
	      !any_overwritten(copy->first, copy->first + copy->nr - 1),
	      "%lu+%lu is saved too late", copy->first, copy->nr);
	note("finish %s %lu+%lu saved %d fail_waiters %d",
	     copy->kind == CBW_WRITE ? "write" : "sweep", copy->first, copy->nr,
	     saved, fail_waiters);
	work = cbw_map_finish(map, copy->claim, saved, fail_waiters);

	set_state(copy->first, copy->nr, copy->safe ? SAFE : CLAIMED, done ? SAVED : PENDING);
	model.nr_saved[copy->kind] += done ? copy->nr : 0;
	model.in_flight[copy->kind]--;
	if (!copy->nr)
		model.flushed = saved;
	else if (!saved && copy->kind == CBW_SWEEP)
		give_first_go(&copy->waiters);
	while (copy->waiters.nr)
		move_write(copy->waiters.writes[0], to);
	copy->claim = NULL;

	check_work(work);
	take_saved_reads();
	return work;
}

static struct copy *pick_copy(void)
{
	unsigned int i = below(model.max_copies), left = model.max_copies;

	while (left-- && !model.copies[i].claim)
		i = (i + 1) % model.max_copies;
	return model.copies[i].claim ? &model.copies[i] : NULL;
}

static void do_finish(void)
{
	struct copy *copy = pick_copy();
	bool saved = !percent(habits.failing);

	if (!copy)
		return;
	saved = saved && !copy->failed;
	if (finish(copy, saved, !saved && percent(50)) && habits.diligent)
		next_until_idle();
}

static void do_buffer(void)
{
	struct copy *copy = habits.safe ? pick_copy() : NULL;

	if (copy && copy->nr && !copy->buffered && !copy->failed && buffer(copy) &&
	    habits.diligent)
		next_until_idle();
}

static void do_fail(void)
{
	struct copy *copy = habits.safe ? pick_copy() : NULL;

	if (copy && copy->nr && !copy->failed && percent(habits.failing))
		fail(copy);
}

static bool may_sweep(void)
{
	unsigned int i;

	if (!model.sweep_allowed || model.broken ||
	    model.in_flight[CBW_SWEEP] >= model.sweep_copies)
		return false;

	/* Those whom a failed copy of the sweep held and who wait for no copy yet. */
	for (i = 0; i < model.held.nr; i++)
		if (model.held.writes[i]->first_go)
			return false;
	return true;
}

static void check_sweep(const struct cbw_claim *claim, unsigned long cursor,
			unsigned long end, unsigned long max_run)
{
	unsigned long first = cursor, last;

	while (first < model.nr_chunks && model.state[first] != PENDING)
		first++;
	if (first == model.nr_chunks) {
		check(!claim && end == first, "swept to %lu of %lu", end, first);
		return;
	}
	if (!may_sweep()) {
		check(!claim, "a sweep claim that is not allowed");
		check(cursor <= end && end <= first, "the cursor skips %lu", first);
		return;
	}

	for (last = first; last + 1 < model.nr_chunks &&
	     model.state[last + 1] == PENDING &&
	     last + 1 - first < model.max_run && last + 1 - first < max_run; last++)
		;
	check(claim, "%lu is not swept", first);
	check(end == last + 1, "the cursor is at %lu, not %lu", end, last + 1);
}

static void sweep(void)
{
	unsigned long max_run = percent(50) ? ULONG_MAX : 1 + below(8);
	unsigned long end = model.cursor, first;
	struct cbw_claim *claim = cbw_map_claim_sweep(map, &end, max_run);

	note("sweep from %lu to %lu: %s", model.cursor, end, claim ? "claim" : "none");
	check(cbw_map_at_end(map, end) == (end >= model.nr_chunks), "at_end");

	check_sweep(claim, model.cursor, end, max_run);
	for (first = model.cursor; first < end && model.state[first] != PENDING;)
		first++;
	if (claim)
		adopt(claim, CBW_SWEEP, first, end - first);
	model.cursor = end;
}

static void do_sweep(void)
{
	if (percent(10) || model.cursor >= model.nr_chunks)
		model.cursor = below(model.nr_chunks + 1);
	sweep();
}

static void do_flush(void)
{
	struct cbw_claim *claim = cbw_map_claim_flush(map);
	bool expected = !any_pending(0, model.nr_chunks - 1) && !model.broken &&
			model.sweep_allowed && !model.flushed && !model.in_flight[CBW_WRITE] &&
			!model.in_flight[CBW_SWEEP];

	note("flush: %s", claim ? "claim" : "none");
	check(!claim == !expected, "flush at the wrong moment");
	if (claim)
		adopt(claim, CBW_SWEEP, 0, 0);
}

static void do_take_oldest(void)
{
	struct write *oldest = model.held.nr ? model.held.writes[0] : NULL;
	u64 before = model.now - below(20);
	struct cbw_waiter *waiter = cbw_map_take_oldest(map, before);

	note("take oldest %ld: %s", (long)before, waiter ? "one" : "none");
	if (oldest && oldest->waiter.since <= before) {
		check(waiter == &oldest->waiter, "not the oldest was taken");
		release(oldest);
	} else {
		check(!waiter, "taken too early");
	}
}

static struct read *read_for(const struct cbw_reader *reader)
{
	struct read *read;

	for (read = model.reads; read < model.reads + MAX_READS; read++)
		if (read->reader == reader)
			return read;
	return NULL;
}

static bool all_pending(unsigned long first, unsigned long last)
{
	return count_pending(first, last) == last - first + 1;
}

static enum cbw_verdict expected_of_read(const struct cbw_reader *reader,
					 unsigned int viewer)
{
	if (model.broken)
		return CBW_FAIL;
	if (!all_pending(reader->first, reader->last))
		return CBW_AGAIN;
	if (!model.reads_stopped)
		return CBW_GO;
	if (!reader->may_hold || (model.viewer_suspended[viewer] && !reader->must_hold))
		return CBW_REQUEUE;
	return CBW_HOLD;
}

static void note_read(struct read *read, struct cbw_reader *reader, unsigned int viewer,
		      enum read_state state)
{
	read->reader = reader;
	read->first = reader->first;
	read->last = reader->last;
	read->viewer = viewer;
	read->began = model.nr_begun++;
	read->state = state;
}

/* As a view does, it tries what was pending a moment ago, and that may be over. */
static void do_read(void)
{
	struct read *read = read_for(NULL);
	unsigned int viewer = below(NR_VIEWERS);
	struct cbw_reader *reader;
	enum cbw_verdict verdict;

	if (!read)
		return;

	reader = calloc(1, sizeof(*reader));
	reader->viewer = &model.viewers[viewer];
	reader->may_hold = percent(90);
	reader->must_hold = percent(10);
	reader->first = below(model.nr_chunks);
	reader->last = pick_last(reader->first);
	verdict = cbw_map_read(map, reader);
	note("read %lu-%lu: %d", reader->first, reader->last, verdict);
	check(verdict == expected_of_read(reader, viewer), "verdict %d", verdict);
	check(reader->under_way == (verdict == CBW_GO), "under_way %d", reader->under_way);
	if (verdict != CBW_GO && verdict != CBW_HOLD) {
		free(reader);
		return;
	}
	note_read(read, reader, viewer, verdict == CBW_GO ? UNDER_WAY : HELD);
}

/* As a view does, it awaits what was safe a moment ago. */
static void do_await(void)
{
	struct read *read = read_for(NULL);
	struct cbw_reader *reader;
	enum cbw_verdict verdict, wanted;
	unsigned long first = below(model.nr_chunks), last = pick_last(first);

	if (!habits.safe || !read || (!model.broken && is_pending(first)))
		return;

	while (!model.broken && any_pending(first, last))
		last--;
	reader = calloc(1, sizeof(*reader));
	reader->first = first;
	reader->last = last;
	verdict = cbw_map_await_saved(map, reader);
	note("await %lu-%lu: %d", first, last, verdict);
	wanted = model.broken ? CBW_FAIL : any_safe(first, last) ? CBW_HOLD : CBW_AGAIN;
	check(verdict == wanted, "verdict %d instead of %d", verdict, wanted);
	if (verdict == CBW_HOLD)
		note_read(read, reader, 0, AWAITING);
	else
		free(reader);
}

/* As the worker does when the map is broken: they fail. */
static void take_unsaved_reads(void)
{
	struct read *read;

	while (model.broken && (read = oldest_awaiting(false))) {
		check(cbw_map_take_unsaved_read(map) == read->reader, "a wrong read fails");
		forget_read(read);
	}
	check(!model.broken || !cbw_map_take_unsaved_read(map), "a read fails that waits not");
}

static void do_take_unsaved_reads(void)
{
	note("take_unsaved_reads");
	take_unsaved_reads();
}

static bool end_read(struct read *read)
{
	bool waited = read->waiters.nr, work;

	check(model.broken || !any_overwritten(read->first, read->last),
	      "%lu-%lu is read too late", read->first, read->last);
	work = cbw_map_read_done(map, read->reader);
	note("read %lu-%lu done: work %d", read->first, read->last, work);
	check(work == waited, "read_done reports %d", work);
	while (read->waiters.nr)
		move_write(read->waiters.writes[0], &model.woken);
	forget_read(read);
	return work;
}

/* From @first on, chunks that are all claimed, or all not. */
static unsigned long uniform_last(unsigned long first, unsigned long last)
{
	bool claimed = is_claimed(first);
	unsigned long chunk = first;

	while (chunk < last && chunk - first + 1 < CBW_MAX_RELEASE &&
	       is_claimed(chunk + 1) == claimed)
		chunk++;
	return chunk;
}

static void do_release(void)
{
	unsigned long chunk, first, last, wanted;
	bool may_free, claimed;

	if (!habits.releases)
		return;

	first = below(model.nr_chunks);
	last = pick_last(first);
	claimed = is_claimed(first);
	wanted = uniform_last(first, last);
	may_free = cbw_map_release(map, first, &last);
	note("release %lu-%lu: may_free %d", first, last, may_free);

	check(last == wanted, "released up to %lu, not %lu", last, wanted);
	check(may_free == (!claimed && !model.reads_stopped && !model.broken), "may_free %d",
	      may_free);
	for (chunk = first; chunk <= last; chunk++) {
		model.released[chunk] = true;
		if (!claimed)
			model.state[chunk] = SAVED;
	}
	model.nr_releasing += may_free;
}

static void do_release_done(void)
{
	if (!model.nr_releasing)
		return;
	note("release_done");
	cbw_map_release_done(map);
	model.nr_releasing--;
}

static void do_list(void)
{
	unsigned long chunk, first, last;
	bool add = percent(60);

	if (!habits.excludes || model.started)
		return;

	first = below(model.nr_chunks);
	last = pick_last(first);
	note("list %lu-%lu add %d", first, last, add);
	cbw_map_list(map, first, last, add);
	for (chunk = first; chunk <= last; chunk++)
		model.excluded[chunk] = !add && model.state[chunk] == PENDING;
}

static void do_exclude(void)
{
	unsigned long chunk;
	bool work;

	if (!habits.excludes || model.started)
		return;

	note("exclude");
	work = cbw_map_exclude(map);
	model.started = true;
	for (chunk = 0; chunk < model.nr_chunks; chunk++) {
		if (model.excluded[chunk]) {
			model.state[chunk] = SAVED;
			model.nr_excluded++;
		}
	}
	while (model.starved.nr)
		move_write(model.starved.writes[0], &model.woken);
	check_work(work);
	if (work && habits.diligent)
		next_until_idle();
}

static struct read *pick_read(enum read_state state)
{
	unsigned int i = below(MAX_READS), left = MAX_READS;

	while (left-- && (!model.reads[i].reader || model.reads[i].state != state))
		i = (i + 1) % MAX_READS;
	return model.reads[i].reader && model.reads[i].state == state ? &model.reads[i] : NULL;
}

static void do_read_done(void)
{
	struct read *read = pick_read(UNDER_WAY);

	if (read && end_read(read) && habits.diligent)
		next_until_idle();
}

static void resume_reads(void)
{
	struct cbw_reader *reader;
	LIST_HEAD(readers);
	struct read *read;

	note("resume_reads");
	cbw_map_resume_reads(map, &readers);
	model.reads_stopped = false;
	while (!list_empty(&readers)) {
		reader = list_first_entry(&readers, struct cbw_reader, start);
		list_del(&reader->start);
		read = read_for(reader);
		check(read && read->state == HELD, "a read was resumed that was not held");
		read->state = UNDER_WAY;
		read->began = model.nr_begun++;
	}
	check(!pick_read(HELD), "a held read was forgotten");
}

static void do_suspend_viewer(void)
{
	unsigned int viewer = below(NR_VIEWERS);
	bool suspend = percent(30);
	struct cbw_reader *reader;

	note("suspend_viewer %u %d", viewer, suspend);
	cbw_map_suspend_viewer(map, &model.viewers[viewer], suspend);
	model.viewer_suspended[viewer] = suspend;
	while (suspend && (reader = cbw_map_take_held_read(map, &model.viewers[viewer]))) {
		struct read *read = read_for(reader);

		check(read && read->state == HELD && read->viewer == viewer,
		      "a wrong read was taken");
		forget_read(read);
	}
}

static void do_take_held_read(void)
{
	struct cbw_reader *reader = percent(10) ? cbw_map_take_held_read(map, NULL) : NULL;

	note("take_held_read: %s", reader ? "one" : "none");
	if (!reader)
		return;
	check(read_for(reader)->state == HELD, "a read was taken that is not held");
	forget_read(read_for(reader));
}

static void do_break(void)
{
	if (!percent(2))
		return;
	note("break");
	break_map();
	if (habits.diligent)
		next_until_idle();
}

/* Until they are resumed no copy is in flight or starts, as the map's contract has it. */
static void do_stop_reads(void)
{
	static void (* const meanwhile[])(void) = {
		do_read, do_read, do_read_done, do_release, do_list, do_exclude,
		do_suspend_viewer, do_take_held_read, do_break,
	};
	unsigned int left = below(10);

	if (model.in_flight[CBW_WRITE] || model.in_flight[CBW_SWEEP])
		return;
	note("stop_reads");
	cbw_map_stop_reads(map);
	model.reads_stopped = true;
	while (left--)
		meanwhile[below(ARRAY_SIZE(meanwhile))]();
	resume_reads();
}

static void do_requeue(void)
{
	model.requeue = !model.requeue && percent(30);
	note("requeue %d", model.requeue);
	cbw_map_requeue(map, model.requeue);
	if (habits.diligent)
		next_until_idle();
}

static void do_allow_sweep(void)
{
	model.sweep_allowed = percent(80);
	note("allow_sweep %d", model.sweep_allowed);
	cbw_map_allow_sweep(map, model.sweep_allowed);
}

static void do_sweep_copies(void)
{
	model.sweep_copies = percent(50) ? 1 + below(4)
					 : 1 + below(CBW_MAX_SWEEP_COPIES);
	note("set_sweep_copies %u", model.sweep_copies);
	cbw_map_set_sweep_copies(map, model.sweep_copies);
}

static const struct {
	void (*act)(void);
	unsigned int weight;
} steps[] = {
	{ do_hold,		40 },
	{ do_next,		40 },
	{ do_finish,		30 },
	{ do_buffer,		30 },
	{ do_fail,		3 },
	{ do_sweep,		15 },
	{ do_flush,		2 },
	{ do_take_oldest,	4 },
	{ do_read,		20 },
	{ do_read_done,		20 },
	{ do_await,		15 },
	{ do_take_unsaved_reads,	2 },
	{ do_release,		3 },
	{ do_release_done,	3 },
	{ do_list,		8 },
	{ do_exclude,		1 },
	{ do_stop_reads,	3 },
	{ do_suspend_viewer,	2 },
	{ do_take_held_read,	2 },
	{ do_break,		2 },
	{ do_requeue,		3 },
	{ do_allow_sweep,	3 },
	{ do_sweep_copies,	2 },
};

/*----------------------------------------------------------------
 * What must hold after each step
 *----------------------------------------------------------------
 */

static bool any_wanted(unsigned long first, unsigned long nr)
{
	unsigned long chunk;

	for (chunk = first; chunk < first + nr; chunk++)
		if (!model.released[chunk])
			return true;
	return false;
}

static void check_copy(const struct copy *copy)
{
	const struct cbw_claim *claim = copy->claim;
	const struct cbw_waiter *waiter;
	unsigned int i = 0;

	check(claim->nr == copy->nr && claim->kind == copy->kind &&
	      (!copy->nr || claim->first == copy->first),
	      "the claim %lu+%lu changed in flight", copy->first, copy->nr);
	list_for_each_entry(waiter, &claim->waiters, wait) {
		check(i < copy->waiters.nr &&
		      waiter == &copy->waiters.writes[i]->waiter,
		      "%lu+%lu has wrong waiters", copy->first, copy->nr);
		i++;
	}
	check(i == copy->waiters.nr, "%lu+%lu lost a waiter", copy->first, copy->nr);
	check(!copy->nr || cbw_map_wanted(map, claim) == any_wanted(copy->first, copy->nr),
	      "%lu+%lu wanted", copy->first, copy->nr);
}

static void check_find(unsigned long first, unsigned long last, bool pending)
{
	unsigned long found = cbw_map_find(map, first, last, pending);
	unsigned long chunk = first;

	while (chunk <= last && is_pending(chunk) != pending)
		chunk++;
	check(found == chunk, "found %lu, not %lu, in %lu to %lu", found, chunk,
	      first, last);
}

/* It may say no for a read that is not there, but never yes for one that is. */
static void check_passes(unsigned long first, unsigned long last)
{
	bool passes = cbw_map_passes(map, first, last);
	bool waits = any_pending(first, last) || conflicting_read(first, last);

	check(cbw_map_waits(map, first, last) == (waits && !model.broken),
	      "chunks %lu to %lu wait", first, last);
	if (waits)
		check(!passes, "chunks %lu to %lu pass", first, last);
	else if (!cbw_map_nr_reading(map))
		check(passes, "chunks %lu to %lu do not pass", first, last);
}

static unsigned int count_reads(enum read_state state)
{
	unsigned int i, nr = 0;

	for (i = 0; i < MAX_READS; i++)
		nr += model.reads[i].reader && model.reads[i].state == state;
	return nr;
}

/* Of a range without a chunk that is pending. */
static void check_find_excluded(unsigned long first, unsigned long last, bool excluded)
{
	unsigned long found = cbw_map_find_excluded(map, first, last, excluded);
	unsigned long chunk = first;

	while (chunk <= last && model.excluded[chunk] != excluded)
		chunk++;
	check(found == chunk, "found %lu, not %lu, in %lu to %lu", found, chunk, first, last);
}

static enum cbw_fate fate_of(unsigned long chunk)
{
	if (model.state[chunk] != SAVED)
		return model.state[chunk] == PENDING ? CBW_PENDING : CBW_CLAIMED;
	if (model.released[chunk])
		return CBW_RELEASED;
	return model.excluded[chunk] ? CBW_EXCLUDED : CBW_SAVED;
}

static void check_count(unsigned long first, unsigned long last)
{
	unsigned long counted[CBW_NR_FATES] = { 0 }, wanted[CBW_NR_FATES] = { 0 }, chunk;
	enum cbw_fate fate;

	cbw_map_count(map, first, last, counted);
	for (chunk = first; chunk <= last; chunk++)
		wanted[fate_of(chunk)]++;
	for (fate = 0; fate < CBW_NR_FATES; fate++)
		check(counted[fate] == wanted[fate], "%lu chunks of fate %d in %lu to %lu, not %lu",
		      counted[fate], fate, first, last, wanted[fate]);
}

/* The same, of a view that asks what it has to wait for. */
static void check_find_safe(unsigned long first, unsigned long last, bool safe)
{
	unsigned long found = cbw_map_find_safe(map, first, last, safe);
	unsigned long chunk = first;

	while (chunk <= last && (model.state[chunk] == SAFE) != safe)
		chunk++;
	check(found == chunk, "found %lu, not %lu, in %lu to %lu", found, chunk, first, last);
}

static void check_pending(void)
{
	unsigned long chunk, first, last;

	for (chunk = 0; chunk < model.nr_chunks; chunk++) {
		check(cbw_map_pending(map, chunk, chunk) == is_pending(chunk), "chunk %lu", chunk);
		check(cbw_map_released(map, chunk, chunk) == model.released[chunk],
		      "chunk %lu", chunk);
		if (!is_pending(chunk)) {
			check_find_excluded(chunk, chunk, true);
			check_find_safe(chunk, chunk, true);
		}
	}

	/* No byte of a fuzzer is spent on where to look. */
	first = scramble() % model.nr_chunks;
	last = first + scramble() % (model.nr_chunks - first);
	check(cbw_map_pending(map, first, last) == any_pending(first, last),
	      "chunks %lu to %lu", first, last);
	check_passes(first, last);
	check_count(first, last);
	check_find(first, last, true);
	check_find(first, last, false);
	check_find(last + 1, last, scramble() % 2);
	if (!any_pending(first, last)) {
		check_find_excluded(first, last, scramble() % 2);
		check_find_excluded(last + 1, last, scramble() % 2);
		check_find_safe(first, last, scramble() % 2);
		check_find_safe(last + 1, last, scramble() % 2);
	}
}

static void check_figures(void)
{
	enum cbw_kind kind;
	u64 since;

	check(cbw_map_nr_pending(map) == count_pending(0, model.nr_chunks - 1), "nr_pending");
	check(cbw_map_unclaimed(map) == any_unclaimed(), "unclaimed");
	check(cbw_map_nr_excluded(map) == model.nr_excluded, "nr_excluded");
	for (kind = 0; kind < CBW_NR_KINDS; kind++) {
		check(cbw_map_nr_saved(map, kind) == model.nr_saved[kind],
		      "nr_saved of %d", kind);
		check(cbw_map_in_flight(map, kind) == model.in_flight[kind],
		      "in_flight of %d", kind);
	}
	check(model.in_flight[CBW_WRITE] <= model.write_copies, "too many copies");
	check(cbw_map_nr_held(map) == model.held.nr, "nr_held");
	check(cbw_map_nr_reading(map) == count_reads(UNDER_WAY), "nr_reading");
	check(cbw_map_nr_releasing(map) == model.nr_releasing, "nr_releasing");
	check(cbw_map_broken(map) == model.broken, "broken");
	check(cbw_map_oldest(map, &since) == !!model.held.nr, "oldest");
	check(!model.held.nr || since == model.held.writes[0]->waiter.since,
	      "oldest: wrong time");
}

static void check_all(void)
{
	struct copy *copy;

	check(!shim_nr_locked, "the lock is still held");
	check_pending();
	check_figures();
	for (copy = model.copies; copy < model.copies + model.max_copies; copy++)
		if (copy->claim)
			check_copy(copy);
}

/*----------------------------------------------------------------
 * A run
 *----------------------------------------------------------------
 */

static unsigned int total_weight(void)
{
	unsigned int i, total = 0;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		total += habits.weight[i];
	return total;
}

static void do_step(void)
{
	unsigned int i, chance = below(total_weight());

	for (i = 0; chance >= habits.weight[i]; i++)
		chance -= habits.weight[i];
	steps[i].act();
}

static unsigned long pick(const unsigned long *from, unsigned int nr)
{
	return from[below(nr)];
}

static void draw_habits(void)
{
	static const unsigned int failing[] = { 0, 10, 50, 90 };
	unsigned int i;

	habits.steps = 100 + below(900);
	habits.failing = failing[below(ARRAY_SIZE(failing))];
	habits.wide = below(60);
	habits.diligent = percent(40);
	habits.releases = percent(30);
	habits.excludes = !habits.releases && percent(40);
	habits.safe = percent(50);
	for (i = 0; i < ARRAY_SIZE(steps); i++)
		habits.weight[i] = steps[i].weight * (1 + below(8)) / 4 + 1;
}

static void create_map(void)
{
	static const unsigned long sizes[] = {
		1, 2, 3, 8, 63, 64, 65, 127, 128, 129, 191, 192, 193, 500, MAX_CHUNKS
	};
	static const unsigned long runs[] = { 1, 2, 3, 8, 63, 64, 65, 128, 1UL << 33 };
	static const unsigned long copies[] = { 1, 2, 8, 64, 65, CBW_MAX_SAFE_COPIES };

	memset(&model, 0, sizeof(model));
	model.nr_chunks = percent(70) ? pick(sizes, ARRAY_SIZE(sizes))
				      : 1 + below(MAX_CHUNKS);
	model.max_run = pick(runs, ARRAY_SIZE(runs));
	model.write_copies = habits.safe ? pick(copies, ARRAY_SIZE(copies)) : CBW_MAX_WRITE_COPIES;
	model.sweep_copies = CBW_MAX_SWEEP_COPIES;
	model.max_copies = model.write_copies + CBW_MAX_SWEEP_COPIES;
	model.now = 1000;
	note("create %lu chunks, max_run %lu", model.nr_chunks, model.max_run);
	map = cbw_map_create(model.nr_chunks, model.max_run, true, &model);
	check(map, "no map was created");
	if (habits.safe)
		check(!cbw_map_may_be_safe(map, model.write_copies), "no memory for what is safe");
	if (habits.releases)
		check(!cbw_map_may_release(map), "no memory for what is released");
	if (habits.excludes) {
		check(!cbw_map_may_exclude(map), "no memory for what is excluded");
		memset(model.excluded, true, model.nr_chunks * sizeof(model.excluded[0]));
	}
}

/*
 * Let every copy end, and look at held writes only when finish() asks for it:
 * whatever is still held then was forgotten.
 */
static void drain(void)
{
	struct copy *copy;
	struct read *read;

	model.requeue = false;
	cbw_map_requeue(map, false);
	next_until_idle();
	while ((read = pick_read(UNDER_WAY))) {
		step++;
		if (end_read(read))
			next_until_idle();
		check_all();
	}
	while ((copy = pick_copy())) {
		step++;
		if (finish(copy, !copy->failed, false))
			next_until_idle();
		check_all();
	}
	take_unsaved_reads();
	check(!count_reads(AWAITING), "a read waits for ever for what is saved");
	check(!model.held.nr, "%u writes are held for ever", model.held.nr);
}

/* What the sweep thread does once nothing disturbs it. */
static void sweep_to_the_end(void)
{
	model.cursor = 0;
	model.sweep_allowed = true;
	cbw_map_allow_sweep(map, true);
	while (!model.broken && model.cursor < model.nr_chunks) {
		step++;
		sweep();
		if (model.in_flight[CBW_SWEEP] >= model.sweep_copies)
			finish(pick_copy(), true, false);
	}
	drain();
	do_flush();
	check(model.broken || model.flushed || model.in_flight[CBW_SWEEP] == 1,
	      "no flush at the end");
	drain();
}

static bool over(void)
{
	return step >= habits.steps || (bytes && !bytes_left);
}

static void run(void)
{
	unsigned long nr_allocs;

	step = 0;
	nr_logged = 0;
	draw_habits();
	create_map();
	nr_allocs = shim_nr_allocs;
	while (!over()) {
		step++;
		do_step();
		check_all();
	}
	drain();
	sweep_to_the_end();
	check_all();
	check(shim_nr_allocs == nr_allocs, "the map allocates");
	cbw_map_destroy(map);
}

void model_run(unsigned long seed)
{
	run_seed = seed;
	chance_state = seed;
	bytes = NULL;
	run();
}

void model_run_bytes(const unsigned char *data, size_t size)
{
	run_seed = 0;
	chance_state = size;
	bytes = data;
	bytes_left = size;
	run();
}
