// SPDX-License-Identifier: GPL-2.0-only
/* Large reads and writes; see extent.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "extent.h"
#include "say.h"
#include "units.h"

#define ALIGNMENT	4096

char *extent_buffer(void)
{
	void *buffer;

	if (posix_memalign(&buffer, ALIGNMENT, EXTENT_PIECE)) {
		say_error("out of memory");
		return NULL;
	}
	return buffer;
}

int extent_open(struct extent *extent, const char *path, int flags)
{
	*extent = (struct extent) { .name = strdup(path), .direct = true };
	extent->fd = open(path, flags | O_DIRECT | O_CLOEXEC);
	if (extent->fd < 0 && errno == EINVAL) {
		extent->direct = false;
		extent->fd = open(path, flags | O_CLOEXEC);
	}
	if (extent->fd < 0) {
		say_error("%s: %s", path, errno == EBUSY ? "in use" : strerror(errno));
		free(extent->name);
		return -1;
	}
	/* Device-mapper writes beneath the cache of a device. */
	ioctl(extent->fd, BLKFLSBUF, 0);
	return 0;
}

void extent_close(struct extent *extent)
{
	close(extent->fd);
	free(extent->name);
}

/* The end of a file may lie within a block of its file system. */
static void go_indirect(struct extent *extent)
{
	extent->direct = false;
	fcntl(extent->fd, F_SETFL, fcntl(extent->fd, F_GETFL) & ~O_DIRECT);
}

typedef ssize_t transfer(int fd, void *buffer, size_t length, off_t offset);

static ssize_t write_from(int fd, void *buffer, size_t length, off_t offset)
{
	return pwrite(fd, buffer, length, offset);
}

static int move_all(struct extent *extent, transfer *move, char *buffer, uint64_t offset,
		    size_t length)
{
	ssize_t moved;

	while (length) {
		moved = move(extent->fd, buffer, length, (off_t)offset);
		if (moved < 0 && errno == EINVAL && extent->direct) {
			go_indirect(extent);
			continue;
		}
		if (moved < 0 && errno == EINTR)
			continue;
		if (moved <= 0)
			return say_error("%s, at byte %llu: %s", extent->name,
					 (unsigned long long)offset, moved ? strerror(errno) : "it ends there");
		buffer += moved;
		offset += (uint64_t)moved;
		length -= (size_t)moved;
	}
	return 0;
}

int extent_read(struct extent *extent, char *buffer, uint64_t offset, size_t length)
{
	return move_all(extent, pread, buffer, offset, length);
}

int extent_write(struct extent *extent, const char *buffer, uint64_t offset, size_t length)
{
	return move_all(extent, write_from, (char *)buffer, offset, length);
}

int extent_zero(struct extent *extent, uint64_t offset, uint64_t length)
{
	uint64_t range[2] = { offset, length };

	/* Thin volumes and disks give the room back. */
	if (!fallocate(extent->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		       (off_t)length))
		return 0;
	if (ioctl(extent->fd, BLKZEROOUT, range))
		return say_error("%s, at byte %llu: %s", extent->name, (unsigned long long)offset,
				 strerror(errno));
	return 0;
}

bool extent_is_zero(const char *buffer, size_t length)
{
	return !*buffer && !memcmp(buffer, buffer + 1, length - 1);
}

size_t extent_piece(uint64_t offset, uint64_t size)
{
	return size - offset < EXTENT_PIECE ? (size_t)(size - offset) : EXTENT_PIECE;
}

bool extent_is_hole(struct extent *extent, uint64_t offset, size_t length)
{
	off_t data = lseek(extent->fd, (off_t)offset, SEEK_DATA);

	return data < 0 ? errno == ENXIO : (uint64_t)data >= offset + length;
}

/* The range of differences that is not at its end yet. */
struct difference {
	uint64_t first;
	uint64_t end;
	uint64_t nr;
	void (*differs)(uint64_t first, uint64_t length);
};

static void end_range(struct difference *difference)
{
	if (difference->end == difference->first)
		return;
	difference->nr++;
	difference->differs(difference->first, difference->end - difference->first);
	difference->first = difference->end;
}

static void compare_piece(struct difference *difference, const char *a, const char *b,
			  uint64_t offset, size_t length)
{
	size_t part;

	for (size_t i = 0; i < length; i += part) {
		part = length - i < SECTOR_SIZE ? length - i : SECTOR_SIZE;
		if (!memcmp(a + i, b + i, part))
			continue;
		if (difference->end != offset + i) {
			end_range(difference);
			difference->first = offset + i;
		}
		difference->end = offset + i + part;
	}
}

static int compare(struct extent *a, struct extent *b, uint64_t size, extent_step *step,
		   char *buffers[2], struct difference *difference)
{
	size_t length;

	for (uint64_t offset = 0; offset < size; offset += length) {
		length = extent_piece(offset, size);
		if (!step(offset, size) || extent_read(a, buffers[0], offset, length) ||
		    extent_read(b, buffers[1], offset, length))
			return -1;
		if (memcmp(buffers[0], buffers[1], length))
			compare_piece(difference, buffers[0], buffers[1], offset, length);
	}
	end_range(difference);
	return 0;
}

int extent_compare(struct extent *a, struct extent *b, uint64_t size, extent_step *step,
		   void (*differs)(uint64_t first, uint64_t length), uint64_t *nr)
{
	struct difference difference = { .differs = differs };
	char *buffers[2] = { extent_buffer(), extent_buffer() };
	int result = -1;

	if (buffers[0] && buffers[1])
		result = compare(a, b, size, step, buffers, &difference);
	*nr = difference.nr;
	free(buffers[0]);
	free(buffers[1]);
	return result;
}
