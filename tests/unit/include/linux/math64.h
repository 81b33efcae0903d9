/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_MATH64_H
#define SHIM_MATH64_H

#include <linux/types.h>

static inline u64 div_u64(u64 dividend, unsigned int divisor)
{
	shim_check(divisor, "a division by zero");
	return dividend / divisor;
}

static inline u64 div64_u64(u64 dividend, u64 divisor)
{
	shim_check(divisor, "a division by zero");
	return dividend / divisor;
}

#endif
