/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the message "stats" tells of a job: how long writes were held, and how
 * much was copied for whom. All functions may be called from any context, and
 * at the same time.
 */
#ifndef DM_CBW_STATS_H
#define DM_CBW_STATS_H

#include <linux/atomic.h>
#include <linux/types.h>

#include "dm-cbw-map.h"

/* The last bucket is open: 2^30 us are 18 minutes. */
#define CBW_HOLD_BUCKETS	32

struct cbw_copy_stats {
	atomic_long_t copies;
	atomic_long_t chunks;
	atomic_long_t source_errors;
	atomic_long_t target_errors;
};

/* All zeroes is a good beginning. */
struct cbw_stats {
	struct cbw_copy_stats copies[CBW_NR_KINDS];
	/* Bucket 0: less than 1 us. Bucket i: 2^(i-1) us or more, less than 2^i. */
	atomic_long_t holds[CBW_HOLD_BUCKETS];
	atomic64_t longest;		/* ns */
};

/* A write was held for @ns. */
void cbw_stats_hold(struct cbw_stats *stats, u64 ns);

/* A copy of @chunks has ended with @errors of dm-cbw-copy.h; only good ones count as copies. */
void cbw_stats_copy(struct cbw_stats *stats, enum cbw_kind kind,
		    unsigned long chunks, unsigned int errors);

void cbw_stats_reset(struct cbw_stats *stats);

/* Print all of it, a line each; returns the length. */
size_t cbw_stats_emit(const struct cbw_stats *stats, char *result, size_t maxlen);

#endif
