// SPDX-License-Identifier: GPL-2.0-only
/* The verb export: a backup, or what it has that the one before it had not, as a stream. */
#include <getopt.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup-open.h"
#include "cbw.h"
#include "extent.h"
#include "progress.h"
#include "ranges.h"
#include "say.h"
#include "signals.h"
#include "stream.h"
#include "units.h"

struct export {
	struct backup backup;
	struct stream stream;
	char *buffer;
	uint64_t total, done;		/* bytes */
};

static int put_record(struct export *export, bool full)
{
	struct record record = export->backup.record;
	struct json_object *json;
	struct piece piece = { .kind = STREAM_RECORD };
	const char *text;
	int r;

	if (full)
		*record.base = '\0';
	json = record_to_json(&record);
	text = json_object_to_json_string(json);
	piece.length = strlen(text);
	r = stream_put(&export->stream, &piece, text);
	json_object_put(json);
	return r;
}

static int put_piece(struct export *export, uint64_t offset, size_t length)
{
	struct extent *extent = &export->backup.extent;
	struct piece piece = { .kind = STREAM_ZERO, .offset = offset, .length = length };

	if (!extent_is_hole(extent, offset, length)) {
		if (extent_read(extent, export->buffer, offset, length))
			return -1;
		if (!extent_is_zero(export->buffer, length))
			piece.kind = STREAM_DATA;
	}
	export->done += length;
	return stream_put(&export->stream, &piece, export->buffer);
}

static int put_range(struct export *export, const struct range *range)
{
	uint64_t offset = range->start * SECTOR_SIZE;
	uint64_t end = offset + range->length * SECTOR_SIZE;
	size_t length;

	for (; offset < end; offset += length) {
		length = extent_piece(offset, end);
		if (put_piece(export, offset, length))
			return -1;
		if (!progress_step(export->done, export->total))
			return say_error("stopped: the stream has no end");
	}
	return 0;
}

static int put_end(struct export *export)
{
	struct piece end = { .kind = STREAM_END, .length = export->done };

	return backup_check(&export->backup) || stream_put(&export->stream, &end, NULL) ? -1 : 0;
}

static int put_all(struct export *export, const struct ranges *ranges, bool full)
{
	int r = stream_begin(&export->stream, STDOUT_FILENO) || put_record(export, full) ? -1 : 0;

	for (size_t i = 0; i < ranges->nr; i++)
		export->total += ranges->list[i].length * SECTOR_SIZE;
	signals_catch();
	progress_begin(false);
	for (size_t i = 0; i < ranges->nr && !r; i++)
		r = put_range(export, &ranges->list[i]);
	progress_end();
	return r ? r : put_end(export);
}

static int put_increment(struct export *export)
{
	struct ranges ranges;
	int r = ranges_read(&export->backup.record, &ranges);

	if (r > 0)
		r = say_error("it is not known what %s has that the backup before it had not: --full exports all of it",
			      backup_name(&export->backup));
	else if (!r)
		r = put_all(export, &ranges, false);
	free(ranges.list);
	return r;
}

static int put(struct export *export, bool full)
{
	const struct record *record = &export->backup.record;
	struct range whole = { .length = record->size / SECTOR_SIZE };
	const struct ranges all = { &whole, 1 };
	int r = -1;

	export->buffer = extent_buffer();
	if (export->buffer)
		r = full || !*record->base ? put_all(export, &all, true) :
					     put_increment(export);
	free(export->buffer);
	return r;
}

static int run(int argc, char **argv)
{
	struct export export = { 0 };
	bool full = false;
	int r;

	if (take_flag(argc, argv, "full", &full))
		return CBW_USAGE;
	if (argc - optind != 1)
		return say_usage("export takes a backup");
	if (isatty(STDOUT_FILENO))
		return say_usage("export writes to standard output, which is a terminal");
	if (opt_json)
		return say_usage("export prints a stream, and nothing else");
	if (backup_open(&export.backup, argv[optind], false))
		return CBW_FAILED;
	r = opt_dry_run ? 0 : put(&export, full);
	backup_close(&export.backup);
	return r ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_export = {
	.name = "export",
	.arguments = "BACKUP",
	.summary = "print what an incremental backup has saved, as a stream for 'cbw apply'",
	.options = "  --full     all that the backup has\n",
	.run = run,
};
