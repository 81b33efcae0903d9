// SPDX-License-Identifier: GPL-2.0-only
/* What a file system does not use; see unused.h. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "say.h"
#include "signature.h"
#include "units.h"
#include "unused.h"

/* Of the superblock of Btrfs, in bytes. */
#define BTRFS_SUPER		65536
#define BTRFS_LOG_ROOT		0x60
#define BTRFS_NUM_DEVICES	0x88
#define BTRFS_HEAD		0x90

/*
 * Those that tests have, but Btrfs. What they use is on the device when they are frozen; until
 * then some of it may be in a journal or log alone, which partclone does not read.
 */
static const char * const known[] = { "ext2", "ext3", "ext4", "f2fs", "vfat", "xfs" };

static bool is_known(const char *type)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(type, known[i]))
			return true;
	}
	return false;
}

static uint64_t number_at(const char *head, size_t offset)
{
	uint64_t number;

	memcpy(&number, head + offset, sizeof(number));
	return le64toh(number);
}

/*
 * It has all that it uses on the device as of its last commit, frozen or not, and a log tree
 * besides if it needs more. 0, or 1 and @why, or -1, error said.
 */
static int check_btrfs(const char *path, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	char head[BTRFS_HEAD];

	if (fd < 0 || pread(fd, head, sizeof(head), BTRFS_SUPER) != sizeof(head)) {
		r = say_error("cannot read %s: %s", path, strerror(errno));
	} else if (number_at(head, BTRFS_NUM_DEVICES) != 1) {
		*why = "its Btrfs has several devices";
		r = 1;
	} else if (number_at(head, BTRFS_LOG_ROOT)) {
		*why = "its Btrfs has a log tree, which partclone does not read";
		r = 1;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

int unused_program(const char *path, bool frozen, char program[UNUSED_PROGRAM_LEN],
		   const char **why)
{
	struct signature signature;

	if (signature_read(path, &signature))
		return -1;
	snprintf(program, UNUSED_PROGRAM_LEN, "partclone.%s", signature.type);
	if (!strcmp(signature.type, "btrfs"))
		return check_btrfs(path, why);
	if (!is_known(signature.type)) {
		*why = "it has no file system of which it is known what that uses";
		return 1;
	}
	*why = "its file system is not mounted from it here, for writing, so it may not be clean";
	return !frozen;
}

/*
 * A mapfile of GNU ddrescue: "+" is used, "?" is not; the line before these has two words. What is
 * behind the last one belongs to no file system. 0, or 1: it is something else.
 */
static int parse(char *map, uint64_t length, struct ranges *unused)
{
	uint64_t start, size, end = 0, bytes = length * SECTOR_SIZE;
	char status, *line;

	while ((line = strsep(&map, "\n"))) {
		if (*line == '#' ||
		    sscanf(line, "%" SCNi64 " %" SCNi64 " %c", &start, &size, &status) != 3)
			continue;
		if (start != end || size % SECTOR_SIZE || !strchr("+?", status))
			return 1;
		end = start + size;
		if (start < bytes && status == '?')
			changes_add(unused, start / SECTOR_SIZE,
				    ((end < bytes ? end : bytes) - start) / SECTOR_SIZE);
	}
	return !end;
}

struct command {
	const char *words[10];
};

/* What is used goes to standard output, as a mapfile, and nothing else is said. */
static struct command domain_of(const char *program, const char *path)
{
	return (struct command) {
		{ program, "-D", "-q", "-L", "/dev/null", "-s", path, "-o", "-", NULL }
	};
}

int unused_read(const char *program, const char *path, uint64_t length, struct ranges *unused,
		const char **why)
{
	const struct command command = domain_of(program, path);
	char *map = child_try(command.words);
	int r = 1;

	*unused = (struct ranges) { 0 };
	if (!map)
		*why = "partclone, which is to tell what its file system uses, is missing or fails";
	else if (parse(map, length, unused))
		*why = "it is not understood what partclone says of its file system";
	else
		r = 0;
	free(map);
	return r;
}

void unused_line(const char *program, const char *path, char *line, size_t size)
{
	const struct command command = domain_of(program, path);
	size_t length = 0;

	for (size_t i = 0; command.words[i] && length < size; i++)
		length += (size_t)snprintf(line + length, size - length, "%s%s", i ? " " : "",
					   command.words[i]);
}
