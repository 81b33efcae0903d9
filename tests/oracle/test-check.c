// SPDX-License-Identifier: GPL-2.0-only
/*
 * The check against histories made by hand: eight blocks, a few writes with
 * chosen instants, and for each content of the backup the verdict it must get.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "log.h"
#include "stamp.h"

#define SEED	77
#define SIZE	512
#define BLOCKS	8
#define ZEROES	(-1)
#define JUNK	(-2)
#define NOWHERE	0, 0	/* no bounds to the window are expected */

struct scenario {
	const char *what;
	struct log_record log[4];	/* up to the first with nr 0 */
	int backup[BLOCKS];		/* sequence number, ZEROES or JUNK */
	bool right;
	uint64_t lo, hi;		/* expected when right, unless hi is 0 */
	struct check_options options;	/* defaults where 0 */
};

/* write(first, nr, submit, ack) */
#define RECORD(f, n, s, a, what)	{ .first = (f), .nr = (n), .submit = (s), .ack = (a), what }
#define DATA(f, n, s, a)	RECORD(f, n, s, a, .kind = LOG_DATA)
#define ZERO(f, n, s, a)	RECORD(f, n, s, a, .kind = LOG_ZERO)
#define TRIM(f, n, s, a)	RECORD(f, n, s, a, .kind = LOG_DISCARD)
#define FAIL(f, n, s, a)	RECORD(f, n, s, a, .failed = 1)

static const struct scenario scenarios[] = {
	{ "nothing written", { }, { 0 }, true },
	{ "before the first of two writes", { DATA(0, 2, 10, 20), DATA(4, 1, 30, 40) },
	  { 0 }, true, 0, 20 },
	{ "between two writes", { DATA(0, 2, 10, 20), DATA(4, 1, 30, 40) },
	  { 1, 1 }, true, 10, 40 },
	{ "the newer without the older", { DATA(0, 2, 10, 20), DATA(4, 1, 30, 40) },
	  { 0, 0, 0, 0, 2 }, false },
	{ "the newer without the older, both in flight", { DATA(0, 2, 10, 50), DATA(4, 1, 30, 40) },
	  { 0, 0, 0, 0, 2 }, true, 30, 50 },
	{ "older content of a block",
	  { DATA(0, 8, 10, 20), DATA(3, 1, 30, 40), DATA(5, 1, 50, 60) },
	  { 1, 1, 1, 1, 1, 3, 1, 1 }, false },
	{ "the window misses --after", { DATA(0, 2, 10, 20), DATA(0, 2, 30, 40) },
	  { 1, 1 }, false, .options = { .after = 41 } },
	{ "the window misses --before", { DATA(0, 2, 10, 20), DATA(0, 2, 30, 40) },
	  { 2, 2 }, false, .options = { .before = 29 } },
	{ "the window meets its bounds", { DATA(0, 2, 10, 20), DATA(0, 2, 30, 40) },
	  { 1, 1 }, true, 15, 35, { .after = 15, .before = 35 } },
	{ "torn", { DATA(0, 4, 10, 20) }, { 1, 1 }, false },
	{ "torn, allowed", { DATA(0, 4, 10, 20) }, { 1, 1 }, true, 10, 20, { .torn_min = 1 } },
	{ "torn, allowed for larger ones", { DATA(0, 4, 10, 20) }, { 1, 1 }, false,
	  .options = { .torn_min = 2049 } },
	{ "torn, allowed, but not in flight", { DATA(0, 4, 10, 20), DATA(6, 1, 21, 30) },
	  { 1, 1, 0, 0, 0, 0, 2 }, false, .options = { .torn_min = 1 } },
	{ "torn write-zeroes", { ZERO(0, 4, 10, 20) }, { ZEROES, ZEROES }, false },
	{ "torn, the rest overwritten before", { DATA(2, 2, 1, 2), DATA(0, 4, 10, 20) },
	  { 2, 2, 1, 1 }, false },
	{ "overwritten in part is not torn", { DATA(0, 4, 10, 20), DATA(2, 2, 30, 40) },
	  { 1, 1, 2, 2 }, true, 30, UINT64_MAX },
	{ "a failed write may be there in part", { FAIL(0, 4, 10, 20) }, { 1, 0, 1, 0 }, true },
	{ "a failed write hides nothing",
	  { FAIL(0, 4, 10, 20), DATA(0, 1, 30, 40), DATA(6, 1, 50, 60) },
	  { 0, 1, 0, 0, 0, 0, 3 }, false },
	{ "a failed write from the future", { DATA(0, 1, 10, 20), FAIL(4, 1, 30, 40) },
	  { 0, 0, 0, 0, 2 }, false },
	{ "never acknowledged, in part", { DATA(0, 4, 10, 0), DATA(6, 1, 50, 60) },
	  { 1, 0, 1, 0, 0, 0, 2 }, true, 50, UINT64_MAX },
	{ "a discard in part", { TRIM(0, 4, 10, 20), DATA(6, 1, 50, 60) },
	  { ZEROES, 0, ZEROES, 0, 0, 0, 2 }, true },
	{ "a discard from the future", { DATA(6, 1, 10, 20), TRIM(0, 4, 30, 40) },
	  { ZEROES }, false },
	{ "data older than a write-zeroes", { ZERO(0, 4, 10, 20), DATA(6, 1, 50, 60) },
	  { 0, 0, 0, 0, 0, 0, 2 }, false },
	{ "zeroes from nowhere", { DATA(6, 1, 50, 60) }, { ZEROES }, false },
	{ "zeroes twice: the instant between", { ZERO(0, 1, 10, 20), DATA(0, 1, 30, 40),
	    ZERO(0, 1, 50, 60), DATA(4, 1, 44, 46) },
	  { ZEROES, 0, 0, 0, 4 }, true, 50, UINT64_MAX },
	{ "zeroes twice: data at the instant between", { ZERO(0, 1, 10, 20), DATA(0, 1, 30, 40),
	    ZERO(0, 1, 50, 60), DATA(4, 1, 44, 46) },
	  { ZEROES, 0, 0, 0, 4 }, false, .options = { .after = 45, .before = 48 } },
	{ "after --pit 1", { DATA(0, 2, 10, 50), DATA(4, 1, 30, 40) },
	  { 1, 1 }, true, NOWHERE, { .pit = 1 } },
	{ "older than --pit 2", { DATA(0, 2, 10, 50), DATA(4, 1, 30, 40) },
	  { 1, 1 }, false, NOWHERE, { .pit = 2 } },
	{ "newer than --pit 1", { DATA(0, 2, 10, 50), DATA(4, 1, 30, 40) },
	  { 1, 1, 0, 0, 2 }, false, NOWHERE, { .pit = 1 } },
	{ "--final", { DATA(0, 2, 10, 50), DATA(4, 1, 30, 40) },
	  { 1, 1, 0, 0, 2 }, true, NOWHERE, { .pit = CHECK_LAST_PIT } },
	{ "a damaged block", { }, { 0, 0, JUNK }, false },
	{ "a sequence number that the log does not have", { DATA(0, 1, 1, 2) }, { 2 }, false },
	{ "a write where the log does not have it", { DATA(0, 1, 1, 2) }, { 1, 1 }, false },
};

static void make_log(const char *path, const struct scenario *s)
{
	struct log *log;

	unlink(path);
	log = log_open(path, SEED, SIZE, BLOCKS);
	for (const struct log_record *r = s->log; r < s->log + 4 && r->nr; r++)
		log_reserve(log, r);
	log_close(log);
}

static void make_backup(const char *path, const struct scenario *s)
{
	char image[BLOCKS * SIZE] = { 0 };
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t b = 0; b < BLOCKS; b++) {
		if (s->backup[b] == ZEROES)
			continue;
		stamp_write(image + b * SIZE, SEED, SIZE, b,
			    s->backup[b] == JUNK ? 0 : s->backup[b], 3);
		/* One bit, in the last byte. */
		if (s->backup[b] == JUNK)
			image[(b + 1) * SIZE - 1] ^= 0x40;
	}
	if (fd < 0 || write(fd, image, sizeof(image)) != sizeof(image))
		err(1, "%s", path);
	close(fd);
}

static struct check_options options_of(const struct scenario *s)
{
	struct check_options o = s->options;

	if (!o.before)
		o.before = UINT64_MAX;
	if (!o.pit)
		o.pit = CHECK_NO_PIT;
	if (!o.torn_min)
		o.torn_min = UINT64_MAX;
	o.report = 10;
	return o;
}

static bool passes(const struct scenario *s, const char *backup, const char *log)
{
	struct check_options options = options_of(s);
	FILE *out = tmpfile();
	struct check_result r;
	bool right = check_device(backup, log, &options, &r, out);
	bool described = ftell(out) > 0;

	fclose(out);
	if (right != s->right || described == right)
		return false;
	return !right || !s->hi || (r.lo == s->lo && r.hi == s->hi);
}

int main(void)
{
	char dir[] = "/tmp/cbw-stamp.XXXXXX", log[64], backup[64];
	unsigned int nr = sizeof(scenarios) / sizeof(scenarios[0]), failed = 0;

	if (!mkdtemp(dir))
		err(1, "%s", dir);
	snprintf(log, sizeof(log), "%s/log", dir);
	snprintf(backup, sizeof(backup), "%s/backup", dir);
	for (unsigned int i = 0; i < nr; i++) {
		make_log(log, &scenarios[i]);
		make_backup(backup, &scenarios[i]);
		if (passes(&scenarios[i], backup, log))
			continue;
		failed++;
		printf("FAIL %s\n", scenarios[i].what);
	}
	unlink(log);
	unlink(backup);
	rmdir(dir);
	printf("%u histories, %u failed\n", nr, failed);
	return failed > 0;
}
