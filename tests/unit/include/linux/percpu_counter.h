/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_PERCPU_COUNTER_H
#define SHIM_PERCPU_COUNTER_H

#include <linux/types.h>

#define GFP_KERNEL	0

struct percpu_counter {
	s64 count;
};

static inline int percpu_counter_init(struct percpu_counter *counter, s64 amount, int gfp)
{
	(void)gfp;
	counter->count = amount;
	return 0;
}

static inline void percpu_counter_destroy(struct percpu_counter *counter)
{
	(void)counter;
}

static inline void percpu_counter_add_batch(struct percpu_counter *counter, s64 amount, int batch)
{
	(void)batch;
	counter->count += amount;
}

static inline s64 percpu_counter_sum(struct percpu_counter *counter)
{
	return counter->count;
}

#endif
