// SPDX-License-Identifier: GPL-2.0-only
/* How far a backup is; see progress.h. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"
#include "signals.h"
#include "units.h"

#define FIRST_MS	20		/* a small job is over soon */
#define TERMINAL_MS	500
#define LINES_MS	1000
#define LINE_EVERY_MS	30000
#define RATE_WEIGHT	0.1		/* of the newest figure in the mean */
#define SETTLED_MS	5000		/* before that the rate says nothing of the time left */
#define MAX_WIDTH	400

static bool quiet, terminal;
static uint64_t begun, last, last_line, due;	/* ms */
static uint64_t last_done;
static double rate;			/* bytes/s; 0: not known */
static unsigned int interval;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_begin(bool be_quiet)
{
	quiet = be_quiet;
	terminal = isatty(STDERR_FILENO);
	begun = now_ms();
	last = begun;
	last_line = begun;
	due = begun;
	last_done = 0;
	rate = 0;
	interval = FIRST_MS;
}

static void update_rate(const struct progress *progress, uint64_t now)
{
	double newest;

	if (now == last || progress->done < last_done)
		return;
	newest = (double)(progress->done - last_done) * 1000 / (double)(now - last);
	rate = rate > 0 ? rate + RATE_WEIGHT * (newest - rate) : newest;
	last = now;
	last_done = progress->done;
}

static double share(const struct progress *progress)
{
	return progress->total ? (double)progress->done / (double)progress->total : 1;
}

/* "", or what is left at the present rate. */
static void format_left(char text[UNITS_LEN + 8], const struct progress *progress, uint64_t now)
{
	char time[UNITS_LEN];
	double left = rate > 0 ? (double)(progress->total - progress->done) / rate : 0;

	*text = 0;
	if (now - begun >= SETTLED_MS && !progress->paused && left >= 1 && left < 1e7)
		snprintf(text, UNITS_LEN + 8, ", %s left",
			 format_time(time, (uint64_t)left * 1000000));
}

/* "12.3 %, 1.5 GiB of 12 GiB, 210 MiB/s, 3 writes held, 50 s left" */
static void format_figures(char text[MAX_WIDTH], const struct progress *progress, uint64_t now)
{
	char done[UNITS_LEN], total[UNITS_LEN], speed[UNITS_LEN];
	char left[UNITS_LEN + 8], held[UNITS_LEN + 16] = "";

	format_left(left, progress, now);
	if (progress->held)
		snprintf(held, sizeof(held), ", %llu writes held",
			 (unsigned long long)progress->held);
	snprintf(text, MAX_WIDTH, "%.1f %%, %s of %s, %s/s%s%s%s", 100 * share(progress),
		 format_size(done, progress->done), format_size(total, progress->total),
		 format_size(speed, (uint64_t)rate), held, left,
		 progress->paused ? ", paused" : "");
}

static unsigned int width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 2)
		return 79;
	return size.ws_col < MAX_WIDTH ? size.ws_col - 1U : MAX_WIDTH - 1U;
}

/* The bar takes what the figures leave. */
static void draw(const struct progress *progress, const char *figures)
{
	unsigned int columns = width();
	unsigned int taken = (unsigned int)strlen(figures) + 3;
	unsigned int bar = columns > taken + 8 ? columns - taken : 0;
	unsigned int full = (unsigned int)(bar * share(progress));

	fputc('\r', stderr);
	if (bar) {
		fputc('[', stderr);
		for (unsigned int i = 0; i < bar; i++)
			fputc(i < full ? '#' : '.', stderr);
		fputs("] ", stderr);
	}
	/* Clear what a longer line, or a wider terminal, has left. */
	fprintf(stderr, "%.*s\033[K", (int)columns, figures);
	fflush(stderr);
}

unsigned int progress_show(const struct progress *progress)
{
	uint64_t now = now_ms();
	char figures[MAX_WIDTH];

	if (now < due)
		return (unsigned int)(due - now);
	update_rate(progress, now);
	if (!quiet) {
		format_figures(figures, progress, now);
		if (terminal) {
			draw(progress, figures);
		} else if (now - last_line >= LINE_EVERY_MS) {
			fprintf(stderr, "%s\n", figures);
			last_line = now;
		}
	}
	interval = interval * 2 < LINES_MS ? interval * 2 : LINES_MS;
	due = now + (terminal && interval > TERMINAL_MS ? TERMINAL_MS : interval);
	return (unsigned int)(due - now);
}

bool progress_step(uint64_t done, uint64_t total)
{
	const struct progress progress = { .done = done, .total = total };

	progress_show(&progress);
	signals_sleep(0);
	return !signals_stop();
}

void progress_end(void)
{
	if (!quiet && terminal)
		fputs("\r\033[K", stderr);
}
