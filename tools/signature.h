/* SPDX-License-Identifier: GPL-2.0-only */
/* What a device carries, as libblkid sees it. */
#ifndef CBW_SIGNATURE_H
#define CBW_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "sysfs.h"

struct signature {
	char type[32];		/* "ext4", "LVM2_member"; "" if there is none */
	char uuid[64];		/* or "" */
	char table[16];		/* type of a partition table, or "" */
	bool ambivalent;	/* there are several that exclude each other */
};

/* 0 or -1, error said. */
int signature_read(const char *path, struct signature *signature);

/* Does it carry anything? */
bool signature_found(const struct signature *signature);

/* What it is, for a sentence: "an ext4 file system (UUID ...)". */
const char *signature_text(const struct signature *signature, char *text, size_t size);

/* Adds the devices that have that value of "UUID" or "LABEL". 0 or -1, error said. */
int signature_find(const char *tag, const char *value, struct dev_set *set);

#endif
