/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a copy engine is for dm-cbw-copy.c, the only one that knows engines, and what it
 * may use of that. An engine copies chunks; flushes, and what is told of copies, are
 * common to all.
 */
#ifndef DM_CBW_ENGINE_H
#define DM_CBW_ENGINE_H

#include <linux/bio.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "dm-cbw-copy.h"

struct cbw_engine {
	/* As those of the same names in dm-cbw-copy.h; the claim has chunks. */
	struct cbw_copier *(*create)(const struct cbw_copy_setup *setup);
	void (*destroy)(struct cbw_copier *copier);
	void (*start)(struct cbw_copier *copier, struct cbw_claim *claim);
	bool (*has_room)(struct cbw_copier *copier, unsigned long nr);	/* NULL: always */
};

/* Begins that of each engine. Set by cbw_copier_create() before the first copy. */
struct cbw_copier {
	const struct cbw_engine *engine;
	struct cbw_copy_setup setup;

	/* There is at most one flush at a time: its claim needs all to be idle. */
	struct work_struct flushed;
	struct bio flush;
	struct cbw_claim *flush_claim;
};

extern const struct cbw_engine cbw_kcopyd;
extern const struct cbw_engine cbw_buffered;

/* What @claim covers, in sectors. */
sector_t cbw_copier_first(const struct cbw_copier *copier, const struct cbw_claim *claim);
sector_t cbw_copier_sectors(const struct cbw_copier *copier, const struct cbw_claim *claim);

/* What @status, of a write to the target device, is for cbw_copier_done(). */
unsigned int cbw_target_error(blk_status_t status);

/* A copy has ended. Context of cbw_copied_fn. */
void cbw_copier_done(struct cbw_copier *copier, struct cbw_claim *claim, unsigned int errors);

#endif
