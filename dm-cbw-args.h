/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of a table line: parsed, checked one by one, and printed again.
 * What they mean together with the devices is the constructor's to check.
 */
#ifndef DM_CBW_ARGS_H
#define DM_CBW_ARGS_H

#include <linux/types.h>

#define CBW_CHUNK_MIN		8U		/* sectors: 4 KiB */
#define CBW_CHUNK_MAX		2097152U	/* sectors: 1 GiB */
#define CBW_CHUNK_BUFFERED	2048U		/* sectors: 1 MiB; kcopyd above it */
#define CBW_WORKERS_MAX		64U
#define CBW_BUFFER_UNIT		128U		/* sectors: 64 KiB */

enum cbw_kind_of_job { CBW_BACKUP, CBW_TRACK, CBW_MIRROR };
enum cbw_sync {
	CBW_SYNC_FULL, CBW_SYNC_NONE, CBW_SYNC_INCREMENTAL, CBW_SYNC_TOP, CBW_SYNC_BITMAP
};

enum cbw_bitmap_mode { CBW_ON_SUCCESS, CBW_ALWAYS, CBW_NEVER };
enum cbw_on_cbw_error { CBW_BREAK_SNAPSHOT, CBW_BREAK_WRITE };
enum cbw_on_error { CBW_REPORT, CBW_IGNORE, CBW_STOP, CBW_ENOSPC };
enum cbw_on_metadata_error { CBW_BREAK_MAP, CBW_FAIL_WRITE };
enum cbw_copy_mode { CBW_BACKGROUND, CBW_WRITE_BLOCKING };
enum cbw_engine_kind { CBW_KCOPYD, CBW_BUFFERED };
enum cbw_release { CBW_RELEASE_SAVED, CBW_RELEASE_SAFE };
enum cbw_zeroes { CBW_ZEROES_COPY, CBW_ZEROES_WRITE, CBW_ZEROES_SKIP };
enum cbw_discard { CBW_DISCARD_SKIP, CBW_DISCARD_COPY };

enum cbw_feature {
	CBW_FEATURE_SYNC,
	CBW_FEATURE_BITMAP_MODE,
	CBW_FEATURE_ON_CBW_ERROR,
	CBW_FEATURE_CBW_TIMEOUT,
	CBW_FEATURE_ON_SOURCE_ERROR,
	CBW_FEATURE_ON_TARGET_ERROR,
	CBW_FEATURE_SPEED,
	CBW_FEATURE_MIN_SPEED,
	CBW_FEATURE_TARGET_LATENCY,
	CBW_FEATURE_WORKERS,
	CBW_FEATURE_MAX_COPY,
	CBW_FEATURE_ENGINE,
	CBW_FEATURE_BUF_SIZE,
	CBW_FEATURE_RELEASE,
	CBW_FEATURE_ZEROES,
	CBW_FEATURE_DISCARD,
	CBW_FEATURE_COPY_MODE,
	CBW_FEATURE_METADATA,
	CBW_FEATURE_ON_METADATA_ERROR,
	CBW_FEATURE_BELOW,
	CBW_FEATURE_PAUSED,
	CBW_NR_FEATURES
};

struct cbw_args {
	unsigned int chunk;			/* sectors */
	enum cbw_kind_of_job job;
	unsigned int value[CBW_NR_FEATURES];	/* the default, if not given */
	unsigned long given;			/* features, by bit number */
	const char *device[CBW_NR_FEATURES];	/* of those that take one: a word of @argv */
};

/*
 * All words but the two devices: @argv begins with the chunk size and has two
 * words at least. -EINVAL and *@error, in user words.
 */
int cbw_args_parse(struct cbw_args *args, unsigned int argc, char **argv,
		   char **error);

/*
 * Set the feature @name, in any case of its letters, to @word, as a message does.
 * -ENOENT if a message can set none of that name; -EINVAL and *@error, in user
 * words.
 */
int cbw_args_tune(struct cbw_args *args, const char *name, const char *word,
		  char **error);

/* Sectors in whole units that half of the buffer has, for engine buffered. */
unsigned int cbw_args_half_buffer(const struct cbw_args *args);

/* The word that stands for the job. */
const char *cbw_args_job(const struct cbw_args *args);

/* The word that stands for the value of @feature, which takes words. */
const char *cbw_args_word(const struct cbw_args *args, enum cbw_feature feature);

/* Print "<#feature args> ..." as the table line has it. Returns the length. */
size_t cbw_args_emit(const struct cbw_args *args, char *result, size_t maxlen);

#endif
