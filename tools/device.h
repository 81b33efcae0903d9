/* SPDX-License-Identifier: GPL-2.0-only */
/* Block devices, by any name that people have for them. */
#ifndef CBW_DEVICE_H
#define CBW_DEVICE_H

#include <limits.h>
#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <sys/types.h>

struct device {
	char path[PATH_MAX];	/* of /dev/mapper if it is a device-mapper device */
	dev_t dev;
	uint64_t size;		/* bytes */
	char dm_name[DM_NAME_LEN];	/* "" if it is no device-mapper device */
};

/*
 * @name is a path, a symbolic link to one, "vg/lv", the name of a device-mapper device,
 * "major:minor", "UUID=..." or "LABEL=...". A UUID or label that several devices have
 * is refused. 0 or -1, error said.
 */
int device_resolve(const char *name, struct device *device);

/* The device of that number. 0 or -1, error said. */
int device_of(dev_t dev, struct device *device);

/* The volume group of the logical volume, or layer of one, that device-mapper calls @dm_name. */
void device_vg_of(const char *dm_name, char vg[DM_NAME_LEN]);

/* The names of volume group and volume; the room is DM_NAME_LEN. 0, or -1 if it is no LV. */
int device_split_lv(const struct device *device, char *vg, char *lv);

/* Its device-mapper UUID, or "". Returns @uuid. */
const char *device_dm_uuid(const struct device *device, char uuid[DM_UUID_LEN]);

/* The name that a user would give it: "vg/lv", a device-mapper name, a path. Returns @name. */
const char *device_name(const struct device *device, char name[PATH_MAX]);

#endif
