// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "gate.h"
#include "log.h"
#include "stamp.h"
#include "writer.h"

#define FILL_BYTES	(1u << 20)
#define PAGE_BYTES	4096u
#define HOT_SPOTS	8
#define HOT_BLOCKS	16	/* largest operation on a hot spot */
#define TICK_NS		20000000

enum op { OP_DATA = LOG_DATA, OP_ZERO = LOG_ZERO, OP_DISCARD = LOG_DISCARD, OP_READ, NR_OPS };

/* The newest decisive write to a block, and whether a vague one came after it. */
#define VAGUE		((uint64_t)1 << 63)

struct run {
	const struct writer_options *options;
	struct device dev;
	struct log *log;
	struct gate gate;
	uint64_t nr_blocks;
	uint64_t reach;		/* operations stay below this block */
	uint64_t *newest;	/* per block, guarded by holding the block in the gate */
	uint64_t grain;		/* operations start and end on multiples of it, in blocks */
	uint64_t cursor;	/* of MODE_SEQUENTIAL */
	uint64_t started;	/* operations */
	unsigned int alive;	/* threads */
	uint64_t done[NR_OPS], flushes, errors, wrong;	/* totals */
};

struct worker {
	struct run *run;
	pthread_t thread;
	unsigned int id;
	uint64_t random;
	char *buf;
};

/* ---- random choices ---- */

static uint64_t next_random(struct worker *w)
{
	uint64_t x = w->random += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t below(struct worker *w, uint64_t limit)
{
	return next_random(w) % limit;
}

static bool chance(struct worker *w, unsigned int percent)
{
	return below(w, 100) < percent;
}

/* Log-uniform: each power of two is as likely as any other. */
static uint64_t pick_nr(struct worker *w, uint64_t max)
{
	uint64_t min = w->run->options->min / w->run->options->block_size;
	unsigned int octaves = 0;
	uint64_t low, nr;

	while (min << (octaves + 1) <= max)
		octaves++;
	low = min << below(w, octaves + 1);
	nr = low + below(w, low);
	return nr < max ? nr : max;
}

/* A start for @nr blocks such that they touch or straddle @point. */
static uint64_t around(struct worker *w, uint64_t point, uint64_t nr)
{
	uint64_t back = below(w, nr + 1);

	return point > back ? point - back : 0;
}

static uint64_t pick_boundary(struct worker *w, uint64_t nr)
{
	uint64_t chunk = w->run->options->chunk / w->run->options->block_size;
	uint64_t end = w->run->reach;

	switch (below(w, 8)) {
	case 0:
		return 0;
	case 1:
		return end - nr;
	default:
		return around(w, below(w, end / chunk + 1) * chunk, nr);
	}
}

static uint64_t pick_first(struct worker *w, uint64_t nr)
{
	struct run *run = w->run;

	switch (run->options->mode) {
	case MODE_SEQUENTIAL:
		return __atomic_fetch_add(&run->cursor, nr, __ATOMIC_RELAXED) % run->reach;
	case MODE_BOUNDARY:
		return pick_boundary(w, nr);
	default:
		return below(w, run->reach - nr + 1);
	}
}

/* Grow to the grain, then clip to the device. */
static struct range fit(const struct run *run, uint64_t first, uint64_t nr)
{
	uint64_t end;

	if (first >= run->reach)
		first = run->reach - 1;
	end = first + nr + run->grain - 1;
	first -= first % run->grain;
	end -= end % run->grain;
	if (end > run->reach)
		end = run->reach;
	return (struct range) { first, end - first };
}

static struct range pick_range(struct worker *w)
{
	struct run *run = w->run;
	uint64_t max = run->options->max / run->options->block_size;
	uint64_t first, nr, spot;

	if (max > run->reach)
		max = run->reach;
	if (!run->options->hot || !chance(w, 25)) {
		nr = pick_nr(w, max);
		first = pick_first(w, nr);
	} else {
		nr = pick_nr(w, max < HOT_BLOCKS ? max : HOT_BLOCKS);
		spot = run->reach / HOT_SPOTS * below(w, HOT_SPOTS);
		first = around(w, spot, nr);
	}
	return fit(run, first, nr);
}

static enum op pick_op(struct worker *w)
{
	const struct writer_options *o = w->run->options;
	unsigned int dice = below(w, 100);

	if (dice < o->read)
		return OP_READ;
	if (dice < o->read + o->zero)
		return OP_ZERO;
	return dice < o->read + o->zero + o->discard ? OP_DISCARD : OP_DATA;
}

/* ---- operations; the range is held ---- */

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void note_error(struct run *run, const char *what, struct range range)
{
	if (!__atomic_fetch_add(&run->errors, 1, __ATOMIC_RELAXED) &&
	    !run->options->allow_errors)
		warn("%s: %s of blocks %" PRIu64 "+%" PRIu64, run->dev.path, what,
		     range.first, range.nr);
}

static void note_newest(struct run *run, struct range range, uint64_t seq, bool decisive)
{
	for (uint64_t b = range.first; b < range.first + range.nr; b++)
		run->newest[b] = decisive ? seq : run->newest[b] | VAGUE;
}

static bool is_newest(const struct run *run, uint64_t block, uint64_t held)
{
	uint64_t seq = run->newest[block] & ~VAGUE;
	bool zeroed = seq && log_get(run->log, seq)->kind == LOG_ZERO;

	if (held == (zeroed ? HELD_ZEROES : seq))
		return true;
	/* After a vague write: what it may have left. */
	return (run->newest[block] & VAGUE) &&
	       (held == HELD_ZEROES || (held <= HELD_MAX_SEQ && held > seq));
}

static void note_wrong(struct run *run, uint64_t block, uint64_t held)
{
	if (__atomic_fetch_add(&run->wrong, 1, __ATOMIC_RELAXED) >= 10)
		return;
	warnx("%s: block %" PRIu64 " reads as %s (seq %" PRIu64 "), the newest is seq %" PRIu64,
	      run->dev.path, block, held == HELD_ZEROES ? "zeroes" :
	      held > HELD_MAX_SEQ ? "no stamp of its own" : "a stamp",
	      held > HELD_MAX_SEQ ? 0 : held, run->newest[block] & ~VAGUE);
}

static void read_back(struct worker *w, struct range range)
{
	struct run *run = w->run;
	uint32_t size = run->options->block_size;

	if (!device_read(&run->dev, w->buf, range.nr * size, range.first * size)) {
		note_error(run, "read", range);
		return;
	}
	for (uint64_t i = 0; i < range.nr; i++) {
		uint64_t block = range.first + i;
		uint64_t held = stamp_classify(w->buf + i * size, run->options->seed,
					       size, block);

		if (!is_newest(run, block, held))
			note_wrong(run, block, held);
	}
}

static bool submit(struct worker *w, enum op op, struct range range)
{
	const struct device *dev = &w->run->dev;
	uint64_t size = w->run->options->block_size;

	switch (op) {
	case OP_ZERO:
		return device_zero(dev, range.nr * size, range.first * size);
	case OP_DISCARD:
		return device_discard(dev, range.nr * size, range.first * size);
	default:
		return device_write(dev, w->buf, range.nr * size, range.first * size);
	}
}

/* False: the log is full. */
static bool write_logged(struct worker *w, enum op op, struct range range)
{
	struct run *run = w->run;
	const struct log_record record = {
		.first = range.first, .nr = range.nr, .writer = w->id, .kind = op,
	};
	uint64_t seq = log_reserve(run->log, &record);
	uint32_t size = run->options->block_size;
	bool ok;

	if (!seq)
		return false;
	for (uint64_t i = 0; op == OP_DATA && i < range.nr; i++)
		stamp_write(w->buf + i * size, run->options->seed, size,
			    range.first + i, seq, w->id);

	log_submit(run->log, seq);
	ok = submit(w, op, range);
	log_ack(run->log, seq, !ok);

	if (!ok)
		note_error(run, op == OP_DATA ? "write" : op == OP_ZERO ? "write-zeroes" :
			   "discard", range);
	note_newest(run, range, seq, ok && op != OP_DISCARD);
	return true;
}

static void maybe_flush(struct worker *w)
{
	struct run *run = w->run;

	if (!chance(w, run->options->flush))
		return;
	if (fdatasync(run->dev.fd))
		note_error(run, "flush", (struct range) { 0, run->nr_blocks });
	count(&run->flushes);
}

static bool operate(struct worker *w)
{
	struct run *run = w->run;
	enum op op = pick_op(w);
	struct range range = pick_range(w);
	bool ok = true;

	if (!gate_enter(&run->gate, w->id, range))
		return false;
	if (op == OP_READ)
		read_back(w, range);
	else
		ok = write_logged(w, op, range);
	maybe_flush(w);
	gate_leave(&run->gate, w->id);
	if (!ok)
		warnx("the log cannot grow any more");
	else
		count(&run->done[op]);
	return ok;
}

static void *work(void *data)
{
	struct worker *w = data;
	struct run *run = w->run;
	uint64_t limit = run->options->ops;

	while (!limit || __atomic_fetch_add(&run->started, 1, __ATOMIC_RELAXED) < limit)
		if (!operate(w))
			break;
	__atomic_fetch_sub(&run->alive, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* ---- control ---- */

static void block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGUSR1);
	sigaddset(signals, SIGUSR2);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, signals, NULL);
}

/* Renamed into place: whoever sees the file finds the number in it. */
static void announce_pause(const struct run *run, const char *name)
{
	char temporary[4096];
	FILE *file;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	file = fopen(temporary, "w");
	if (!file || fprintf(file, "%" PRIu64 "\n", log_last(run->log)) < 0 ||
	    fclose(file) || rename(temporary, name))
		err(1, "%s", name);
}

static void handle(struct run *run, int signal, const char *pause_name)
{
	if (signal == SIGUSR1) {
		gate_pause(&run->gate);
		announce_pause(run, pause_name);
	} else if (signal == SIGUSR2) {
		unlink(pause_name);
		gate_resume(&run->gate);
	} else if (signal > 0) {
		gate_stop(&run->gate);
	}
}

static void control(struct run *run, const sigset_t *signals, const char *pause_name)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	const struct writer_options *o = run->options;
	uint64_t end = o->seconds ? log_now() + o->seconds * 1000000000 : UINT64_MAX;

	while (__atomic_load_n(&run->alive, __ATOMIC_ACQUIRE)) {
		handle(run, sigtimedwait(signals, NULL, &tick), pause_name);
		if (log_now() >= end || (o->until_file && !access(o->until_file, F_OK)))
			gate_stop(&run->gate);
	}
}

/* What an earlier run with this log has left on the device. */
static void replay(struct run *run)
{
	uint64_t last = log_last(run->log);

	run->newest = calloc(run->nr_blocks, sizeof(*run->newest));
	if (!run->newest)
		err(1, "memory for %" PRIu64 " blocks", run->nr_blocks);
	for (uint64_t seq = 1; seq <= last; seq++) {
		const struct log_record *r = log_get(run->log, seq);

		if (r->submit)
			note_newest(run, (struct range) { r->first, r->nr }, seq,
				    r->kind != LOG_DISCARD && r->ack && !r->failed);
	}
}

static void start(struct run *run, struct worker *workers)
{
	size_t bytes = (run->options->max / run->options->block_size + 2 * run->grain) *
		       run->options->block_size;

	run->alive = run->options->threads;
	for (unsigned int i = 0; i < run->options->threads; i++) {
		struct worker *w = &workers[i];

		w->run = run;
		w->id = i;
		w->random = run->options->seed * 0x100000001b3ULL +
			    ((uint64_t)i << 32) + log_last(run->log);
		w->buf = device_buffer(bytes);
		errno = pthread_create(&w->thread, NULL, work, w);
		if (errno)
			err(1, "writer %u", i);
	}
}

static void finish(struct run *run, struct worker *workers)
{
	for (unsigned int i = 0; i < run->options->threads; i++) {
		pthread_join(workers[i].thread, NULL);
		free(workers[i].buf);
	}
	printf("seed=%" PRIu64 " last=%" PRIu64 " writes=%" PRIu64 " zeroes=%" PRIu64
	       " discards=%" PRIu64 " reads=%" PRIu64 " flushes=%" PRIu64
	       " errors=%" PRIu64 " wrong=%" PRIu64 "\n",
	       run->options->seed, log_last(run->log), run->done[OP_DATA],
	       run->done[OP_ZERO], run->done[OP_DISCARD], run->done[OP_READ],
	       run->flushes, run->errors, run->wrong);
	log_close(run->log);
	device_close(&run->dev);
	free(run->newest);
}

bool writer_run(const char *device, const char *log, const struct writer_options *options)
{
	struct run run = { .options = options, .grain = 1 };
	struct worker workers[GATE_MAX_THREADS] = { 0 };
	char pause_name[4000];
	sigset_t signals;

	block_signals(&signals);
	snprintf(pause_name, sizeof(pause_name), "%s.paused", log);
	unlink(pause_name);
	device_open(&run.dev, device, options->buffered ? DEVICE_BUFFERED : DEVICE_DIRECT,
		    options->block_size);
	run.nr_blocks = run.dev.bytes / options->block_size;
	if (!run.nr_blocks)
		errx(1, "%s: smaller than a block", device);
	run.reach = options->within ? options->within / options->block_size : run.nr_blocks;
	if (run.reach > run.nr_blocks)
		errx(1, "%s: smaller than --within", device);
	/* No two share a page: one's write-back would carry the other's half-written block. */
	if (options->buffered && options->block_size < PAGE_BYTES)
		run.grain = PAGE_BYTES / options->block_size;
	run.log = log_open(log, options->seed, options->block_size, run.nr_blocks);
	gate_init(&run.gate, options->threads);
	replay(&run);
	start(&run, workers);
	control(&run, &signals, pause_name);
	finish(&run, workers);
	unlink(pause_name);
	return !run.wrong && (!run.errors || options->allow_errors);
}

void writer_fill(const char *device, uint32_t block_size, uint64_t seed)
{
	uint64_t step = FILL_BYTES / block_size, nr_blocks;
	char *buf = device_buffer(FILL_BYTES);
	struct device dev;

	device_open(&dev, device, DEVICE_DIRECT, block_size);
	nr_blocks = dev.bytes / block_size;
	for (uint64_t b = 0; b < nr_blocks; b += step) {
		if (step > nr_blocks - b)
			step = nr_blocks - b;
		for (uint64_t i = 0; i < step; i++)
			stamp_write(buf + i * block_size, seed, block_size, b + i, 0, 0);
		if (!device_write(&dev, buf, step * block_size, b * block_size))
			err(1, "%s: write of blocks %" PRIu64 "+%" PRIu64, device, b, step);
	}
	if (fdatasync(dev.fd))
		err(1, "%s", device);
	device_close(&dev);
	free(buf);
}
