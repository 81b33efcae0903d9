// SPDX-License-Identifier: GPL-2.0-only
/* Where a backup goes; see target.h. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cbw.h"
#include "durable.h"
#include "image.h"
#include "lvm.h"
#include "nbd.h"
#include "record-form.h"
#include "say.h"
#include "signature.h"
#include "target.h"

#define STAMP_MAX	32

int target_device(const char *name, struct target *target)
{
	*target = (struct target) { .kind = RECORD_DEVICE, .keeper = -1 };
	if (device_resolve(name, &target->device))
		return -1;
	/* A path may be one of those that stay, like /dev/disk/by-id. */
	snprintf(target->name, sizeof(target->name), "%s",
		 *name == '/' ? name : target->device.path);
	return 0;
}

/* "-cbw-20260131T235959Z" */
static const char *stamp(char text[STAMP_MAX])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, STAMP_MAX, "-cbw-%Y%m%dT%H%M%SZ", &tm);
	return text;
}

static int new_volume(const char *vg, const struct device *origin, struct target *target)
{
	char vg_of[DM_NAME_LEN], lv[DM_NAME_LEN], text[STAMP_MAX];
	int there = lvm_is_vg(vg);

	if (there < 0)
		return -1;
	if (!there)
		return say_error("there is no volume group %s; the path of a file has a '/'", vg);
	target->kind = RECORD_LV;
	if (device_split_lv(origin, vg_of, lv))
		snprintf(lv, sizeof(lv), "%s", origin->dm_name);
	snprintf(target->name, sizeof(target->name), "%s/%s%s", vg, lv, stamp(text));
	return 0;
}

/* Without links, so that it has one name for ever. The last part need not be there. */
static int real_path(const char *path, char real[PATH_MAX])
{
	char copy[PATH_MAX], folder[PATH_MAX];
	const char *base = strrchr(path, '/') + 1;

	if (realpath(path, real))
		return 0;
	snprintf(copy, sizeof(copy), "%s", path);
	if (!*base || !realpath(dirname(copy), folder) ||
	    snprintf(real, PATH_MAX, "%s/%s", strcmp(folder, "/") ? folder : "", base) >= PATH_MAX)
		return say_error("%s: %s", path, strerror(errno));
	return 0;
}

static int new_image(const char *path, const struct device *origin, struct target *target)
{
	char text[STAMP_MAX];
	struct stat st;
	size_t length;

	target->kind = RECORD_IMAGE;
	if (real_path(path, target->name))
		return -1;
	if (stat(target->name, &st) || !S_ISDIR(st.st_mode))
		return 0;
	length = strlen(target->name);
	snprintf(target->name + length, sizeof(target->name) - length, "/%s%s.img", origin->dm_name,
		 stamp(text));
	return 0;
}

/* With --dry-run there is no device yet. */
static int open_export(struct target *target)
{
	if (opt_dry_run)
		return 0;
	target->keeper = nbd_connect(target->name, target->insecure, &target->device);
	return target->keeper < 0 ? -1 : 0;
}

static int connect_export(const char *url, bool insecure, struct target *target)
{
	target->kind = RECORD_NBD;
	target->insecure = insecure;
	snprintf(target->name, sizeof(target->name), "%s", url);
	return open_export(target);
}

int target_to(const char *to, bool insecure, const struct device *origin, struct target *target)
{
	struct stat st;

	*target = (struct target) { .keeper = -1 };
	if (nbd_is_url(to))
		return connect_export(to, insecure, target);
	if (!strchr(to, '/'))
		return new_volume(to, origin, target);
	if (!stat(to, &st) && S_ISBLK(st.st_mode))
		return target_device(to, target);
	return new_image(to, origin, target);
}

/* The generation comes with its record; until then the tag tells where it is from. */
static int prepare_volume(struct target *target, uint64_t size)
{
	if (!target->reused && lvm_create(target->name, size, RECORD_TAG))
		return -1;
	if (!lvm_activate(target->name) && !device_resolve(target->name, &target->device))
		return 0;
	target_finish(target, false);
	return -1;
}

static void remove_image(const char *path)
{
	char sidecar[PATH_MAX + 16];

	snprintf(sidecar, sizeof(sidecar), "%s" RECORD_SIDECAR, path);
	durable_remove(path);
	durable_remove(sidecar);
}

/* A record that says "complete" must not outlive what it speaks of. */
static int make_image(const struct target *target, uint64_t size)
{
	struct record record;
	int there = record_find(target->name, &record);

	if (there < 0 || (!there && record_remove(&record)))
		return -1;
	return image_create(target->name, size);
}

static int prepare_image(struct target *target, uint64_t size)
{
	dev_t dev;

	if (target->reused || !make_image(target, size)) {
		target->keeper = image_attach(target->name, &dev);
		if (target->keeper >= 0 && !device_of(dev, &target->device))
			return 0;
	}
	target_finish(target, false);
	return -1;
}

int target_prepare(struct target *target, uint64_t size)
{
	switch (target->kind) {
	case RECORD_LV:
		return prepare_volume(target, size);
	case RECORD_IMAGE:
		return prepare_image(target, size);
	default:
		return 0;
	}
}

void target_plan(struct target *target, uint64_t size)
{
	char vg[LVM_NAME_MAX];

	if (target->kind == RECORD_DEVICE)
		return;
	target->device.size = size;
	if (target->kind == RECORD_NBD) {
		nbd_plan(target->name, target->insecure);
		snprintf(target->device.path, sizeof(target->device.path), "$NBD");
		return;
	}
	if (target->kind == RECORD_IMAGE) {
		if (!target->reused)
			printf("truncate -s %llu '%s'\n", (unsigned long long)size, target->name);
		printf("LOOP=$(losetup --find --show --direct-io=on '%s')\n", target->name);
		snprintf(target->device.path, sizeof(target->device.path), "$LOOP");
		return;
	}
	snprintf(vg, sizeof(vg), "%.*s", (int)strcspn(target->name, "/"), target->name);
	if (!target->reused)
		printf("lvcreate -y -an -Zn -Wn -ky -L %llub -n '%s' '%s'\n",
		       (unsigned long long)size, target->name + strlen(vg) + 1, vg);
	printf("lvchange -ay -K '%s'\n", target->name);
	snprintf(target->device.path, sizeof(target->device.path), "/dev/%.*s", PATH_MAX - 8,
		 target->name);
}

void target_hand_over(struct target *target)
{
	if (target->keeper >= 0)
		close(target->keeper);
	target->keeper = -1;
}

void target_of_record(const struct record *record, struct target *target)
{
	*target = (struct target) {
		.kind = record->kind,
		.keeper = -1,
		.reused = *record->base,
		.insecure = record->insecure,
	};
	snprintf(target->name, sizeof(target->name), "%s", record->target);
}

int target_reuse(const struct record *base, struct target *target)
{
	target_of_record(base, target);
	target->reused = true;
	if (base->kind == RECORD_NBD)
		return open_export(target);
	return base->kind == RECORD_DEVICE ? device_resolve(target->name, &target->device) : 0;
}

bool target_is_full(const struct target *target)
{
	return target->kind == RECORD_IMAGE && image_is_full(target->name);
}

int target_finish(struct target *target, bool complete)
{
	target_hand_over(target);
	if (target->kind == RECORD_LV)
		return complete || target->reused ? lvm_deactivate(target->name) :
						    lvm_remove(target->name);
	/* To look for what has become zero, all of it would have to be read. */
	if (target->kind != RECORD_IMAGE || target->reused)
		return 0;
	if (complete)
		return image_dig_holes(target->name);
	remove_image(target->name);
	return 0;
}

static bool volume_is_there(const struct record *record)
{
	struct record found;
	struct lv lv;

	return !lvm_get(record->target, &lv) && record_from_tags(lv.name, lv.tags, &found) &&
	       !strcmp(found.generation, record->generation);
}

bool target_may_hold(const struct device *device, const struct record *record)
{
	struct signature signature;

	return device->size >= record->size && !signature_read(device->path, &signature) &&
	       !strcmp(signature.uuid, record->fs_uuid);
}

static bool device_is_there(const struct record *record)
{
	char identity[IDENTITY_MAX];
	struct device device;
	struct stat st;

	if (stat(record->target, &st) || !S_ISBLK(st.st_mode) || device_of(st.st_rdev, &device) ||
	    !target_may_hold(&device, record))
		return false;
	identity_read(device.dev, device.path, identity);
	return !strcmp(identity, record->device);
}

static bool export_is_there(const struct record *record)
{
	struct device device;
	int keeper = nbd_connect(record->target, record->insecure, &device);
	bool there = keeper >= 0 && target_may_hold(&device, record);

	if (keeper >= 0)
		close(keeper);
	return there;
}

static bool image_is_there(const struct record *record)
{
	struct record found;
	struct stat st;

	return !stat(record->target, &st) && (uint64_t)st.st_size >= record->size &&
	       !record_find(record->target, &found) &&
	       !strcmp(found.generation, record->generation);
}

bool target_is_there(const struct record *record)
{
	switch (record->kind) {
	case RECORD_LV:
		return volume_is_there(record);
	case RECORD_IMAGE:
		return image_is_there(record);
	case RECORD_NBD:
		return export_is_there(record);
	default:
		return device_is_there(record);
	}
}

int target_path(const struct record *record, char path[PATH_MAX], int *keeper)
{
	struct device device = { 0 };

	*keeper = -1;
	if (record->kind != RECORD_NBD) {
		snprintf(path, PATH_MAX, "%s%.*s", record->kind == RECORD_LV ? "/dev/" : "",
			 PATH_MAX - 8, record->target);
		return 0;
	}
	*keeper = nbd_connect(record->target, record->insecure, &device);
	snprintf(path, PATH_MAX, "%s", device.path);
	return *keeper < 0 ? -1 : 0;
}

/* Whatever it was to be, it is of no use; where it is, it goes. */
static int drop(const struct record *record, bool there)
{
	struct target target;

	target_of_record(record, &target);
	target.reused = false;
	if (there && target_finish(&target, false))
		return -1;
	return record_remove(record);
}

int target_prune(const struct record *record, uint64_t keep)
{
	struct record *records;
	bool there;
	size_t nr;
	int result;

	if (!record_is_made(record))
		return 0;
	result = record_list_all(&records, &nr);
	for (const struct record *old = records + nr; !result && old-- > records;) {
		if (old->kind != record->kind || !record_same_origin(old, record) ||
		    strcmp(old->begun, record->begun) > 0)
			continue;
		there = target_is_there(old);
		if (old->complete && there && keep)
			keep--;
		else if (there || !old->complete)
			result = drop(old, there);
	}
	free(records);
	return result;
}
