// SPDX-License-Identifier: GPL-2.0-only
/* Whoever pulls the cables: lower devices fail, slow down or hang for a moment. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "fuzz.h"

#define AT_ONCE (DM_NOFLUSH_FLAG | DM_SKIP_LOCKFS_FLAG)

/* What a lower device is for a while; %s is the null_blk device behind it. */
static const struct kind {
	const char *type, *params;
} kinds[] = {
	{ "error", "" },
	{ "flakey", "%s 0 0 1" },
	{ "flakey", "%s 0 0 1 1 error_writes" },
	{ "delay", "%s 0 20" },
};

static const struct kind usual[] = {
	{ "linear", "%s 0" },
	{ "delay", "%s 0 1" },
	{ "delay", "%s 0 3" },
};

static struct chance chance;
static struct worker *me;

static void become(const char *name, const struct kind *kind, uint64_t length)
{
	struct table table = { .length = length };
	char null[32];

	snprintf(null, sizeof(null), "/dev/%s0", name);
	strcpy(table.type, kind->type);
	snprintf(table.params, sizeof(table.params), kind->params, null);
	begin(me, FAULT, "%s %s %s", name, table.type, table.params);
	ended(me, dm_swap(name, &table, AT_ONCE));
}

static void hang(const char *name, unsigned int ms)
{
	static struct dm_call call;

	begin(me, FAULT, "%s hangs for %u ms", name, ms);
	dm_begin(&call, name, 0, DM_SUSPEND_FLAG | AT_ONCE);
	ended(me, dm_run(&call, DM_DEV_SUSPEND));
	doze(ms);
	begin(me, FAULT, "%s goes on", name);
	dm_begin(&call, name, 0, 0);
	ended(me, dm_run(&call, DM_DEV_SUSPEND));
}

static uint64_t length_of(const char *name)
{
	static struct dm_call call;

	dm_begin(&call, name, 0, 0);
	if (dm_run(&call, DM_TABLE_STATUS))
		wrong(me, "there is no device %s", name);
	return ((struct dm_target_spec *)call.area)->length;
}

static void name_lower(char name[16], const char *role, unsigned int number)
{
	snprintf(name, 16, "%s%u", role, number);
}

static void do_step(void)
{
	const struct kind *kind = &PICK(&chance, kinds), *after = &PICK(&chance, usual);
	bool hangs = percent(&chance, 30);
	unsigned int ms = below(&chance, percent(&chance, 80) ? 50 : 400);
	uint64_t length;
	char name[16];

	name_lower(name, percent(&chance, 70) ? "target" : "origin", below(&chance, NR_SETS));
	length = length_of(name);
	if (hangs) {
		hang(name, ms);
	} else {
		become(name, kind, length);
		doze(ms);
	}
	become(name, after, length);
	doze(below(&chance, 300));
}

static void mend_all(void)
{
	unsigned int number;
	char name[16];

	for (number = 0; number < NR_SETS; number++) {
		name_lower(name, "origin", number);
		become(name, &usual[0], length_of(name));
		name_lower(name, "target", number);
		become(name, &usual[0], length_of(name));
	}
}

void faults_run(struct worker *worker)
{
	me = worker;
	chance.state = worker->seed;
	while (!__atomic_load_n(&fuzz->stop, __ATOMIC_RELAXED))
		do_step();
	mend_all();
}
