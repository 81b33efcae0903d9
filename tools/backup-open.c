// SPDX-License-Identifier: GPL-2.0-only
/* Backups that are read; see backup-open.h. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup-open.h"
#include "cbw.h"
#include "device.h"
#include "lvm.h"
#include "say.h"
#include "target.h"

static int activate(struct backup *backup, char path[PATH_MAX])
{
	const char *name = backup->record.target;
	struct device device;
	struct lv lv;

	if (lvm_get(name, &lv))
		return say_error("the volume %s is gone", name);
	backup->planned = opt_dry_run && !lv.active;
	if (backup->planned) {
		printf("lvchange -ay -K '%s'\n", name);
		snprintf(path, PATH_MAX, "/dev/%.*s", PATH_MAX - 8, name);
		return 0;
	}
	if (!lv.active && lvm_activate(name))
		return -1;
	backup->activated = !lv.active;
	if (device_resolve(name, &device))
		return -1;
	snprintf(path, PATH_MAX, "%s", device.path);
	return 0;
}

static void let_go(const struct backup *backup)
{
	if (backup->keeper >= 0)
		close(backup->keeper);
	if (backup->planned)
		printf("lvchange -an '%s'\n", backup->record.target);
	else if (backup->activated)
		lvm_deactivate(backup->record.target);
}

/* The path and size of a backup that nothing is known of. */
static int look_at(const char *name, char path[PATH_MAX], uint64_t *size)
{
	struct device device;
	struct stat st;

	if (!stat(name, &st) && S_ISREG(st.st_mode)) {
		snprintf(path, PATH_MAX, "%s", name);
		*size = (uint64_t)st.st_size;
		return 0;
	}
	if (device_resolve(name, &device))
		return -1;
	snprintf(path, PATH_MAX, "%s", device.path);
	*size = device.size;
	return 0;
}

static int find(struct backup *backup, const char *name, bool force, char path[PATH_MAX])
{
	int result = record_find(name, &backup->record);

	if (result < 0)
		return -1;
	backup->recorded = !result;
	if (!backup->recorded && force)
		return look_at(name, path, &backup->record.size);
	if (!backup->recorded)
		return say_error("nothing is known of a backup %s; --force takes it as it is",
				 name);
	if (!backup->record.complete)
		return say_error("the backup %s is not complete%s", backup->record.target,
				 *backup->record.base ?
					 ": an incremental one may complete it" :
					 "");
	if (!target_is_there(&backup->record))
		return say_error("%s does not hold the backup any more", backup->record.target);
	if (backup->record.kind == RECORD_LV)
		return activate(backup, path);
	return target_path(&backup->record, path, &backup->keeper);
}

int backup_open(struct backup *backup, const char *name, bool force)
{
	char path[PATH_MAX];

	*backup = (struct backup) { .keeper = -1 };
	if (!find(backup, name, force, path)) {
		if (backup->planned)
			backup->extent = (struct extent) { .name = strdup(path), .fd = -1 };
		if (backup->planned || !extent_open(&backup->extent, path, O_RDONLY))
			return 0;
	}
	let_go(backup);
	return -1;
}

void backup_close(struct backup *backup)
{
	extent_close(&backup->extent);
	let_go(backup);
}

/* Of an image there may be no record but the one beside it. */
int backup_check(const struct backup *backup)
{
	const struct record *opened = &backup->record;
	struct record record;
	int r;

	if (!backup->recorded)
		return 0;
	r = record_find(opened->kind == RECORD_IMAGE ? opened->target : opened->generation,
			&record);
	if (r < 0)
		return -1;
	if (r || !record.complete || strcmp(record.generation, opened->generation))
		return say_error("the backup %s was overwritten meanwhile", backup_name(backup));
	return 0;
}

const char *backup_name(const struct backup *backup)
{
	return backup->recorded ? backup->record.target : backup->extent.name;
}
