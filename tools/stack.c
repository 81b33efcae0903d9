// SPDX-License-Identifier: GPL-2.0-only
/* What stands on what; see stack.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "say.h"
#include "stack.h"

/* A Btrfs may have several devices. */
static int add_btrfs(struct dev_set *set, int fd)
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	struct btrfs_ioctl_dev_info_args *dev;
	struct stat st;

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info))
		return 0;
	dev = malloc(sizeof(*dev));
	if (!dev)
		return say_error("out of memory");
	for (uint64_t id = 1; id <= info.max_id; id++) {
		*dev = (struct btrfs_ioctl_dev_info_args) { .devid = id };
		if (!ioctl(fd, BTRFS_IOC_DEV_INFO, dev) && !stat((char *)dev->path, &st) &&
		    S_ISBLK(st.st_mode))
			dev_set_add(set, st.st_rdev);
	}
	free(dev);
	return 0;
}

/* The devices right below it. */
static int add_below_file(struct dev_set *set, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), result = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		result = say_error("cannot tell where %s lies: %s", path, strerror(errno));
	else if (S_ISBLK(st.st_mode))
		dev_set_add(set, st.st_rdev);
	else if (major(st.st_dev))
		dev_set_add(set, st.st_dev);
	else
		result = add_btrfs(set, fd);
	if (fd >= 0)
		close(fd);
	return result;
}

static int add_below_device(struct dev_set *set, dev_t dev)
{
	char file[PATH_MAX];
	dev_t disk = sysfs_disk(dev);

	if (disk)
		dev_set_add(set, disk);
	sysfs_add(dev, "slaves", set);
	if (sysfs_read(dev, "loop/backing_file", file, sizeof(file)))
		return 0;
	return add_below_file(set, file);
}

/* Of those from number @from on, all that is below is added at the end, in their turn. */
static int add_below(struct dev_set *set, size_t from)
{
	for (size_t i = from; i < set->nr; i++) {
		if (add_below_device(set, set->devs[i]))
			return -1;
	}
	return 0;
}

int stack_add_device(struct dev_set *set, dev_t dev)
{
	size_t from = set->nr;

	dev_set_add(set, dev);
	return add_below(set, from);
}

int stack_add_file(struct dev_set *set, const char *path)
{
	size_t from = set->nr;

	return add_below_file(set, path) ? -1 : add_below(set, from);
}

bool stack_stands_on(dev_t upper, dev_t lower)
{
	struct dev_set set = { 0 };
	bool below;

	if (upper == lower)
		return false;
	below = !stack_add_device(&set, upper) && dev_set_has(&set, lower);
	dev_set_free(&set);
	return below;
}

static bool is_top(const struct dev_set *set, dev_t dev)
{
	for (size_t i = 0; i < set->nr; i++) {
		if (stack_stands_on(set->devs[i], dev))
			return false;
	}
	return true;
}

void stack_keep_tops(struct dev_set *set)
{
	struct dev_set tops = { 0 };

	for (size_t i = 0; i < set->nr; i++) {
		if (is_top(set, set->devs[i]))
			dev_set_add(&tops, set->devs[i]);
	}
	dev_set_free(set);
	*set = tops;
}

/* Where it is mounted. The kernel's list has the number of each mounted device. */
static bool find_mount(dev_t dev, char *text, size_t size)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	unsigned int major_nr, minor_nr;
	char *line = NULL, *point;
	size_t room = 0;
	bool found = false;

	while (mounts && !found && getline(&line, &room, mounts) > 0) {
		point = NULL;
		if (sscanf(line, "%*d %*d %u:%u %*s %ms", &major_nr, &minor_nr, &point) == 3 &&
		    makedev(major_nr, minor_nr) == dev) {
			snprintf(text, size, "mounted on %s", point);
			found = true;
		}
		free(point);
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return found;
}

static bool is_swap(dev_t dev)
{
	FILE *swaps = fopen("/proc/swaps", "re");
	char *line = NULL;
	size_t room = 0;
	struct stat st;
	bool found = false;

	while (swaps && !found && getline(&line, &room, swaps) > 0) {
		line[strcspn(line, " \t\n")] = '\0';
		found = *line == '/' && !stat(line, &st) && S_ISBLK(st.st_mode) &&
			st.st_rdev == dev;
	}
	free(line);
	if (swaps)
		fclose(swaps);
	return found;
}

/* The device and its partitions. */
static struct dev_set with_partitions(dev_t dev)
{
	struct dev_set set = { 0 };

	dev_set_add(&set, dev);
	sysfs_add(dev, ".", &set);
	return set;
}

const char *stack_user(dev_t dev, char *text, size_t size)
{
	struct dev_set set = with_partitions(dev);
	bool found = false;

	for (size_t i = 0; i < set.nr && !found; i++) {
		found = find_mount(set.devs[i], text, size);
		if (!found && is_swap(set.devs[i])) {
			snprintf(text, size, "in use as swap");
			found = true;
		}
	}
	dev_set_free(&set);
	return found ? text : NULL;
}

dev_t stack_holder(dev_t dev)
{
	struct dev_set set = with_partitions(dev), holders = { 0 };
	dev_t holder;

	for (size_t i = 0; i < set.nr; i++)
		sysfs_add(set.devs[i], "holders", &holders);
	holder = holders.nr ? holders.devs[0] : 0;
	dev_set_free(&set);
	dev_set_free(&holders);
	return holder;
}
