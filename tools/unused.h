/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the file system on a device does not use. That is known of a few file systems, which are
 * asked by partclone; what is wrongly taken for free would be missing in a backup, so whatever is
 * not proven is not known.
 */
#ifndef CBW_UNUSED_H
#define CBW_UNUSED_H

#include <stdbool.h>

#include "changes.h"

#define UNUSED_PROGRAM_LEN	48

/*
 * The program that tells it of the device @path, whose file system was @frozen when it became what
 * it is. 0, or 1 and @why, or -1, error said.
 */
int unused_program(const char *path, bool frozen, char program[UNUSED_PROGRAM_LEN],
		   const char **why);

/* The ranges, within @length sectors; to be freed whatever is returned. 0, or 1 and @why. */
int unused_read(const char *program, const char *path, uint64_t length, struct ranges *unused,
		const char **why);

/* The command that prints what is read. */
void unused_line(const char *program, const char *path, char *line, size_t size);

#endif
