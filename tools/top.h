/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Backups of what the file system uses. Their job begins held; until it is started by what is here,
 * copy-before-write saves whatever is written to, so there is time to ask what is used in the view
 * of the point in time. If nobody can tell, all is saved, and that is said.
 *
 * If the tool is killed meanwhile, nobody can make the list complete: whoever finds the job held,
 * and can lock its volume, cancels it.
 */
#ifndef CBW_TOP_H
#define CBW_TOP_H

#include <stdbool.h>

#include "attach.h"

/*
 * Lists what is to be saved, and starts the job. Was the file system @frozen at the point in time,
 * as a pinned one is (pin.h)? 0, and whether @all is saved, or -1: it was not started, or somebody
 * else has ended it.
 */
int top_start(const struct attachment *at, uint64_t chunk_sectors, bool frozen, bool *all);

/* With --dry-run: the lines that do the same. */
int top_dry_run(const struct attachment *at, bool frozen);

#endif
