// SPDX-License-Identifier: GPL-2.0-only
/* cbw verify: is a backup what a device shows, or what it was when its checksums were made? */
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

#include "backup-open.h"
#include "cbw.h"
#include "device.h"
#include "extent.h"
#include "progress.h"
#include "say.h"
#include "signals.h"
#include "sums.h"

/* Of those that differ, for --json. */
static struct json_object *ranges;

static void tell_difference(uint64_t first, uint64_t length)
{
	struct json_object *range;

	if (!opt_json) {
		printf("bytes %llu to %llu differ\n", (unsigned long long)first,
		       (unsigned long long)(first + length - 1));
		return;
	}
	range = json_object_new_object();
	json_object_object_add(range, "offset", json_object_new_uint64(first));
	json_object_object_add(range, "length", json_object_new_uint64(length));
	json_object_array_add(ranges, range);
}

static void print_json(const struct backup *backup)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "backup", json_object_new_string(backup_name(backup)));
	json_object_object_add(json, "size", json_object_new_uint64(backup->record.size));
	json_object_object_add(json, "differences", json_object_get(ranges));
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
}

static int compare_device(struct backup *backup, const char *name, uint64_t *nr)
{
	struct device device;
	struct extent extent;
	int result;

	if (backup->record.top)
		return say_error("%s holds only what the file system used, so it differs elsewhere: compare the files, or have checksums made with the backup",
				 backup_name(backup));
	if (device_resolve(name, &device))
		return -1;
	if (device.size < backup->record.size)
		return say_error("%s is shorter than the backup", device.path);
	if (extent_open(&extent, device.path, O_RDONLY))
		return -1;
	result = extent_compare(&backup->extent, &extent, backup->record.size, progress_step,
				tell_difference, nr);
	extent_close(&extent);
	return result;
}

static int compare_sums(struct backup *backup, uint64_t *nr)
{
	char path[PATH_MAX];

	/* Those of an image may be of an earlier backup. */
	if (!backup->recorded || !backup->record.checksum ||
	    access(record_sums_path(&backup->record, path), F_OK))
		return say_error("there are no checksums of %s; name a device to compare it with",
				 backup_name(backup));
	return sums_compare(path, &backup->extent, backup->record.size, progress_step,
			    tell_difference, nr);
}

static int verify(const char *name, const char *device, bool force)
{
	struct backup backup;
	uint64_t nr = 0;
	int result;

	if (backup_open(&backup, name, force))
		return -1;
	if (backup.planned) {
		backup_close(&backup);
		return 0;
	}
	ranges = json_object_new_array();
	signals_catch();
	progress_begin(opt_json);
	result = device ? compare_device(&backup, device, &nr) : compare_sums(&backup, &nr);
	progress_end();
	if (signals_stop())
		say_error("stopped before all of %s was compared", backup_name(&backup));
	if (!result && opt_json)
		print_json(&backup);
	json_object_put(ranges);
	if (!result && nr)
		result = say_error("%s has %llu range%s that differ%s", backup_name(&backup),
				   (unsigned long long)nr, nr > 1 ? "s" : "", nr > 1 ? "" : "s");
	backup_close(&backup);
	return result;
}

static int run(int argc, char **argv)
{
	bool force = false;

	if (take_flag(argc, argv, "force", &force))
		return CBW_USAGE;
	if (argc - optind < 1 || argc - optind > 2)
		return say_usage("verify takes a backup, and a device to compare it with");
	return verify(argv[optind], argv[optind + 1], force) ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_verify = {
	.name = "verify",
	.arguments = "BACKUP [DEVICE]",
	.summary = "compare a backup with its checksums, or with a device",
	.options = "  --force    take a backup of which nothing is known\n",
	.run = run,
};
