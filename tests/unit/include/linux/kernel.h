/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_KERNEL_H
#define SHIM_KERNEL_H

#include <limits.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/types.h>

/* As lax as the kernel's: a plus before the number, and one newline behind it. */
int kstrtouint(const char *s, unsigned int base, unsigned int *res);

/* Returns what was printed, not what would have been. */
__attribute__((format(printf, 3, 4)))
int scnprintf(char *buf, size_t size, const char *format, ...);

#endif
