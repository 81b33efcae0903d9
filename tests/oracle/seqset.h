/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A set of sequence numbers, kept as a tree of bitmaps: every operation takes
 * one step per level, four for the longest log.
 */
#ifndef ORACLE_SEQSET_H
#define ORACLE_SEQSET_H

#include <stdint.h>

#define SEQSET_LEVELS	5	/* 64^5 > LOG_MAX_RECORDS */

struct seqset {
	uint64_t *word[SEQSET_LEVELS];
};

/* For sequence numbers 1 … @last. */
void seqset_init(struct seqset *set, uint64_t last);
void seqset_free(struct seqset *set);

void seqset_add(struct seqset *set, uint64_t seq);
void seqset_del(struct seqset *set, uint64_t seq);

/* The smallest member above @seq; 0: none. */
uint64_t seqset_next(const struct seqset *set, uint64_t seq);

#endif
