/* SPDX-License-Identifier: GPL-2.0-only */
/* Counts the lines of the kernel log that tell why something was refused. */
#ifndef FUZZ_KLOG_H
#define FUZZ_KLOG_H

#include <stdbool.h>

struct klog {
	int fd;
	bool lost;		/* lines came faster than they were read */
	unsigned long tables;
	unsigned long messages;
	char bad[256];		/* a line that no refusal may have, or "" */
};

void klog_open(struct klog *klog);

/* Whatever has come since the last time. */
void klog_read(struct klog *klog);

#endif
