/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A block device, or a plain file that stands for one in the self-test.
 */
#ifndef ORACLE_DEVICE_H
#define ORACLE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum device_access {
	DEVICE_READ,		/* direct: never what a page cache remembers */
	DEVICE_DIRECT,		/* direct reads and writes */
	DEVICE_BUFFERED,	/* through the page cache; a write is synced when it returns */
};

struct device {
	int fd;
	const char *path;
	bool is_block;
	uint64_t bytes;
};

/* Ends the program when the device cannot be used with @block_size. */
void device_open(struct device *dev, const char *path, enum device_access access,
		 uint32_t block_size);
void device_close(struct device *dev);

/* All or nothing: false, with errno set, when not every byte was transferred. */
bool device_read(const struct device *dev, void *buf, size_t len, uint64_t at);
bool device_write(const struct device *dev, const void *buf, size_t len, uint64_t at);
bool device_zero(const struct device *dev, uint64_t len, uint64_t at);
bool device_discard(const struct device *dev, uint64_t len, uint64_t at);

/* Memory fit for direct I/O. */
void *device_buffer(size_t len);

#endif
