/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_SCHED_H
#define SHIM_SCHED_H

#include <linux/spinlock.h>

static inline void cond_resched(void)
{
	shim_check(!shim_nr_locked, "a rest under a spinlock");
}

#endif
