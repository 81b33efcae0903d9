// SPDX-License-Identifier: GPL-2.0-only
/* The verbs attach and detach: the table that tracks what changes, put under a volume in use. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "cbw.h"
#include "lock.h"
#include "lvm.h"
#include "mapper.h"
#include "metadata.h"
#include "say.h"
#include "signals.h"
#include "units.h"

#define METADATA_SUFFIX	"-cbw-metadata"
#define METADATA_TAG	"cbw.metadata"

/* As the command line has them. */
struct options {
	uint64_t chunk;
	const char *metadata;		/* a device, or NULL */
	const char *metadata_vg;	/* or where to make one */
	const char *policy;		/* of on_metadata_error, or NULL */
	bool force;
};

static int check(struct attachment *at, const struct device *volume)
{
	if (attach_check(at, volume))
		return -1;
	return at->tracked ? say_error("the changes of %s are tracked already", at->volume.name) :
			     0;
}

/* LVM may have been at work until it let us have its lock. */
static int attach_locked(const struct device *volume, const struct options *options,
			 const struct device *metadata)
{
	struct attachment at;

	if (check(&at, volume))
		return -1;
	if (metadata)
		attach_keep(&at, metadata, options->policy);
	return attach_load_track(&at, options->chunk / SECTOR_SIZE) || attach_start(&at) ? -1 : 0;
}

/* The lines that make it, if there is none, and activate it. */
static void plan_metadata(const char *name, uint64_t size, bool make, struct device *metadata)
{
	int length = (int)strcspn(name, "/");

	if (make)
		printf("lvcreate -y -an -Zn -Wn -ky -L %llub --addtag " METADATA_TAG " -n '%s' '%.*s'\n",
		       (unsigned long long)size, name + length + 1, length, name);
	printf("lvchange -ay -K '%s'\n", name);
	*metadata = (struct device) { .size = size };
	snprintf(metadata->path, sizeof(metadata->path), "/dev/%s", name);
}

/* Once made it is found again by its name, and is there to stay. */
static int make_metadata(const char *vg, const struct device *volume, uint64_t chunk,
			 struct device *metadata, bool *made)
{
	uint64_t size = metadata_size(volume->size, chunk);
	char name[LVM_NAME_MAX];
	struct lv lv;
	int r;

	snprintf(name, sizeof(name), "%s/%.200s" METADATA_SUFFIX, vg, volume->dm_name);
	r = lvm_get(name, &lv);
	*made = r > 0;
	if (opt_dry_run && (*made || (!r && !lv.active))) {
		plan_metadata(name, size, *made, metadata);
		return 0;
	}
	if (*made)
		r = lvm_create(name, size, METADATA_TAG);
	return r || lvm_activate(name) || device_resolve(name, metadata) ? -1 : 0;
}

/* 1: there is to be one; 0: none; or -1, error said. */
static int find_metadata(const struct options *options, const struct device *volume,
			 struct device *metadata)
{
	bool made = false;
	int r;

	if (!options->metadata && !options->metadata_vg)
		return 0;
	if (options->metadata)
		r = device_resolve(options->metadata, metadata);
	else
		r = make_metadata(options->metadata_vg, volume, options->chunk, metadata, &made);
	if (r || metadata_prepare(metadata, volume, options->chunk, options->force || made))
		return -1;
	return 1;
}

static int attach(const char *name, const struct options *options)
{
	struct device volume, metadata;
	struct mapper_info info;
	struct attachment at;
	int r, kept;

	if (device_resolve(name, &volume) || lock_named(volume.dev, volume.path) ||
	    check(&at, &volume))
		return -1;
	kept = find_metadata(options, &volume, &metadata);
	if (kept < 0)
		return -1;
	if (!mapper_find(volume.dm_name, &info))
		lock_group(info.name, info.uuid);
	r = attach_locked(&volume, options, kept ? &metadata : NULL);
	unlock_groups();
	return r;
}

static int refuse_detach(const struct attachment *at, enum attach_state state)
{
	const char *name = at->volume.name;

	switch (state) {
	case ATTACH_LIVE:
		return say_error("%s has a job: wait for its end, or cancel it", name);
	case ATTACH_LOADED:
		return say_error("a cbw that was killed has left a table loaded in %s: try 'cbw repair'",
				 name);
	case ATTACH_FOREIGN:
		return say_error("somebody else is changing the table of %s: try again later",
				 name);
	default:
		return say_error("the changes of %s are not tracked any more", name);
	}
}

static int detach(const char *name)
{
	enum attach_state state;
	struct attachment at;
	struct device volume;

	if (device_resolve(name, &volume) || lock_named(volume.dev, volume.path) ||
	    attach_find_named(&at, name))
		return -1;
	if (!at.uuid[0])
		return say_error("the table of %s was not made by this tool, but with dmsetup",
				 at.volume.name);
	if (attach_state(&at, &state))
		return -1;
	return state == ATTACH_TRACKED ? attach_detach(&at) : refuse_detach(&at, state);
}

enum { CHUNK = 1, METADATA, METADATA_VG, ON_METADATA_ERROR, FORCE };

static int take_policy(const char *text, const char **policy)
{
	if (strcmp(text, "break-map") && strcmp(text, "break-write"))
		return say_usage("--on-metadata-error takes break-map or break-write, not '%s'",
				 text);
	*policy = text;
	return 0;
}

static int take_option(int value, struct options *options)
{
	switch (value) {
	case CHUNK:
		return take_chunk(optarg, &options->chunk);
	case METADATA:
		options->metadata = optarg;
		return 0;
	case METADATA_VG:
		options->metadata_vg = optarg;
		return 0;
	case ON_METADATA_ERROR:
		return take_policy(optarg, &options->policy);
	case FORCE:
		options->force = true;
		return 0;
	default:
		return CBW_USAGE;
	}
}

static int check_options(const struct options *options, int nr)
{
	bool kept = options->metadata || options->metadata_vg;

	if (!nr)
		return say_usage("attach needs a volume");
	if (options->metadata && options->metadata_vg)
		return say_usage("--metadata and --metadata-vg exclude each other");
	if (options->metadata && nr > 1)
		return say_usage("--metadata takes one volume: each needs a device of its own");
	if ((options->policy || options->force) && !kept)
		return say_usage("%s needs --metadata or --metadata-vg",
				 options->force ? "--force" : "--on-metadata-error");
	return 0;
}

static int run_attach(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "chunk",		required_argument,	NULL,	CHUNK },
		{ "metadata",		required_argument,	NULL,	METADATA },
		{ "metadata-vg",	required_argument,	NULL,	METADATA_VG },
		{ "on-metadata-error",	required_argument,	NULL,	ON_METADATA_ERROR },
		{ "force",		no_argument,		NULL,	FORCE },
		{ 0 }
	};
	struct options options = { .chunk = 65536 };
	int value, r = 0;

	while ((value = next_option(argc, argv, longopts)) != -1) {
		if (take_option(value, &options))
			return CBW_USAGE;
	}
	if (check_options(&options, argc - optind))
		return CBW_USAGE;
	if (mapper_need_cbw())
		return CBW_FAILED;
	signals_catch();
	for (int i = optind; i < argc && !signals_stop(); i++)
		r |= attach(argv[i], &options);
	return r || signals_stop() ? CBW_FAILED : CBW_DONE;
}

static int run_detach(int argc, char **argv)
{
	int r = 0;

	if (take_no_options(argc, argv))
		return CBW_USAGE;
	if (optind == argc)
		return say_usage("detach needs a volume");
	if (mapper_need_cbw())
		return CBW_FAILED;
	signals_catch();
	for (int i = optind; i < argc && !signals_stop(); i++)
		r |= detach(argv[i]);
	return r || signals_stop() ? CBW_FAILED : CBW_DONE;
}

const struct verb verb_attach = {
	.name = "attach",
	.arguments = "VOLUME...",
	.summary = "track from now on what changes of a volume in use",
	.options =
		"  --chunk SIZE         the unit of tracking, a power of two (64K)\n"
		"  --metadata DEVICE    keep the map there, beyond the end of the machine\n"
		"  --metadata-vg VG     the same on a small volume that is made there\n"
		"  --on-metadata-error break-map|break-write\n"
		"                       when that device fails: the map is void, or writes fail\n"
		"  --force              overwrite what the device carries\n",
	.run = run_attach,
};

const struct verb verb_detach = {
	.name = "detach",
	.arguments = "VOLUME...",
	.summary = "track no more: the volume gets its own table back",
	.run = run_detach,
};
