// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <err.h>
#include <stdlib.h>

#include "history.h"

static uint64_t end_of(const struct log_record *record)
{
	return record->first + record->nr;
}

static int compare_first(const void *a, const void *b, void *history)
{
	uint64_t x = history_get(history, *(const uint32_t *)a)->first;
	uint64_t y = history_get(history, *(const uint32_t *)b)->first;

	return (x > y) - (x < y);
}

static int compare_end(const void *a, const void *b, void *history)
{
	uint64_t x = end_of(history_get(history, *(const uint32_t *)a));
	uint64_t y = end_of(history_get(history, *(const uint32_t *)b));

	return (x > y) - (x < y);
}

static uint32_t *sorted(struct history *h, int (*compare)(const void *, const void *, void *))
{
	uint64_t nr = h->head.nr_records;
	uint32_t *seqs = calloc(nr + 1, sizeof(*seqs));

	if (!seqs)
		err(1, "memory for %llu writes", (unsigned long long)nr);
	for (uint64_t i = 0; i < nr; i++)
		seqs[i] = i + 1;
	qsort_r(seqs, nr, sizeof(*seqs), compare, h);
	return seqs;
}

void history_load(struct history *h, const char *log_path)
{
	h->records = log_read(log_path, &h->head);
	for (uint64_t i = 0; i < h->head.nr_records; i++) {
		struct log_record *record = &h->records[i];

		if (end_of(record) > h->head.nr_blocks || !record->nr ||
		    record->kind > LOG_DISCARD)
			errx(1, "%s: the record of seq %llu is damaged", log_path,
			     (unsigned long long)i + 1);
		/* Reserved but not submitted when the log was read. */
		if (!record->submit)
			record->submit = FOREVER;
	}
	h->by_first = sorted(h, compare_first);
	h->by_end = sorted(h, compare_end);
	seqset_init(&h->decisive, h->head.nr_records);
	seqset_init(&h->zeroing, h->head.nr_records);
	h->nr_added = 0;
	h->nr_removed = 0;
}

void history_free(struct history *h)
{
	seqset_free(&h->decisive);
	seqset_free(&h->zeroing);
	free(h->by_first);
	free(h->by_end);
	free(h->records);
}

void history_count_in_writes(struct history *h)
{
	for (uint64_t i = 0; i < h->head.nr_records; i++) {
		h->records[i].submit = 2 * (i + 1);
		if (h->records[i].ack)
			h->records[i].ack = 2 * (i + 1);
	}
}

bool history_is_decisive(const struct log_record *record)
{
	return record->kind != LOG_DISCARD && record->ack && !record->failed;
}

static void add(struct history *h, uint64_t seq)
{
	const struct log_record *record = history_get(h, seq);

	if (history_is_decisive(record))
		seqset_add(&h->decisive, seq);
	if (record->kind != LOG_DATA)
		seqset_add(&h->zeroing, seq);
}

static void del(struct history *h, uint64_t seq)
{
	seqset_del(&h->decisive, seq);
	seqset_del(&h->zeroing, seq);
}

void history_seek(struct history *h, uint64_t block)
{
	uint64_t nr = h->head.nr_records;

	while (h->nr_added < nr &&
	       history_get(h, h->by_first[h->nr_added])->first <= block)
		add(h, h->by_first[h->nr_added++]);
	while (h->nr_removed < nr &&
	       end_of(history_get(h, h->by_end[h->nr_removed])) <= block)
		del(h, h->by_end[h->nr_removed++]);
}

void history_rewind(struct history *h)
{
	/* Past the end every write has come and gone: the sets are empty. */
	history_seek(h, FOREVER);
	h->nr_added = 0;
	h->nr_removed = 0;
}

bool history_wrote(const struct history *h, uint64_t seq, uint64_t block)
{
	const struct log_record *record;

	if (!seq)
		return true;
	if (seq > h->head.nr_records)
		return false;
	record = history_get(h, seq);
	return record->kind == LOG_DATA && record->first <= block &&
	       block < end_of(record);
}

struct span history_span(const struct history *h, uint64_t seq)
{
	uint64_t next = seqset_next(&h->decisive, seq);

	return (struct span) {
		.from = seq ? history_get(h, seq)->submit : 0,
		.to = next ? history_get(h, next)->ack : FOREVER,
		.seq = seq, .next = next,
	};
}
