// SPDX-License-Identifier: GPL-2.0-only
/* See watch.h for the contract. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "watch.h"

#define MAX_ERRORS 8

/* What may come of it; ENXIO is a device that another worker has removed. */
static const struct {
	const char *name;
	int errors[MAX_ERRORS];
} verbs[NR_VERBS] = {
	[CREATE]	= { "create", { ENXIO, EBUSY, EINVAL } },
	[LOAD]		= { "load", { ENXIO, EINVAL, EBUSY, ENODEV, EOVERFLOW, ENOMEM, ENOENT,
				      ENOTBLK } },
	[RESUME]	= { "resume", { ENXIO, EINVAL } },
	[SUSPEND]	= { "suspend", { ENXIO, EINVAL } },
	[CLEAR]		= { "clear", { ENXIO } },
	[MESSAGE]	= { "message", { ENXIO, EINVAL } },
	[STATUS]	= { "status", { ENXIO } },
	[TABLE]		= { "table", { ENXIO } },
	[AGAIN]		= { "again", { ENXIO, EBUSY, ENODEV } },
	[WAIT]		= { "wait", { ENXIO, EINTR } },
	[REMOVE]	= { "remove", { ENXIO, EBUSY } },
	[RENAME]	= { "rename", { ENXIO, EBUSY, EINVAL } },
	[LOOK]		= { "look", { ENXIO } },
	[READ]		= { "read", { EIO, EAGAIN, EOPNOTSUPP, EREMOTEIO, EINVAL } },
	/* The table of a view, and with it the device, may have become read-only. */
	[WRITE]		= { "write", { EIO, EAGAIN, EOPNOTSUPP, ENOSPC, EREMOTEIO, EINVAL,
				       EPERM } },
	[DISCARD]	= { "discard", { EIO, EOPNOTSUPP, EINVAL, EREMOTEIO, EBUSY, EPERM } },
	[ZERO]		= { "zero", { EIO, EOPNOTSUPP, EINVAL, EREMOTEIO, ENOSPC, EBUSY, EPERM } },
	[FSYNC]		= { "fsync", { EIO, EREMOTEIO } },
	[OPEN]		= { "open", { ENOENT, ENXIO, EBUSY, EROFS } },
	[FAULT]		= { "fault", { 0 } },
};

void *share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(2, "memory");
	return p;
}

uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

void doze(unsigned int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void append(char *note, const char *format, va_list args)
{
	size_t len = strlen(note);
	char *c;

	vsnprintf(note + len, NOTE_LEN - len, format, args);
	for (c = note + len; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '.';
}

static char *last_note(struct worker *worker)
{
	return worker->notes[worker->nr_notes % NR_NOTES];
}

__attribute__((format(printf, 2, 3)))
static void note(struct worker *worker, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(last_note(worker), format, args);
	va_end(args);
}

void begin(struct worker *worker, enum verb verb, const char *format, ...)
{
	va_list args;

	worker->nr_notes++;
	worker->verb = verb;
	snprintf(last_note(worker), NOTE_LEN, "%lu %s ", worker->operations++,
		 verbs[verb].name);
	va_start(args, format);
	append(last_note(worker), format, args);
	va_end(args);
	__atomic_store_n(&worker->since, now(), __ATOMIC_RELEASE);
}

static bool expected(enum verb verb, int error)
{
	unsigned int i;

	for (i = 0; i < MAX_ERRORS; i++)
		if (error == verbs[verb].errors[i])
			return true;
	return false;
}

int ended(struct worker *worker, int r)
{
	__atomic_store_n(&worker->since, 0, __ATOMIC_RELEASE);
	if (!r) {
		worker->done[worker->verb]++;
		return 0;
	}
	worker->refused[worker->verb]++;
	if (r != -ENXIO)
		worker->explained[worker->verb]++;
	note(worker, " = %s", strerrorname_np(-r));
	if (!expected(worker->verb, -r))
		wrong(worker, "an error that this must not end in: %s", strerror(-r));
	return r;
}

void wrong(struct worker *worker, const char *format, ...)
{
	va_list args;

	printf("%s: ", worker->name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

void print_notes(const struct worker *worker)
{
	unsigned long i = worker->nr_notes < NR_NOTES ? 1 : worker->nr_notes - NR_NOTES + 1;

	printf("--- %s, seed %lu\n", worker->name, (unsigned long)worker->seed);
	for (; i <= worker->nr_notes; i++)
		printf("%s\n", worker->notes[i % NR_NOTES]);
}

static unsigned long sum(const struct worker *workers, unsigned int nr, enum verb verb, bool done)
{
	unsigned long total = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		total += done ? workers[i].done[verb] : workers[i].refused[verb];
	return total;
}

void print_figures(const struct worker *workers, unsigned int nr)
{
	enum verb verb;

	printf("done, and refused or failed:");
	for (verb = 0; verb < NR_VERBS; verb++)
		printf(" %s %lu+%lu", verbs[verb].name, sum(workers, nr, verb, true),
		       sum(workers, nr, verb, false));
	printf("\n");
}

bool all_done(const struct worker *workers, unsigned int nr)
{
	enum verb verb;

	for (verb = 0; verb < NR_VERBS; verb++) {
		if (!sum(workers, nr, verb, true)) {
			printf("%s has never succeeded\n", verbs[verb].name);
			return false;
		}
	}
	return true;
}
