/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The marks of an origin: checksums of some of its sectors, where file systems write
 * when they are mounted, checked or recovered. They tell whether somebody did so while we
 * did not look.
 */
#ifndef DM_CBW_MARKS_H
#define DM_CBW_MARKS_H

#include <linux/types.h>

#include "dm-cbw-format.h"

struct bio;
struct block_device;
struct page;

/* Each sector has one of the two; they differ while a write is under way. */
struct cbw_marks {
	u32 now[CBW_FORMAT_NR_MARKS];
	u32 next[CBW_FORMAT_NR_MARKS];
};

/* Does @bio, which has sectors, write to any of them? Any context. */
bool cbw_marks_touched(const struct bio *bio);

/*
 * Both of each are what @origin, of which @len sectors count, holds now. 0 or an errno, and
 * then they are nothing that could be found. @page is scratch. May sleep, takes no memory.
 */
int cbw_marks_read(struct cbw_marks *marks, struct block_device *origin, sector_t len,
		   struct page *page);

/* The next ones are what @bio is about to write. May not sleep. */
void cbw_marks_expect(struct cbw_marks *marks, const struct bio *bio);

/* Is what @found has now among what @marks have? */
bool cbw_marks_match(const struct cbw_marks *marks, const struct cbw_marks *found);

#endif
