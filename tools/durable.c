// SPDX-License-Identifier: GPL-2.0-only
/* Durable files; see durable.h. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "durable.h"
#include "say.h"

static int sync_and_close(int fd)
{
	int result = fsync(fd);

	return close(fd) || result ? -1 : 0;
}

int durable_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || sync_and_close(fd))
		return say_error("cannot sync the folder of %s: %s", path, strerror(errno));
	return 0;
}

static int write_all(int fd, const char *text, size_t length)
{
	ssize_t written;

	for (; length; text += written, length -= (size_t)written) {
		written = write(fd, text, length);
		if (written < 0)
			return -1;
	}
	return 0;
}

int durable_write(const char *path, const char *text)
{
	char new[PATH_MAX + 8];
	int fd;

	snprintf(new, sizeof(new), "%s.new", path);
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return say_error("cannot write %s: %s", path, strerror(errno));
	if (write_all(fd, text, strlen(text))) {
		say_error("cannot write %s: %s", path, strerror(errno));
		close(fd);
		unlink(new);
		return -1;
	}
	if (sync_and_close(fd) || rename(new, path)) {
		say_error("cannot write %s: %s", path, strerror(errno));
		unlink(new);
		return -1;
	}
	return durable_folder(path);
}

int durable_remove(const char *path)
{
	if (!unlink(path))
		return durable_folder(path);
	if (errno == ENOENT)
		return 0;
	return say_error("cannot remove %s: %s", path, strerror(errno));
}
