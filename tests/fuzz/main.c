// SPDX-License-Identifier: GPL-2.0-only
/*
 * cbw-fuzz: several workers steer mapped devices, several use them, and one lets
 * the devices below fail. The parent watches: every operation must end, and in
 * an error that is expected; what was refused must stand in the kernel log; what
 * was written must be read; and in the end all can be taken down.
 */
#define _GNU_SOURCE
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dm.h"
#include "fuzz.h"
#include "klog.h"

#define MAX_WORKERS	(NR_MAPPED + NR_IO + 2)

struct fuzz *fuzz;

static struct worker *workers;
static pid_t pids[MAX_WORKERS];		/* 0: it has ended */
static unsigned int nr_workers;
static struct klog klog;

static unsigned long operations = 500;	/* of each of them */
static unsigned int patience = 90;	/* seconds until an operation hangs */

/*----------------------------------------------------------------
 * Failure
 *----------------------------------------------------------------
 */

static void kill_all(void)
{
	unsigned int i;

	for (i = 0; i < nr_workers; i++)
		if (pids[i])
			kill(pids[i], SIGKILL);
}

__attribute__((format(printf, 1, 2)))
static _Noreturn void failed(const char *format, ...)
{
	unsigned int i;
	va_list args;

	printf("FAIL: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\nseed %llu; the last operations:\n", (unsigned long long)fuzz->seed);
	for (i = 0; i < nr_workers; i++)
		print_notes(&workers[i]);
	print_figures(workers, nr_workers);
	fflush(stdout);
	kill_all();
	exit(1);
}

/*----------------------------------------------------------------
 * Workers
 *----------------------------------------------------------------
 */

enum role { CONTROL, IO, FAULTS, END };

static _Noreturn void work(struct worker *worker, enum role role, unsigned int number)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	switch (role) {
	case CONTROL:
		control_run(worker, number, operations);
		break;
	case IO:
		io_run(worker, number);
		break;
	case FAULTS:
		faults_run(worker);
		break;
	case END:
		control_clean_up(worker);
		io_verify(worker);
	}
	exit(0);
}

static void start(enum role role, unsigned int number)
{
	static const char * const names[] = { "control", "io", "faults", "end" };
	struct worker *worker = &workers[nr_workers];
	pid_t pid;

	snprintf(worker->name, sizeof(worker->name), "%s %u", names[role], number);
	worker->seed = fuzz->seed * 1000 + nr_workers;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		failed("no process for %s", worker->name);
	if (!pid)
		work(worker, role, number);
	pids[nr_workers++] = pid;
}

static void reap(void)
{
	unsigned int i;
	int status;

	for (i = 0; i < nr_workers; i++) {
		if (!pids[i] || waitpid(pids[i], &status, WNOHANG) != pids[i])
			continue;
		pids[i] = 0;
		if (WIFSIGNALED(status))
			failed("%s died of signal %d", workers[i].name, WTERMSIG(status));
		if (WEXITSTATUS(status))
			failed("%s has seen what is wrong", workers[i].name);
	}
}

static void look_for_hangs(void)
{
	uint64_t since, limit = patience * 1000000000ULL;
	unsigned int i;

	for (i = 0; i < nr_workers; i++) {
		since = __atomic_load_n(&workers[i].since, __ATOMIC_ACQUIRE);
		if (since && since + limit < now())
			failed("%s hangs: %s", workers[i].name,
			       workers[i].notes[workers[i].nr_notes % NR_NOTES]);
	}
}

static bool running(unsigned int first, unsigned int nr)
{
	for (; nr; first++, nr--)
		if (pids[first])
			return true;
	return false;
}

/* More lines follow at once. */
static _Noreturn void complained(void)
{
	printf("%s", klog.bad);
	doze(20);
	klog_print(&klog);
	fflush(stdout);
	failed("the kernel complains, or refuses without a reason: %s", klog.bad);
}

static void watch(unsigned int first, unsigned int nr)
{
	while (running(first, nr)) {
		doze(5);
		reap();
		look_for_hangs();
		klog_read(&klog);
		if (*klog.bad)
			complained();
	}
}

/*----------------------------------------------------------------
 * The whole
 *----------------------------------------------------------------
 */

static void find_lower(char found[16], uint64_t *sectors, const char *role, unsigned int number)
{
	static struct dm_call call;
	char name[16];

	snprintf(name, sizeof(name), "%s%u", role, number);
	dm_begin(&call, name, 0, 0);
	if (dm_run(&call, DM_TABLE_STATUS))
		errx(2, "there is no device %s", name);
	snprintf(found, 16, "%u:%u", major(call.io.dev), minor(call.io.dev));
	*sectors = ((struct dm_target_spec *)call.area)->length;
	fuzz->dm_major = major(call.io.dev);
}

/* The mapped device is a bit shorter: its last chunk is. */
static void find_sets(void)
{
	unsigned int i;
	uint64_t sectors;

	for (i = 0; i < NR_SETS; i++) {
		find_lower(fuzz->sets[i].target, &sectors, "target", i);
		find_lower(fuzz->sets[i].origin, &sectors, "origin", i);
		fuzz->sets[i].sectors = sectors - 2 - i * 4L;
		fuzz->sets[i].content = share(sectors * sizeof(struct sector));
	}
}

static unsigned long logged(enum verb verb)
{
	unsigned long total = 0;
	unsigned int i;

	for (i = 0; i < nr_workers; i++)
		total += workers[i].explained[verb];
	return total;
}

/* There may be more lines than refusals: what finds no device may tell why. */
static void check_log(void)
{
	unsigned long tables = logged(LOAD) + logged(AGAIN), messages = logged(MESSAGE);

	klog_read(&klog);
	printf("refused: %lu tables, %lu messages; lines in the kernel log: %lu, %lu%s\n", tables,
	       messages, klog.tables, klog.messages, klog.lost ? " and lost ones" : "");
	if (!klog.lost && (klog.tables < tables || klog.messages < messages))
		failed("something was refused without a line in the kernel log");
}

static void run(void)
{
	unsigned int i, end;

	for (i = 0; i < NR_MAPPED; i++)
		start(CONTROL, i);
	for (i = 0; i < NR_IO; i++)
		start(IO, i);
	start(FAULTS, 0);
	watch(0, NR_MAPPED);
	__atomic_store_n(&fuzz->stop, true, __ATOMIC_RELAXED);
	watch(NR_MAPPED, nr_workers - NR_MAPPED);
	end = nr_workers;
	start(END, 0);
	watch(end, 1);
	check_log();
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || !*text)
		errx(2, "'%s' is not a number", text);
	return n;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "operations", required_argument, NULL, 'o' },
		{ "patience", required_argument, NULL, 'p' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			fuzz->seed = number(optarg);
			break;
		case 'o':
			operations = number(optarg);
			break;
		case 'p':
			patience = number(optarg);
			break;
		default:
			errx(2, "usage: cbw-fuzz [--seed N] [--operations N] [--patience SECONDS]");
		}
	}
}

int main(int argc, char **argv)
{
	fuzz = share(sizeof(*fuzz));
	workers = share(MAX_WORKERS * sizeof(*workers));
	fuzz->seed = now();
	parse(argc, argv);
	printf("cbw-fuzz: seed %llu\n", (unsigned long long)fuzz->seed);
	find_sets();
	klog_open(&klog);
	run();
	print_figures(workers, nr_workers);
	if (!all_done(workers, nr_workers))
		failed("the test tests less than it should");
	return 0;
}
