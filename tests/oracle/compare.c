// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "device.h"
#include "log.h"

struct comparison {
	const struct writer_options *options;
	struct device dev;
	const char *image;
	uint64_t bytes;
	uint64_t deadline;	/* as log_now(); 0: none */
	uint64_t reads, errors, wrong;
};

struct reader {
	struct comparison *comparison;
	pthread_t thread;
	unsigned int seed[2];
	char *buf;
};

static bool stopped;

static void on_signal(int signal)
{
	(void)signal;
	__atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
}

static uint64_t below(struct reader *r, uint64_t limit)
{
	uint64_t high = rand_r(&r->seed[0]);

	return (high << 31 | rand_r(&r->seed[1])) % limit;
}

static bool over(const struct comparison *c)
{
	const struct writer_options *o = c->options;

	return __atomic_load_n(&stopped, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&c->wrong, __ATOMIC_RELAXED) ||
	       (o->ops && __atomic_load_n(&c->reads, __ATOMIC_RELAXED) >= o->ops) ||
	       (c->deadline && log_now() >= c->deadline) ||
	       (o->until_file && !access(o->until_file, F_OK));
}

static void complain(struct comparison *c, uint64_t at, uint64_t len, const char *what)
{
	printf("WRONG %s: %" PRIu64 " bytes at %" PRIu64 "\n", what, len, at);
	__atomic_fetch_add(&c->wrong, 1, __ATOMIC_RELAXED);
}

static void read_once(struct reader *r)
{
	struct comparison *c = r->comparison;
	const struct writer_options *o = c->options;
	uint64_t max = (o->max < c->bytes ? o->max : c->bytes) / o->block_size;
	uint64_t len, at;
	bool late = __atomic_load_n(&c->errors, __ATOMIC_ACQUIRE);

	/* As often short as long. */
	while (max > o->min / o->block_size && below(r, 2))
		max = (max + 1) / 2;
	len = (1 + below(r, max)) * o->block_size;
	at = below(r, (c->bytes - len) / o->block_size + 1) * o->block_size;

	if (device_read(&c->dev, r->buf, len, at)) {
		if (memcmp(r->buf, c->image + at, len))
			complain(c, at, len, "data");
		else if (late && o->may_end)
			complain(c, at, len, "a read after one that has failed");
	} else if (o->allow_errors || o->may_end) {
		__atomic_fetch_add(&c->errors, 1, __ATOMIC_RELEASE);
	} else {
		complain(c, at, len, strerror(errno));
	}
	__atomic_fetch_add(&c->reads, 1, __ATOMIC_RELAXED);
}

static void *read_much(void *arg)
{
	struct reader *r = arg;

	while (!over(r->comparison))
		read_once(r);
	return NULL;
}

static const char *map_file(const char *path, uint64_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		err(2, "%s", path);
	p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err(2, "%s", path);
	close(fd);
	*bytes = st.st_size;
	return p;
}

static void run_threads(struct comparison *c)
{
	struct reader *readers = calloc(c->options->threads, sizeof(*readers));

	for (unsigned int i = 0; i < c->options->threads; i++) {
		readers[i].comparison = c;
		readers[i].seed[0] = c->options->seed + i;
		readers[i].seed[1] = ~readers[i].seed[0];
		readers[i].buf = device_buffer(c->options->max);
		if (pthread_create(&readers[i].thread, NULL, read_much, &readers[i]))
			errx(2, "no thread");
	}
	for (unsigned int i = 0; i < c->options->threads; i++)
		pthread_join(readers[i].thread, NULL);
}

bool compare_run(const char *device, const char *with, const struct writer_options *options)
{
	struct comparison c = { .options = options };

	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	device_open(&c.dev, device, DEVICE_READ, options->block_size);
	c.image = map_file(with, &c.bytes);
	if (c.bytes != c.dev.bytes)
		errx(2, "%s and %s differ in size", device, with);
	if (options->seconds)
		c.deadline = log_now() + options->seconds * 1000000000;
	run_threads(&c);
	printf("%s reads=%" PRIu64 " errors=%" PRIu64 "\n", c.wrong ? "WRONG" : "ok", c.reads,
	       c.errors);
	device_close(&c.dev);
	return !c.wrong;
}
