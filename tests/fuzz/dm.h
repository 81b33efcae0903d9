/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device-mapper's ioctls, without the checks that a library makes for its user.
 * All return 0 or -errno.
 */
#ifndef FUZZ_DM_H
#define FUZZ_DM_H

#include <linux/dm-ioctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define DM_AREA		16384U
#define MAX_PARAMS	2048
#define MAX_MESSAGE	4096

struct dm_call {
	struct dm_ioctl io;
	char area[DM_AREA];
};

struct table {
	uint64_t start, length;
	char type[16];
	char params[MAX_PARAMS];
	bool readonly;
};

/* A call that names the device by @name or, if that is NULL, by @dev. */
void dm_begin(struct dm_call *call, const char *name, uint64_t dev, uint32_t flags);
int dm_run(struct dm_call *call, unsigned long request);

/* What follows the header: one table line, or two if @second is there. */
void dm_put_table(struct dm_call *call, const struct table *table,
		  const struct table *second);

/* A message of @len bytes, at the first byte where it may stand, or behind. */
void dm_put_message(struct dm_call *call, uint64_t sector, const char *message,
		    size_t len, unsigned int behind);
void dm_put_word(struct dm_call *call, const char *word);

/* What the kernel has put there: a line of table or status, or "". */
const char *dm_line(const struct dm_call *call);

/* Load a table into @name and resume it with @flags. */
int dm_swap(const char *name, const struct table *table, uint32_t flags);

#endif
