/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_BITOPS_H
#define SHIM_BITOPS_H

#include <linux/bits.h>
#include <linux/types.h>

#define BITS_PER_LONG		((int)(8 * sizeof(long)))
#define BITS_TO_LONGS(nr)	(((nr) + BITS_PER_LONG - 1) / BITS_PER_LONG)

static inline unsigned long __ffs(unsigned long word)
{
	shim_check(word, "__ffs(0) is undefined");
	return __builtin_ctzl(word);
}

static inline unsigned int __ffs64(u64 word)
{
	shim_check(word, "__ffs64(0) is undefined");
	return __builtin_ctzll(word);
}

static inline unsigned long hweight_long(unsigned long word)
{
	return __builtin_popcountl(word);
}

static inline bool test_bit(unsigned long nr, const unsigned long *words)
{
	return words[nr / BITS_PER_LONG] >> (nr % BITS_PER_LONG) & 1;
}

static inline void set_bit(unsigned long nr, unsigned long *words)
{
	__atomic_fetch_or(&words[nr / BITS_PER_LONG],
			  1UL << (nr % BITS_PER_LONG), __ATOMIC_RELAXED);
}

static inline bool test_and_clear_bit(unsigned long nr, unsigned long *words)
{
	unsigned long bit = 1UL << (nr % BITS_PER_LONG);

	return __atomic_fetch_and(&words[nr / BITS_PER_LONG], ~bit, __ATOMIC_SEQ_CST) & bit;
}

#endif
