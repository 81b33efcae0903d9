// SPDX-License-Identifier: GPL-2.0-only
/* cbw restore: writes a backup back to a volume. */
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup-open.h"
#include "cbw.h"
#include "device.h"
#include "extent.h"
#include "lock.h"
#include "progress.h"
#include "say.h"
#include "signals.h"
#include "stack.h"

static int check_users(const struct device *volume)
{
	char text[PATH_MAX + 64];
	struct device holder;
	dev_t dev;

	if (stack_user(volume->dev, text, sizeof(text)))
		return say_error("%s is %s", volume->path, text);
	dev = stack_holder(volume->dev);
	if (dev && !device_of(dev, &holder))
		return say_error("%s is in use by %s", volume->path, holder.path);
	return dev ? -1 : 0;
}

/* Neither may hold the data of the other. */
static int check_apart(const struct backup *backup, const struct device *volume)
{
	struct dev_set below_backup = { 0 }, below_volume = { 0 };
	int result = -1;

	if (!stack_add_file(&below_backup, backup->extent.name) &&
	    !stack_add_device(&below_volume, volume->dev)) {
		result = 0;
		if (dev_set_has(&below_backup, volume->dev))
			result = say_error("%s stands on %s", backup_name(backup), volume->path);
		else if (below_backup.nr && dev_set_has(&below_volume, below_backup.devs[0]))
			result = say_error("%s stands on %s", volume->path, backup_name(backup));
	}
	dev_set_free(&below_backup);
	dev_set_free(&below_volume);
	return result;
}

static int check(const struct backup *backup, const struct device *volume)
{
	if (check_users(volume) || (!backup->planned && check_apart(backup, volume)))
		return -1;
	if (backup->record.size > volume->size)
		return say_error("%s is too small: it has %llu bytes, and the backup has %llu",
				 volume->path, (unsigned long long)volume->size,
				 (unsigned long long)backup->record.size);
	return 0;
}

static int copy_piece(struct extent *from, struct extent *to, char *buffer, uint64_t offset,
		      size_t length)
{
	if (extent_is_hole(from, offset, length))
		return extent_zero(to, offset, length);
	if (extent_read(from, buffer, offset, length))
		return -1;
	if (extent_is_zero(buffer, length))
		return extent_zero(to, offset, length);
	return extent_write(to, buffer, offset, length);
}

static int copy(struct extent *from, struct extent *to, uint64_t size)
{
	char *buffer = extent_buffer();
	int result = buffer ? 0 : -1;
	size_t length;

	for (uint64_t offset = 0; !result && offset < size; offset += length) {
		length = extent_piece(offset, size);
		if (copy_piece(from, to, buffer, offset, length) ||
		    !progress_step(offset + length, size))
			result = -1;
	}
	free(buffer);
	if (!result && fsync(to->fd))
		result = say_error("%s could not be synced: %m", to->name);
	return result;
}

static void say_difference(uint64_t first, uint64_t length)
{
	say_error("bytes %llu to %llu were read back otherwise than they were written",
		  (unsigned long long)first, (unsigned long long)(first + length - 1));
}

/* A line of progress for each. */
static int copy_and_compare(struct backup *backup, struct extent *to)
{
	uint64_t size = backup->record.size, nr = 0;
	int result;

	progress_begin(opt_json);
	result = copy(&backup->extent, to, size);
	progress_end();
	if (result)
		return say_error("%s%s is not restored, and its old content is lost",
				 signals_stop() ? "stopped: " : "", to->name);
	progress_begin(opt_json);
	result = extent_compare(&backup->extent, to, size, progress_step, say_difference, &nr);
	progress_end();
	if (result || nr || backup_check(backup))
		return say_error("%s%s is written, but not known to be right, and its old content is lost",
				 signals_stop() ? "stopped: " : "", to->name);
	return 0;
}

static void print_result(const struct backup *backup, const struct device *volume)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "backup", json_object_new_string(backup_name(backup)));
	json_object_object_add(json, "volume", json_object_new_string(volume->path));
	json_object_object_add(json, "size", json_object_new_uint64(backup->record.size));
	json_object_object_add(json, "verified", json_object_new_boolean(true));
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
}

/*
 * Nobody else can mount it or use it while it is open exclusively; and what is written to it must
 * not go to this backup meanwhile, as the next increment.
 */
static int restore_to(struct backup *backup, const struct device *volume)
{
	struct extent to;
	int result;

	if (check(backup, volume))
		return -1;
	if (opt_dry_run) {
		printf("dd if=%s of=%s bs=1M iflag=count_bytes count=%llu conv=fsync\n",
		       backup->extent.name, volume->path, (unsigned long long)backup->record.size);
		return 0;
	}
	if (lock_named(volume->dev, volume->path) ||
	    extent_open(&to, volume->path, O_RDWR | O_EXCL))
		return -1;
	signals_catch();
	result = copy_and_compare(backup, &to);
	extent_close(&to);
	if (!result && opt_json)
		print_result(backup, volume);
	return result;
}

static int restore(const char *name, const char *volume_name, bool force)
{
	struct device volume;
	struct backup backup;
	int result;

	if (device_resolve(volume_name, &volume) || backup_open(&backup, name, force))
		return -1;
	result = restore_to(&backup, &volume);
	backup_close(&backup);
	return result;
}

static int run(int argc, char **argv)
{
	bool force = false;

	if (take_flag(argc, argv, "force", &force))
		return CBW_USAGE;
	if (argc - optind != 2)
		return say_usage("restore takes a backup and a volume");
	return restore(argv[optind], argv[optind + 1], force) ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_restore = {
	.name = "restore",
	.arguments = "BACKUP VOLUME",
	.summary = "write a backup back to a volume that nobody uses, and compare",
	.options = "  --force    take a backup of which nothing is known\n",
	.run = run,
};
