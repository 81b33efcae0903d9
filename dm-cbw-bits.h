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
#include <linux/string.h>
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

/* Sets the bits of so many chunks, which nobody else looks at yet. */
static inline void cbw_bits_fill(unsigned long *bits, unsigned long nr_chunks)
{
	unsigned long i = (nr_chunks - 1) / BITS_PER_LONG;

	memset(bits, 0xff, cbw_bits_size(nr_chunks));
	bits[i] = cbw_bits_mask(i, 0, nr_chunks - 1);
}

/* The first chunk of [first, last], which may be empty, whose bit is @set; last + 1: none. */
static inline unsigned long cbw_bits_find(const unsigned long *bits, unsigned long first,
					  unsigned long last, bool set)
{
	unsigned long flip = set ? 0 : ~0UL;
	unsigned long i = first / BITS_PER_LONG;
	unsigned long word;

	if (first > last)
		return last + 1;
	word = (READ_ONCE(bits[i]) ^ flip) & (~0UL << (first % BITS_PER_LONG));
	while (!word) {
		if (++i > last / BITS_PER_LONG)
			return last + 1;
		word = READ_ONCE(bits[i]) ^ flip;
	}
	return min(i * BITS_PER_LONG + __ffs(word), last + 1);
}

/* How many chunks of [first, last] have their bit set. */
static inline unsigned long cbw_bits_weight(const unsigned long *bits, unsigned long first,
					    unsigned long last)
{
	unsigned long i, nr = 0;

	for (i = first / BITS_PER_LONG; i <= last / BITS_PER_LONG; i++)
		nr += hweight_long(READ_ONCE(bits[i]) & cbw_bits_mask(i, first, last));
	return nr;
}

/* Chunks that lie in a range of sectors with as many sectors each: whole, or one in part. */
struct cbw_stretch {
	unsigned long first;
	unsigned long last;
	u64 each;
};

/* The first of those in [start, end); a chunk has 1 << @shift sectors. Returns where it ends. */
static inline u64 cbw_bits_stretch(u64 start, u64 end, unsigned int shift,
				   struct cbw_stretch *stretch)
{
	u64 whole = end >> shift << shift;

	stretch->first = start >> shift;
	stretch->last = stretch->first;
	if (start == (u64)stretch->first << shift && start < whole) {
		stretch->last = (whole >> shift) - 1;
		stretch->each = 1ULL << shift;
		return whole;
	}
	whole = min(end, ((u64)stretch->first + 1) << shift);
	stretch->each = whole - start;
	return whole;
}

#endif
