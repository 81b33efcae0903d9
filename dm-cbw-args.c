// SPDX-License-Identifier: GPL-2.0-only
/*
 * The words of a table line; see dm-cbw-args.h for the contract.
 */
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/device-mapper.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/string.h>

#include "dm-cbw.h"
#include "dm-cbw-args.h"

/* A feature is a flag, or takes one of some words, a number in a range, or a device. */
struct feature {
	const char *name;
	const char * const *words;
	unsigned int min, max;
	unsigned int preset;
	bool tunable;		/* by a message, too */
	bool rises;		/* but not to a word before the one that it has */
	bool device;
	char *bad_value;
	char *twice;
	char *no_value;
};

#define FEATURE(_name, _values)						\
	.name = _name,							\
	.bad_value = "Feature " _name " takes " _values,		\
	.twice = "Feature " _name " is given twice",			\
	.no_value = "Feature " _name " needs a value: " _values

static const char * const job_words[] = { "backup", "track", "mirror", NULL };

static const char * const sync_words[] = {
	"full", "none", "incremental", "top", "bitmap", NULL
};

static const char * const bitmap_mode_words[] = {
	"on-success", "always", "never", NULL
};

static const char * const on_cbw_error_words[] = {
	"break-snapshot", "break-write", NULL
};

static const char * const on_error_words[] = {
	"report", "ignore", "stop", "enospc", NULL
};

static const char * const on_metadata_error_words[] = {
	"break-map", "break-write", NULL
};

static const char * const copy_mode_words[] = { "background", "write-blocking", NULL };

static const char * const engine_words[] = { "kcopyd", "buffered", NULL };

static const char * const release_words[] = { "saved", "safe", NULL };

static const char * const zeroes_words[] = { "copy", "write-zeroes", "skip", NULL };

static const char * const discard_words[] = { "skip", "copy", NULL };

static const struct feature features[CBW_NR_FEATURES] = {
	[CBW_FEATURE_SYNC] = {
		FEATURE("sync", "full, top, bitmap, incremental or none"),
		.words = sync_words,
	},
	[CBW_FEATURE_BITMAP_MODE] = {
		FEATURE("bitmap_mode", "on-success, always or never"),
		.words = bitmap_mode_words,
	},
	[CBW_FEATURE_ON_CBW_ERROR] = {
		FEATURE("on_cbw_error", "break-snapshot or break-write"),
		.words = on_cbw_error_words,
	},
	[CBW_FEATURE_CBW_TIMEOUT] = {
		FEATURE("cbw_timeout", "milliseconds, 0 to 4294967295"),
		.max = UINT_MAX,
		.preset = 30000,
	},
	[CBW_FEATURE_ON_SOURCE_ERROR] = {
		FEATURE("on_source_error", "report, ignore, stop or enospc"),
		.words = on_error_words,
	},
	[CBW_FEATURE_ON_TARGET_ERROR] = {
		FEATURE("on_target_error", "report, ignore, stop or enospc"),
		.words = on_error_words,
	},
	[CBW_FEATURE_SPEED] = {
		FEATURE("speed", "KiB/s, 0 to 4294967295"),
		.max = UINT_MAX,
		.tunable = true,
	},
	[CBW_FEATURE_MIN_SPEED] = {
		FEATURE("min_speed", "KiB/s, 1 to 4294967295"),
		.min = 1,
		.max = UINT_MAX,
		.preset = 1024,
		.tunable = true,
	},
	[CBW_FEATURE_TARGET_LATENCY] = {
		FEATURE("target_latency", "microseconds, 0 to 4294967295"),
		.max = UINT_MAX,
		.tunable = true,
	},
	[CBW_FEATURE_WORKERS] = {
		FEATURE("workers", "a number, 1 to 64"),
		.min = 1,
		.max = CBW_WORKERS_MAX,
		.preset = 16,
		.tunable = true,
	},
	[CBW_FEATURE_MAX_COPY] = {
		FEATURE("max_copy", "sectors, one chunk to 2097152"),
		.min = CBW_CHUNK_MIN,
		.max = CBW_CHUNK_MAX,
		.preset = 2048,
	},
	[CBW_FEATURE_ENGINE] = {
		FEATURE("engine", "kcopyd or buffered"),
		.words = engine_words,
	},
	[CBW_FEATURE_BUF_SIZE] = {
		FEATURE("buf_size", "KiB, 128 to 1048576"),
		.min = 128,
		.max = 1048576,
		.preset = 16384,
	},
	[CBW_FEATURE_RELEASE] = {
		FEATURE("release", "saved or safe"),
		.words = release_words,
	},
	[CBW_FEATURE_ZEROES] = {
		FEATURE("zeroes", "copy, write-zeroes or skip"),
		.words = zeroes_words,
	},
	[CBW_FEATURE_DISCARD] = {
		FEATURE("discard", "skip or copy"),
		.words = discard_words,
	},
	[CBW_FEATURE_COPY_MODE] = {
		FEATURE("copy_mode", "background or write-blocking"),
		.words = copy_mode_words,
		.tunable = true,
		.rises = true,
	},
	[CBW_FEATURE_METADATA] = {
		FEATURE("metadata", "a device"),
		.device = true,
	},
	[CBW_FEATURE_ON_METADATA_ERROR] = {
		FEATURE("on_metadata_error", "break-map or break-write"),
		.words = on_metadata_error_words,
	},
	[CBW_FEATURE_BELOW] = {
		FEATURE("below", "a device"),
		.device = true,
	},
	[CBW_FEATURE_PAUSED] = {
		.name = "paused",
		.twice = "Feature paused is given twice",
	},
};

static bool is_flag(const struct feature *feature)
{
	return !feature->words && !feature->max && !feature->device;
}

/* kstrtouint() would take a sign. */
static int parse_number(const char *word, unsigned int *number)
{
	return isdigit(*word) ? kstrtouint(word, 10, number) : -EINVAL;
}

/* Which of the words it is. */
static int parse_word(const char * const *words, const char *word, unsigned int *value)
{
	unsigned int i;

	for (i = 0; words[i]; i++) {
		if (!strcmp(word, words[i])) {
			*value = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_value(const struct feature *feature, const char *word,
		       unsigned int *value)
{
	unsigned int i;

	if (feature->words)
		return parse_word(feature->words, word, value);

	if (parse_number(word, &i) || i < feature->min || i > feature->max)
		return -EINVAL;
	*value = i;
	return 0;
}

static int set_value(struct cbw_args *args, enum cbw_feature feature,
		     const char *word, char **error)
{
	unsigned int value;

	if (parse_value(&features[feature], word, &value)) {
		*error = features[feature].bad_value;
		return -EINVAL;
	}

	WRITE_ONCE(args->value[feature], value);
	set_bit(feature, &args->given);
	return 0;
}

static bool would_fall(const struct cbw_args *args, enum cbw_feature feature, const char *word)
{
	unsigned int value;

	return features[feature].rises && !parse_value(&features[feature], word, &value) &&
	       value < args->value[feature];
}

static int tune(struct cbw_args *args, enum cbw_feature feature, const char *word, char **error)
{
	if (would_fall(args, feature, word)) {
		*error = "it cannot be changed back";
		return -EINVAL;
	}
	return set_value(args, feature, word, error);
}

int cbw_args_tune(struct cbw_args *args, const char *name, const char *word,
		  char **error)
{
	enum cbw_feature i;

	for (i = 0; i < CBW_NR_FEATURES; i++)
		if (features[i].tunable && !strcasecmp(name, features[i].name))
			return tune(args, i, word, error);
	return -ENOENT;
}

const char *cbw_args_word(const struct cbw_args *args, enum cbw_feature feature)
{
	return features[feature].words[args->value[feature]];
}

static int parse_feature(struct cbw_args *args, struct dm_arg_set *as, char **error)
{
	const char *name = dm_shift_arg(as), *word;
	enum cbw_feature i;

	for (i = 0; i < CBW_NR_FEATURES; i++)
		if (!strcmp(name, features[i].name))
			break;

	if (i == CBW_NR_FEATURES) {
		DMERR("unknown feature \"%s\"", name);
		*error = "Unknown feature";
		return -EINVAL;
	}
	if (test_bit(i, &args->given)) {
		*error = features[i].twice;
		return -EINVAL;
	}
	if (is_flag(&features[i])) {
		set_bit(i, &args->given);
		return 0;
	}

	word = dm_shift_arg(as);
	if (!word) {
		*error = features[i].no_value;
		return -EINVAL;
	}
	if (features[i].device) {
		args->device[i] = word;
		set_bit(i, &args->given);
		return 0;
	}
	return set_value(args, i, word, error);
}

static int parse_features(struct cbw_args *args, struct dm_arg_set *as, char **error)
{
	const char *word = dm_shift_arg(as);
	unsigned int count;
	int r;

	if (!word)
		return 0;

	if (parse_number(word, &count)) {
		*error = "The number of feature words must follow the job";
		return -EINVAL;
	}
	if (count != as->argc) {
		*error = "The number of feature words is not the number given";
		return -EINVAL;
	}
	while (as->argc) {
		r = parse_feature(args, as, error);
		if (r)
			return r;
	}
	return 0;
}

static int parse_chunk(struct cbw_args *args, const char *word, char **error)
{
	if (parse_number(word, &args->chunk) ||
	    !is_power_of_2(args->chunk) ||
	    args->chunk < CBW_CHUNK_MIN || args->chunk > CBW_CHUNK_MAX) {
		*error = "Chunk size must be a power of two, 8 to 2097152 sectors";
		return -EINVAL;
	}
	return 0;
}

static void set_presets(struct cbw_args *args)
{
	enum cbw_feature i;

	args->given = 0;
	for (i = 0; i < CBW_NR_FEATURES; i++)
		args->value[i] = features[i].preset;
}

/* A chunk is the smallest copy, whatever max_copy says when it is not given. */
static int check_max_copy(struct cbw_args *args, char **error)
{
	unsigned int *max_copy = &args->value[CBW_FEATURE_MAX_COPY];

	if (*max_copy >= args->chunk)
		return 0;

	if (test_bit(CBW_FEATURE_MAX_COPY, &args->given)) {
		*error = "Feature max_copy must not be less than the chunk size";
		return -EINVAL;
	}
	*max_copy = args->chunk;
	return 0;
}

unsigned int cbw_args_half_buffer(const struct cbw_args *args)
{
	/* Half of so many KiB are as many sectors. */
	return args->value[CBW_FEATURE_BUF_SIZE] / CBW_BUFFER_UNIT * CBW_BUFFER_UNIT;
}

/* What only the engine with buffers can do. */
#define OF_BUFFERED	(BIT(CBW_FEATURE_BUF_SIZE) | BIT(CBW_FEATURE_RELEASE) | \
			 BIT(CBW_FEATURE_ZEROES))

/* Buffers cost less, but those of the default size hold few chunks that are large. */
static void choose_engine(struct cbw_args *args)
{
	if (test_bit(CBW_FEATURE_ENGINE, &args->given))
		return;

	args->value[CBW_FEATURE_ENGINE] =
		args->given & OF_BUFFERED || args->chunk <= CBW_CHUNK_BUFFERED ?
		CBW_BUFFERED : CBW_KCOPYD;
}

/* The sweep has one half of the buffer, and must be able to copy a chunk in it. */
static int check_buffer(const struct cbw_args *args, char **error)
{
	if (args->value[CBW_FEATURE_ENGINE] == CBW_KCOPYD) {
		if (!(args->given & OF_BUFFERED))
			return 0;
		*error = "Features buf_size, release and zeroes need engine buffered";
		return -EINVAL;
	}
	if (cbw_args_half_buffer(args) < args->chunk) {
		*error = "Feature buf_size must hold two chunks";
		return -EINVAL;
	}
	return 0;
}

static int check_engine(struct cbw_args *args, char **error)
{
	choose_engine(args);
	/* When such a write goes on nobody knows yet whether it should fail. */
	if (args->value[CBW_FEATURE_RELEASE] == CBW_RELEASE_SAFE &&
	    args->value[CBW_FEATURE_ON_CBW_ERROR] == CBW_BREAK_WRITE) {
		*error = "Feature release safe and on_cbw_error break-write exclude each other";
		return -EINVAL;
	}
	/* There is something else on the target device. */
	if (args->value[CBW_FEATURE_ZEROES] == CBW_ZEROES_SKIP &&
	    (args->job == CBW_MIRROR ||
	     args->value[CBW_FEATURE_SYNC] == CBW_SYNC_INCREMENTAL)) {
		*error = "Feature zeroes skip needs job backup, and not sync incremental";
		return -EINVAL;
	}
	return check_buffer(args, error);
}

/* Half of a full backup is nothing that an incremental one could build upon. */
static int check_bitmap_mode(const struct cbw_args *args, char **error)
{
	enum cbw_sync sync = args->value[CBW_FEATURE_SYNC];

	if (!test_bit(CBW_FEATURE_BITMAP_MODE, &args->given) || sync == CBW_SYNC_INCREMENTAL)
		return 0;
	if (sync == CBW_SYNC_NONE || sync == CBW_SYNC_BITMAP) {
		*error = "Feature bitmap_mode needs sync full, top or incremental";
		return -EINVAL;
	}
	if (args->value[CBW_FEATURE_BITMAP_MODE] == CBW_ALWAYS) {
		*error = "Feature bitmap_mode always needs sync incremental";
		return -EINVAL;
	}
	return 0;
}

#define OF_TRACK	(BIT(CBW_FEATURE_METADATA) | BIT(CBW_FEATURE_ON_METADATA_ERROR) | \
			 BIT(CBW_FEATURE_CBW_TIMEOUT) | BIT(CBW_FEATURE_BELOW))

static int check_tracking(const struct cbw_args *args, char **error)
{
	if (args->job == CBW_TRACK && args->given & ~OF_TRACK) {
		*error = "Job track takes only metadata, on_metadata_error, cbw_timeout and below";
		return -EINVAL;
	}
	if (args->job == CBW_TRACK && test_bit(CBW_FEATURE_CBW_TIMEOUT, &args->given) &&
	    !test_bit(CBW_FEATURE_METADATA, &args->given)) {
		*error = "Feature cbw_timeout of job track needs feature metadata";
		return -EINVAL;
	}
	if (test_bit(CBW_FEATURE_ON_METADATA_ERROR, &args->given) &&
	    !test_bit(CBW_FEATURE_METADATA, &args->given)) {
		*error = "Feature on_metadata_error needs feature metadata";
		return -EINVAL;
	}
	return 0;
}

#define OF_BACKUP	(BIT(CBW_FEATURE_ON_CBW_ERROR) | BIT(CBW_FEATURE_DISCARD) | \
			 BIT(CBW_FEATURE_BITMAP_MODE) | BIT(CBW_FEATURE_RELEASE))

/* What only one of the jobs that copy can do. */
static int check_kind(const struct cbw_args *args, char **error)
{
	if (args->job == CBW_MIRROR && args->given & OF_BACKUP) {
		*error = "Job mirror takes no on_cbw_error, discard, bitmap_mode or release";
		return -EINVAL;
	}
	if (args->job == CBW_BACKUP && test_bit(CBW_FEATURE_COPY_MODE, &args->given)) {
		*error = "Feature copy_mode needs job mirror";
		return -EINVAL;
	}
	return 0;
}

static int check_features(struct cbw_args *args, char **error)
{
	return check_tracking(args, error) ?: check_kind(args, error) ?:
	       check_bitmap_mode(args, error) ?: check_max_copy(args, error) ?:
	       check_engine(args, error);
}

static int parse_job(struct cbw_args *args, const char *word, char **error)
{
	unsigned int job;

	if (parse_word(job_words, word, &job)) {
		*error = "Job must be backup, mirror or track";
		return -EINVAL;
	}
	args->job = job;
	return 0;
}

const char *cbw_args_job(const struct cbw_args *args)
{
	return job_words[args->job];
}

int cbw_args_parse(struct cbw_args *args, unsigned int argc, char **argv,
		   char **error)
{
	struct dm_arg_set as = { .argc = argc, .argv = argv };
	int r;

	set_presets(args);
	r = parse_chunk(args, dm_shift_arg(&as), error);
	if (!r)
		r = parse_job(args, dm_shift_arg(&as), error);
	if (!r)
		r = parse_features(args, &as, error);
	return r ?: check_features(args, error);
}

static unsigned int count_words(unsigned long given)
{
	unsigned int words = 0;
	enum cbw_feature i;

	for (i = 0; i < CBW_NR_FEATURES; i++)
		if (test_bit(i, &given))
			words += is_flag(&features[i]) ? 1 : 2;
	return words;
}

size_t cbw_args_emit(const struct cbw_args *args, char *result, size_t maxlen)
{
	/* A message may add one at any time. */
	unsigned long given = READ_ONCE(args->given);
	size_t sz = 0;	/* of DMEMIT */
	enum cbw_feature i;

	DMEMIT("%u", count_words(given));
	for (i = 0; i < CBW_NR_FEATURES; i++) {
		if (!test_bit(i, &given))
			continue;

		DMEMIT(" %s", features[i].name);
		if (features[i].words)
			DMEMIT(" %s", cbw_args_word(args, i));
		else if (features[i].device)
			DMEMIT(" %s", args->device[i]);
		else if (!is_flag(&features[i]))
			DMEMIT(" %u", READ_ONCE(args->value[i]));
	}
	return sz;
}
