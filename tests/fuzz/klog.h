/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the kernel log: counts the lines that tell why something was refused, and
 * looks for complaints.
 */
#ifndef FUZZ_KLOG_H
#define FUZZ_KLOG_H

#include <stdbool.h>

struct klog {
	int fd;
	bool lost;		/* lines came faster than they were read */
	unsigned long tables;
	unsigned long messages;
	char bad[256];		/* a line that must not be there, or "" */
};

void klog_open(struct klog *klog);

/* Whatever has come since the last time. */
void klog_read(struct klog *klog);

/* What comes from now on, to the standard output: the rest of a complaint. */
void klog_print(struct klog *klog);

#endif
