/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tool says, and what it exits with. */
#ifndef CBW_SAY_H
#define CBW_SAY_H

enum {
	CBW_DONE	= 0,
	CBW_FAILED	= 1,	/* it was not done, or not wholly */
	CBW_USAGE	= 2,	/* it was not understood, and nothing was tried */
};

/*
 * One sentence to standard error, as "cbw: ...\n". Whoever finds an error says it, and
 * returns -1; callers pass that on and are silent.
 */
int say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for what does not stop the work: "cbw: warning: ...\n". */
void say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For an argument that is not understood. Returns CBW_USAGE. */
int say_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
