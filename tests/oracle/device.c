// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"

static int open_fd(const char *path, enum device_access access)
{
	int flags = O_CLOEXEC | (access == DEVICE_READ ? O_RDONLY : O_RDWR);
	int fd;

	if (access == DEVICE_BUFFERED)
		return open(path, flags | O_DSYNC);
	fd = open(path, flags | O_DIRECT);
	/* A plain file may lie where there is no direct I/O. */
	if (fd < 0 && errno == EINVAL)
		fd = open(path, flags);
	return fd;
}

/* Reads smaller than the device's sectors go through the cache, which must not be from before. */
static void read_through_cache(const struct device *dev)
{
	if (fcntl(dev->fd, F_SETFL, O_RDONLY) || ioctl(dev->fd, BLKFLSBUF))
		err(1, "%s", dev->path);
}

static void check_block_device(struct device *dev, uint32_t block_size,
			       enum device_access access)
{
	int logical = 0;

	if (ioctl(dev->fd, BLKGETSIZE64, &dev->bytes) ||
	    ioctl(dev->fd, BLKSSZGET, &logical))
		err(1, "%s", dev->path);
	if (block_size % logical && access == DEVICE_READ)
		read_through_cache(dev);
	else if (block_size % logical)
		errx(1, "%s: block size %u is not a multiple of its sectors of %d bytes",
		     dev->path, block_size, logical);
}

void device_open(struct device *dev, const char *path, enum device_access access,
		 uint32_t block_size)
{
	struct stat st;

	dev->path = path;
	dev->fd = open_fd(path, access);
	if (dev->fd < 0 || fstat(dev->fd, &st))
		err(1, "%s", path);
	dev->is_block = S_ISBLK(st.st_mode);
	if (!dev->is_block && !S_ISREG(st.st_mode))
		errx(1, "%s: neither a block device nor a file", path);
	dev->bytes = st.st_size;
	if (dev->is_block)
		check_block_device(dev, block_size, access);
}

void device_close(struct device *dev)
{
	close(dev->fd);
}

static bool complete(ssize_t done, size_t len)
{
	if (done >= 0 && (size_t)done != len)
		errno = EIO;
	return done >= 0 && (size_t)done == len;
}

bool device_read(const struct device *dev, void *buf, size_t len, uint64_t at)
{
	return complete(pread(dev->fd, buf, len, at), len);
}

bool device_write(const struct device *dev, const void *buf, size_t len, uint64_t at)
{
	return complete(pwrite(dev->fd, buf, len, at), len);
}

bool device_zero(const struct device *dev, uint64_t len, uint64_t at)
{
	uint64_t range[2] = { at, len };

	if (dev->is_block)
		return !ioctl(dev->fd, BLKZEROOUT, range);
	return !fallocate(dev->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len);
}

bool device_discard(const struct device *dev, uint64_t len, uint64_t at)
{
	uint64_t range[2] = { at, len };

	if (dev->is_block)
		return !ioctl(dev->fd, BLKDISCARD, range);
	return !fallocate(dev->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len);
}

void *device_buffer(size_t len)
{
	void *buf = aligned_alloc(4096, (len + 4095) & ~(size_t)4095);

	if (!buf)
		err(1, "memory for %zu bytes of I/O", len);
	return buf;
}
