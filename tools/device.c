// SPDX-License-Identifier: GPL-2.0-only
/* Block devices; see device.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "device.h"
#include "say.h"

static void read_dm_name(struct device *device)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/dm/name", major(device->dev),
		 minor(device->dev));
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(device->dm_name, sizeof(device->dm_name), file))
		device->dm_name[strcspn(device->dm_name, "\n")] = 0;
	fclose(file);
}

static int read_size(const char *name, struct device *device)
{
	int fd = open(device->path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 || ioctl(fd, BLKGETSIZE64, &device->size) ? -1 : 0;

	if (r)
		say_error("cannot open %s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}

int device_resolve(const char *name, struct device *device)
{
	struct stat st;

	*device = (struct device) { 0 };
	snprintf(device->path, sizeof(device->path), "%s%s",
		 strchr(name, '/') ? "" : "/dev/mapper/", name);
	if (stat(device->path, &st) || !S_ISBLK(st.st_mode))
		return say_error("there is no block device '%s'", name);
	device->dev = st.st_rdev;
	read_dm_name(device);
	return read_size(name, device);
}
