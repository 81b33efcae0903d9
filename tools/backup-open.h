/* SPDX-License-Identifier: GPL-2.0-only */
/* Backups that are read. */
#ifndef CBW_BACKUP_OPEN_H
#define CBW_BACKUP_OPEN_H

#include <stdbool.h>

#include "extent.h"
#include "record.h"

struct backup {
	struct extent extent;
	struct record record;		/* all zeroes but the size if it has none */
	bool recorded;
	bool activated;			/* the volume was not active before */
	int keeper;			/* of the connection to an export, or -1 */
	bool planned;			/* with --dry-run, it is not, and cannot be read */
};

/*
 * @name as record_find() has it. A backup without a record is opened with @force; one
 * whose record is not complete never is. A volume is activated; with --dry-run, the line that does
 * so is printed. 0 or -1, error said.
 */
int backup_open(struct backup *backup, const char *name, bool force);

/* The volume, or connection, is as it was before. */
void backup_close(struct backup *backup);

/*
 * Has it all been read before anything was written over it? Its record goes before that. 0 or -1,
 * error said.
 */
int backup_check(const struct backup *backup);

/* The name for people, and for a record that there is. */
const char *backup_name(const struct backup *backup);

#endif
