/* SPDX-License-Identifier: GPL-2.0-only */
/* LVM's metadata of a volume group, as the text that vgcfgbackup writes and vgcfgrestore reads. */
#ifndef CBW_VGTEXT_H
#define CBW_VGTEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of it. */
struct span {
	const char *begin;
	size_t length;
};

/* All that is said of the logical volume, with its name. False: there is none of that name. */
bool vgtext_volume(const char *text, const char *lv, struct span *volume);

/* Its segments, of what vgtext_volume() has found. False if it is not understood. */
bool vgtext_segments(const struct span *volume, struct span *segments);

/* Are they only extents, in a row or striped: no layer that other volumes have to do with? */
bool vgtext_is_simple(const struct span *segments);

bool vgtext_same(const struct span *a, const struct span *b);

/* These two are for free(), and NULL if there is no memory. With @a and @b exchanged: */
char *vgtext_exchange(const char *text, struct span a, struct span b);

/* With @new in the place of @old: */
char *vgtext_replace(const char *text, const struct span *old, const struct span *new);

/*
 * The same volume with another name, and a UUID that nobody has, to be activated only if it is
 * asked for by name: in @renamed, whose text is for free(). False if that cannot be.
 */
bool vgtext_rename(const struct span *volume, const char *name, struct span *renamed);

#endif
