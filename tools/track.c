// SPDX-License-Identifier: GPL-2.0-only
/* The verbs attach and detach: the table that tracks what changes, put under a volume in use. */
#include <getopt.h>
#include <stdio.h>

#include "attach.h"
#include "cbw.h"
#include "lock.h"
#include "mapper.h"
#include "say.h"
#include "signals.h"
#include "units.h"

static int attach_locked(const struct device *volume, uint64_t chunk)
{
	struct attachment at;

	if (attach_check(&at, volume))
		return -1;
	if (at.tracked)
		return say_error("the changes of %s are tracked already", at.volume.name);
	return attach_load_track(&at, chunk / SECTOR_SIZE) || attach_start(&at) ? -1 : 0;
}

static int attach(const char *name, uint64_t chunk)
{
	struct mapper_info info;
	struct device volume;
	int r;

	if (device_resolve(name, &volume) || lock_named(volume.dev, volume.path))
		return -1;
	if (!mapper_find(volume.dm_name, &info))
		lock_group(info.name, info.uuid);
	r = attach_locked(&volume, chunk);
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
		return say_error("somebody else is changing the table of %s: try again later", name);
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

enum { CHUNK = 1 };

static int run_attach(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "chunk", required_argument, NULL, CHUNK },
		{ 0 }
	};
	uint64_t chunk = 65536;
	int value, r = 0;

	while ((value = next_option(argc, argv, longopts)) != -1) {
		if (value != CHUNK || take_chunk(optarg, &chunk))
			return CBW_USAGE;
	}
	if (optind == argc)
		return say_usage("attach needs a volume");
	if (mapper_need_cbw())
		return CBW_FAILED;
	signals_catch();
	for (int i = optind; i < argc && !signals_stop(); i++)
		r |= attach(argv[i], chunk);
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
	.options = "  --chunk SIZE  the unit of tracking, a power of two (64K)\n",
	.run = run_attach,
};

const struct verb verb_detach = {
	.name = "detach",
	.arguments = "VOLUME...",
	.summary = "track no more: the volume gets its own table back",
	.run = run_detach,
};
