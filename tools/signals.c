// SPDX-License-Identifier: GPL-2.0-only
/* Signals that ask to stop; see signals.h. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "signals.h"

static const int caught[] = { SIGINT, SIGTERM, SIGHUP };

static volatile sig_atomic_t stop, hung_up;
static sigset_t before, closed;

static void note(int signal)
{
	if (signal == SIGHUP)
		hung_up = 1;
	else
		stop = 1;
}

void signals_catch(void)
{
	struct sigaction action = { .sa_handler = note };
	struct sigaction old;

	sigprocmask(SIG_BLOCK, NULL, &before);
	closed = before;
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaction(caught[i], NULL, &old);
		/* nohup, and the background of a shell without job control. */
		if (old.sa_handler == SIG_IGN)
			continue;
		sigaction(caught[i], &action, NULL);
		sigaddset(&closed, caught[i]);
	}
	/* Whoever reads the output may go; the volume gets its table back all the same. */
	signal(SIGPIPE, SIG_IGN);
	signals_keep_out();
}

bool signals_stop(void)
{
	return stop;
}

bool signals_hung_up(void)
{
	return hung_up;
}

void signals_sleep(unsigned int ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	ppoll(NULL, 0, &time, &before);
}

bool signals_wait(int fd)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };

	return ppoll(&wanted, 1, NULL, &before) > 0;
}

void signals_let_in(void)
{
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void signals_keep_out(void)
{
	sigprocmask(SIG_SETMASK, &closed, NULL);
}

void signals_restore(void)
{
	signal(SIGPIPE, SIG_DFL);
	signals_let_in();
}
