/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Putting a job under a volume in use, and taking it away.
 *
 * The volume V keeps its name and its users. A copy of its table becomes live on a second,
 * hidden device H, which nobody else uses; the job's table, with H as origin, takes the place
 * in V; at the end a copy of H's table takes it back. These are the steps, each one ioctl, and
 * what device-mapper's state is after each; a tool that is killed leaves one of these states:
 *
 *    step                          V live     V loaded    H
 *    (before)                      own        -           -
 *    1  create H                   own        -           no table
 *    2  load a copy into H         own        -           loaded only
 *    3  resume H                   own        -           live, not open
 *    4  load the job into V        own        job on H    live, open
 *    5  remove H when it is free   own        job on H    live, open, leaving
 *    6  resume V                   job on H   -           live, open, leaving
 *    ... the job runs, and ends
 *    7  load a copy of H into V    job on H   own         live, open, leaving
 *    8  resume V                   own        -           -
 *
 * From step 5 on H goes with the job's table, whoever takes that away: LVM, which gives V
 * another table and then removes what H stands on, does not find it in the way, though the tool
 * is slow, or no more there.
 *
 * Whatever the state is, I/O of V goes through: steps 6 and 8 are the only ones that touch its
 * live table, and each is one ioctl that suspends, swaps and resumes. A signal may interrupt it
 * while it suspends; then nothing is suspended, and V is as before the step. Only if the kernel
 * refuses the swap itself does V stay suspended, with its old table and nothing loaded, until
 * the next ioctl, which resumes it.
 *
 * Where changes are tracked, V has the job track with H as its origin, for as long as wanted:
 * steps 1 to 6 with that in the job's place, and 7 and 8 at the end. A job comes over it by steps
 * 4 and 6, and goes by 7 and 8 with the table of track in the place of the copy of H's: the
 * kernel tells whether changes are tracked beneath it, and H stays.
 *
 * Several volumes have one instant if all are suspended before the first is resumed. Then step
 * 6 is two, and in between V is suspended with the job loaded; group.h tells who resumes it.
 *
 * From the state alone follows what has to be done (repair.c):
 *
 *    V gone                                    remove H
 *    V's live table is the job, not ended      nothing; resume V if it is suspended
 *    V's live table is the job, ended          7, 8
 *    V's live table is track                   nothing, or clear what is loaded, or resume
 *    the job is loaded in V, and not live      clear it, resume V if it is suspended, remove H
 *    neither                                   resume V if it is suspended, remove H
 *    anything else is loaded in V              nothing: somebody else is at work
 *
 * H belongs to V by its UUID: "CBW-" and V's own UUID, or its numbers where it has none.
 */
#ifndef CBW_ATTACH_H
#define CBW_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "mapper.h"

#define ATTACH_PREFIX	"CBW-"		/* of the UUID of H */
#define ATTACH_SUFFIX	"-cbw"		/* of its name, after that which V has then */

struct attachment {
	struct mapper_info volume;
	uint64_t length;		/* sectors */
	char hidden[DM_NAME_LEN];
	char uuid[DM_UUID_LEN];		/* of the hidden device; "": somebody made it by hand */
	char origin[DM_NAME_LEN + 16];	/* major:minor; with --dry-run, a path */
	char target[DM_NAME_LEN + 16];
	char below[DM_NAME_LEN];	/* a device that LVM must find from V on, or "" */
	char keep[256];			/* words, each after a blank: how the map is kept */
	unsigned int nr_keep;		/* how many */
	bool tracked;			/* V has the job track, and H is there */
};

/* What the table line has besides the devices. */
struct attach_job {
	const char *kind;
	uint64_t chunk_sectors;
	unsigned int nr;		/* words */
	const char *words;		/* each with a blank before it */
};

enum attach_state {
	ATTACH_NONE,		/* neither */
	ATTACH_TRACKED,		/* changes are tracked, and there is no job */
	ATTACH_LOADED,		/* the table of one of the two is loaded and not live */
	ATTACH_LIVE,		/* it is live */
	ATTACH_FOREIGN,		/* the table that is loaded is not ours */
};

/* Can a job be attached? Fills in @at, and refuses with the reason. */
int attach_check(struct attachment *at, const struct device *volume);

/* With --dry-run neither this one nor a metadata device need be there yet. */
void attach_set_target(struct attachment *at, const struct device *target);

/* Steps 1 to 5. What it has done is undone if it fails. */
int attach_load(struct attachment *at, const struct attach_job *job);

/* The map is to be kept on that device; @policy is a word of on_metadata_error, or NULL. */
void attach_keep(struct attachment *at, const struct device *metadata, const char *policy);

/* The same with the table that tracks changes, for a V whose changes are not tracked yet. */
int attach_load_track(struct attachment *at, uint64_t chunk_sectors);

/* Before step 6: has nobody changed V since step 1? */
int attach_confirm(struct attachment *at);

/* Step 6: the point in time. The same. */
int attach_start(struct attachment *at);

/* Back to before step 1, from 5 or an earlier one. */
int attach_undo(struct attachment *at);

/* Steps 7 and 8, whatever has become of the job. If V has another table or is gone, H alone. */
int attach_end(struct attachment *at);

/* From ATTACH_TRACKED to V's own table. */
int attach_detach(struct attachment *at);

/* Finds the job of a volume, or that its changes are tracked. 1: neither, or the volume is gone. */
int attach_find(struct attachment *at, const struct mapper_info *volume);

/* The same by any name of the volume; it is an error if neither is so. */
int attach_find_named(struct attachment *at, const char *name);

/* It is an error as well if there is no job. */
int attach_find_job(struct attachment *at, const char *name);

/* Is V gone? If not, @at has its name, which may be another by now. */
bool attach_is_gone(struct attachment *at);

/* Is V's live table that of the job, of all jobs with these devices? -1 if V is gone. */
int attach_is_live(struct attachment *at, bool *live);

/* For the hidden device that @uuid is of: which volume it belongs to. 1 if that is gone. */
int attach_owner(const char *uuid, struct mapper_info *volume);

/*
 * A volume without a UUID is known by its name, which may be another by now. Here it gets back
 * that which it had when its hidden device was made, as long as that is there.
 */
void attach_former_name(struct device *volume);

/* The target device. 0 or -1, error said. */
int attach_target(const struct attachment *at, struct device *target);

/* A name of it for people. Returns @text. */
const char *attach_target_name(const struct attachment *at, char text[DM_NAME_LEN]);

/* The state of V. -1 if it is gone, or cannot be read. */
int attach_state(struct attachment *at, enum attach_state *state);

#endif
