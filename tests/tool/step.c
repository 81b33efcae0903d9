// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into the tool, this kills it before or after one of the calls that change something
 * in device-mapper:
 *
 *    CBW_STEP=before:3     before the third; the other word is after
 *    CBW_STEP_LOG=FILE     each call, with its number, is a line of it
 *
 * Only the process that was started is killed and counted, none of its children. "stop:3" stops
 * it, by SIGSTOP, before the third; "ask:3" before the third call, whatever it is, that names a
 * device.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static pid_t started;
static unsigned int calls, all;

static const struct {
	unsigned int nr;
	const char *name;
} changes[] = {
	{ DM_DEV_CREATE_CMD, "create" },
	{ DM_DEV_REMOVE_CMD, "remove" },
	{ DM_DEV_SUSPEND_CMD, "suspend" },
	{ DM_TABLE_LOAD_CMD, "load" },
	{ DM_TABLE_CLEAR_CMD, "clear" },
	{ DM_TARGET_MSG_CMD, "message" },
};

/* What the tool runs has this preloaded, too. */
__attribute__((constructor)) static void begin(void)
{
	if (!strcmp(program_invocation_short_name, "cbw"))
		started = getpid();
}

static const char *change(unsigned long request, const struct dm_ioctl *io)
{
	if (_IOC_TYPE(request) != DM_IOCTL)
		return NULL;
	if (_IOC_NR(request) == DM_DEV_SUSPEND_CMD && !(io->flags & DM_SUSPEND_FLAG))
		return "resume";
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (changes[i].nr == _IOC_NR(request))
			return changes[i].name;
	}
	return NULL;
}

static void log_call(const char *what, const char *name)
{
	const char *path = getenv("CBW_STEP_LOG");
	char line[256];
	int length = snprintf(line, sizeof(line), "%u %s %s\n", calls, what, name);
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	if (fd >= 0 && write(fd, line, (size_t)length) == length)
		close(fd);
}

static void die_if(const char *when, unsigned int number)
{
	const char *step = getenv("CBW_STEP");
	size_t length = strlen(when);

	if (step && !strncmp(step, when, length) && step[length] == ':' &&
	    strtoul(step + length + 1, NULL, 10) == number)
		raise(strcmp(when, "stop") && strcmp(when, "ask") ? SIGKILL : SIGSTOP);
}

static bool names_device(unsigned long request, const struct dm_ioctl *io)
{
	return _IOC_TYPE(request) == DM_IOCTL && _IOC_NR(request) != DM_VERSION_CMD &&
	       (io->name[0] || io->uuid[0] || io->dev);
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int fd, unsigned long request, void *argument);
	const char *what = NULL;
	va_list args;
	void *argument;
	int r;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (!real)
		real = dlsym(RTLD_NEXT, "ioctl");
	if (getpid() == started)
		what = change(request, argument);
	if (getpid() == started && names_device(request, argument)) {
		all++;
		die_if("ask", all);
	}
	if (what) {
		calls++;
		log_call(what, ((struct dm_ioctl *)argument)->name);
		die_if("stop", calls);
		die_if("before", calls);
	}
	r = real(fd, request, argument);
	if (what)
		die_if("after", calls);
	return r;
}
