/* SPDX-License-Identifier: GPL-2.0-only */
/* Logical volumes that backups are made to, through the commands of LVM. */
#ifndef CBW_LVM_H
#define CBW_LVM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sysfs.h"

/* LVM allows 128 for the name of a volume group, of a volume, and 1024 for a tag. */
#define LVM_NAME_MAX	256
#define LVM_TAGS_MAX	4096

struct lv {
	char name[LVM_NAME_MAX];	/* vg/lv */
	uint64_t size;			/* bytes */
	char tags[LVM_TAGS_MAX];	/* with commas between */
	bool active;
	bool skipped;			/* by what activates all */
};

/* Is there a volume group of that name? 1, 0, or -1, error said. */
int lvm_is_vg(const char *name);

/* Adds the devices that the volume group lies on. 0 or -1, error said. */
int lvm_add_pvs(const char *vg, struct dev_set *set);

/*
 * The volumes that @selection of "lvs -S" finds; for free(). 0 or -1, error said. LVM's
 * commands look at all disks: do not call it while a device is suspended.
 */
int lvm_find(const char *selection, struct lv **lvs, size_t *nr);

/* The volume "vg/lv". 0; 1: there is none; or -1, error said. */
int lvm_get(const char *name, struct lv *lv);

/*
 * Makes "vg/lv", inactive, and to stay so unless asked for by name. Nothing of it is
 * zeroed or wiped. Rounds up to extents. 0 or -1, error said.
 */
int lvm_create(const char *name, uint64_t size, const char *tag);

/* 0 or -1, error said. */
int lvm_activate(const char *name);
int lvm_deactivate(const char *name);
int lvm_remove(const char *name);

/* Is it @skipped by what activates all, as a boot does? The same. */
int lvm_skip(const char *name, bool skipped);

/* @lv of @vg, also while it is in use, gets the @name. The same. */
int lvm_rename(const char *vg, const char *lv, const char *name);

/* Takes off the tags in @del and puts on those in @add, in one go; both end with NULL. */
int lvm_tag(const char *name, const char *const del[], const char *const add[]);

#endif
