// SPDX-License-Identifier: GPL-2.0-only
/* What sysfs tells; see sysfs.h. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sysfs.h"

bool dev_set_has(const struct dev_set *set, dev_t dev)
{
	for (size_t i = 0; i < set->nr; i++) {
		if (set->devs[i] == dev)
			return true;
	}
	return false;
}

bool dev_set_add(struct dev_set *set, dev_t dev)
{
	dev_t *devs;

	if (dev_set_has(set, dev))
		return false;
	devs = realloc(set->devs, (set->nr + 1) * sizeof(*devs));
	if (!devs)
		abort();
	devs[set->nr++] = dev;
	set->devs = devs;
	return true;
}

void dev_set_free(struct dev_set *set)
{
	free(set->devs);
	*set = (struct dev_set) { 0 };
}

static int read_line(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	char *line;

	if (!file)
		return -1;
	line = fgets(text, (int)size, file);
	fclose(file);
	if (!line)
		*text = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

static void device_path(char path[PATH_MAX], dev_t dev, const char *name)
{
	snprintf(path, PATH_MAX, "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), name);
}

int sysfs_read(dev_t dev, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];

	device_path(path, dev, name);
	return read_line(path, text, size);
}

static dev_t read_dev(const char *path)
{
	char text[32];
	unsigned int major, minor;

	if (read_line(path, text, sizeof(text)) || sscanf(text, "%u:%u", &major, &minor) != 2)
		return 0;
	return makedev(major, minor);
}

int sysfs_kernel_name(dev_t dev, char *text, size_t size)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t length;

	device_path(path, dev, "");
	path[strlen(path) - 1] = '\0';
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return -1;
	link[length] = '\0';
	snprintf(text, size, "%s", strrchr(link, '/') + 1);
	/* Slashes, which no file name can have. */
	for (char *c = text; *c; c++) {
		if (*c == '!')
			*c = '/';
	}
	return 0;
}

/* Calls @visit with each device in the folder until it returns true. */
static void each_device(const char *folder, const char *mark,
			bool (*visit)(dev_t dev, void *data), void *data)
{
	char path[2 * PATH_MAX];
	DIR *dir = opendir(folder);
	struct dirent *entry;
	dev_t dev;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", folder, entry->d_name, mark);
		if (access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "%s/%s/dev", folder, entry->d_name);
		dev = read_dev(path);
		if (dev && visit(dev, data))
			break;
	}
	closedir(dir);
}

static bool add(dev_t dev, void *data)
{
	dev_set_add(data, dev);
	return false;
}

void sysfs_add(dev_t dev, const char *folder, struct dev_set *set)
{
	char path[PATH_MAX];

	device_path(path, dev, folder);
	each_device(path, strcmp(folder, ".") ? "dev" : "partition", add, set);
}

dev_t sysfs_disk(dev_t dev)
{
	char path[PATH_MAX];

	device_path(path, dev, "partition");
	if (access(path, F_OK))
		return 0;
	device_path(path, dev, "../dev");
	return read_dev(path);
}

struct dm_search {
	const char *name;
	dev_t found;
};

static bool match_dm(dev_t dev, void *data)
{
	struct dm_search *search = data;
	char name[256];

	if (sysfs_read(dev, "dm/name", name, sizeof(name)) || strcmp(name, search->name))
		return false;
	search->found = dev;
	return true;
}

dev_t sysfs_find_dm(const char *dm_name)
{
	struct dm_search search = { .name = dm_name };

	each_device("/sys/block", "dm", match_dm, &search);
	return search.found;
}
