/* SPDX-License-Identifier: GPL-2.0-only */
/* The readers: threads that read random ranges of a device, which must hold what a file does. */
#ifndef ORACLE_COMPARE_H
#define ORACLE_COMPARE_H

#include <stdbool.h>

#include "writer.h"

/*
 * Until a limit of @options is reached or SIGTERM comes: its seed, threads, ops,
 * seconds, until_file, min, max, block_size, allow_errors and may_end count. True: no
 * read was wrong, no error was not allowed.
 */
bool compare_run(const char *device, const char *with, const struct writer_options *options);

#endif
