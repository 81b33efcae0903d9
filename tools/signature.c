// SPDX-License-Identifier: GPL-2.0-only
/* What a device carries; see signature.h. */
#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "say.h"
#include "signature.h"

#define NOTHING_FOUND	1
#define AMBIVALENT	(-2)

static void copy_value(blkid_probe probe, const char *name, char *text, size_t size)
{
	const char *value;

	*text = '\0';
	if (!blkid_probe_lookup_value(probe, name, &value, NULL))
		snprintf(text, size, "%s", value);
}

static int probe_device(blkid_probe probe, struct signature *signature)
{
	int result;

	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID);
	blkid_probe_enable_partitions(probe, 1);

	result = blkid_do_safeprobe(probe);
	if (result == NOTHING_FOUND)
		return 0;
	if (result == AMBIVALENT) {
		signature->ambivalent = true;
		return 0;
	}
	if (result)
		return -1;
	copy_value(probe, "TYPE", signature->type, sizeof(signature->type));
	copy_value(probe, "UUID", signature->uuid, sizeof(signature->uuid));
	copy_value(probe, "PTTYPE", signature->table, sizeof(signature->table));
	return 0;
}

int signature_read(const char *path, struct signature *signature)
{
	blkid_probe probe;
	int result = -1;

	*signature = (struct signature) { 0 };
	errno = 0;
	probe = blkid_new_probe_from_filename(path);
	if (probe)
		result = probe_device(probe, signature);
	if (result)
		say_error("cannot read %s: %s", path, strerror(errno ? errno : EIO));
	blkid_free_probe(probe);
	return result;
}

bool signature_found(const struct signature *signature)
{
	return signature->ambivalent || *signature->type || *signature->table;
}

const char *signature_text(const struct signature *signature, char *text, size_t size)
{
	if (signature->ambivalent)
		snprintf(text, size, "several signatures");
	else if (!strcmp(signature->type, "LVM2_member"))
		snprintf(text, size, "a physical volume of LVM");
	else if (!strcmp(signature->type, "linux_raid_member"))
		snprintf(text, size, "a member of an md array");
	else if (*signature->type)
		snprintf(text, size, "%s (UUID %s)", signature->type,
			 *signature->uuid ? signature->uuid : "none");
	else
		snprintf(text, size, "a partition table (%s)", signature->table);
	return text;
}

static void collect(blkid_cache cache, const char *tag, const char *value, struct dev_set *set)
{
	blkid_dev_iterate iterate = blkid_dev_iterate_begin(cache);
	blkid_dev device;
	struct stat st;

	blkid_dev_set_search(iterate, tag, value);
	while (!blkid_dev_next(iterate, &device)) {
		device = blkid_verify(cache, device);
		if (device && !stat(blkid_dev_devname(device), &st) && S_ISBLK(st.st_mode))
			dev_set_add(set, st.st_rdev);
	}
	blkid_dev_iterate_end(iterate);
}

int signature_find(const char *tag, const char *value, struct dev_set *set)
{
	blkid_cache cache;

	/* No cache file: what was there yesterday may be elsewhere today. */
	if (blkid_get_cache(&cache, "/dev/null") || blkid_probe_all(cache))
		return say_error("libblkid cannot look for %s=%s", tag, value);
	collect(cache, tag, value, set);
	blkid_put_cache(cache);
	return 0;
}
