/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A backup's target and record, from before its job begins until after it has ended. The
 * steps after the first go by the record alone, which its generation names, so that another
 * process can take them. None, "", is fine: the job was begun by hand.
 *
 * LVM is called: no volume group that has to do with it may be locked, nor a device be suspended.
 */
#ifndef CBW_BOOKS_H
#define CBW_BOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "attach.h"
#include "device.h"
#include "target.h"

struct book {
	struct target target;
	struct record record;
	struct record base;	/* of the backup that the target holds, if it is known */
};

struct books_options {
	struct target_rules rules;
	uint64_t chunk_size;	/* bytes */
	uint64_t keep;
	bool checksum;
	bool top;
};

/*
 * Checks the targets that are set in the @nr books, makes them, and writes records that say
 * "incomplete". What was made is gone again if it fails. With --dry-run, prints the lines
 * that make them. 0 or -1, error said.
 */
int books_open(struct book *books, const struct device *volumes, size_t nr,
	       const struct books_options *options);

/* The jobs have begun. 0 or -1, error said. */
int books_begun(struct book *books, size_t nr);

/* As before books_open(): no job has begun, or, if @written, one may have, and has ended. */
void books_drop(struct book *books, size_t nr, bool written);

/*
 * Of the job that the volume @dev has, or of what has been left of one, while the hidden device is
 * there: "" if nothing is known of it.
 */
void books_generation(dev_t dev, char generation[RECORD_ID_MAX]);

/*
 * If the target device of its job is an export whose connection was cut: connects it anew. 0
 * or -1, error said.
 */
int books_reconnect(const struct attachment *at);

enum books_state {
	BOOKS_OPEN,		/* or nothing is known of it */
	BOOKS_COMPLETE,
	BOOKS_ENDED,		/* without being complete */
};

/* What the record says of it, also after the job's table is gone. */
enum books_state books_state(const char *generation);

/* The job has completed, and its table is still there. 0 or -1, error said. */
int books_complete(struct attachment *at, const char *generation);

/*
 * @target has become a copy of the volume @dev just now, without a book: that is a backup, too. 0
 * or -1, error said.
 */
int books_copy(dev_t dev, const struct device *target, uint64_t chunk_size);

/* Why the job has failed, if the target tells more than the job. Returns @text, or NULL. */
const char *books_why(const char *generation, char *text, size_t size);

/*
 * The volume has its own table again, or is gone. What is not complete goes, if it was made new;
 * what is, or was seen to be @complete in the end, gets its checksums, and what is too old goes.
 * 0 or -1, error said.
 */
int books_finish(const char *generation, bool complete);

/* The same for a record that is not finished. */
int books_finish_record(struct record *record);

#endif
