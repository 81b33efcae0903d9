/* SPDX-License-Identifier: GPL-2.0-only */
/* Block devices, and how people name them. */
#ifndef CBW_DEVICE_H
#define CBW_DEVICE_H

#include <limits.h>
#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <sys/types.h>

struct device {
	char path[PATH_MAX];
	dev_t dev;
	uint64_t size;			/* bytes */
	char dm_name[DM_NAME_LEN];	/* "" if it is not device-mapper's */
};

/* 0, or -1 and the error has been said. */
int device_resolve(const char *name, struct device *device);

#endif
