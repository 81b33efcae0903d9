/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The snapshot view of a volume's job, the device <volume>-pit. It is found by the UUID of the
 * hidden device (attach.h), its own with another prefix.
 */
#ifndef CBW_VIEW_H
#define CBW_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "mapper.h"

#define VIEW_PREFIX	"CBWPIT-"
#define VIEW_SUFFIX	"-pit"

/* 0, or 1 if there is none. */
int view_find(const char *hidden_uuid, struct mapper_info *view);

/* @name: of the view, for the caller. */
int view_create(const char *volume, const char *origin, const char *hidden_uuid, uint64_t length,
		bool release, char name[DM_NAME_LEN]);

/* Removes the view, if there is one that nobody has open. */
int view_drop(const char *hidden_uuid);

#endif
