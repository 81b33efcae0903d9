// SPDX-License-Identifier: GPL-2.0-only
/* May a backup be written there? See target_check() in target.h. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "image.h"
#include "lvm.h"
#include "mapper.h"
#include "say.h"
#include "signature.h"
#include "stack.h"
#include "target.h"
#include "units.h"

#define TEXT_MAX	(PATH_MAX + 64)

/* What the target stands on is not known before it is made: then it is that of its place. */
static int add_stack(struct dev_set *set, const struct target *target)
{
	char vg[LVM_NAME_MAX], folder[PATH_MAX];
	struct dev_set pvs = { 0 };
	int result;

	switch (target->kind) {
	case RECORD_DEVICE:
		return stack_add_device(set, target->device.dev);
	case RECORD_NBD:
		return 0;
	case RECORD_IMAGE:
		snprintf(folder, sizeof(folder), "%.*s",
			 (int)(strrchr(target->name, '/') + 1 - target->name), target->name);
		return stack_add_file(set, folder);
	default:
		break;
	}
	snprintf(vg, sizeof(vg), "%.*s", (int)strcspn(target->name, "/"), target->name);
	result = lvm_add_pvs(vg, &pvs);
	for (size_t i = 0; !result && i < pvs.nr; i++)
		result = stack_add_device(set, pvs.devs[i]);
	dev_set_free(&pvs);
	return result;
}

/* Is the target a part of what the origin stands on? */
static int check_below(const struct target *target, const struct device *origin)
{
	struct dev_set set = { 0 };
	int result = stack_add_device(&set, origin->dev);

	if (!result && target->kind == RECORD_DEVICE && dev_set_has(&set, target->device.dev))
		result = say_error("%s holds the data of %s", target->name, origin->path);
	dev_set_free(&set);
	return result;
}

static int check_above(const struct target *target, const struct device *origin,
		       const struct dev_set *set)
{
	if (!dev_set_has(set, origin->dev))
		return 0;
	if (target->kind == RECORD_DEVICE && target->device.dev == origin->dev)
		return say_error("%s is the volume itself", target->name);
	return say_error("%s stands on %s: the backup would wait for itself", target->name,
			 origin->path);
}

static int check_stack(const struct target *target, const struct device *origins, size_t nr,
		       bool commit)
{
	struct dev_set set = { 0 };
	int result = add_stack(&set, target);

	for (size_t i = 0; i < nr && !result; i++) {
		result = check_above(target, origins + i, &set);
		if (!result && !commit)
			result = check_below(target, origins + i);
	}
	dev_set_free(&set);
	return result;
}

static int check_size(const struct target *target, const struct device *origin)
{
	if (target->device.size >= origin->size)
		return 0;
	return say_error("%s is too small: it has %llu bytes, and %s has %llu", target->name,
			 (unsigned long long)target->device.size, origin->path,
			 (unsigned long long)origin->size);
}

/* Whoever has it open exclusively is not always in a list. */
static int check_exclusive(const struct device *device)
{
	int fd = open(device->path, O_RDONLY | O_EXCL | O_CLOEXEC);

	if (fd < 0)
		return say_error("%s: %s", device->path,
				 errno == EBUSY ? "in use" : strerror(errno));
	close(fd);
	return 0;
}

/* What stands on it has it open exclusively, too: it is named, if it may not be ignored. */
static int check_users(const struct target *target, const struct target_rules *rules)
{
	const struct device *device = &target->device;
	struct device holder;
	char text[TEXT_MAX];
	dev_t dev;

	if (!sysfs_read(device->dev, "ro", text, sizeof(text)) && !strcmp(text, "1"))
		return say_error("%s is read-only", target->name);
	if (stack_user(device->dev, text, sizeof(text)))
		return say_error("%s is %s", target->name, text);
	if (rules->commit)
		return rules->force ? 0 : say_error("%s is the base of the volume; --force merges that into it",
						    target->name);
	dev = stack_holder(device->dev);
	if (!dev)
		return check_exclusive(device);
	if (rules->force)
		return 0;
	if (device_of(dev, &holder))
		return -1;
	return say_error("%s is in use by %s; --force overwrites it", target->name, holder.path);
}

/* Is what was found there what the backup that lies there has? */
static bool is_known(const struct target *target, const struct signature *signature,
		     const struct record *records, size_t nr)
{
	struct record here = { 0 };

	record_place(&here, target->kind, target->name, &target->device);
	for (size_t i = 0; i < nr; i++) {
		if (record_same_target(records + i, &here) && *signature->uuid &&
		    !strcmp(records[i].fs_type, signature->type) &&
		    !strcmp(records[i].fs_uuid, signature->uuid))
			return true;
	}
	return false;
}

static int check_signature(const struct target *target, const struct record *records, size_t nr)
{
	struct signature signature;
	char text[TEXT_MAX];

	if (signature_read(target->device.path, &signature))
		return -1;
	if (!signature_found(&signature) || is_known(target, &signature, records, nr))
		return 0;
	return say_error("%s carries %s; --force overwrites it", target->name,
			 signature_text(&signature, text, sizeof(text)));
}

/* Is there another backup of the volume that @record is one of? */
static bool has_another(const struct record *record, const struct record *records, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (records[i].complete && record_same_origin(records + i, record) &&
		    !record_same_target(records + i, record) && target_is_there(records + i))
			return true;
	}
	return false;
}

/* Is the device one that was made for a backup? It must go by that name, or its record is false. */
static bool is_made(const struct device *device, const struct record *record)
{
	char vg[DM_NAME_LEN], lv[DM_NAME_LEN], name[2 * DM_NAME_LEN], file[PATH_MAX];

	if (record->kind == RECORD_LV && !device_split_lv(device, vg, lv)) {
		snprintf(name, sizeof(name), "%s/%s", vg, lv);
		return !strcmp(name, record->target);
	}
	return record->kind == RECORD_IMAGE &&
	       !sysfs_read(device->dev, "loop/backing_file", file, sizeof(file)) &&
	       !strcmp(file, record->target);
}

static int check_made(const struct target *target, const struct record *records, size_t nr)
{
	for (size_t i = 0; i < nr && target->kind == RECORD_DEVICE; i++)
		if (is_made(&target->device, records + i) && target_is_there(records + i))
			return say_error("%s was made for a backup of %s: name another target, or remove it",
					 records[i].target, records[i].origin);
	return 0;
}

/* What is connected already may not be connected twice. */
static bool is_there(const struct target *target, const struct record *record)
{
	return target->kind == RECORD_NBD ? target_may_hold(&target->device, record) :
					    target_is_there(record);
}

static int check_only_backup(const struct target *target, const struct record *records, size_t nr)
{
	struct record here = { 0 };

	record_place(&here, target->kind, target->name, &target->device);
	for (size_t i = 0; i < nr; i++) {
		if (records[i].complete && record_same_target(records + i, &here) &&
		    is_there(target, records + i) && !has_another(records + i, records, nr))
			return say_error("%s holds the only complete backup of %s; --overwrite overwrites it",
					 target->name, records[i].origin);
	}
	return 0;
}

static bool names(const char *path, const char *word)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (file && !found && getline(&line, &room, file) > 0)
		found = *line != '#' && strstr(line, word);
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* At the next boot either may be the one that is found. */
static void warn_of_uuid(const struct target *target, const struct device *origin)
{
	static const char * const places[] = {
		"/etc/fstab", "/etc/crypttab", "/proc/cmdline", "/boot/grub*/grub.cfg",
		"/boot/loader/entries/*.conf",
	};
	struct signature signature;
	glob_t files = { 0 };

	if (signature_read(origin->path, &signature) || !*signature.uuid)
		return;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		glob(places[i], i ? GLOB_APPEND : 0, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		if (names(files.gl_pathv[i], signature.uuid))
			say_warning("%s names the UUID %s, which %s will have as well: unplug it before the next boot",
				    files.gl_pathv[i], signature.uuid, target->name);
	}
	globfree(&files);
}

/* A volume that holds a backup is inactive, if nobody uses it. */
static int check_volume(const struct target *target, const struct target_rules *rules)
{
	struct target active = *target;
	struct lv lv;
	int r = target->reused ? lvm_get(target->name, &lv) : 1;

	if (r || !lv.active)
		return r < 0 ? -1 : 0;
	return device_resolve(target->name, &active.device) || check_users(&active, rules) ? -1 :
									       0;
}

static int check_device(const struct target *target, const struct device *origin,
			const struct record *records, size_t nr, const struct target_rules *rules)
{
	if (check_size(target, origin) || check_users(target, rules))
		return -1;
	if (target->reused || rules->commit)
		return 0;
	if (!rules->force && check_signature(target, records, nr))
		return -1;
	if (origin->dev)
		warn_of_uuid(target, origin);
	return 0;
}

static bool is_recorded(const struct target *target, const struct record *records, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (records[i].kind == RECORD_IMAGE && !strcmp(records[i].target, target->name))
			return true;
	}
	return false;
}

static int check_image(const struct target *target, const struct device *origin,
		       const struct record *records, size_t nr, bool force)
{
	struct device loop;
	struct stat st;
	dev_t dev;

	image_warn_of_room(target->name, origin->size);
	if (lstat(target->name, &st))
		return 0;
	if (!S_ISREG(st.st_mode))
		return say_error("%s is not a regular file", target->name);
	dev = image_user(target->name);
	if (dev)
		return device_of(dev, &loop) ? -1 :
		       say_error("%s is in use by %s", target->name, loop.path);
	if (!force && st.st_size && !is_recorded(target, records, nr))
		return say_error("%s is there, and is no backup that is known; --force overwrites it",
				 target->name);
	return 0;
}

/* In a pool that clears what it gives out, and with no device that is read where it has nothing. */
static bool is_clear(const struct mapper_table *thin)
{
	unsigned int major, minor, id;
	struct mapper_table pool;
	struct mapper_info info;
	const char *params;
	bool clear;
	int end;

	if (thin->nr != 1 || strcmp(thin->targets[0].type, "thin"))
		return false;
	params = thin->targets[0].params;
	if (sscanf(params, "%u:%u %u%n", &major, &minor, &id, &end) != 3 || params[end] ||
	    mapper_find_dev(makedev(major, minor), &info) ||
	    mapper_find_table(info.name, MAPPER_LIVE, &pool))
		return false;
	clear = pool.nr == 1 && !strcmp(pool.targets[0].type, "thin-pool") &&
		!strstr(pool.targets[0].params, " skip_block_zeroing");
	mapper_forget(&pool);
	return clear;
}

/* A thin volume, never written to: it has nothing but zeroes, also beside what is written. */
static bool is_unwritten(const struct device *device)
{
	char type[DM_MAX_TYPE_NAME], *params = NULL;
	struct mapper_table table = { 0 };
	struct mapper_info info;
	bool unwritten = !mapper_find_dev(device->dev, &info) &&
			 !mapper_find_table(info.name, MAPPER_LIVE, &table) && is_clear(&table) &&
			 !mapper_status(info.name, type, &params) && !strncmp(params, "0 ", 2);

	mapper_forget(&table);
	free(params);
	return unwritten;
}

static int check_zero(const struct target *target)
{
	if (target->kind == RECORD_IMAGE ? !target->reused : is_unwritten(&target->device))
		return 0;
	return say_error("%s may hold something: --zeroes skip is for new images, and for thin volumes that were never written to, in a pool that zeroes",
			 target->name);
}

int target_check(const struct target *target, const struct device *origin,
		 const struct device *origins, size_t nr, const struct target_rules *rules)
{
	struct record *records;
	size_t nr_records;
	int result = check_stack(target, origins, nr, rules->commit);

	if (!result && rules->zero)
		result = check_zero(target);
	if (result || target->kind == RECORD_LV)
		return result ? result : check_volume(target, rules);
	record_list(&records, &nr_records);
	if (target->kind == RECORD_NBD && !target->device.dev)
		result = 0;
	else if (target->kind == RECORD_DEVICE || target->kind == RECORD_NBD)
		result = check_device(target, origin, records, nr_records, rules);
	else
		result = check_image(target, origin, records, nr_records,
				     rules->force || target->reused);
	if (!result)
		result = check_made(target, records, nr_records);
	if (!result && !rules->overwrite && !target->reused)
		result = check_only_backup(target, records, nr_records);
	free(records);
	return result;
}
