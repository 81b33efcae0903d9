/* SPDX-License-Identifier: GPL-2.0-only */
/* These headers hold as much of the kernel as the units under test need, and no more. */
#ifndef SHIM_TYPES_H
#define SHIM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int32_t s32;
typedef int64_t s64;
typedef uint64_t u64;

#define U64_MAX	UINT64_MAX

struct list_head {
	struct list_head *next, *prev;
};

/* Ends the test when the code under test misuses one of these headers. */
#define shim_check(cond, what) \
	((cond) ? (void)0 : shim_misuse(__FILE__, __LINE__, what))

_Noreturn void shim_misuse(const char *file, int line, const char *what);

#endif
