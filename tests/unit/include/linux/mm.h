/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_MM_H
#define SHIM_MM_H

#include <linux/slab.h>

#define kvzalloc(size, gfp)	kzalloc(size, gfp)
#define kvcalloc(n, size, gfp)	kzalloc((size_t)(n) * (size), gfp)
#define kvfree(p)		kfree(p)

#endif
