// SPDX-License-Identifier: GPL-2.0-only
/* Image files; see image.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "child.h"
#include "durable.h"
#include "extent.h"
#include "image.h"
#include "say.h"
#include "units.h"

#define PIECE		(1U << 20)
#define HOLE		(1U << 16)	/* the smallest that is worth an extent */
#define ATTEMPTS	16		/* somebody else may take the free loop device */

/* Less than that is full: a file system cannot give out its last blocks to everybody. */
#define FULL		(1U << 20)

static int give_size(int fd, const char *path, uint64_t size)
{
	if (fchmod(fd, 0600) || ftruncate(fd, 0) || ftruncate(fd, (off_t)size) || fsync(fd))
		return say_error("cannot make %s so large: %s", path, strerror(errno));
	return 0;
}

int image_create(const char *path, uint64_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int result;

	if (fd < 0)
		return say_error("cannot make %s: %s", path, strerror(errno));
	result = give_size(fd, path, size);
	close(fd);
	return result ? result : durable_folder(path);
}

static int attach(int control, int file, const char *path)
{
	struct loop_config config = {
		.fd = (uint32_t)file,
		.info.lo_flags = LO_FLAGS_DIRECT_IO | LO_FLAGS_AUTOCLEAR,
	};
	char name[32];
	int loop, nr;

	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%.*s", LO_NAME_SIZE - 1, path);
	for (int i = 0; i < ATTEMPTS; i++) {
		nr = ioctl(control, LOOP_CTL_GET_FREE);
		if (nr < 0)
			return -1;
		snprintf(name, sizeof(name), "/dev/loop%d", nr);
		loop = open(name, O_RDWR | O_CLOEXEC);
		if (loop < 0)
			return -1;
		if (!ioctl(loop, LOOP_CONFIGURE, &config))
			return loop;
		close(loop);
		if (errno != EBUSY)
			return -1;
	}
	return -1;
}

static int open_control(void)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control >= 0 || errno != ENOENT)
		return control;
	child_run((const char *const[]) { "modprobe", "loop", NULL });
	return open("/dev/loop-control", O_RDWR | O_CLOEXEC);
}

int image_attach(const char *path, dev_t *dev)
{
	int control = open_control();
	int file = open(path, O_RDWR | O_CLOEXEC);
	int loop = control < 0 || file < 0 ? -1 : attach(control, file, path);
	struct stat st;

	if (loop < 0 || fstat(loop, &st))
		say_error("cannot make a loop device of %s: %s", path, strerror(errno));
	else
		*dev = st.st_rdev;
	if (file >= 0)
		close(file);
	if (control >= 0)
		close(control);
	return loop;
}

/* Its file by the number of its inode: it may have other names. */
static bool has_open(const char *node, const struct stat *file, dev_t *dev)
{
	struct loop_info64 info;
	struct stat st;
	int fd = open(node, O_RDONLY | O_CLOEXEC);
	bool has;

	if (fd < 0)
		return false;
	has = !ioctl(fd, LOOP_GET_STATUS64, &info) && info.lo_inode == file->st_ino &&
	      (dev_t)info.lo_device == file->st_dev && !fstat(fd, &st);
	close(fd);
	if (has)
		*dev = st.st_rdev;
	return has;
}

dev_t image_user(const char *path)
{
	struct stat st;
	glob_t nodes;
	dev_t dev = 0;

	if (stat(path, &st) || glob("/dev/loop[0-9]*", 0, NULL, &nodes))
		return 0;
	for (size_t i = 0; i < nodes.gl_pathc && !dev; i++)
		has_open(nodes.gl_pathv[i], &st, &dev);
	globfree(&nodes);
	return dev;
}

static int dig_in(int fd, const char *buffer, off_t offset, size_t length)
{
	size_t part;

	for (size_t i = 0; i < length; i += part) {
		part = length - i < HOLE ? length - i : HOLE;
		if (extent_is_zero(buffer + i, part) &&
		    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset + (off_t)i,
			      (off_t)part))
			return errno == EOPNOTSUPP ? 1 : -1;
	}
	return 0;
}

/* From data to data: what is a hole need not be read. */
static int dig(int fd, char *buffer)
{
	off_t offset = 0;
	ssize_t got;
	int result;

	while ((offset = lseek(fd, offset, SEEK_DATA)) >= 0) {
		got = pread(fd, buffer, PIECE, offset);
		if (got <= 0)
			return (int)got;
		result = dig_in(fd, buffer, offset, (size_t)got);
		if (result)
			return result < 0 ? result : 0;
		offset += got;
	}
	return errno == ENXIO ? 0 : -1;
}

int image_dig_holes(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), result = -1;
	char *buffer = malloc(PIECE);

	if (fd >= 0 && buffer)
		result = dig(fd, buffer);
	if (result)
		say_error("cannot make %s sparse: %s", path, strerror(errno));
	free(buffer);
	if (fd >= 0)
		close(fd);
	return result;
}

/* Bytes; as many as one can think of if it cannot be told. */
static uint64_t room(const char *path)
{
	char copy[PATH_MAX];
	struct statvfs fs;

	snprintf(copy, sizeof(copy), "%s", path);
	if (statvfs(dirname(copy), &fs))
		return UINT64_MAX;
	return (uint64_t)fs.f_bfree * fs.f_frsize;
}

bool image_is_full(const char *path)
{
	return room(path) < FULL;
}

void image_warn_of_room(const char *path, uint64_t size)
{
	char has[UNITS_LEN], needs[UNITS_LEN];
	uint64_t left = room(path);
	struct stat st;

	if (!stat(path, &st))
		left += (uint64_t)st.st_blocks * SECTOR_SIZE;
	if (left < size)
		say_warning("%s may need %s, and there is room for %s", path,
			    format_size(needs, size), format_size(has, left));
}
