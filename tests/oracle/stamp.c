// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <string.h>

#include "stamp.h"

#define STAMP_MAGIC	0x3170617453776263ULL
#define GOLDEN		0x9e3779b97f4a7c15ULL

/* A bijection of 64-bit words in which every input bit reaches all others. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/*
 * The data is a function of the whole stamp, and is compared word by word. That
 * is stricter than a checksum (no damage of any bit goes unseen) and cheaper.
 */
static uint64_t data_key(const struct stamp *s)
{
	uint64_t key = mix(s->seed + GOLDEN);

	key = mix(key ^ s->block);
	key = mix(key ^ s->seq);
	return mix(key ^ ((uint64_t)s->block_size << 32 | s->writer));
}

void stamp_write(void *block, uint64_t seed, uint32_t block_size,
		 uint64_t nr, uint64_t seq, uint32_t writer)
{
	struct stamp s = {
		.magic = STAMP_MAGIC, .block = nr, .seq = seq, .seed = seed,
		.writer = writer, .block_size = block_size,
	};
	uint64_t *word = block, *end = word + block_size / sizeof(*word);
	uint64_t key = data_key(&s);

	memcpy(block, &s, sizeof(s));
	for (word += sizeof(s) / sizeof(*word); word < end; word++)
		*word = key += GOLDEN;
}

static bool is_zero(const void *block, uint32_t block_size)
{
	const char *byte = block;

	return !byte[0] && !memcmp(byte, byte + 1, block_size - 1);
}

static bool is_intact(const void *block, const struct stamp *s, uint32_t block_size)
{
	const uint64_t *word = block, *end = word + block_size / sizeof(*word);
	uint64_t key = data_key(s), difference = 0;

	if (s->magic != STAMP_MAGIC || s->block_size != block_size ||
	    s->seq > HELD_MAX_SEQ)
		return false;
	for (word += sizeof(*s) / sizeof(*word); word < end; word++)
		difference |= *word ^ (key += GOLDEN);
	return !difference;
}

uint64_t stamp_classify(const void *block, uint64_t seed, uint32_t block_size,
			uint64_t nr)
{
	struct stamp s;

	memcpy(&s, block, sizeof(s));
	if (!s.magic && is_zero(block, block_size))
		return HELD_ZEROES;
	if (!is_intact(block, &s, block_size))
		return HELD_CORRUPT;
	if (s.seed != seed)
		return HELD_FOREIGN;
	return s.block == nr ? s.seq : HELD_MISPLACED;
}
