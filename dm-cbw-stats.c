// SPDX-License-Identifier: GPL-2.0-only
/*
 * The figures of the message "stats"; see dm-cbw-stats.h for the contract.
 */
#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "dm-cbw-copy.h"
#include "dm-cbw-stats.h"

void cbw_stats_hold(struct cbw_stats *stats, u64 ns)
{
	unsigned int bucket = fls64(div_u64(ns, NSEC_PER_USEC));
	s64 longest = atomic64_read(&stats->longest);

	atomic_long_inc(&stats->holds[min(bucket, CBW_HOLD_BUCKETS - 1U)]);
	while (ns > (u64)longest &&
	       !atomic64_try_cmpxchg(&stats->longest, &longest, ns))
		;
}

void cbw_stats_copy(struct cbw_stats *stats, enum cbw_kind kind,
		    unsigned long chunks, unsigned int errors)
{
	struct cbw_copy_stats *copies = &stats->copies[kind];

	if (errors & CBW_SOURCE_ERROR)
		atomic_long_inc(&copies->source_errors);
	if (errors & CBW_TARGET_ERROR)
		atomic_long_inc(&copies->target_errors);
	if (errors || !chunks)
		return;

	atomic_long_inc(&copies->copies);
	atomic_long_add(chunks, &copies->chunks);
}

void cbw_stats_reset(struct cbw_stats *stats)
{
	enum cbw_kind kind;
	unsigned int i;

	for (kind = 0; kind < CBW_NR_KINDS; kind++) {
		atomic_long_set(&stats->copies[kind].copies, 0);
		atomic_long_set(&stats->copies[kind].chunks, 0);
		atomic_long_set(&stats->copies[kind].source_errors, 0);
		atomic_long_set(&stats->copies[kind].target_errors, 0);
	}
	for (i = 0; i < CBW_HOLD_BUCKETS; i++)
		atomic_long_set(&stats->holds[i], 0);
	atomic64_set(&stats->longest, 0);
}

static size_t emit_holds(const struct cbw_stats *stats, char *result, size_t maxlen)
{
	unsigned long sum = 0;
	unsigned int i;
	size_t sz = 0;	/* of DMEMIT */

	for (i = 0; i < CBW_HOLD_BUCKETS; i++)
		sum += atomic_long_read(&stats->holds[i]);

	DMEMIT("held %lu longest_us %llu\nhold_us", sum,
	       div_u64(atomic64_read(&stats->longest), NSEC_PER_USEC));
	for (i = 0; i < CBW_HOLD_BUCKETS; i++)
		DMEMIT(" %lu", atomic_long_read(&stats->holds[i]));
	DMEMIT("\n");
	return sz;
}

static size_t emit_copies(const struct cbw_copy_stats *copies, const char *name,
			  char *result, size_t maxlen)
{
	size_t sz = 0;	/* of DMEMIT */

	DMEMIT("%s %lu %lu %lu %lu\n", name,
	       atomic_long_read(&copies->copies),
	       atomic_long_read(&copies->chunks),
	       atomic_long_read(&copies->source_errors),
	       atomic_long_read(&copies->target_errors));
	return sz;
}

/* Chunks that needed no copy of their own, but went with another. */
static unsigned long coalesced(const struct cbw_copy_stats *copies)
{
	/* The chunks first: each copy is counted before they are. */
	unsigned long chunks = atomic_long_read(&copies->chunks);
	unsigned long nr = atomic_long_read(&copies->copies);

	return chunks > nr ? chunks - nr : 0;
}

size_t cbw_stats_emit(const struct cbw_stats *stats, char *result, size_t maxlen)
{
	const struct cbw_copy_stats *copies = stats->copies;
	size_t sz = 0;	/* of DMEMIT */

	sz += emit_holds(stats, result, maxlen);
	sz += emit_copies(&copies[CBW_WRITE], "cbw", result + sz, maxlen - sz);
	sz += emit_copies(&copies[CBW_SWEEP], "sweep", result + sz, maxlen - sz);
	DMEMIT("coalesced %lu\n", coalesced(&copies[CBW_WRITE]) +
				  coalesced(&copies[CBW_SWEEP]));
	return sz;
}
