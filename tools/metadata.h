/* SPDX-License-Identifier: GPL-2.0-only */
/* Metadata devices: see Documentation/metadata.rst. */
#ifndef CBW_METADATA_H
#define CBW_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"

#define METADATA_GENERATION_MAX	37

struct metadata {
	char generation[METADATA_GENERATION_MAX];	/* "": none, and the bits mean nothing */
	bool closed;
	uint64_t sectors;		/* of the volume */
	uint32_t chunk_sectors;
	uint64_t nr_changed;		/* chunks */
};

/* All of it. 0, or -1, error said: it is none, or damaged. */
int metadata_read(const char *path, struct metadata *metadata);

/*
 * May the map of @volume, with chunks of that size, be kept there? What is there already is the
 * map of that volume, or nothing; with @force it is overwritten. With --dry-run, prints the line
 * that does so; a device without a number is not there yet. 0 or -1, error said.
 */
int metadata_prepare(const struct device *device, const struct device *volume,
		     uint64_t chunk, bool force);

/* How many bytes the map of so many needs. */
uint64_t metadata_size(uint64_t bytes, uint64_t chunk);

#endif
