// SPDX-License-Identifier: GPL-2.0-only
/* The verb apply: makes of the copy of a backup that of the next one, from a stream. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "cbw.h"
#include "extent.h"
#include "record-form.h"
#include "record.h"
#include "say.h"
#include "stream.h"
#include "target.h"
#include "units.h"

struct apply {
	struct stream stream;
	struct record source;		/* of the backup that was exported */
	struct target target;
	struct extent to;
	char *buffer;
	uint64_t done;			/* bytes */
};

static struct json_object *parse_record(char *buffer, const struct piece *piece)
{
	if (piece->kind != STREAM_RECORD || piece->length >= EXTENT_PIECE)
		return NULL;
	buffer[piece->length] = '\0';
	return json_tokener_parse(buffer);
}

static int get_record(struct apply *apply)
{
	struct json_object *json;
	struct piece piece;
	bool good;

	if (stream_get(&apply->stream, &piece, apply->buffer))
		return -1;
	json = parse_record(apply->buffer, &piece);
	good = json && record_from_json(json, &apply->source);
	json_object_put(json);
	return good ? 0 : say_error("the stream is not of a version that is known here");
}

/* Does the device hold what the stream goes on from? No force stands in for that. */
static int check_base(struct apply *apply)
{
	const char *name = apply->target.name;
	struct record record;
	int r;

	if (!*apply->source.base)
		return 0;
	r = record_find(name, &record);
	if (r < 0)
		return -1;
	if (r || !target_is_there(&record))
		return say_error("%s holds no backup that is known: 'cbw export --full' makes a stream of all",
				 name);
	r = base_is_on(&record, apply->target.device.path);
	if (r < 0)
		return -1;
	if (!r || !base_fits(&record, apply->source.base))
		return say_error("%s does not hold the backup that the stream goes on from: 'cbw export --full' makes a stream of all",
				 name);
	apply->target.reused = true;
	return 0;
}

static int check(struct apply *apply, const struct target_rules *rules)
{
	struct device origin = { .size = apply->source.size };

	snprintf(origin.path, sizeof(origin.path), "%s", apply->source.origin);
	return check_base(apply) ||
	       target_check(&apply->target, &origin, NULL, 0, rules) ? -1 : 0;
}

static int write_piece(struct apply *apply, const struct piece *piece)
{
	uint64_t size = apply->source.size;

	if (piece->kind == STREAM_RECORD || piece->length > size ||
	    piece->offset > size - piece->length || (piece->offset | piece->length) % SECTOR_SIZE)
		return say_error("the stream is damaged");
	apply->done += piece->length;
	if (piece->kind == STREAM_ZERO)
		return extent_zero(&apply->to, piece->offset, piece->length);
	return extent_write(&apply->to, apply->buffer, piece->offset, piece->length);
}

static int write_all(struct apply *apply)
{
	struct piece piece;
	int r;

	for (;;) {
		r = stream_get(&apply->stream, &piece, apply->buffer);
		if (r || piece.kind == STREAM_END)
			break;
		r = write_piece(apply, &piece);
		if (r)
			break;
	}
	if (!r && piece.length != apply->done)
		r = say_error("the stream is damaged");
	if (!r && fsync(apply->to.fd))
		r = say_error("%s could not be synced: %s", apply->to.name, strerror(errno));
	return r;
}

static void print_json(const struct record *record)
{
	struct json_object *json = record_to_json(record);

	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
}

/* What comes to nothing can be made good by the same stream, as its record says. */
static int replace(struct apply *apply)
{
	const struct target *target = &apply->target;
	struct record record = apply->source;
	int r;

	record_place(&record, target->kind, target->name, &target->device);
	if (extent_open(&apply->to, target->device.path, O_RDWR | O_EXCL))
		return -1;
	r = record_copy(&record) || record_begin(&record, NULL) || write_all(apply) ||
	    sums_mark(target->device.path, record.size, record.mark) ||
	    record_complete(&record, apply->source.map) ? -1 : 0;
	extent_close(&apply->to);
	if (!r && opt_json)
		print_json(&record);
	return r;
}

static int apply_to(struct apply *apply, int fd, const char *device,
		    const struct target_rules *rules)
{
	if (stream_open(&apply->stream, fd) || get_record(apply) ||
	    target_device(device, &apply->target) || check(apply, rules))
		return -1;
	return opt_dry_run ? 0 : replace(apply);
}

static int apply_file(const char *name, const char *device, const struct target_rules *rules)
{
	struct apply apply = { .buffer = extent_buffer() };
	int fd = strcmp(name, "-") ? open(name, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	int r = -1;

	if (fd < 0)
		say_error("cannot read %s: %s", name, strerror(errno));
	else if (apply.buffer)
		r = apply_to(&apply, fd, device, rules);
	free(apply.buffer);
	if (fd > STDIN_FILENO)
		close(fd);
	return r;
}

enum { FORCE = 1, OVERWRITE };

static int run(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "force",	no_argument,	NULL,	FORCE },
		{ "overwrite",	no_argument,	NULL,	OVERWRITE },
		{ 0 }
	};
	struct target_rules rules = { 0 };
	int value;

	while ((value = next_option(argc, argv, longopts)) != -1) {
		if (value == '?')
			return CBW_USAGE;
		rules.force |= value == FORCE;
		rules.overwrite |= value == OVERWRITE;
	}
	if (argc - optind != 2)
		return say_usage("apply takes a stream, or - for standard input, and a device");
	return apply_file(argv[optind], argv[optind + 1], &rules) ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_apply = {
	.name = "apply",
	.arguments = "STREAM DEVICE",
	.summary = "write a stream of 'cbw export' over the copy of the backup before",
	.options = "  --force      overwrite what the device carries\n"
		   "  --overwrite  even the only complete backup of a volume\n",
	.run = run,
};
