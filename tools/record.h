/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of each backup. A record is one file of the state folder, and goes with
 * the backup as well: as tags of a logical volume that was made for it, and in a file
 * beside an image. It says "incomplete" before anything is written to the target device,
 * and "complete" only after the job has completed.
 */
#ifndef CBW_RECORD_H
#define CBW_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "identity.h"
#include "sums.h"

enum record_kind {
	RECORD_DEVICE,		/* a block device that the user has named */
	RECORD_LV,		/* a logical volume that was made for it */
	RECORD_IMAGE,		/* a file */
	RECORD_NBD,		/* an export of a server */
};

#define RECORD_ID_MAX	37
#define RECORD_TIME_MAX	24

/* The suffix of the file beside an image. */
#define RECORD_SIDECAR	".cbw.json"

struct record {
	char generation[RECORD_ID_MAX];	/* names it for ever */
	char origin[DM_NAME_LEN];	/* as people call it */
	char origin_dm_name[DM_NAME_LEN];
	char origin_dm_uuid[DM_UUID_LEN];
	char fs_type[32];		/* of what the origin carries, or "" */
	char fs_uuid[64];
	char begun[RECORD_TIME_MAX];	/* "2026-01-31T23:59:59Z" */
	char pit[RECORD_TIME_MAX];	/* "" until it has come */
	uint64_t size;			/* bytes */
	uint64_t chunk_size;		/* bytes */
	enum record_kind kind;
	char target[PATH_MAX];		/* path, vg/lv, or nbd://... */
	bool insecure;		/* of RECORD_NBD: the connection need not be encrypted */
	char device[IDENTITY_MAX];	/* of RECORD_DEVICE: what has that path, or "": not known */
	uint64_t keep;		/* of the complete ones, so many are to stay; 0: all */
	bool checksum;		/* is to have checksums */
	bool top;		/* it holds what the file system used; all else is anything */
	char base[RECORD_ID_MAX];	/* generation of the map that it saves; "": it saves all */
	char map[RECORD_ID_MAX];	/* that of the map since its point in time, or "" */
	char mark[SUMS_MARK_MAX];	/* of what a complete one has written, or "": not known */
	bool complete;
	bool finished;		/* nothing of the run is left to do; of the state folder alone */
};

/*
 * Fills in a new record of @origin. Where the backup lies, record_place() tells. 0 or -1, error
 * said.
 */
int record_init(struct record *record, const struct device *origin, uint64_t chunk_size);

/* Makes a new one, of a copy of the backup, of it. There is no run. The same. */
int record_copy(struct record *record);

/* Of RECORD_DEVICE, @device has that path now; it may be NULL for others. */
void record_place(struct record *record, enum record_kind kind, const char *target,
		  const struct device *device);

/*
 * Makes it durable as incomplete, and drops what other records say of the same target. What goes
 * with that of @base, if it is not NULL, stays for record_put_back(), until record_forget(). A
 * logical volume must be there already. 0 or -1, error said: nothing may be written then.
 */
int record_begin(struct record *record, const struct record *base);

/* It has all, whatever the file system uses. 0 or -1, error said. */
int record_all(struct record *record);

/* The point in time is now. 0 or -1, error said. */
int record_pit(struct record *record);

/*
 * The job has completed, and all is on the target device; @map is the generation of the map from
 * its point in time on, or "". 0 or -1, error said.
 */
int record_complete(struct record *record, const char *map);

/* Nothing is left to do for it. 0 or -1, error said. */
int record_finish(struct record *record);

/* Removes it, with its checksums. The tags go with their volume. 0 or -1, error said. */
int record_remove(const struct record *record);

/* Removes it from the state folder, and what goes with it there or beside an image. The same. */
int record_forget(const struct record *record);

/* Nothing was written to the target since the record @begun: that goes, and all is as before. */
int record_put_back(const struct record *record, const struct record *begun);

/*
 * The records of the state folder, oldest first, for free(). Of one that is not finished, what
 * goes with the backup is asked, too: LVM, for a logical volume.
 */
void record_list(struct record **records, size_t *nr);

/*
 * The same, with those that only the tags of a volume tell of: that asks LVM. 0 or -1,
 * error said.
 */
int record_list_all(struct record **records, size_t *nr);

/*
 * The newest record of a backup, which is named by its path, vg/lv, or the beginning of
 * its generation; or of an image without one in the state folder, that in the file beside
 * it. Of several that the name may mean, that of the device which has it now, or else one
 * with just that name. 0; 1: there is none; or -1, error said.
 */
int record_find(const char *backup, struct record *record);

/* The record of that generation in the state folder. False if there is none. */
bool record_get(const char *generation, struct record *record);

/* The same, if something is left to do for it, as it is now, whoever may have gone on with it. */
bool record_left(const char *generation, struct record *record);

/*
 * The newest record of the origin that is not finished, for whoever goes on with what another
 * process has begun. False if there is none.
 */
bool record_unfinished(const struct device *origin, struct record *record);

/*
 * The generation of the map that has all in which the volume differs from it, or "". An incremental
 * one that came to nothing has one, too: the map has got back what that was to save.
 */
const char *record_map(const struct record *record);

/* Was what it lies on made for it? */
bool record_is_made(const struct record *record);

/* Is it a backup of that volume? */
bool record_is_of(const struct record *record, const struct device *origin);

/* Are they backups of the same volume? */
bool record_same_origin(const struct record *a, const struct record *b);

/* Do they lie at the same place? A device is what it is, or if that is not known, its name. */
bool record_same_target(const struct record *a, const struct record *b);

/* Where it is noted what an incremental backup has saved. Returns @path. */
const char *record_ranges_path(const struct record *record, char path[PATH_MAX]);

/* Where the checksums of the backup are, if there are any. Returns @path. */
const char *record_sums_path(const struct record *record, char path[PATH_MAX]);

struct json_object;

/* For json_object_put(). */
struct json_object *record_to_json(const struct record *record);

#endif
