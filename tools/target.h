/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a backup goes: a device that the user names, a new logical volume, a file, or an export of
 * an NBD server. In the order of the functions:
 *
 *  target_device() or target_to(), or target_reuse()   for each volume
 *  target_check()                   nothing is written yet
 *  target_prepare()                 now there is a device
 *  record_begin()                   durably incomplete
 *  ...                              the job; once it has its table, target_hand_over()
 *  record_complete()                if it has completed; then its table goes
 *  target_finish()                  whatever has happened
 *  target_prune()                   after a success
 */
#ifndef CBW_TARGET_H
#define CBW_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "record.h"

struct target {
	enum record_kind kind;
	char name[PATH_MAX];	/* as in a record */
	struct device device;	/* what the job writes to, from target_prepare() on */
	bool insecure;		/* of RECORD_NBD: the connection may be */
	int keeper;		/* keeps a loop device, or a connection, for the job, or -1 */
	bool reused;		/* holds the backup that this one goes on from, and stays */
};

struct target_rules {
	bool force;		/* what is on the target device may go */
	bool overwrite;		/* even if it is the only complete backup of a volume */
	bool zero;		/* it must be known to read as zeroes, or be made so */
	bool commit;		/* it is the base of the origin: see overlay.h */
};

/* The device @name. 0 or -1, error said. */
int target_device(const char *name, struct target *target);

/*
 * @to is a volume group, for a new volume "<lv>-cbw-<UTC>"; a folder, for a new image of
 * such a name; the path of an image; or the name of an export, as nbd.h has it, which is connected
 * then, @insecure or not. 0 or -1, error said.
 */
int target_to(const char *to, bool insecure, const struct device *origin, struct target *target);

/* That of a backup which an incremental one goes on from. 0 or -1, error said. */
int target_reuse(const struct record *base, struct target *target);

/*
 * May the backup of @origin, one of all @nr @origins that have one point in time, be
 * written there? What never goes: it is too small, read-only, mounted, swap or opened
 * exclusively, or what it stands on meets an origin, whose copy-before-write would wait
 * for itself. What goes with @rules: it carries something, or something stands on it.
 * Warns when something refers to the file system by a UUID that there will be twice.
 * @origin may be of another machine: then it has a name and a size, and no number. 0 or -1, error
 * said.
 */
int target_check(const struct target *target, const struct device *origin,
		 const struct device *origins, size_t nr, const struct target_rules *rules);

/*
 * Makes what is not there yet, for @size bytes; a reused one becomes active. 0 or -1, error said;
 * nothing is left then.
 */
int target_prepare(struct target *target, uint64_t size);

/* With --dry-run: prints the lines that do the same, and fills in the device as it will be. */
void target_plan(struct target *target, uint64_t size);

/* The job's table has the device open: a loop device, or a connection, lasts as long as that. */
void target_hand_over(struct target *target);

/* That of a run that another process has begun, for target_finish(). */
void target_of_record(const struct record *record, struct target *target);

/* Is there no room left where the image lies? What has failed then needs no other reason. */
bool target_is_full(const struct target *target);

/*
 * No table has the device open any more. What a run that was not @complete has made goes;
 * a volume is deactivated, a new image gets holes where it is zero. 0 or -1, error said.
 */
int target_finish(struct target *target, bool complete);

/* Is the backup still where its record says? If it is an export, it is connected for the answer. */
bool target_is_there(const struct record *record);

/* May the backup be on the device? */
bool target_may_hold(const struct device *device, const struct record *record);

/*
 * Where a backup that is there, and active, can be read. Of an export, until *@keeper, which else
 * is -1, is closed. 0 or -1, error said.
 */
int target_path(const struct record *record, char path[PATH_MAX], int *keeper);

/*
 * After @record became complete: of the volumes or images with backups of the same origin
 * only the newest @keep complete ones stay. 0 or -1, error said.
 */
int target_prune(const struct record *record, uint64_t keep);

#endif
