/* SPDX-License-Identifier: GPL-2.0-only */
/* The readers: threads that read random ranges of a device, which must hold what a file does. */
#ifndef ORACLE_COMPARE_H
#define ORACLE_COMPARE_H

#include <stdbool.h>

#include "writer.h"

/*
 * Until a limit of @options is reached or SIGTERM comes: its seed, threads, ops,
 * seconds, until_file, min, max, block_size and allow_errors count. Where errors are
 * allowed, all that is read after the first must fail. True: no read was wrong, no
 * error was not allowed.
 */
bool compare_run(const char *device, const char *with, const struct writer_options *options);

#endif
