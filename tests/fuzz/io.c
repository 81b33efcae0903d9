// SPDX-License-Identifier: GPL-2.0-only
/*
 * The users of the mapped devices. Each owns a part of one, knows what it wrote
 * there, and notices when it reads something else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_SECTORS	1024U
#define WILD_SPREAD	(1ULL << 21)	/* sectors */

struct extent {
	uint64_t first;
	unsigned int nr;
};

static struct chance chance;
static struct worker *me;
static char *buffer;
static int fd = -1;
static bool only_reads;			/* as fd was opened */
static unsigned int mapped;		/* the number of the mapped device */
static uint64_t own_first, own_nr;	/* sectors */
static struct sector *content;		/* of the set; NULL: nobody knows */
static uint64_t next_stamp;

/*----------------------------------------------------------------
 * What the sectors hold
 *----------------------------------------------------------------
 */

static void fill(unsigned int nr, uint64_t stamp)
{
	uint64_t *words = (uint64_t *)buffer;
	size_t i;

	for (i = 0; i < nr * SECTOR / sizeof(*words); i++)
		words[i] = stamp;
}

static void remember(struct extent at, uint64_t stamp, bool failed)
{
	uint64_t i;

	for (i = at.first; content && i < at.first + at.nr; i++)
		content[i] = (struct sector){ .stamp = stamp, .unknown = failed };
}

/* Also if it failed: some of it may have come to pass. */
static void remember_discard(struct extent at)
{
	uint64_t i;

	for (i = at.first; content && i < at.first + at.nr; i++)
		content[i].or_zero = true;
}

static bool right(const struct sector *sector, const char *data)
{
	uint64_t stamp;

	if (sector->unknown)
		return true;
	memcpy(&stamp, data, sizeof(stamp));
	if (memcmp(data, data + sizeof(stamp), SECTOR - sizeof(stamp)))
		return false;
	return stamp == sector->stamp || (sector->or_zero && !stamp);
}

static void check(const struct sector *sectors, struct extent at)
{
	uint64_t i, found;

	for (i = 0; sectors && i < at.nr; i++) {
		if (right(&sectors[at.first + i], buffer + i * SECTOR))
			continue;
		memcpy(&found, buffer + i * SECTOR, sizeof(found));
		wrong(me, "sector %llu holds %#llx, not %#llx%s",
		      (unsigned long long)at.first + i, (unsigned long long)found,
		      (unsigned long long)sectors[at.first + i].stamp,
		      sectors[at.first + i].or_zero ? " or zeroes" : "");
	}
}

/*----------------------------------------------------------------
 * Steps
 *----------------------------------------------------------------
 */

static struct extent pick_extent(void)
{
	static const unsigned int lengths[] = { 1, 8, 8, 8, 16, 128, MAX_SECTORS };
	struct extent at;

	at.first = own_first + below(&chance, own_nr);
	at.nr = 1 + below(&chance, PICK(&chance, lengths));
	if (percent(&chance, 50)) {
		at.first &= ~7ULL;
		at.nr = (at.nr + 7) & ~7U;
	}
	if (at.first < own_first)
		at.first = own_first;
	if (at.first + at.nr > own_first + own_nr)
		at.nr = own_first + own_nr - at.first;
	return at;
}

static int result(ssize_t r)
{
	return r < 0 ? -errno : 0;
}

/* What has failed will soon be mended, or created anew. */
static int finished(int r)
{
	if (ended(me, r))
		doze(10);
	return r;
}

static void reopen(void)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/dm-%u", FIRST_MINOR + mapped);
	begin(me, OPEN, "%s", path);
	if (fd >= 0)
		close(fd);
	only_reads = mapped == VIEW && percent(&chance, 50);
	fd = open(path, (only_reads ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC);
	finished(fd < 0 ? -errno : 0);
}

static void read_it(struct extent at)
{
	unsigned int flags = percent(&chance, 10) ? RWF_NOWAIT : 0;
	struct iovec vec = { buffer, at.nr * SECTOR };
	ssize_t r;

	begin(me, READ, "%llu+%u flags %#x", (unsigned long long)at.first, at.nr, flags);
	r = preadv2(fd, &vec, 1, at.first * SECTOR, flags);
	if (finished(result(r)))
		return;
	at.nr = r / SECTOR;
	check(content, at);
}

static void write_it(struct extent at)
{
	static const unsigned int choices[] = { 0, 0, 0, 0, 0, 0, RWF_NOWAIT, RWF_DSYNC };
	struct iovec vec = { buffer, at.nr * SECTOR };
	unsigned int flags = PICK(&chance, choices);
	uint64_t stamp = next_stamp++;
	ssize_t r;

	fill(at.nr, stamp);
	begin(me, WRITE, "%llu+%u of %#llx flags %#x", (unsigned long long)at.first, at.nr,
	      (unsigned long long)stamp, flags);
	r = pwritev2(fd, &vec, 1, at.first * SECTOR, flags);
	remember(at, stamp, r != (ssize_t)vec.iov_len);
	finished(result(r));
}

static void discard(struct extent at)
{
	uint64_t range[2] = { at.first * SECTOR, at.nr * SECTOR };
	int r;

	begin(me, DISCARD, "%llu+%u", (unsigned long long)at.first, at.nr);
	r = result(ioctl(fd, percent(&chance, 95) ? BLKDISCARD : BLKSECDISCARD, range));
	remember_discard(at);
	finished(r);
}

static void zero(struct extent at)
{
	uint64_t range[2] = { at.first * SECTOR, at.nr * SECTOR };
	int r;

	begin(me, ZERO, "%llu+%u", (unsigned long long)at.first, at.nr);
	r = result(ioctl(fd, BLKZEROOUT, range));
	remember(at, 0, r);
	finished(r);
}

static void sync_it(void)
{
	begin(me, FSYNC, " ");
	finished(result(fsync(fd)));
}

/* What a step draws depends on how it ends: the next does not depend on that. */
static void do_step(struct chance *steps)
{
	unsigned int chosen;
	struct extent at;

	chance.state = draw(steps);
	chosen = below(&chance, 100);
	at = pick_extent();

	if (fd < 0 || chosen < 4)
		reopen();
	else if (chosen < 35 || only_reads)
		read_it(at);
	else if (chosen < 84)
		write_it(at);
	else if (chosen < 91)
		discard(at);
	else if (chosen < 97)
		zero(at);
	else
		sync_it();
	if (percent(&chance, 20))
		doze(below(&chance, 10));
}

static void *aligned(void)
{
	void *p = aligned_alloc(4096, MAX_SECTORS * SECTOR);

	if (!p)
		abort();
	return p;
}

void io_run(struct worker *worker, unsigned int number)
{
	struct chance steps = { .state = worker->seed };
	uint64_t part;

	me = worker;
	buffer = aligned();
	mapped = number < NR_SETS * IO_PER_SET ? number / IO_PER_SET :
						 WILD + number - NR_SETS * IO_PER_SET;
	next_stamp = (uint64_t)(number + 1) << 48;
	if (mapped == WILD) {
		own_nr = WILD_SPREAD;
	} else if (mapped == VIEW) {
		own_nr = fuzz->sets[0].sectors;
	} else {
		content = fuzz->sets[mapped].content;
		part = fuzz->sets[mapped].sectors / IO_PER_SET;
		own_first = number % IO_PER_SET * part;
		own_nr = part;
	}
	while (!__atomic_load_n(&fuzz->stop, __ATOMIC_RELAXED))
		do_step(&steps);
	if (fd >= 0)
		close(fd);
}

/*----------------------------------------------------------------
 * The end
 *----------------------------------------------------------------
 */

static void verify_set(unsigned int number)
{
	const struct set *set = &fuzz->sets[number];
	struct extent at = { .nr = 1 };
	char path[32];

	snprintf(path, sizeof(path), "/dev/origin%u0", number);
	begin(me, READ, "%s, all of it", path);
	fd = open(path, O_RDONLY | O_DIRECT);
	if (fd < 0)
		wrong(me, "%s: %s", path, strerror(errno));
	for (; at.first < set->sectors; at.first++) {
		if (pread(fd, buffer, SECTOR, at.first * SECTOR) != SECTOR)
			wrong(me, "%s: %s", path, strerror(errno));
		check(set->content, at);
	}
	close(fd);
	ended(me, 0);
}

void io_verify(struct worker *worker)
{
	unsigned int number;

	me = worker;
	buffer = aligned();
	for (number = 0; number < NR_SETS; number++)
		verify_set(number);
}
