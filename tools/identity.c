// SPDX-License-Identifier: GPL-2.0-only
/* What a block device is; see identity.h. */
#include <blkid/blkid.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "identity.h"
#include "sysfs.h"

#define NUMBER_MAX	128

/* In sysfs, the best first: NVMe, SCSI, virtio, MMC, and md, which makes it up itself. */
static const char * const attributes[] = {
	"wwid", "device/wwid", "serial", "device/cid", "device/serial", "md/uuid",
};

static bool read_number(dev_t dev, const char *attribute, char number[NUMBER_MAX])
{
	char text[NUMBER_MAX];

	if (sysfs_read(dev, attribute, text, sizeof(text)))
		return false;
	snprintf(number, NUMBER_MAX, "%s", text + strspn(text, " "));
	return *number;
}

/* Through many a USB bridge the disk does not tell its own, but the bridge has one. */
static bool read_usb(dev_t disk, char number[NUMBER_MAX])
{
	static const char up[] = "../../../../../../";
	char name[sizeof(up) + 32];

	for (int length = 3; length < (int)sizeof(up); length += 3) {
		snprintf(name, sizeof(name), "device/%.*sidVendor", length, up);
		if (!read_number(disk, name, number))
			continue;
		snprintf(name, sizeof(name), "device/%.*sserial", length, up);
		return read_number(disk, name, number);
	}
	return false;
}

/* A file with another number is another one, be it a copy in the place of the first. */
static bool read_loop(dev_t disk, char number[NUMBER_MAX])
{
	char file[PATH_MAX], offset[24];
	struct stat st;

	if (sysfs_read(disk, "loop/backing_file", file, sizeof(file)) || stat(file, &st) ||
	    sysfs_read(disk, "loop/offset", offset, sizeof(offset)))
		return false;
	snprintf(number, NUMBER_MAX, "loop %ju %s %.80s", (uintmax_t)st.st_ino, offset, file);
	return true;
}

static bool read_disk(dev_t disk, char number[NUMBER_MAX])
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (read_number(disk, attributes[i], number))
			return true;
	}
	return read_usb(disk, number) || read_loop(disk, number);
}

static void read_partition_uuid(const char *path, char uuid[NUMBER_MAX])
{
	blkid_probe probe = blkid_new_probe_from_filename(path);
	const char *value;

	*uuid = '\0';
	if (!probe)
		return;
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
	if (!blkid_do_safeprobe(probe) &&
	    !blkid_probe_lookup_value(probe, "PART_ENTRY_UUID", &value, NULL))
		snprintf(uuid, NUMBER_MAX, "%s", value);
	blkid_free_probe(probe);
}

static void read_partition(dev_t disk, dev_t dev, const char *path, char identity[IDENTITY_MAX])
{
	char number[NUMBER_MAX] = "", uuid[NUMBER_MAX], which[16] = "";
	bool known = read_disk(disk, number);

	read_partition_uuid(path, uuid);
	sysfs_read(dev, "partition", which, sizeof(which));
	if (known || *uuid)
		snprintf(identity, IDENTITY_MAX, "%.100s partition %s %.100s",
			 known ? number : "disk", which, uuid);
}

void identity_read(dev_t dev, const char *path, char identity[IDENTITY_MAX])
{
	char number[NUMBER_MAX];
	dev_t disk;

	*identity = '\0';
	if (!sysfs_read(dev, "dm/uuid", identity, IDENTITY_MAX))
		return;
	disk = sysfs_disk(dev);
	if (disk)
		read_partition(disk, dev, path, identity);
	else if (read_disk(dev, number))
		snprintf(identity, IDENTITY_MAX, "%s", number);
}
