// SPDX-License-Identifier: GPL-2.0-only
/* The verb snapshot. */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "cbw.h"
#include "job.h"
#include "say.h"
#include "view.h"

static void tell(const char *name)
{
	struct json_object *object;
	char path[DM_NAME_LEN + 16];

	if (opt_dry_run)
		return;
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	if (!opt_json) {
		puts(path);
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "view", json_object_new_string(path));
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}

static int create(const struct attachment *at, bool release)
{
	char name[DM_NAME_LEN];
	struct job job;

	if (job_read(at->volume.name, &job))
		return -1;
	if (job_ended(&job) && !job_completed(&job))
		return say_error("the job of %s is %s: there is nothing to be seen",
				 at->volume.name, job.state);
	if (view_create(at->volume.name, at->origin, at->uuid, at->length, release, name))
		return -1;
	tell(name);
	return 0;
}

static int destroy(const struct attachment *at)
{
	struct mapper_info view;

	if (view_find(at->uuid, &view))
		return say_error("%s has no view", at->volume.name);
	return view_drop(at->uuid);
}

static int run(int argc, char **argv)
{
	bool release = false, is_create;
	struct attachment at;

	if (take_flag(argc, argv, "release", &release))
		return CBW_USAGE;
	if (argc - optind != 2 ||
	    (strcmp(argv[optind], "create") && strcmp(argv[optind], "remove")))
		return say_usage("it is 'snapshot create VOLUME' or 'snapshot remove VOLUME'");
	is_create = !strcmp(argv[optind], "create");
	if (release && !is_create)
		return say_usage("--release is for 'snapshot create'");

	/* A view may outlast its job where changes are tracked. */
	if (mapper_need_cbw() ||
	    (is_create ? attach_find_job : attach_find_named)(&at, argv[optind + 1]))
		return CBW_FAILED;
	if (!at.uuid[0]) {
		say_error("the job of %s was not made by this tool", at.volume.name);
		return CBW_FAILED;
	}
	return (is_create ? create(&at, release) : destroy(&at)) ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_snapshot = {
	.name = "snapshot",
	.arguments = "create|remove VOLUME",
	.summary = "make or remove the view of a job: the volume as it was at the instant of the backup",
	.options = "  --release  what is discarded of the view has been read, and is saved no more\n",
	.run = run,
};
