/* SPDX-License-Identifier: GPL-2.0-only */
/* A command that reads the views of jobs. */
#ifndef CBW_THEN_H
#define CBW_THEN_H

#include "follow.h"

/*
 * Runs it by sh -c, with the paths of the views in CBW_VIEW, and a space between; then ends the
 * jobs. CBW_DONE if it has succeeded, and the views were valid to the end.
 */
int then_run(struct followed *jobs, size_t nr, const char *command, bool quiet);

#endif
