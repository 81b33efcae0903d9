// SPDX-License-Identifier: GPL-2.0-only
/* The verbs that steer a job: pause, resume, cancel, speed, wait. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "books.h"
#include "cbw.h"
#include "exchange.h"
#include "follow.h"
#include "job.h"
#include "lock.h"
#include "pivot.h"
#include "say.h"
#include "signals.h"
#include "units.h"

/* Ten seconds. */
#define LOCK_TRIES	100
#define LOCK_PAUSE_MS	100

/* Reads the options, and sees that there is a volume, and the module. */
static int begin(int argc, char **argv)
{
	if (take_no_options(argc, argv))
		return CBW_USAGE;
	if (optind == argc)
		return say_usage("%s needs a volume", argv[0]);
	return mapper_need_cbw() ? CBW_FAILED : CBW_DONE;
}

static int send(const struct attachment *at, const char *message)
{
	struct job job;
	int r = job_read(at->volume.name, &job);

	if (!r && job_ended(&job))
		return say_error("the job of %s is %s already", at->volume.name, job.state);
	if (!r && job_is_held(&job) && (!strcmp(message, "pause") || !strcmp(message, "resume")))
		return say_error("the job of %s has not started: %s", at->volume.name,
				 job_why(&job));
	if (!r && !strcmp(message, "resume") && !strcmp(job.reason, "target-error"))
		r = books_reconnect(at);
	return r ? -1 : mapper_message(at->volume.name, message, NULL);
}

static int send_all(char **names, const char *message)
{
	struct attachment at;
	int r = 0;

	for (; *names; names++)
		r |= attach_find_job(&at, *names) || send(&at, message);
	return r ? CBW_FAILED : CBW_DONE;
}

static int run_pause(int argc, char **argv)
{
	int r = begin(argc, argv);

	return r ? r : send_all(argv + optind, "pause");
}

static int run_resume(int argc, char **argv)
{
	int r = begin(argc, argv);

	return r ? r : send_all(argv + optind, "resume");
}

static int run_speed(int argc, char **argv)
{
	char message[JOB_WORD_LEN * 2];
	uint64_t speed;

	if (take_no_options(argc, argv))
		return CBW_USAGE;
	if (argc - optind < 2)
		return say_usage("speed needs a volume and a size");
	if (parse_size(argv[argc - 1], &speed) || speed >> 10 > UINT32_MAX ||
	    (speed && speed < 1024))
		return say_usage("a speed is a size for each second, 1K or more, or 0 for no limit, not '%s'",
				 argv[argc - 1]);
	if (mapper_need_cbw())
		return CBW_FAILED;
	argv[argc - 1] = NULL;
	snprintf(message, sizeof(message), "speed %llu", (unsigned long long)speed >> 10);
	return send_all(argv + optind, message);
}

/* The end of a mirror that is ready may be under way already, which a message would break off. */
static int send_cancel(const struct attachment *at, struct job *job)
{
	if (job_ended(job) || !strcmp(job->reason, "cancel") || !strcmp(job->reason, "complete"))
		return 0;
	if (mapper_message(at->volume.name, "cancel", NULL))
		return -1;
	return opt_dry_run ? 0 : job_read(at->volume.name, job);
}

/* Whoever is at work on it sees that it is cancelled, and lets go of it. */
static int await_lock(const struct attachment *at)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		int r = lock_volume(at->volume.dev);

		if (r <= 0)
			return r;
		if (signals_stop())
			return say_error("interrupted: the mirror of %s is cancelled, and ends with 'cbw cancel'",
					 at->volume.name);
		signals_sleep(LOCK_PAUSE_MS);
	}
	return lock_named(at->volume.dev, at->volume.name);
}

/* The lock is ours. */
static int leave_copy(struct attachment *at, const struct job *job)
{
	char name[DM_NAME_LEN];
	struct device target;

	attach_target_name(at, name);
	if (attach_target(at, &target) || exchange_settle(at->volume.dev) || pivot_stay(at))
		return -1;
	if (!opt_json && !opt_dry_run)
		fprintf(stderr, "%s: was ready: %s is a copy of it, as it was at this moment\n",
			at->volume.name, name);
	return books_copy(at->volume.dev, &target, job->chunk_sectors * SECTOR_SIZE);
}

/* The lock is ours. */
static int end(struct attachment *at, const struct job *job)
{
	char generation[RECORD_ID_MAX];

	books_generation(at->volume.dev, generation);
	if (job_completed(job) && books_complete(at, generation))
		return -1;
	return exchange_settle(at->volume.dev) || attach_end(at) ||
	       books_finish(generation, false) ? -1 : 0;
}

static int cancel_ready(struct attachment *at)
{
	struct job job;

	if (await_lock(at) || job_read(at->volume.name, &job))
		return -1;
	return job_is_ready(&job) ? leave_copy(at, &job) : end(at, &job);
}

/* Whoever looks after the job ends it, and this does where nobody does. */
static int cancel(struct attachment *at)
{
	struct job job;
	int r = job_read(at->volume.name, &job);

	if (r || send_cancel(at, &job))
		return -1;
	if (job_is_ready(&job))
		return cancel_ready(at);
	if (job_is_mirror(&job) && !job_completed(&job) && !opt_json && !opt_dry_run)
		fprintf(stderr, "%s: was not ready: the target device is worth nothing\n",
			at->volume.name);
	r = lock_volume(at->volume.dev);
	if (r)
		return r < 0 ? -1 : 0;
	return end(at, &job);
}

static int run_cancel(int argc, char **argv)
{
	struct attachment at;
	int r = begin(argc, argv);

	if (r)
		return r;
	signals_catch();
	for (int i = optind; i < argc; i++)
		r |= attach_find_job(&at, argv[i]) || cancel(&at);
	return r ? CBW_FAILED : CBW_DONE;
}

/* --- wait --------------------------------------------------------------------------------- */

enum { QUIET = 1 };

static int find_all(struct followed *jobs, char **names, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (attach_find_job(&jobs[i].at, names[i]))
			return -1;
	}
	return 0;
}

static int run_wait(int argc, char **argv)
{
	size_t nr;
	struct followed *jobs;
	bool quiet = false;
	int r = CBW_FAILED;

	if (take_flag(argc, argv, "quiet", &quiet))
		return CBW_USAGE;
	nr = (size_t)(argc - optind);
	if (!nr)
		return say_usage("wait needs a volume");
	if (mapper_need_cbw())
		return CBW_FAILED;
	signals_catch();
	jobs = calloc(nr, sizeof(*jobs));
	if (jobs && !find_all(jobs, argv + optind, nr))
		r = opt_dry_run ? follow_dry_run(jobs, nr) : follow(jobs, nr, false, quiet);
	free(jobs);
	return r;
}

const struct verb verb_pause = {
	.name = "pause",
	.arguments = "VOLUME...",
	.summary = "copy nothing more but what is overwritten",
	.run = run_pause,
};

const struct verb verb_resume = {
	.name = "resume",
	.arguments = "VOLUME...",
	.summary = "go on after a pause, or after what has stopped the job",
	.run = run_resume,
};

const struct verb verb_cancel = {
	.name = "cancel",
	.arguments = "VOLUME...",
	.summary = "end a job before it has completed",
	.run = run_cancel,
};

const struct verb verb_speed = {
	.name = "speed",
	.arguments = "VOLUME... SIZE",
	.summary = "copy so much each second at most; 0: no limit",
	.run = run_speed,
};

const struct verb verb_wait = {
	.name = "wait",
	.arguments = "VOLUME...",
	.summary = "watch jobs to their end, and finish them if nobody else does",
	.options = "  --quiet    no progress, no summary\n",
	.run = run_wait,
};
