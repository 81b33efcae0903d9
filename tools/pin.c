// SPDX-License-Identifier: GPL-2.0-only
/* A file system that stays mounted; see pin.h. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pin.h"

/* In the kernel's list blanks and the like are three octal digits. */
static void unescape(char *path)
{
	unsigned int code;
	char *to = path;

	for (; *path; path++) {
		if (*path == '\\' && sscanf(path + 1, "%3o", &code) == 1) {
			*to++ = (char)code;
			path += 3;
		} else {
			*to++ = *path;
		}
	}
	*to = '\0';
}

/*
 * Where it is mounted, for free(), if the line is of @dev, and its file system can be written to.
 * That stands at the end of the line; the options before may be those of a single mount.
 */
static char *mount_point(const char *line, dev_t dev)
{
	const char *rest = strstr(line, " - ");
	unsigned int major_nr, minor_nr;
	char *point = NULL, access[3];

	if (sscanf(line, "%*d %*d %u:%u %*s %ms", &major_nr, &minor_nr, &point) == 3 &&
	    makedev(major_nr, minor_nr) == dev && rest &&
	    sscanf(rest, " - %*s %*s %2[^,\n]", access) == 1 && !strcmp(access, "rw")) {
		unescape(point);
		return point;
	}
	free(point);
	return NULL;
}

/* Something else may be mounted over it. */
static int open_on(const char *point, dev_t dev)
{
	int fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || (!fstat(fd, &st) && st.st_dev == dev))
		return fd;
	close(fd);
	return -1;
}

int pin_mounted(dev_t dev)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *point;
	size_t room = 0;
	int fd = -1;

	while (mounts && fd < 0 && getline(&line, &room, mounts) > 0) {
		point = mount_point(line, dev);
		if (point)
			fd = open_on(point, dev);
		free(point);
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return fd;
}
