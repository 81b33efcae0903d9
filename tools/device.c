// SPDX-License-Identifier: GPL-2.0-only
/* Block devices; see device.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "device.h"
#include "say.h"
#include "signature.h"
#include "stack.h"
#include "sysfs.h"
#include "units.h"

#define LVM_UUID_PREFIX	"LVM-"

/* Is @path the device node of @dev? */
static bool is_node(const char *path, dev_t dev)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == dev;
}

static int find_path(struct device *device)
{
	char name[NAME_MAX + 1];

	snprintf(device->path, sizeof(device->path), "/dev/mapper/%s", device->dm_name);
	if (*device->dm_name && is_node(device->path, device->dev))
		return 0;
	if (sysfs_kernel_name(device->dev, name, sizeof(name)))
		return -1;
	snprintf(device->path, sizeof(device->path), "/dev/%s", name);
	return 0;
}

int device_of(dev_t dev, struct device *device)
{
	char text[32];

	*device = (struct device) { .dev = dev };
	if (sysfs_read(dev, "dm/name", device->dm_name, sizeof(device->dm_name)))
		device->dm_name[0] = '\0';
	if (find_path(device) || sysfs_read(dev, "size", text, sizeof(text)))
		return say_error("there is no block device %u:%u", major(dev), minor(dev));
	device->size = strtoull(text, NULL, 10) * SECTOR_SIZE;
	return 0;
}

/* "vg0-my--lv" of "vg0/my-lv", as LVM names its devices. */
static void lvm_dm_name(const char *name, char *dm_name, size_t size)
{
	size_t length = 0;

	for (; *name && length + 2 < size; name++) {
		if (*name == '-')
			dm_name[length++] = '-';
		dm_name[length++] = *name == '/' ? '-' : *name;
	}
	dm_name[length] = '\0';
}

/* The number of the one device of @set that no other of @set stands on. 0, error said. */
static dev_t only_one(const char *name, struct dev_set *set)
{
	struct device first, second;

	stack_keep_tops(set);
	if (!set->nr)
		return say_error("no device has %s", name), 0;
	if (set->nr == 1)
		return set->devs[0];
	if (!device_of(set->devs[0], &first) && !device_of(set->devs[1], &second))
		say_error("%s and %s both have %s; name one of them by its path", first.path,
			  second.path, name);
	return 0;
}

static dev_t find_tag(const char *name, const char *tag)
{
	struct dev_set set = { 0 };
	dev_t dev = 0;

	if (!signature_find(tag, name + strlen(tag) + 1, &set))
		dev = only_one(name, &set);
	dev_set_free(&set);
	return dev;
}

static dev_t find_path_name(const char *name)
{
	struct stat st;

	if (stat(name, &st) || !S_ISBLK(st.st_mode))
		return say_error("there is no block device '%s'", name), 0;
	return st.st_rdev;
}

static dev_t find_lv(const char *name)
{
	char dm_name[DM_NAME_LEN];
	dev_t dev;

	lvm_dm_name(name, dm_name, sizeof(dm_name));
	dev = sysfs_find_dm(dm_name);
	if (!dev)
		say_error("there is no active volume %s", name);
	return dev;
}

static dev_t find_dm(const char *name)
{
	dev_t dev = sysfs_find_dm(name);

	if (!dev)
		say_error("there is no block device '%s'", name);
	return dev;
}

static dev_t find(const char *name)
{
	unsigned int major, minor;
	char end;

	if (!strncmp(name, "UUID=", 5))
		return find_tag(name, "UUID");
	if (!strncmp(name, "LABEL=", 6))
		return find_tag(name, "LABEL");
	if (*name == '/' || *name == '.')
		return find_path_name(name);
	if (sscanf(name, "%u:%u%c", &major, &minor, &end) == 2)
		return makedev(major, minor);
	if (strchr(name, '/'))
		return find_lv(name);
	return find_dm(name);
}

int device_resolve(const char *name, struct device *device)
{
	dev_t dev = find(name);

	return dev ? device_of(dev, device) : -1;
}

const char *device_dm_uuid(const struct device *device, char uuid[DM_UUID_LEN])
{
	if (sysfs_read(device->dev, "dm/uuid", uuid, DM_UUID_LEN))
		*uuid = '\0';
	return uuid;
}

/* The end of the name that @text begins with: the first hyphen that is not doubled. */
static const char *part_end(const char *text)
{
	while (*text && (*text != '-' || text[1] == '-'))
		text += *text == '-' ? 2 : 1;
	return text;
}

static void copy_part(char *to, const char *from, const char *end)
{
	while (from < end) {
		*to++ = *from;
		from += *from == '-' ? 2 : 1;
	}
	*to = '\0';
}

void device_vg_of(const char *dm_name, char vg[DM_NAME_LEN])
{
	copy_part(vg, dm_name, part_end(dm_name));
}

int device_split_lv(const struct device *device, char *vg, char *lv)
{
	char uuid[DM_UUID_LEN];
	const char *dash = part_end(device->dm_name), *end;

	if (strncmp(device_dm_uuid(device, uuid), LVM_UUID_PREFIX, strlen(LVM_UUID_PREFIX)) ||
	    *dash != '-')
		return -1;
	end = part_end(dash + 1);
	/* What follows is a layer of LVM's own, like "-real". */
	if (*end)
		return -1;
	copy_part(vg, device->dm_name, dash);
	copy_part(lv, dash + 1, end);
	return 0;
}

const char *device_name(const struct device *device, char name[PATH_MAX])
{
	char vg[DM_NAME_LEN], lv[DM_NAME_LEN];

	if (!device_split_lv(device, vg, lv))
		snprintf(name, PATH_MAX, "%s/%s", vg, lv);
	else
		snprintf(name, PATH_MAX, "%s", *device->dm_name ? device->dm_name : device->path);
	return name;
}
