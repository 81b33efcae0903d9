/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a block device is, whatever its name: two disks may take turns at one name, and one disk may
 * come back with another.
 */
#ifndef CBW_IDENTITY_H
#define CBW_IDENTITY_H

#include <sys/types.h>

#define IDENTITY_MAX	256

/*
 * Of the device @dev, which has the node @path: its device-mapper UUID, the number that its
 * maker has given it, or which file it is; and of a partition which one. "" if nothing of that
 * is known.
 */
void identity_read(dev_t dev, const char *path, char identity[IDENTITY_MAX]);

#endif
