// SPDX-License-Identifier: GPL-2.0-only
/* Device-mapper's devices and tables; see mapper.h. */
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cbw.h"
#include "mapper.h"
#include "say.h"

#define REASON_LEN	256
#define WORD_LEN	(DM_UUID_LEN + 2)

/* Whom udev, and whoever listens to it, shall leave alone. */
#define HIDDEN_FLAGS	(DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | DM_UDEV_DISABLE_DISK_RULES_FLAG | \
			 DM_UDEV_DISABLE_OTHER_RULES_FLAG | DM_UDEV_LOW_PRIORITY_FLAG)

/* --- telling ------------------------------------------------------------------------------ */

/* The library's own messages; whatever fails is said here, once. */
static void be_silent(int level __attribute__((unused)), const char *file __attribute__((unused)),
		      int line __attribute__((unused)), int error __attribute__((unused)),
		      const char *format __attribute__((unused)), ...)
{
}

/* Names and UUIDs have no quotes: libdevmapper, and LVM, write such characters as \xNN. */
static const char *quoted(char text[WORD_LEN], const char *word)
{
	snprintf(text, WORD_LEN, "'%s'", word);
	return text;
}

/* "dmsetup VERB NAME", and the rest of the line if there is one. */
static int print_line(const char *verb, const char *name, const char *rest)
{
	char word[WORD_LEN];

	printf("dmsetup %s %s%s%s\n", verb, quoted(word, name), rest ? " " : "", rest ? rest : "");
	return 0;
}

static int print_copy(const char *verb, const char *name, const char *rest, const char *of)
{
	char word[WORD_LEN];

	printf("dmsetup table --showkeys %s | ", quoted(word, of));
	return print_line(verb, name, rest);
}

static int cannot(const char *verb, const char *name, int error)
{
	return say_error("cannot %s the device-mapper device %s: %s", verb, name, strerror(error));
}

/* --- tasks -------------------------------------------------------------------------------- */

static struct dm_task *silent_task(int type)
{
	dm_log_with_errno_init(be_silent);
	return dm_task_create(type);
}

static struct dm_task *task_for(int type, const char *name)
{
	struct dm_task *task;

	task = silent_task(type);
	if (!task) {
		say_error("the kernel has no device-mapper");
		return NULL;
	}
	if (name && !dm_task_set_name(task, name)) {
		say_error("no device-mapper device can be named '%s'", name);
		dm_task_destroy(task);
		return NULL;
	}
	dm_task_no_open_count(task);
	return task;
}

/* 0, or the error. */
static int run(struct dm_task *task)
{
	int error;

	if (dm_task_run(task))
		return 0;
	error = dm_task_get_errno(task);
	return error ? error : EIO;
}

/* For what makes an event of udev: runs the task and waits until udev is through with it. */
static int run_with_udev(struct dm_task *task, uint16_t flags)
{
	uint32_t cookie = 0;
	int error = EIO;

	if (dm_task_set_cookie(task, &cookie, flags))
		error = run(task);
	dm_udev_wait(cookie);
	return error;
}

/* --- the kernel's reasons ----------------------------------------------------------------- */

/* From here on what the kernel logs is of interest. -1 if it cannot be read. */
static int watch_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* The message of a target's constructor in a line of the log, or NULL. */
static char *constructor_message(char *line)
{
	static const char prefix[] = "device-mapper: table: ";
	char *message = strstr(line, prefix);
	char *error;

	/* The device and the target's name go before it, the error's may follow. */
	for (int i = 0; i < 2 && message; i++)
		message = strstr(message + (i ? 2 : strlen(prefix)), ": ");
	if (!message)
		return NULL;
	message[strcspn(message, "\n")] = 0;
	error = strstr(message, " (-");
	if (error)
		*error = 0;
	return message + 2;
}

/* Why it did not take a table: its own words, or those of the error. Closes @log. */
static const char *table_reason(int log, int error, char reason[REASON_LEN])
{
	char record[1024];
	char *message = NULL;
	ssize_t length;

	snprintf(reason, REASON_LEN, "%s", strerror(error));
	while (log >= 0 && !message) {
		length = read(log, record, sizeof(record) - 1);
		if (length < 0 && errno != EPIPE)
			break;
		record[length < 0 ? 0 : length] = 0;
		message = constructor_message(record);
	}
	if (message)
		snprintf(reason, REASON_LEN, "%s", message);
	if (log >= 0)
		close(log);
	return reason;
}

/* --- the module --------------------------------------------------------------------------- */

static bool has_target(const char *type)
{
	struct dm_task *task = silent_task(DM_DEVICE_LIST_VERSIONS);
	struct dm_versions *version, *last = NULL;
	bool found = false;

	if (task && !run(task)) {
		for (version = dm_task_get_versions(task); version != last && !found;
		     version = (struct dm_versions *)((char *)version + version->next)) {
			last = version;
			found = !strcmp(version->name, type);
		}
	}
	if (task)
		dm_task_destroy(task);
	return found;
}

static void load_module(void)
{
	pid_t child = fork();
	int null;

	if (!child) {
		null = open("/dev/null", O_RDWR);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp("modprobe", "modprobe", "-q", "dm_cbw", NULL);
		_exit(127);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

int mapper_need_cbw(void)
{
	if (geteuid())
		return say_error("only root may do that");
	if (has_target("cbw"))
		return 0;
	load_module();
	if (has_target("cbw"))
		return 0;
	return say_error("the kernel has no module dm_cbw: 'make install' in its source tree installs it");
}

/* --- looking ------------------------------------------------------------------------------ */

/* @named: the task knows which one. */
static int find(struct dm_task *task, bool named, struct mapper_info *info)
{
	struct dm_info dmi = { 0 };
	int r = 1;

	if (named && !run(task) && dm_task_get_info(task, &dmi) && dmi.exists) {
		*info = (struct mapper_info) {
			.dev = makedev(dmi.major, dmi.minor),
			.open_count = dmi.open_count,
			.suspended = dmi.suspended,
			.leaving = dmi.deferred_remove,
			.read_only = dmi.read_only,
			.live = dmi.live_table,
			.inactive = dmi.inactive_table,
		};
		snprintf(info->name, sizeof(info->name), "%s", dm_task_get_name(task));
		snprintf(info->uuid, sizeof(info->uuid), "%s", dm_task_get_uuid(task));
		r = 0;
	}
	if (task)
		dm_task_destroy(task);
	return r;
}

int mapper_find(const char *name, struct mapper_info *info)
{
	struct dm_task *task = silent_task(DM_DEVICE_INFO);

	return find(task, task && dm_task_set_name(task, name), info);
}

int mapper_find_uuid(const char *uuid, struct mapper_info *info)
{
	struct dm_task *task = silent_task(DM_DEVICE_INFO);

	return find(task, task && dm_task_set_uuid(task, uuid), info);
}

int mapper_find_dev(dev_t dev, struct mapper_info *info)
{
	struct dm_task *task = silent_task(DM_DEVICE_INFO);

	return find(task,
		    task && dm_task_set_major_minor(task, (int)major(dev), (int)minor(dev), 0),
		    info);
}

int mapper_info(const char *name, struct mapper_info *info)
{
	if (!mapper_find(name, info))
		return 0;
	return say_error("there is no device-mapper device %s", name);
}

int mapper_each(int (*visit)(const char *name, void *data), void *data)
{
	struct dm_task *task = task_for(DM_DEVICE_LIST, NULL);
	struct dm_names *names;
	int r = 0;

	if (!task || run(task)) {
		r = say_error("cannot list the device-mapper devices");
	} else {
		names = dm_task_get_names(task);
		while (names->dev && !r) {
			r = visit(names->name, data);
			if (!names->next)
				break;
			names = (struct dm_names *)((char *)names + names->next);
		}
	}
	if (task)
		dm_task_destroy(task);
	return r;
}

/* --- tables ------------------------------------------------------------------------------- */

static int add_target(struct mapper_table *table, uint64_t start, uint64_t length, const char *type,
		      const char *params)
{
	struct mapper_target *targets, *target;

	targets = reallocarray(table->targets, table->nr + 1, sizeof(*targets));
	if (!targets)
		return say_error("out of memory");
	table->targets = targets;
	target = &targets[table->nr];
	*target = (struct mapper_target) {
		.start = start,
		.length = length,
		.params = strdup(params),
	};
	if (!target->params)
		return say_error("out of memory");
	snprintf(target->type, sizeof(target->type), "%s", type);
	table->nr++;
	return 0;
}

static int take_targets(struct dm_task *task, struct mapper_table *table)
{
	uint64_t start, length;
	char *type, *params;
	void *next = NULL;
	int r = 0;

	do {
		next = dm_get_next_target(task, next, &start, &length, &type, &params);
		if (type)
			r = add_target(table, start, length, type, params);
	} while (next && !r);
	return r;
}

int mapper_find_table(const char *name, enum mapper_slot slot, struct mapper_table *table)
{
	struct dm_task *task = task_for(DM_DEVICE_TABLE, name);
	int error, r = -1;

	*table = (struct mapper_table) { 0 };
	if (!task)
		return -1;
	dm_task_secure_data(task);
	dm_task_no_flush(task);
	if (slot == MAPPER_INACTIVE)
		dm_task_query_inactive_table(task);

	error = run(task);
	if (!error)
		r = take_targets(task, table);
	else
		r = error == ENXIO ? 1 : cannot("read the table of", name, error);
	dm_task_destroy(task);
	if (r)
		mapper_forget(table);
	return r;
}

int mapper_read(const char *name, enum mapper_slot slot, struct mapper_table *table)
{
	int r = mapper_find_table(name, slot, table);

	return r > 0 ? cannot("read the table of", name, ENXIO) : r;
}

void mapper_forget(struct mapper_table *table)
{
	for (size_t i = 0; i < table->nr; i++) {
		explicit_bzero(table->targets[i].params, strlen(table->targets[i].params));
		free(table->targets[i].params);
	}
	free(table->targets);
	*table = (struct mapper_table) { 0 };
}

bool mapper_same(const struct mapper_table *a, const struct mapper_table *b)
{
	if (a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->nr; i++) {
		const struct mapper_target *x = &a->targets[i], *y = &b->targets[i];

		if (x->start != y->start || x->length != y->length || strcmp(x->type, y->type) ||
		    strcmp(x->params, y->params))
			return false;
	}
	return true;
}

uint64_t mapper_length(const struct mapper_table *table)
{
	uint64_t length = 0;

	for (size_t i = 0; i < table->nr; i++)
		length += table->targets[i].length;
	return length;
}

int mapper_status(const char *name, char type[DM_MAX_TYPE_NAME], char **params)
{
	struct dm_task *task = task_for(DM_DEVICE_STATUS, name);
	char *its_type = NULL, *its_params = NULL;
	uint64_t start, length;
	int error, r = 1;

	*params = NULL;
	if (!task)
		return -1;
	dm_task_no_flush(task);
	error = run(task);
	if (error && error != ENXIO) {
		r = cannot("read the status of", name, error);
	} else if (!error) {
		dm_get_next_target(task, NULL, &start, &length, &its_type, &its_params);
		if (its_type) {
			snprintf(type, DM_MAX_TYPE_NAME, "%s", its_type);
			*params = strdup(its_params);
			r = *params ? 0 : say_error("out of memory");
		}
	}
	dm_task_destroy(task);
	return r;
}

/* --- changing ----------------------------------------------------------------------------- */

static int print_message(const char *name, const char *message)
{
	char rest[WORD_LEN];

	snprintf(rest, sizeof(rest), "0 %s", message);
	return print_line("message", name, rest);
}

/* 0, or the error. */
static int send_message(const char *name, const char *message, char **reply)
{
	struct dm_task *task = silent_task(DM_DEVICE_TARGET_MSG);
	int error = ENOMEM;
	const char *text;

	if (task && dm_task_set_name(task, name) && dm_task_set_sector(task, 0) &&
	    dm_task_set_message(task, message))
		error = run(task);
	if (!error && reply) {
		text = dm_task_get_message_response(task);
		*reply = strdup(text ? text : "");
	}
	if (task)
		dm_task_destroy(task);
	return error;
}

int mapper_ask(const char *name, const char *message, char **reply)
{
	return send_message(name, message, reply) ? 1 : 0;
}

int mapper_message(const char *name, const char *message, char **reply)
{
	int error;

	if (opt_dry_run && !reply)
		return print_message(name, message);
	error = send_message(name, message, reply);
	if (error)
		return say_error("the job of %s does not take the message '%s': %s", name, message,
				 strerror(error));
	return 0;
}

static bool give_table(struct dm_task *task, const struct mapper_table *table)
{
	for (size_t i = 0; i < table->nr; i++) {
		const struct mapper_target *target = &table->targets[i];

		if (!dm_task_add_target(task, target->start, target->length, target->type,
					target->params))
			return false;
	}
	return dm_task_secure_data(task);
}

static int create(const char *name, const char *uuid, const struct mapper_table *table,
		  bool read_only)
{
	struct dm_task *task = task_for(DM_DEVICE_CREATE, name);
	char reason[REASON_LEN];
	int log = watch_log();
	int error = ENOMEM;

	if (!task)
		return -1;
	if (dm_task_set_uuid(task, uuid) && give_table(task, table) &&
	    (!read_only || dm_task_set_ro(task)))
		error = run_with_udev(task, HIDDEN_FLAGS);
	dm_task_destroy(task);
	table_reason(log, error, reason);
	if (error)
		return say_error("cannot create the device-mapper device %s: %s", name, reason);
	return 0;
}

static int load(const char *name, const struct mapper_table *table)
{
	struct dm_task *task = task_for(DM_DEVICE_RELOAD, name);
	char reason[REASON_LEN];
	int log = watch_log();
	int error = ENOMEM;

	if (!task)
		return -1;
	if (give_table(task, table))
		error = run(task);
	dm_task_destroy(task);
	table_reason(log, error, reason);
	if (error)
		return say_error("the kernel does not take a table for %s: %s", name, reason);
	return 0;
}

int mapper_create_copy(const char *name, const char *uuid, const char *of)
{
	char word[WORD_LEN], rest[WORD_LEN + 32];
	struct mapper_table table;
	int r;

	if (opt_dry_run) {
		snprintf(rest, sizeof(rest), "--uuid %s", quoted(word, uuid));
		return print_copy("create", name, rest, of);
	}
	if (mapper_read(of, MAPPER_LIVE, &table))
		return -1;
	r = create(name, uuid, &table, false);
	mapper_forget(&table);
	return r;
}

int mapper_load_copy(const char *name, const char *of)
{
	struct mapper_table table;
	int r;

	if (opt_dry_run)
		return print_copy("load", name, NULL, of);
	if (mapper_read(of, MAPPER_LIVE, &table))
		return -1;
	r = load(name, &table);
	mapper_forget(&table);
	return r;
}

/* Prints the line with the table given as "--table '...'". */
static int print_table(const char *verb, const char *name, const char *options,
		       const struct mapper_target *target)
{
	char rest[1024];

	snprintf(rest, sizeof(rest), "%s--table '0 %llu %s %s'", options,
		 (unsigned long long)target->length, target->type, target->params);
	return print_line(verb, name, rest);
}

static struct mapper_target one_target(uint64_t length, const char *type, const char *params)
{
	struct mapper_target target = { .length = length, .params = (char *)params };

	snprintf(target.type, sizeof(target.type), "%s", type);
	return target;
}

int mapper_create(const char *name, const char *uuid, uint64_t length, const char *type,
		  const char *params, bool read_only)
{
	struct mapper_target target = one_target(length, type, params);
	const struct mapper_table table = { .nr = 1, .targets = &target };
	char word[WORD_LEN], options[WORD_LEN + 32];

	if (!opt_dry_run)
		return create(name, uuid, &table, read_only);
	snprintf(options, sizeof(options), "--uuid %s %s", quoted(word, uuid),
		 read_only ? "--readonly " : "");
	return print_table("create", name, options, &target);
}

int mapper_load(const char *name, uint64_t length, const char *type, const char *params)
{
	struct mapper_target target = one_target(length, type, params);
	const struct mapper_table table = { .nr = 1, .targets = &target };

	return opt_dry_run ? print_table("load", name, "", &target) : load(name, &table);
}

static int change(int type, const char *verb, const char *name)
{
	struct dm_task *task;
	int error;

	if (opt_dry_run)
		return print_line(verb, name, NULL);
	task = task_for(type, name);
	if (!task)
		return -1;
	error = run(task);
	dm_task_destroy(task);
	return error ? cannot(verb, name, error) : 0;
}

int mapper_clear(const char *name)
{
	return change(DM_DEVICE_CLEAR, "clear", name);
}

int mapper_suspend(const char *name)
{
	return change(DM_DEVICE_SUSPEND, "suspend", name);
}

int mapper_remove(const char *name)
{
	struct dm_task *task;
	int error;

	if (opt_dry_run)
		return print_line("remove", name, NULL);
	task = task_for(DM_DEVICE_REMOVE, name);
	if (!task)
		return -1;
	/* udev may have it open for a moment. */
	dm_task_retry_remove(task);
	error = run_with_udev(task, 0);
	dm_task_destroy(task);
	if (error == ENXIO)
		return mapper_removed(name);
	return error ? cannot("remove", name, error) : 0;
}

int mapper_removed(const char *name)
{
	return change(DM_DEVICE_MKNODES, "mknodes", name);
}

/* -1 if it cannot be opened. */
static int control_file(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	return fd;
}

int mapper_prepare_resume(void)
{
	if (control_file() < 0)
		return say_error("cannot open /dev/mapper/control: %s", strerror(errno));
	return 0;
}

/* Past the library, which would say more to udev than is wanted. 0, or the error. */
static int ask_kernel(unsigned long request, const char *name, uint32_t flags)
{
	struct dm_ioctl io = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(io),
		.data_start = sizeof(io),
		.flags = flags,
	};
	int fd = control_file();

	snprintf(io.name, sizeof(io.name), "%s", name);
	return fd < 0 || ioctl(fd, request, &io) ? errno : 0;
}

/* Whatever the library resumes has flags for udev, which replace those that it has. */
int mapper_resume(const char *name)
{
	int error;

	if (opt_dry_run)
		return print_line("resume", name, NULL);
	error = ask_kernel(DM_DEV_SUSPEND, name, 0);
	return error ? cannot("resume", name, error) : 0;
}

/* The library, and with it dmsetup, takes the node away at once. */
int mapper_remove_deferred(const char *name)
{
	int error;

	if (opt_dry_run)
		return print_line("remove --deferred", name, NULL) ||
		       print_line("mknodes", name, NULL);
	error = ask_kernel(DM_DEV_REMOVE, name, DM_DEFERRED_REMOVE);
	return error ? cannot("remove", name, error) : 0;
}
