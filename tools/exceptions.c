// SPDX-License-Identifier: GPL-2.0-only
/* What a dm-snapshot holds; see exceptions.h. */
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>

#include "device.h"
#include "exceptions.h"
#include "extent.h"
#include "say.h"
#include "units.h"

#define MAGIC		0x70416e53	/* "SnAp" */
#define VERSION		1

/* As it lies in the first chunk of the store. */
struct header {
	uint32_t magic;
	uint32_t valid;
	uint32_t version;
	uint32_t chunk_sectors;
};

/* A chunk is full of these, then come as many with data, and so on; the first empty one ends it. */
struct exception {
	uint64_t old_chunk;
	uint64_t new_chunk;	/* 0: there is none */
};

struct store {
	struct extent extent;
	char *buffer;
	uint32_t chunk_sectors;
};

static int read_header(struct store *store)
{
	const struct header *header = (const void *)store->buffer;
	uint32_t sectors;

	if (extent_read(&store->extent, store->buffer, 0, 4096))
		return -1;
	sectors = le32toh(header->chunk_sectors);
	if (le32toh(header->magic) != MAGIC || le32toh(header->version) != VERSION ||
	    le32toh(header->valid) != 1 || sectors < 8 || sectors > EXTENT_PIECE / SECTOR_SIZE)
		return say_error("what %s holds is not understood", store->extent.name);
	store->chunk_sectors = sectors;
	return 0;
}

/* 0; 1: it was the last one; or -1, error said. */
static int read_area(struct store *store, uint64_t area, exceptions_holds *holds, void *data)
{
	const struct exception *exceptions = (const void *)store->buffer;
	size_t size = (size_t)store->chunk_sectors * SECTOR_SIZE;
	size_t nr = size / sizeof(*exceptions);

	if (extent_read(&store->extent, store->buffer, (1 + area * (nr + 1)) * size, size))
		return -1;
	for (size_t i = 0; i < nr; i++) {
		if (!exceptions[i].new_chunk)
			return 1;
		holds(data, le64toh(exceptions[i].old_chunk) * store->chunk_sectors,
		      store->chunk_sectors);
	}
	return 0;
}

static int read_all(struct store *store, exceptions_holds *holds, void *data)
{
	int r = read_header(store);

	for (uint64_t area = 0; !r; area++)
		r = read_area(store, area, holds, data);
	return r > 0 ? 0 : r;
}

int exceptions_read(dev_t store_dev, exceptions_holds *holds, void *data)
{
	struct store store = { .buffer = extent_buffer() };
	struct device device;
	int r = -1;

	if (store.buffer && !device_of(store_dev, &device) &&
	    !extent_open(&store.extent, device.path, O_RDONLY)) {
		r = read_all(&store, holds, data);
		extent_close(&store.extent);
	}
	free(store.buffer);
	return r;
}
