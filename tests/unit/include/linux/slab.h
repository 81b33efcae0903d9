/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_SLAB_H
#define SHIM_SLAB_H

#include <linux/types.h>

#define GFP_KERNEL 0

/* How many allocations there were, and which one is to fail (0: none). */
extern unsigned long shim_nr_allocs, shim_failing_alloc;

void *shim_zalloc(size_t size);
void shim_free(const void *p);

#define kzalloc(size, gfp)	((void)(gfp), shim_zalloc(size))
#define kfree(p)		shim_free(p)

#endif
