// SPDX-License-Identifier: GPL-2.0-only
/* One instant for several volumes; see group.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cbw.h"
#include "group.h"
#include "say.h"
#include "signals.h"
#include "stack.h"

#define PATIENCE_MS	10000		/* of the watchdog: file systems must write back first */
#define RESERVE		(1 << 20)	/* bytes of the heap */

enum {
	SUSPENDING,
	RESUMING,
	GIVEN_UP,
};

/* --- the order ---------------------------------------------------------------------------- */

/* Upper ones first. */
static void sort(struct attachment **order, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		for (size_t j = i + 1; j < nr; j++) {
			struct attachment *lower = order[i];

			if (!stack_stands_on(order[j]->volume.dev, lower->volume.dev))
				continue;
			memmove(order + i, order + i + 1, (j - i) * sizeof(order[0]));
			order[j] = lower;
			/* What has come to this place has to be compared with all. */
			j = i;
		}
	}
}

/* --- steps of both processes -------------------------------------------------------------- */

static int suspend_all(struct attachment **order, size_t nr)
{
	int r = 0;

	for (size_t i = 0; i < nr && !r; i++)
		r = mapper_suspend(order[i]->volume.name);
	return r;
}

/* All that can be, whatever fails. */
static int resume_all(struct attachment **order, size_t nr)
{
	int r = 0;

	for (size_t i = nr; i--;) {
		if (mapper_resume(order[i]->volume.name))
			r = -1;
	}
	return r;
}

static void clear_all(struct attachment **order, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		mapper_clear(order[i]->volume.name);
}

/* The heap keeps what it gets, and no page of the process has to be read from now on. */
static void lock_memory(void)
{
	char *reserve;

	mallopt(M_TRIM_THRESHOLD, RESERVE * 16);
	mallopt(M_MMAP_THRESHOLD, RESERVE * 16);
	reserve = malloc(RESERVE);
	if (reserve)
		explicit_bzero(reserve, RESERVE);
	free(reserve);
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		say_warning("cannot lock the memory: %s", strerror(errno));
}

/* --- the watchdog ------------------------------------------------------------------------- */

/* Until the other end of @pipe says so, or is gone, or the time is over. True: said so. */
static bool wait_for_end(int pipe)
{
	struct pollfd poll_for = { .fd = pipe, .events = POLLIN };
	char end;

	return poll(&poll_for, 1, PATIENCE_MS) == 1 && read(pipe, &end, 1) == 1;
}

static void watch(int pipe, atomic_int *who, struct attachment **order, size_t nr)
{
	int expected = SUSPENDING;

	if (wait_for_end(pipe))
		return;
	if (atomic_compare_exchange_strong(who, &expected, GIVEN_UP))
		clear_all(order, nr);
	/*
	 * The first first: if the other process hangs in the suspend of one, that may wait for
	 * those before it, and the resume of this one for that.
	 */
	for (size_t i = 0; i < nr; i++)
		mapper_resume(order[i]->volume.name);
}

/* Returns the end of the pipe that keeps it quiet, or -1. It is ready then. */
static int start_watchdog(atomic_int *who, struct attachment **order, size_t nr, pid_t *child)
{
	int quiet[2], ready[2];
	char byte = 0;

	if (pipe2(quiet, O_CLOEXEC) || pipe2(ready, O_CLOEXEC))
		return -1;
	*child = fork();
	if (*child < 0)
		return -1;
	if (!*child) {
		/* ^C is sent to a whole group of processes. */
		setsid();
		close(quiet[1]);
		lock_memory();
		if (write(ready[1], &byte, 1) == 1)
			watch(quiet[0], who, order, nr);
		_exit(0);
	}
	close(quiet[0]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return -1;
	close(ready[0]);
	return quiet[1];
}

/* --- the tool's part ---------------------------------------------------------------------- */

/* Between the first suspend and the last resume. @load, if not NULL, is called for the first. */
static int swap_all(struct attachment **order, size_t nr, atomic_int *who, group_load_fn *load)
{
	int expected = SUSPENDING;

	if (!suspend_all(order, nr) && !(load && load(order[0])) &&
	    atomic_compare_exchange_strong(who, &expected, RESUMING))
		return resume_all(order, nr);

	expected = SUSPENDING;
	atomic_compare_exchange_strong(who, &expected, GIVEN_UP);
	clear_all(order, nr);
	resume_all(order, nr);
	return -1;
}

static int swap_watched(struct attachment **order, size_t nr, atomic_int *who,
			group_load_fn *load)
{
	pid_t watchdog;
	int pipe, r;

	if (mapper_prepare_resume())
		return -1;
	lock_memory();
	pipe = start_watchdog(who, order, nr, &watchdog);
	if (pipe < 0)
		return say_error("cannot start the watchdog: %s", strerror(errno));
	r = swap_all(order, nr, who, load);
	if (write(pipe, "", 1) != 1)
		say_warning("the watchdog has stepped in: the system was too slow");
	close(pipe);
	waitpid(watchdog, NULL, 0);
	munlockall();
	return r;
}

static int dry_run(struct attachment **order, size_t nr, group_load_fn *load)
{
	return suspend_all(order, nr) || (load && load(order[0])) || resume_all(order, nr) ? -1 : 0;
}

static int swap(struct attachment **order, size_t nr, group_load_fn *load)
{
	atomic_int *who;
	int r;

	if (opt_dry_run)
		return dry_run(order, nr, load);
	who = mmap(NULL, sizeof(*who), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (who == MAP_FAILED)
		return say_error("out of memory");
	r = swap_watched(order, nr, who, load);
	munmap(who, sizeof(*who));
	return r;
}

static int start_all(struct attachment **order, size_t nr)
{
	for (size_t i = 0; i < nr && !opt_dry_run; i++) {
		if (attach_confirm(order[i]))
			return -1;
	}
	return swap(order, nr, NULL);
}

int group_replace(struct attachment *at, group_load_fn *load)
{
	return swap(&at, 1, load);
}

int group_start(struct attachment *at, size_t nr)
{
	struct attachment **order = calloc(nr, sizeof(*order));
	int r = -1;

	if (!order) {
		say_error("out of memory");
	} else {
		for (size_t i = 0; i < nr; i++)
			order[i] = &at[i];
		sort(order, nr);
		r = start_all(order, nr);
	}
	for (size_t i = 0; r && i < nr; i++)
		attach_end(&at[i]);
	free(order);
	return r;
}
