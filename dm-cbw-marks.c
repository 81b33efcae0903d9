// SPDX-License-Identifier: GPL-2.0-only
/*
 * The marks of an origin; see dm-cbw-marks.h for the contract.
 *
 * Which sectors: the superblock of ext4 is in sectors 2 and 3; XFS has the headers of its
 * first group in the first four or, with larger sectors, the first pages; FAT its dirty
 * flag and counters in the first two; Btrfs its superblock at 64 KiB.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/crc32.h>
#include <linux/mm.h>

#include "dm-cbw-compat.h"
#include "dm-cbw-marks.h"

#define EXTENT		8U			/* sectors; half of the marks each */
#define SECOND		((sector_t)128)		/* the first begins at 0 */

static_assert(2 * EXTENT == CBW_FORMAT_NR_MARKS);

static bool within(sector_t sector, sector_t start)
{
	return sector >= start && sector < start + EXTENT;
}

/* Which mark it is, or CBW_FORMAT_NR_MARKS. */
static unsigned int mark_of(sector_t sector)
{
	if (within(sector, 0))
		return sector;
	if (within(sector, SECOND))
		return EXTENT + (sector - SECOND);
	return CBW_FORMAT_NR_MARKS;
}

bool cbw_marks_touched(const struct bio *bio)
{
	sector_t start = bio->bi_iter.bi_sector;

	return start < EXTENT ||
	       (start < SECOND + EXTENT && bio_end_sector(bio) > SECOND);
}

static u32 sum(const void *data)
{
	return crc32_le(~0, data, SECTOR_SIZE);
}

static int read_extent(struct block_device *origin, sector_t start, struct page *page)
{
	struct bio_vec vec;
	struct bio bio;
	int r;

	cbw_bio_init(&bio, origin, &vec, 1, REQ_OP_READ);
	bio.bi_iter.bi_sector = start;
	__bio_add_page(&bio, page, EXTENT << SECTOR_SHIFT, 0);
	r = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return r;
}

static int read_half(struct cbw_marks *marks, struct block_device *origin, sector_t start,
		     struct page *page)
{
	int r = read_extent(origin, start, page);
	unsigned int i, mark = mark_of(start);

	for (i = 0; i < EXTENT && !r; i++, mark++) {
		marks->now[mark] = sum(page_address(page) + (i << SECTOR_SHIFT));
		marks->next[mark] = marks->now[mark];
	}
	return r;
}

int cbw_marks_read(struct cbw_marks *marks, struct block_device *origin, sector_t len,
		   struct page *page)
{
	int r = 0;

	memset(marks, 0, sizeof(*marks));
	if (len >= EXTENT)
		r = read_half(marks, origin, 0, page);
	if (!r && len >= SECOND + EXTENT)
		r = read_half(marks, origin, SECOND, page);
	if (r)
		memset(marks, 0, sizeof(*marks));
	return r;
}

static void expect_zeroes(struct cbw_marks *marks, const struct bio *bio)
{
	u32 zeroes = sum(page_address(ZERO_PAGE(0)));
	sector_t sector;
	unsigned int i;

	for (i = 0; i < CBW_FORMAT_NR_MARKS; i++) {
		sector = i < EXTENT ? i : SECOND + i - EXTENT;
		if (sector >= bio->bi_iter.bi_sector && sector < bio_end_sector(bio))
			marks->next[i] = zeroes;
	}
}

/* A sector may lie in several segments. */
struct summing {
	struct cbw_marks *marks;
	sector_t sector;
	unsigned int left;	/* bytes of it */
	u32 sum;
};

static void add(struct summing *at, const u8 *data, unsigned int len)
{
	unsigned int mark, n;

	for (; len; len -= n, data += n) {
		mark = mark_of(at->sector);
		n = min(len, at->left);
		if (mark < CBW_FORMAT_NR_MARKS)
			at->sum = crc32_le(at->sum, data, n);
		at->left -= n;
		if (at->left)
			continue;
		if (mark < CBW_FORMAT_NR_MARKS)
			at->marks->next[mark] = at->sum;
		at->sector++;
		at->left = SECTOR_SIZE;
		at->sum = ~0;
	}
}

static void expect_data(struct cbw_marks *marks, const struct bio *bio)
{
	struct summing at = {
		.marks = marks,
		.sector = bio->bi_iter.bi_sector,
		.left = SECTOR_SIZE,
		.sum = ~0,
	};
	struct bvec_iter iter;
	struct bio_vec vec;
	u8 *data;

	bio_for_each_segment(vec, bio, iter) {
		data = cbw_map_vec(&vec);
		add(&at, data, vec.bv_len);
		cbw_unmap_vec(data);
	}
}

void cbw_marks_expect(struct cbw_marks *marks, const struct bio *bio)
{
	if (bio_op(bio) == REQ_OP_WRITE)
		expect_data(marks, bio);
	else
		expect_zeroes(marks, bio);
}

bool cbw_marks_match(const struct cbw_marks *marks, const struct cbw_marks *found)
{
	unsigned int i;

	for (i = 0; i < CBW_FORMAT_NR_MARKS; i++)
		if (found->now[i] != marks->now[i] && found->now[i] != marks->next[i])
			return false;
	return true;
}
