// SPDX-License-Identifier: GPL-2.0-only
/* Who looks after a volume; see lock.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "device.h"
#include "lock.h"
#include "mapper.h"
#include "say.h"
#include "signals.h"

#define DIRECTORY	"/run/cbw"
#define LVM_LOCKS	"/run/lock/lvm"
#define MAX_LOCKS	64

static struct {
	dev_t volume;
	int fd;
} locks[MAX_LOCKS];

static size_t nr_locks;

static struct {
	char path[2 * DM_NAME_LEN];
	int fd;
} groups[MAX_LOCKS];

static size_t nr_groups;

static int open_lock(dev_t volume)
{
	char path[64];

	mkdir(DIRECTORY, 0700);
	snprintf(path, sizeof(path), DIRECTORY "/%u:%u.lock", major(volume), minor(volume));
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int lock_volume(dev_t volume)
{
	int fd = open_lock(volume);

	if (fd < 0 || nr_locks == MAX_LOCKS)
		return say_error("cannot make a lock in " DIRECTORY ": %s",
				 strerror(fd < 0 ? errno : EMFILE));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return 1;
	}
	locks[nr_locks].volume = volume;
	locks[nr_locks++].fd = fd;
	return 0;
}

int lock_named(dev_t volume, const char *name)
{
	int r = lock_volume(volume);

	return r > 0 ? say_error("another cbw is at work on %s", name) : r;
}

void unlock_volume(dev_t volume)
{
	for (size_t i = 0; i < nr_locks; i++) {
		if (locks[i].volume != volume)
			continue;
		close(locks[i].fd);
		locks[i] = locks[--nr_locks];
		return;
	}
}

static bool is_still(int fd, const char *path)
{
	struct stat opened, named;

	return !fstat(fd, &opened) && !stat(path, &named) && opened.st_ino == named.st_ino &&
	       opened.st_dev == named.st_dev;
}

/* As LVM does it: whoever had the file locked may have removed it. -1 if there is no LVM. */
static int lock_file(const char *path)
{
	int fd;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0 || (!flock(fd, LOCK_EX) && is_still(fd, path)))
			return fd;
		close(fd);
		if (signals_stop())
			return -1;
	}
}

void lock_group(const char *name, const char *uuid)
{
	char group[DM_NAME_LEN], path[2 * DM_NAME_LEN];

	if (strncmp(uuid, "LVM-", 4) || nr_groups == MAX_LOCKS)
		return;
	device_vg_of(name, group);
	snprintf(path, sizeof(path), LVM_LOCKS "/V_%s", group);
	for (size_t i = 0; i < nr_groups; i++) {
		if (!strcmp(groups[i].path, path))
			return;
	}

	signals_let_in();
	groups[nr_groups].fd = lock_file(path);
	signals_keep_out();
	if (groups[nr_groups].fd >= 0)
		memcpy(groups[nr_groups++].path, path, sizeof(path));
}

void unlock_groups(void)
{
	while (nr_groups)
		close(groups[--nr_groups].fd);
}
