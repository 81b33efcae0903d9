// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "device.h"
#include "history.h"
#include "stamp.h"

#define READ_BYTES	(1u << 20)

/* What is known of a write from the blocks that it covered. */
#define SEEN		1	/* some block holds it */
#define MISSED		2	/* some block still holds what was there before it */

/* No block may change its mind about p inside (from, to), open at both ends. */
struct gap {
	uint64_t from, to;
};

struct check {
	const struct check_options *options;
	struct check_result *result;
	FILE *out;
	struct history history;
	uint64_t *held;		/* what each block holds, as in stamp.h */
	uint8_t *evidence;	/* SEEN, MISSED per write */
	uint64_t lo, hi;	/* the instants that are left */
	struct gap *gaps;	/* forbidden in [lo, hi]: a block's alternatives lie elsewhere */
	size_t nr_gaps, room;
};

static void *must(void *memory)
{
	if (!memory)
		err(1, "memory for the check");
	return memory;
}

/* ---- what the device holds ---- */

static void classify(struct check *c, const struct device *dev, char *buf,
		     uint64_t first, uint64_t nr)
{
	const struct log_header *head = &c->history.head;
	bool readable = device_read(dev, buf, nr * head->block_size,
				    first * head->block_size);

	/* Unreadable blocks do not hide their neighbours. */
	if (!readable && nr > 1) {
		for (uint64_t i = 0; i < nr; i++)
			classify(c, dev, buf, first + i, 1);
		return;
	}
	for (uint64_t i = 0; i < nr; i++)
		c->held[first + i] = readable ?
			stamp_classify(buf + i * head->block_size, head->seed,
				       head->block_size, first + i) : HELD_UNREADABLE;
}

static void read_device(struct check *c, const char *path)
{
	const struct log_header *head = &c->history.head;
	uint64_t step = READ_BYTES / head->block_size;
	char *buf = device_buffer(READ_BYTES);
	struct device dev;

	c->held = must(calloc(head->nr_blocks, sizeof(*c->held)));
	device_open(&dev, path, DEVICE_READ, head->block_size);
	for (uint64_t b = 0; b < head->nr_blocks; b += step) {
		uint64_t left = head->nr_blocks - b;

		classify(c, &dev, buf, b, left < step ? left : step);
	}
	device_close(&dev);
	free(buf);
}

static bool all_foreign(const uint64_t *held, uint64_t first, uint64_t end)
{
	while (first < end && held[first] == HELD_FOREIGN)
		first++;
	return first == end;
}

/*
 * The origin before the device: a chunk that is unsaved when it is read second
 * was pending when it was read first, so this is right under writers, too.
 */
static void read_view(struct check *c, const char *path)
{
	const struct log_header *head = &c->history.head;
	uint64_t step = c->options->chunk / head->block_size;
	uint64_t *origin;

	read_device(c, c->options->pending_from);
	origin = c->held;
	read_device(c, path);
	for (uint64_t b = 0; b < head->nr_blocks; b += step) {
		uint64_t left = head->nr_blocks - b, nr = left < step ? left : step;

		if (all_foreign(c->held, b, b + nr))
			memcpy(c->held + b, origin + b, nr * sizeof(*origin));
	}
	free(origin);
}

/* ---- one block; the history must have been sought to it ---- */

/*
 * The next span of instants that explains what the block holds, after the one in
 * @span (seq FOREVER: the first). A stamp has one, zeroes one per zeroing write.
 */
static bool next_span(const struct check *c, uint64_t block, struct span *span)
{
	uint64_t held = c->held[block], seq;

	if (held != HELD_ZEROES) {
		if (span->seq != FOREVER || held > HELD_MAX_SEQ ||
		    !history_wrote(&c->history, held, block))
			return false;
		*span = history_span(&c->history, held);
		return true;
	}
	seq = seqset_next(&c->history.zeroing, span->seq == FOREVER ? 0 : span->seq);
	if (!seq)
		return false;
	*span = history_span(&c->history, seq);
	return true;
}

#define for_each_span(c, block, span) \
	for ((span)->seq = FOREVER; next_span(c, block, span); )

/* From the first possible instant to the last, whatever lies between. */
static bool hull(const struct check *c, uint64_t block, struct span *hull)
{
	struct span span;
	bool any = false;

	for_each_span(c, block, &span) {
		if (!any)
			*hull = span;
		hull->to = span.to;
		any = true;
	}
	return any;
}

static bool agrees(const struct check *c, uint64_t block, uint64_t p)
{
	struct span span;

	for_each_span(c, block, &span)
		if (span.from <= p && p <= span.to)
			return true;
	return false;
}

/* ---- is there an instant? ---- */

static void note_evidence(struct check *c, const struct span *span)
{
	c->evidence[span->seq] |= SEEN;
	c->evidence[span->next] |= MISSED;
}

/* First pass: stamps are exact evidence, zeroes count with their hull. */
static bool narrow(struct check *c)
{
	bool explained = true;
	struct span span;

	history_rewind(&c->history);
	for (uint64_t b = 0; b < c->history.head.nr_blocks; b++) {
		history_seek(&c->history, b);
		if (!hull(c, b, &span)) {
			explained = false;
			continue;
		}
		if (span.from > c->lo)
			c->lo = span.from;
		if (span.to < c->hi)
			c->hi = span.to;
		if (c->held[b] == HELD_ZEROES)
			continue;
		note_evidence(c, &span);
		if (c->held[b] > c->result->newest)
			c->result->newest = c->held[b];
	}
	return explained && c->lo <= c->hi;
}

static void add_gap(struct check *c, uint64_t from, uint64_t to)
{
	if (from >= to || from >= c->hi || to <= c->lo)
		return;
	if (c->nr_gaps == c->room) {
		c->room = c->room * 2 + 64;
		c->gaps = must(realloc(c->gaps, c->room * sizeof(*c->gaps)));
	}
	c->gaps[c->nr_gaps++] = (struct gap) { from, to };
}

/*
 * With the window known, zeroes tell more: between the spans that explain them
 * are gaps, and when only one of the spans meets the window it is evidence.
 */
static void weigh_zeroes(struct check *c, uint64_t block)
{
	struct span span, only = { 0 };
	uint64_t end = FOREVER;
	int nr = 0;

	for_each_span(c, block, &span) {
		add_gap(c, end, span.from);
		end = span.to;
		if (span.from <= c->hi && span.to >= c->lo) {
			only = span;
			nr++;
		}
	}
	if (nr == 1)
		note_evidence(c, &only);
}

static int compare_gaps(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* Move lo to the first instant that no gap forbids. */
static bool skip_gaps(struct check *c)
{
	if (c->nr_gaps)
		qsort(c->gaps, c->nr_gaps, sizeof(*c->gaps), compare_gaps);
	for (size_t i = 0; i < c->nr_gaps; i++)
		if (c->gaps[i].from < c->lo && c->lo < c->gaps[i].to)
			c->lo = c->gaps[i].to;
	return c->lo <= c->hi;
}

static bool find_instant(struct check *c)
{
	if (!narrow(c))
		return false;
	history_rewind(&c->history);
	for (uint64_t b = 0; b < c->history.head.nr_blocks; b++) {
		if (c->held[b] != HELD_ZEROES)
			continue;
		history_seek(&c->history, b);
		weigh_zeroes(c, b);
	}
	return skip_gaps(c);
}

/* ---- what is wrong ---- */

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Collect the ends of all hulls that meet [after, before], clipped to it. */
static uint64_t collect_ends(struct check *c, uint64_t *from, uint64_t *to)
{
	struct span span;
	uint64_t nr = 0;

	history_rewind(&c->history);
	for (uint64_t b = 0; b < c->history.head.nr_blocks; b++) {
		history_seek(&c->history, b);
		if (!hull(c, b, &span) || span.from > c->options->before ||
		    span.to < c->options->after)
			continue;
		from[nr] = span.from > c->options->after ? span.from : c->options->after;
		to[nr++] = span.to;
	}
	qsort(from, nr, sizeof(*from), compare_u64);
	qsort(to, nr, sizeof(*to), compare_u64);
	return nr;
}

/* The instant that most blocks agree with: whoever disagrees is the culprit. */
static uint64_t likely_instant(struct check *c)
{
	uint64_t *from = must(calloc(c->history.head.nr_blocks, sizeof(*from)));
	uint64_t *to = must(calloc(c->history.head.nr_blocks, sizeof(*to)));
	uint64_t nr = collect_ends(c, from, to);
	uint64_t p = c->options->after, best = 0;

	for (uint64_t i = 0, ended = 0; i < nr; i++) {
		while (to[ended] < from[i])
			ended++;
		if (i + 1 - ended > best) {
			best = i + 1 - ended;
			p = from[i];
		}
	}
	free(from);
	free(to);
	return p;
}

/* The newest write to the block that was submitted by @p. */
static uint64_t expected_at(const struct check *c, uint64_t block, uint64_t p)
{
	for (uint64_t seq = c->history.head.nr_records; seq; seq--) {
		const struct log_record *r = history_get(&c->history, seq);

		if (r->submit <= p && r->first <= block && block < r->first + r->nr)
			return seq;
	}
	return 0;
}

static void print_place(const struct check *c, uint64_t block)
{
	fprintf(c->out, "block %" PRIu64, block);
	if (c->options->chunk)
		fprintf(c->out, " (chunk %" PRIu64 ")",
			block * c->history.head.block_size / c->options->chunk);
}

static void print_held(const struct check *c, uint64_t block, uint64_t p)
{
	uint64_t held = c->held[block];

	if (held == HELD_UNREADABLE)
		fprintf(c->out, "cannot be read, or is past the end of the device");
	else if (held == HELD_CORRUPT)
		fprintf(c->out, "holds neither an intact stamp nor zeroes");
	else if (held == HELD_MISPLACED)
		fprintf(c->out, "holds the stamp of another block");
	else if (held == HELD_FOREIGN)
		fprintf(c->out, "holds the stamp of another seed");
	else if (held == HELD_ZEROES)
		fprintf(c->out, "holds zeroes");
	else if (!history_wrote(&c->history, held, block))
		fprintf(c->out, "holds seq %" PRIu64 ", which the log does not have here", held);
	else
		fprintf(c->out, "holds %s content, seq %" PRIu64,
			held && history_get(&c->history, held)->submit > p ? "newer" : "older",
			held);
}

static void print_write(const struct check *c, uint64_t seq)
{
	static const char * const kinds[] = { "data", "zeroes", "discard" };
	const struct log_record *r;

	fprintf(c->out, "seq %" PRIu64, seq);
	if (!seq) {
		fprintf(c->out, " (fill)");
		return;
	}
	r = history_get(&c->history, seq);
	fprintf(c->out, " (%s%s, submitted %" PRIu64 ", acknowledged %" PRIu64
		", blocks %" PRIu64 "+%" PRIu32 ")", r->failed ? "failed " : "",
		kinds[r->kind], r->submit, r->ack, r->first, r->nr);
}

static void report_block(struct check *c, uint64_t block, uint64_t p)
{
	if (c->result->violations++ >= c->options->report)
		return;
	print_place(c, block);
	fprintf(c->out, ": ");
	print_held(c, block, p);
	fprintf(c->out, "; at the instant %" PRIu64 " the newest is ", p);
	print_write(c, expected_at(c, block, p));
	fprintf(c->out, "\n");
}

static void report_blocks(struct check *c)
{
	uint64_t p = likely_instant(c);

	history_rewind(&c->history);
	for (uint64_t b = 0; b < c->history.head.nr_blocks; b++) {
		history_seek(&c->history, b);
		if (!agrees(c, b, p))
			report_block(c, b, p);
	}
}

/* The sets are built from whole spans: a write in both was caught in parts. */
static void report_torn(struct check *c)
{
	const struct history *h = &c->history;

	for (uint64_t seq = 1; seq <= h->head.nr_records; seq++) {
		const struct log_record *r = history_get(h, seq);

		if (c->evidence[seq] != (SEEN | MISSED) || !history_is_decisive(r) ||
		    (uint64_t)r->nr * h->head.block_size >= c->options->torn_min ||
		    c->result->violations++ >= c->options->report)
			continue;
		fprintf(c->out, "torn: some blocks hold, others miss, ");
		print_write(c, seq);
		fprintf(c->out, "\n");
	}
}

/* ---- the verdict ---- */

static void count_writes(struct check *c)
{
	for (uint64_t seq = 1; seq <= c->history.head.nr_records; seq++) {
		const struct log_record *r = history_get(&c->history, seq);

		if (r->submit > c->hi)
			c->result->after++;
		else if (r->ack && r->ack < c->lo)
			c->result->before++;
		else
			c->result->in_flight++;
	}
}

static void set_bounds(struct check *c, struct check_options *options)
{
	uint64_t last = c->history.head.nr_records;

	if (options->pit != CHECK_NO_PIT) {
		if (options->pit != CHECK_LAST_PIT && options->pit > last)
			errx(1, "the log ends at seq %" PRIu64 ", before the point in time", last);
		history_count_in_writes(&c->history);
		options->after = 2 * (options->pit == CHECK_LAST_PIT ? last : options->pit) + 1;
		options->before = options->after;
	}
	c->lo = options->after;
	c->hi = options->before;
}

static void verdict(struct check *c)
{
	if (find_instant(c))
		report_torn(c);
	else
		report_blocks(c);
	c->result->blocks = c->history.head.nr_blocks;
	c->result->lo = c->lo;
	c->result->hi = c->hi;
	count_writes(c);
}

bool check_device(const char *device, const char *log, const struct check_options *options,
		  struct check_result *result, FILE *out)
{
	struct check_options own = *options;
	struct check c = { .options = &own, .result = result, .out = out };

	memset(result, 0, sizeof(*result));
	log_read_header(log, &c.history.head);
	/* The device first: the log then has every write that is found on it. */
	if (own.pending_from)
		read_view(&c, device);
	else
		read_device(&c, device);
	history_load(&c.history, log);
	c.evidence = must(calloc(c.history.head.nr_records + 1, 1));
	set_bounds(&c, &own);
	verdict(&c);

	history_free(&c.history);
	free(c.evidence);
	free(c.gaps);
	free(c.held);
	return !result->violations;
}
