/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device-mapper's devices and tables. This is the only unit that knows libdevmapper.
 *
 * Every function that returns int returns 0, or -1 and the error has been said. Those
 * that change something print the line of dmsetup that does the same with --dry-run,
 * and do nothing else.
 */
#ifndef CBW_MAPPER_H
#define CBW_MAPPER_H

#include <linux/dm-ioctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapper_info {
	char name[DM_NAME_LEN];
	char uuid[DM_UUID_LEN];		/* "": none */
	dev_t dev;
	int open_count;
	bool suspended;
	bool leaving;			/* as mapper_remove_deferred() has it */
	bool read_only;
	bool live;			/* it has a live table */
	bool inactive;			/* and one that is loaded and not live */
};

struct mapper_target {
	uint64_t start;			/* sectors */
	uint64_t length;
	char type[DM_MAX_TYPE_NAME];
	char *params;			/* may hold a key */
};

struct mapper_table {
	size_t nr;
	struct mapper_target *targets;
};

enum mapper_slot {
	MAPPER_LIVE,
	MAPPER_INACTIVE,
};

/* Is device-mapper there, and the module? Tries modprobe. */
int mapper_need_cbw(void);

/* Asks for one device by name, UUID or number. 0, or 1 if there is none. Says nothing. */
int mapper_find(const char *name, struct mapper_info *info);
int mapper_find_uuid(const char *uuid, struct mapper_info *info);
int mapper_find_dev(dev_t dev, struct mapper_info *info);

/* The same, where it is an error if there is none. */
int mapper_info(const char *name, struct mapper_info *info);

/* Calls @visit for each device until it returns other than 0, and returns that. */
int mapper_each(int (*visit)(const char *name, void *data), void *data);

/* Reads a table, keys and all; mapper_forget() wipes and frees it. No table: nr is 0. */
int mapper_read(const char *name, enum mapper_slot slot, struct mapper_table *table);
void mapper_forget(struct mapper_table *table);

/* Reads it, too; 1, and nothing is said, if there is no such device. */
int mapper_find_table(const char *name, enum mapper_slot slot, struct mapper_table *table);

bool mapper_same(const struct mapper_table *a, const struct mapper_table *b);
uint64_t mapper_length(const struct mapper_table *table);

/* The status of the first target; @params is to be freed. 1: no live table, or no such device. */
int mapper_status(const char *name, char type[DM_MAX_TYPE_NAME], char **params);

/* @reply, if not NULL, is to be freed. */
int mapper_message(const char *name, const char *message, char **reply);

/* The same; 1, and nothing is said, if nobody is there who takes the message. */
int mapper_ask(const char *name, const char *message, char **reply);

/*
 * Makes the device @name with a copy of the live table of @of. udev leaves it alone:
 * nobody scans it, and it has no links.
 */
int mapper_create_copy(const char *name, const char *uuid, const char *of);

/* The same with a table of one line. */
int mapper_create(const char *name, const char *uuid, uint64_t length, const char *type,
		  const char *params, bool read_only);

/* Loads the live table of @of, or one line; it is not live before mapper_resume(). */
int mapper_load_copy(const char *name, const char *of);
int mapper_load(const char *name, uint64_t length, const char *type, const char *params);

int mapper_clear(const char *name);
int mapper_suspend(const char *name);

/* It is no error if it is gone already. */
int mapper_remove(const char *name);

/*
 * The kernel removes it when the last who has it open, a table for one, closes it; at once, if
 * nobody has. Without udev its node stays: mapper_removed() takes that away.
 */
int mapper_remove_deferred(const char *name);
int mapper_removed(const char *name);

/*
 * udev is told of it, but not how to take the device: that has been said by whoever made
 * it, LVM for one, and stands in udev's database. Nor is it waited for: it may need what is
 * suspended still.
 */
int mapper_resume(const char *name);

/* From now on a resume opens no file, for which it might have to wait for what is suspended. */
int mapper_prepare_resume(void);

#endif
