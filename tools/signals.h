/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals that ask to stop. From signals_catch() on they are only let in while the tool
 * sleeps, or waits for a device that does not become still: nowhere else do they come
 * between two steps.
 */
#ifndef CBW_SIGNALS_H
#define CBW_SIGNALS_H

#include <stdbool.h>

void signals_catch(void);

/* INT or TERM has come: end the job. */
bool signals_stop(void);

/* HUP has come: the terminal is gone, the job goes on. */
bool signals_hung_up(void);

/* Sleeps, or until a signal comes. 0: only lets in what has come. */
void signals_sleep(unsigned int ms);

/* The same until @fd can be read: then it is true. */
bool signals_wait(int fd);

/* A call between these two may be interrupted. */
void signals_let_in(void);
void signals_keep_out(void);

/* For a child that runs another program: as it was before signals_catch(). */
void signals_restore(void);

#endif
