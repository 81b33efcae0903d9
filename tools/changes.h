/* SPDX-License-Identifier: GPL-2.0-only */
/* What has changed of a volume since its last backup, as the kernel tracks it. */
#ifndef CBW_CHANGES_H
#define CBW_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANGES_GENERATION_LEN	40

struct changes {
	char generation[CHANGES_GENERATION_LEN];	/* "-": no backup to build upon */
	unsigned long chunk_sectors;			/* 0: nothing is tracked */
	uint64_t nr_changed;				/* chunks */
	char kept[16];					/* "memory", "durable" or "failed" */
};

struct range {
	uint64_t start, length;		/* sectors */
};

/* In order, none over another. */
struct ranges {
	struct range *list;		/* for free() */
	size_t nr;
};

void changes_add(struct ranges *ranges, uint64_t start, uint64_t length);

/* The metadata device has failed, so the map will not outlive the machine, or is void by now. */
bool changes_failed(const struct changes *changes);

/* For a device whose live table is one of cbw. 0 or -1, error said. */
int changes_read(const char *name, struct changes *changes);

/* The same; 1, and nothing is said, if there is no such table, or device. */
int changes_find(const char *name, struct changes *changes);

/*
 * The same, and what has changed: all that had when it was asked, and maybe what has since. Nobody
 * may begin a job meanwhile, but one may end. 0 or -1, error said.
 */
int changes_list(const char *name, struct changes *changes, struct ranges *ranges);

/* What the job has taken at its point in time. 0 or -1, error said. */
int changes_taken(const char *name, struct ranges *ranges);

#endif
