/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices and files that are read and written in large pieces, past the page cache. */
#ifndef CBW_EXTENT_H
#define CBW_EXTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXTENT_PIECE	(1U << 20)

struct extent {
	char *name;
	int fd;
	bool direct;
};

/* Memory for a piece, for free(). NULL, error said. */
char *extent_buffer(void);

/*
 * @flags as for open(). Direct I/O, where the file system has it; a device is read anew
 * from the medium in any case. 0 or -1, error said.
 */
int extent_open(struct extent *extent, const char *path, int flags);
void extent_close(struct extent *extent);

/* All of it. 0 or -1, error said. */
int extent_read(struct extent *extent, char *buffer, uint64_t offset, size_t length);
int extent_write(struct extent *extent, const char *buffer, uint64_t offset, size_t length);

/* Makes a part of a device zero, by the device itself if it can. 0 or -1, error said. */
int extent_zero(struct extent *extent, uint64_t offset, uint64_t length);

/* Are all of these bytes zero? There is one at least. */
bool extent_is_zero(const char *buffer, size_t length);

/* The piece at @offset of what is @size long. */
size_t extent_piece(uint64_t offset, uint64_t size);

/* Is that part of a file a hole? Never of a device. */
bool extent_is_hole(struct extent *extent, uint64_t offset, size_t length);

/* Told how much is done, before each piece. False: stop. */
typedef bool extent_step(uint64_t done, uint64_t size);

/*
 * Calls @differs with each range of the first @size bytes in which the two differ, as
 * long as it can be, in units of 512 bytes. 0, with the number of ranges in @nr, or -1,
 * error said; with nothing said if @step has stopped it.
 */
int extent_compare(struct extent *a, struct extent *b, uint64_t size, extent_step *step,
		   void (*differs)(uint64_t first, uint64_t length), uint64_t *nr);

#endif
