/* SPDX-License-Identifier: GPL-2.0-only */
/* Other programs, run without a shell. */
#ifndef CBW_CHILD_H
#define CBW_CHILD_H

/*
 * Runs argv[0], looked up in PATH, with nothing to read, and waits for its end. What it
 * prints is kept back; if it cannot be run or fails, the last line of its complaints is
 * said. 0 or -1. If the tool is killed, its locks (lock.h) last until the program has ended.
 */
int child_run(const char *const argv[]);

/*
 * The same, in a session of its own, so that nobody's terminal stops what it leaves behind. It is
 * killed after @seconds.
 */
int child_daemon(const char *const argv[], unsigned int seconds);

/* As child_run(), and returns its standard output, for free(). NULL if it failed. */
char *child_output(const char *const argv[]);

/*
 * The same for what can be done without: if it fails, nothing is said. It ends when the tool is
 * to stop, or is killed.
 */
char *child_try(const char *const argv[]);

#endif
