// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <stdlib.h>

#include "seqset.h"

void seqset_init(struct seqset *set, uint64_t last)
{
	for (int level = 0; level < SEQSET_LEVELS; level++) {
		last >>= 6;
		set->word[level] = calloc(last + 1, sizeof(uint64_t));
		if (!set->word[level])
			err(1, "memory for a set of sequence numbers");
	}
}

void seqset_free(struct seqset *set)
{
	for (int level = 0; level < SEQSET_LEVELS; level++)
		free(set->word[level]);
}

void seqset_add(struct seqset *set, uint64_t seq)
{
	for (int level = 0; level < SEQSET_LEVELS; level++, seq >>= 6)
		set->word[level][seq >> 6] |= 1ULL << (seq & 63);
}

void seqset_del(struct seqset *set, uint64_t seq)
{
	for (int level = 0; level < SEQSET_LEVELS; level++, seq >>= 6) {
		set->word[level][seq >> 6] &= ~(1ULL << (seq & 63));
		if (set->word[level][seq >> 6])
			break;
	}
}

uint64_t seqset_next(const struct seqset *set, uint64_t seq)
{
	for (int level = 0; level < SEQSET_LEVELS; level++, seq >>= 6) {
		uint64_t above = set->word[level][seq >> 6] & (~1ULL << (seq & 63));

		if (!above)
			continue;
		seq = (seq & ~63ULL) | __builtin_ctzll(above);
		while (level--)
			seq = seq << 6 | __builtin_ctzll(set->word[level][seq]);
		return seq;
	}
	return 0;
}
