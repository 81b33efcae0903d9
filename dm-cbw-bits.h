/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ranges of bits, one for each chunk. The kernel's bitmap helpers count in
 * unsigned int; a device may have more chunks than that.
 */
#ifndef DM_CBW_BITS_H
#define DM_CBW_BITS_H

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/types.h>

/* Bytes that the bits of so many chunks take. */
static inline size_t cbw_bits_size(unsigned long nr_chunks)
{
	return BITS_TO_LONGS(nr_chunks) * sizeof(long);
}

/* Those of word @i that stand for chunks of [first, last]. */
static inline unsigned long cbw_bits_mask(unsigned long i, unsigned long first,
					  unsigned long last)
{
	unsigned long mask = ~0UL;

	if (i == first / BITS_PER_LONG)
		mask &= ~0UL << (first % BITS_PER_LONG);
	if (i == last / BITS_PER_LONG)
		mask &= ~0UL >> (BITS_PER_LONG - 1 - last % BITS_PER_LONG);
	return mask;
}

/* The first chunk of [first, last] whose bit is @set; last + 1: none. */
static inline unsigned long cbw_bits_find(const unsigned long *bits, unsigned long first,
					  unsigned long last, bool set)
{
	unsigned long flip = set ? 0 : ~0UL;
	unsigned long i = first / BITS_PER_LONG;
	unsigned long word;

	word = (READ_ONCE(bits[i]) ^ flip) & (~0UL << (first % BITS_PER_LONG));
	while (!word) {
		if (++i > last / BITS_PER_LONG)
			return last + 1;
		word = READ_ONCE(bits[i]) ^ flip;
	}
	return min(i * BITS_PER_LONG + __ffs(word), last + 1);
}

#endif
