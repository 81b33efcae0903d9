/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bios whose submission may sleep: for room on a device, or because the block layer throttles
 * them. They are submitted apart from whoever has more to do than that. Those of one group of
 * programs and one urgency go together, and wait for no others; beyond CBW_APART_LANES such
 * kinds at a time some share a lane. Their order is not kept.
 */
#ifndef DM_CBW_APART_H
#define DM_CBW_APART_H

#include <linux/bio.h>

#define CBW_APART_LANES	16U

struct cbw_apart;

/*
 * @submit is called in a worker; NULL stands for submit_bio_noacct(). Returns NULL if there is
 * no memory. May sleep.
 */
struct cbw_apart *cbw_apart_create(const char *name,
				   void (*submit)(void *owner, struct bio *bio), void *owner);

/* Nothing more is added; waits until all that was has been submitted. NULL is fine. */
void cbw_apart_destroy(struct cbw_apart *apart);

/* Have @bio submitted soon. From any context; once it has ended, @apart may be gone. */
void cbw_apart_submit(struct cbw_apart *apart, struct bio *bio);

/* Would @bio have to wait for others? It may have changed already. Any context. */
bool cbw_apart_busy(struct cbw_apart *apart, const struct bio *bio);

#endif
