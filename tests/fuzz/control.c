// SPDX-License-Identifier: GPL-2.0-only
/*
 * Those who steer the mapped devices, all at once. Only one changes the tables of
 * a device, as the locks of LVM and its like have it: device-mapper of 6.1 alone,
 * without cbw, does not survive two. Whoever looks and tells does so on all.
 *
 * None leaves a device suspended: what it does in between waits for no I/O.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/sysmacros.h>

#include "fuzz.h"
#include "words.h"

static struct chance chance;
static struct worker *me;
static struct dm_call call;

/* The worker's own device: a loaded table was cleared, and none has been loaded since. */
static bool cleared;

static const char *name_of(unsigned int number)
{
	static const char * const names[NR_MAPPED] = {
		"fuzz0", "fuzz1", "fuzz2", "fuzz3", "fuzz4",
	};

	return names[number];
}

static uint64_t dev_of(unsigned int number)
{
	return makedev(fuzz->dm_major, FIRST_MINOR + number);
}

/* By its name, which another worker may have changed, or by its number. */
static void address(unsigned int number, uint32_t flags)
{
	dm_begin(&call, percent(&chance, 70) ? name_of(number) : NULL, dev_of(number), flags);
}

/* As many bytes for the answer as there may be, or fewer. */
static void shrink_answer(void)
{
	uint32_t least = sizeof(struct dm_ioctl);

	if (percent(&chance, 30))
		call.io.data_size = least + below(&chance, percent(&chance, 80) ? 400 : DM_AREA);
}

static uint32_t suspend_flags(void)
{
	static const uint32_t flags[] = {
		0, DM_NOFLUSH_FLAG, DM_SKIP_LOCKFS_FLAG, DM_NOFLUSH_FLAG | DM_SKIP_LOCKFS_FLAG,
	};

	return PICK(&chance, flags);
}

/*----------------------------------------------------------------
 * Steps
 *----------------------------------------------------------------
 */

static void create(unsigned int number)
{
	begin(me, CREATE, "%s", name_of(number));
	dm_begin(&call, name_of(number), 0, DM_PERSISTENT_DEV_FLAG);
	call.io.dev = dev_of(number);
	ended(me, dm_run(&call, DM_DEV_CREATE));
}

static void run_load(const struct table *table, const struct table *second)
{
	dm_put_table(&call, table, second);
	if (!ended(me, dm_run(&call, DM_TABLE_LOAD)))
		cleared = false;
}

static void load_table(unsigned int number, const struct table *table, const struct table *second)
{
	begin(me, LOAD, "%s %llu %llu %s %s%s", name_of(number), (unsigned long long)table->start,
	      (unsigned long long)table->length, table->type, table->params,
	      second ? " and another" : "");
	address(number, 0);
	run_load(table, second);
}

static void load(unsigned int number)
{
	struct table table, second;
	bool two = percent(&chance, 2);

	make_table(&chance, number, &table);
	make_good_table(&chance, number, &second);
	load_table(number, &table, two ? &second : NULL);
}

static void resume_with(unsigned int number, uint32_t flags)
{
	begin(me, RESUME, "%s flags %#x", name_of(number), flags);
	dm_begin(&call, NULL, dev_of(number), flags);
	ended(me, dm_run(&call, DM_DEV_SUSPEND));
}

static void resume(unsigned int number)
{
	resume_with(number, suspend_flags());
}

static void clear(unsigned int number)
{
	begin(me, CLEAR, "%s", name_of(number));
	address(number, 0);
	if (!ended(me, dm_run(&call, DM_TABLE_CLEAR)))
		cleared = true;
}

static void message(unsigned int number)
{
	static char text[MAX_MESSAGE];
	size_t len = make_message(&chance, text);
	uint64_t sector = percent(&chance, 97) ? 0 : draw(&chance) >> below(&chance, 64);

	begin(me, MESSAGE, "%s %llu %s", name_of(number), (unsigned long long)sector, text);
	address(number, 0);
	dm_put_message(&call, sector, text, len, below(&chance, 9));
	/* The answer shares its memory with the message. */
	if (percent(&chance, 30))
		call.io.data_size = call.io.data_start + sizeof(sector) + len + 1;
	ended(me, dm_run(&call, DM_TARGET_MSG));
}

/* A line that lies would be the worst answer. */
static void check_status(const char *line)
{
	unsigned long done, total;
	char job[8], rest;

	if (sscanf(line, "%*s %7s %*s %*u %lu/%lu %*u %*u %*u %*u %*u %*u %*s %c", job, &done,
		   &total, &rest) != 3 ||
	    (strcmp(job, "backup") && strcmp(job, "mirror") && strcmp(job, "track")))
		wrong(me, "a status line of another form: %s", line);
	if (done > total)
		wrong(me, "more is done than there is: %s", line);
}

static void check_view_status(const char *line)
{
	unsigned long done, total;
	char state[8], rest;

	if (sscanf(line, "%7s %lu/%lu %c", state, &done, &total, &rest) != 3 ||
	    (strcmp(state, "valid") && strcmp(state, "invalid")) || done > total)
		wrong(me, "a wrong status line of a view: %s", line);
}

static void status(unsigned int number)
{
	static const uint32_t flags[] = {
		0,
		DM_NOFLUSH_FLAG,
		DM_QUERY_INACTIVE_TABLE_FLAG,
		DM_QUERY_INACTIVE_TABLE_FLAG | DM_NOFLUSH_FLAG,
	};
	const struct dm_target_spec *spec = (void *)call.area;

	begin(me, STATUS, "%s", name_of(number));
	address(number, PICK(&chance, flags));
	shrink_answer();
	if (ended(me, dm_run(&call, DM_TABLE_STATUS)) || !*dm_line(&call))
		return;
	if (!strcmp(spec->target_type, "cbw"))
		check_status(dm_line(&call));
	else if (!strcmp(spec->target_type, "cbw-snapshot"))
		check_view_status(dm_line(&call));
}

static int get_table(unsigned int number)
{
	begin(me, TABLE, "%s", name_of(number));
	address(number,
		DM_STATUS_TABLE_FLAG | (percent(&chance, 30) ? DM_QUERY_INACTIVE_TABLE_FLAG : 0));
	shrink_answer();
	return ended(me, dm_run(&call, DM_TABLE_STATUS));
}

static void show_table(unsigned int number)
{
	get_table(number);
}

/* The tracking map that the line needs may have been lost since it was loaded. */
static bool needs_map(const struct table *table)
{
	return strstr(table->params, " incremental") || strstr(table->params, " metadata ");
}

/* What it prints must load again; that of a view only while its job is there. */
static void again(unsigned int number)
{
	const struct dm_target_spec *spec = (void *)call.area;
	struct table line = { .start = 0 };

	if (number == VIEW || get_table(number) || !*dm_line(&call) ||
	    strlen(dm_line(&call)) >= MAX_PARAMS)
		return;
	line.length = spec->length;
	strcpy(line.type, spec->target_type);
	strcpy(line.params, dm_line(&call));

	begin(me, needs_map(&line) ? LOAD : AGAIN, "%s %llu %s %s", name_of(number),
	      (unsigned long long)line.length, line.type, line.params);
	dm_begin(&call, name_of(number), 0, 0);
	run_load(&line, NULL);
}

static void suspend(unsigned int number)
{
	static void (* const between[])(unsigned int number) = {
		load, clear, message, status, show_table, again,
	};
	uint32_t flags = suspend_flags();
	unsigned int i, nr = below(&chance, 3), ms = below(&chance, 20);

	begin(me, SUSPEND, "%s flags %#x", name_of(number), flags);
	address(number, flags | DM_SUSPEND_FLAG);
	ended(me, dm_run(&call, DM_DEV_SUSPEND));
	for (i = 0; i < nr; i++)
		PICK(&chance, between)(number);
	doze(ms);
	/* By number: by now it may have another name. */
	resume_with(number, 0);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void set_alarm(unsigned int ms)
{
	struct itimerval timer = {
		.it_interval.tv_usec = ms * 1000L,
		.it_value.tv_usec = ms * 1000L,
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void await(unsigned int number)
{
	unsigned int ms = 1 + below(&chance, 100);

	begin(me, WAIT, "%s %u ms", name_of(number), ms);
	address(number, 0);
	call.io.event_nr = below(&chance, 2) ? 0 : below(&chance, 1000);
	shrink_answer();
	set_alarm(ms);
	ended(me, dm_run(&call, DM_DEV_WAIT));
	set_alarm(0);
}

static void remove_it(unsigned int number)
{
	bool deferred = percent(&chance, 30);

	begin(me, REMOVE, "%s%s", name_of(number), deferred ? " deferred" : "");
	address(number, deferred ? DM_DEFERRED_REMOVE : 0);
	ended(me, dm_run(&call, DM_DEV_REMOVE));
}

/* As dmsetup remove --force: all that is under way fails, then it goes. */
static void force(unsigned int number)
{
	struct table table = {
		.length = number >= WILD ? 8192 : fuzz->sets[number].sectors,
		.type = "error",
	};

	load_table(number, &table, NULL);
	resume_with(number, DM_NOFLUSH_FLAG | DM_SKIP_LOCKFS_FLAG);
	remove_it(number);
}

/*
 * There and back. A name of another mapped device would bring it that one's tables.
 * Where a loaded table was cleared before, device-mapper of 6.1 alone, without cbw,
 * frees the same memory twice: at the renaming, and when a table is loaded again.
 */
static void rename_it(unsigned int number)
{
	static const char * const others[] = {
		"other0", "other1", "other2", "other3", "other4",
	};
	static const char * const bad[] = { "", "a/b", "origin0" };
	static bool back;
	const char *old = back ? others[number] : name_of(number);
	const char *new = back ? name_of(number) : others[number];

	if (cleared)
		return;
	if (percent(&chance, 20))
		new = PICK(&chance, bad);
	begin(me, RENAME, "%s to %s", old, new);
	dm_begin(&call, old, 0, 0);
	dm_put_word(&call, new);
	/* When it is gone, the next one has its first name. */
	switch (ended(me, dm_run(&call, DM_DEV_RENAME))) {
	case 0:
		back = !back;
		break;
	case -ENXIO:
		back = false;
	}
}

static void look(unsigned int number)
{
	static const unsigned long requests[] = { DM_DEV_STATUS, DM_TABLE_DEPS, DM_LIST_DEVICES };
	unsigned long request = PICK(&chance, requests);

	begin(me, LOOK, "%s", name_of(number));
	if (request == DM_LIST_DEVICES)
		dm_begin(&call, "", 0, 0);
	else
		address(number, 0);
	shrink_answer();
	ended(me, dm_run(&call, request));
}

/* What most others need: a device with a job. */
static void set_up(unsigned int number)
{
	struct table table;

	make_good_table(&chance, number, &table);
	create(number);
	load_table(number, &table, NULL);
	resume(number);
}

static const struct {
	void (*act)(unsigned int number);
	unsigned int weight;
	bool any;	/* device, not only the worker's own */
} steps[] = {
	{ set_up,	22, false },
	{ create,	3, false },
	{ load,		16, false },
	{ resume,	14, false },
	{ suspend,	8, false },
	{ clear,	3, false },
	{ message,	24, true },
	{ status,	8, true },
	{ show_table,	4, true },
	{ again,	4, false },
	{ await,	2, true },
	{ remove_it,	5, false },
	{ force,	1, false },
	{ rename_it,	2, false },
	{ look,		3, true },
};

static void do_step(unsigned int own)
{
	unsigned int i, total = 0, chosen, number = below(&chance, NR_MAPPED);

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		total += steps[i].weight;
	chosen = below(&chance, total);
	for (i = 0; chosen >= steps[i].weight; i++)
		chosen -= steps[i].weight;
	steps[i].act(steps[i].any ? number : own);
}

/* What chance seldom chooses must have been done, too. */
static void do_each(unsigned int own)
{
	unsigned int i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (cleared)
			force(own);
		set_up(own);
		steps[i].act(own);
	}
}

void control_run(struct worker *worker, unsigned int own, unsigned long operations)
{
	struct sigaction action = { .sa_handler = on_alarm };

	me = worker;
	chance.state = worker->seed;
	sigaction(SIGALRM, &action, NULL);
	do_each(own);
	while (worker->operations < operations)
		do_step(own);
}

/*----------------------------------------------------------------
 * The end
 *----------------------------------------------------------------
 */

static int remove_now(unsigned int number)
{
	dm_begin(&call, NULL, dev_of(number), 0);
	dm_run(&call, DM_DEV_SUSPEND);
	dm_begin(&call, NULL, dev_of(number), 0);
	return dm_run(&call, DM_DEV_REMOVE);
}

/* Something may still have it open for a moment. */
void control_clean_up(struct worker *worker)
{
	unsigned int number, left;
	int r;

	me = worker;
	for (number = NR_MAPPED; number--;) {
		begin(me, REMOVE, "%s, at the end", name_of(number));
		left = 600;
		while ((r = remove_now(number)) != -ENXIO && left--)
			doze(100);
		if (r != -ENXIO)
			wrong(me, "it does not go away: %s", strerror(-r));
		ended(me, 0);
	}
}
