/* SPDX-License-Identifier: GPL-2.0-only */
/* How long something may take, as timers count it. */
#ifndef DM_CBW_TIME_H
#define DM_CBW_TIME_H

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/types.h>

/* At least @ns. The clamp matters where jiffies have 32 bits. */
static inline unsigned long cbw_jiffies(u64 ns)
{
	return min_t(u64, nsecs_to_jiffies64(ns) + 1, MAX_JIFFY_OFFSET);
}

#endif
