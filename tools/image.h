/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that hold a backup, and the loop devices that a job writes to them through. */
#ifndef CBW_IMAGE_H
#define CBW_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file of that size, all hole, mode 0600. What was in it is gone. 0 or -1, error said. */
int image_create(const char *path, uint64_t size);

/*
 * A loop device of the file, with direct I/O if the file system has it. It goes by itself
 * when nobody has it open any more. Returns a descriptor of it, or -1, error said.
 */
int image_attach(const char *path, dev_t *dev);

/* The loop device that has the file open, or 0. */
dev_t image_user(const char *path);

/* Gives back the room of what is all zero. 0 or -1, error said. */
int image_dig_holes(const char *path);

/* Has the file system no room left? */
bool image_is_full(const char *path);

/* Warns if the file may grow to be larger than the room that its file system has. */
void image_warn_of_room(const char *path, uint64_t size);

#endif
