// SPDX-License-Identifier: GPL-2.0-only
/* A command that reads the views of jobs; see then.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cbw.h"
#include "say.h"
#include "signals.h"
#include "then.h"
#include "view.h"

#define POLL_MS	50

/* Makes the views and puts their paths into @paths, which is to be freed. */
static int create_views(const struct followed *jobs, size_t nr, char **paths)
{
	char *list = calloc(nr, DM_NAME_LEN + 16);
	char *end = list;
	int r = 0;

	*paths = list;
	if (!list)
		return say_error("out of memory");
	for (size_t i = 0; i < nr && !r; i++) {
		const struct attachment *at = &jobs[i].at;
		char name[DM_NAME_LEN];

		r = view_create(at->volume.name, at->origin, at->uuid, at->length, false, name);
		end += sprintf(end, "%s/dev/mapper/%s", i ? " " : "", name);
	}
	return r;
}

/* Reads that were not of the point in time have failed; who did not notice is told here. */
static int check_views(const struct followed *jobs, size_t nr)
{
	int r = 0;

	for (size_t i = 0; i < nr && !r; i++) {
		char type[DM_MAX_TYPE_NAME];
		struct mapper_info view;
		char *params = NULL;

		if (view_find(jobs[i].at.uuid, &view) || mapper_status(view.name, type, &params) ||
		    strncmp(params, "valid", 5))
			r = say_error("the view of %s has not lasted: its job has failed or was ended",
				      jobs[i].at.volume.name);
		free(params);
	}
	return r;
}

static void be_command(const char *command, const char *paths)
{
	signals_restore();
	setenv("CBW_VIEW", paths, 1);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

/* Passes on what asks to stop. */
static int wait_for(pid_t child)
{
	bool told = false;
	int status;

	while (!waitpid(child, &status, WNOHANG)) {
		if (!told && (signals_stop() || signals_hung_up())) {
			kill(child, SIGTERM);
			told = true;
		}
		signals_sleep(POLL_MS);
	}
	if (told)
		return say_error("interrupted");
	if (WIFSIGNALED(status))
		return say_error("the command was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		return say_error("the command has failed with exit status %d", WEXITSTATUS(status));
	return 0;
}

static int run_command(const char *command, const char *paths)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (!child)
		be_command(command, paths);
	if (child < 0)
		return say_error("cannot start the command: %s", strerror(errno));
	return wait_for(child);
}

static int dry_run(const struct followed *jobs, size_t nr, const char *command, const char *paths)
{
	int r = 0;

	printf("CBW_VIEW='%s' sh -c '", paths);
	for (; *command; command++) {
		if (*command == '\'')
			fputs("'\\'", stdout);
		putchar(*command);
	}
	puts("'");
	for (size_t i = 0; i < nr; i++) {
		struct attachment at = jobs[i].at;

		printf("dmsetup remove '%s-pit'\n", at.volume.name);
		r |= mapper_message(at.volume.name, "cancel", NULL) || attach_end(&at);
	}
	return r ? CBW_FAILED : CBW_DONE;
}

static int end_jobs(struct followed *jobs, size_t nr, bool quiet)
{
	for (size_t i = 0; i < nr; i++) {
		struct job job;

		view_drop(jobs[i].at.uuid);
		jobs[i].wanted_cancel = true;
		if (!job_find(jobs[i].at.volume.name, &job) && !job_ended(&job))
			mapper_message(jobs[i].at.volume.name, "cancel", NULL);
	}
	return follow(jobs, nr, true, quiet);
}

int then_run(struct followed *jobs, size_t nr, const char *command, bool quiet)
{
	char *paths;
	int r = create_views(jobs, nr, &paths);

	if (!paths)
		return CBW_FAILED;
	if (opt_dry_run) {
		r = dry_run(jobs, nr, command, paths);
	} else {
		if (!r)
			r = run_command(command, paths);
		if (!r)
			r = check_views(jobs, nr);
		r |= end_jobs(jobs, nr, quiet || r);
	}
	free(paths);
	return r ? CBW_FAILED : CBW_DONE;
}
