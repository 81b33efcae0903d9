/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The history of every block: which writes covered it, in order. It is not
 * kept per block (that would be the product of writes and their sizes) but
 * swept over: the writes that cover the block at hand are in two sets.
 */
#ifndef ORACLE_HISTORY_H
#define ORACLE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "seqset.h"

#define FOREVER	UINT64_MAX

struct history {
	struct log_header head;
	struct log_record *records;

	uint32_t *by_first, *by_end;	/* sequence numbers, sorted */
	uint64_t nr_added, nr_removed;	/* how far the sweep has come in them */
	struct seqset decisive;		/* cover the block and left nothing older in it */
	struct seqset zeroing;		/* cover the block and may have left zeroes */
};

/*
 * The instants at which a block may be in the state that write @seq left:
 * @from when it was submitted, @to when the next decisive write (@next, 0: none)
 * was acknowledged.
 */
struct span {
	uint64_t from, to;
	uint64_t seq, next;
};

void history_load(struct history *h, const char *log_path);
void history_free(struct history *h);

/*
 * Make sequence numbers the clock: write @seq takes effect at 2 * seq, and
 * 2 * seq + 1 is the instant after it and before the next.
 */
void history_count_in_writes(struct history *h);

/* history_rewind(), then history_seek() to ascending blocks. */
void history_rewind(struct history *h);
void history_seek(struct history *h, uint64_t block);

static inline const struct log_record *history_get(const struct history *h, uint64_t seq)
{
	return &h->records[seq - 1];
}

/* Nothing older can be in the blocks once this write is acknowledged. */
bool history_is_decisive(const struct log_record *record);

/* Could @seq have left a stamp in the block? 0, the fill, could everywhere. */
bool history_wrote(const struct history *h, uint64_t seq, uint64_t block);

/* Of the block that was sought last. */
struct span history_span(const struct history *h, uint64_t seq);

#endif
