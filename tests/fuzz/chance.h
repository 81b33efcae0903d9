/* SPDX-License-Identifier: GPL-2.0-only */
/* Chance that can be had again: the same seed gives the same numbers. */
#ifndef FUZZ_CHANCE_H
#define FUZZ_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
	uint64_t state;
};

static inline uint64_t draw(struct chance *chance)
{
	uint64_t z = (chance->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline uint64_t below(struct chance *chance, uint64_t limit)
{
	return draw(chance) % limit;
}

static inline bool percent(struct chance *chance, unsigned int p)
{
	return below(chance, 100) < p;
}

#define PICK(chance, array) \
	((array)[below(chance, sizeof(array) / sizeof((array)[0]))])

#endif
