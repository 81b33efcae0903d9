// SPDX-License-Identifier: GPL-2.0-only
/* Other programs; see child.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "say.h"
#include "signals.h"

#define CANNOT_RUN	127

/* How a program is run, other than that it is waited for. */
struct manner {
	bool can_stop;
	unsigned int seconds;		/* in a session of its own, for so long; 0: in ours */
};

/* What it prints goes to files in memory: they are never full, and need nobody to read. */
static void become(const char *const argv[], int out, int err, const struct manner *manner)
{
	int null = open("/dev/null", O_RDONLY);

	/* If nobody waits for it any more, it must not hold a view open. */
	if (manner->can_stop) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signals_restore();
	}
	/* It is the program that has the alarm then, but none that it starts. */
	if (manner->seconds) {
		setsid();
		alarm(manner->seconds);
	}
	setenv("LC_ALL", "C", 1);
	setenv("LVM_SUPPRESS_FD_WARNINGS", "1", 1);
	if (dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(err, STDERR_FILENO) < 0)
		_exit(CANNOT_RUN);
	execvp(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(CANNOT_RUN);
}

/*
 * In between: if the tool is killed, this goes on, and with it the locks that they have in common,
 * until the program has ended.
 */
static void attend(const char *const argv[], int out, int err, const struct manner *manner)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		become(argv, out, err, manner);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : CANNOT_RUN);
}

/* All of @fd as a string, for free(). */
static char *contents(int fd)
{
	struct stat st;
	char *text;
	ssize_t got;

	if (fstat(fd, &st))
		return NULL;
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return NULL;
	got = pread(fd, text, (size_t)st.st_size, 0);
	text[got < 0 ? 0 : got] = '\0';
	return text;
}

static void say_complaint(const char *program, int err)
{
	char *text = contents(err);
	char *line = text, *end;

	if (text) {
		end = text + strlen(text);
		while (end > text && (end[-1] == '\n' || end[-1] == ' '))
			*--end = '\0';
		line = strrchr(text, '\n');
		line = line ? line + 1 : text;
		line += strspn(line, " ");
	}
	say_error("%s: %s", program, line && *line ? line : "failed");
	free(text);
}

/* Until it ends; if the tool is to stop, it is of no use any more. */
static void await_or_kill(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	while (fd >= 0 && !signals_stop() && !signals_wait(fd))
		;
	if (signals_stop())
		kill(pid, SIGKILL);
	if (fd >= 0)
		close(fd);
}

/* 0, or 1: it has failed, or -1, error said. */
static int run(const char *const argv[], int out, int err, const struct manner *manner)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid && !manner->can_stop)
		attend(argv, out, err, manner);
	if (!pid)
		become(argv, out, err, manner);
	if (pid < 0)
		return say_error("cannot run %s: %s", argv[0], strerror(errno));
	if (manner->can_stop)
		await_or_kill(pid);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

/* What can be stopped may fail, too. */
static char *output(const char *const argv[], const struct manner *manner)
{
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	char *text = NULL;
	int r = -1;

	if (out < 0 || err < 0)
		say_error("cannot run %s: %s", argv[0], strerror(errno));
	else
		r = run(argv, out, err, manner);
	if (!r)
		text = contents(out);
	else if (r > 0 && !manner->can_stop)
		say_complaint(argv[0], err);
	close(out);
	close(err);
	return text;
}

char *child_output(const char *const argv[])
{
	return output(argv, &(const struct manner) { .can_stop = false });
}

char *child_try(const char *const argv[])
{
	return output(argv, &(const struct manner) { .can_stop = true });
}

static int done(char *text)
{
	free(text);
	return text ? 0 : -1;
}

int child_run(const char *const argv[])
{
	return done(child_output(argv));
}

int child_daemon(const char *const argv[], unsigned int seconds)
{
	return done(output(argv, &(const struct manner) { .seconds = seconds }));
}
