// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the chunk map: random runs against a model, and some that need no
 * chance.
 */
#include <errno.h>
#include <limits.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "dm-cbw-map.h"
#include "map-model.h"

#define DEFAULT_RUNS	2000
#define RUN_SECONDS	30	/* a run that takes so long hangs */

static struct cbw_map *map;

/*----------------------------------------------------------------
 * What is printed when something is wrong
 *----------------------------------------------------------------
 */

static void on_signal(int signal)
{
	if (signal == SIGALRM)
		fprintf(stderr, "a step does not end\n");
	model_print_log();
	_exit(1);
}

#ifdef __SANITIZE_ADDRESS__
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

static void catch_failures(void)
{
	signal(SIGABRT, on_signal);
	signal(SIGALRM, on_signal);
#ifdef HAVE_ASAN
	void __sanitizer_set_death_callback(void (*callback)(void));

	__sanitizer_set_death_callback(model_print_log);
#else
	signal(SIGSEGV, on_signal);
#endif
}

/*----------------------------------------------------------------
 * Tests that need no chance
 *----------------------------------------------------------------
 */

static void test_no_memory(void)
{
	unsigned long nr;

	shim_nr_allocs = 0;
	map = cbw_map_create(100, 1, true, NULL);
	check(map, "no map was created");
	cbw_map_destroy(map);

	for (nr = shim_nr_allocs; nr; nr--) {
		shim_nr_allocs = 0;
		shim_failing_alloc = nr;
		check(!cbw_map_create(100, 1, true, NULL), "created without memory");
	}
	shim_failing_alloc = 0;
	cbw_map_destroy(NULL);
}

static void test_no_memory_for_safe(void)
{
	map = cbw_map_create(100, 1, true, NULL);
	check(map, "no map was created");
	shim_failing_alloc = shim_nr_allocs + 1;
	check(cbw_map_may_be_safe(map, 1) == -ENOMEM, "claims without memory");
	shim_failing_alloc = 0;
	cbw_map_destroy(map);
}

static void check_big(unsigned long first, unsigned long last, bool pending)
{
	check(cbw_map_pending(map, first, last) == pending,
	      "chunks %lu to %lu", first, last);
}

/* More chunks than 32 bits can count; takes 1 GiB of memory. */
static void test_big(void)
{
	unsigned long edge = 1UL << 32, nr = edge + 130, cursor = edge + 2;
	struct cbw_waiter waiter = { .first = edge - 3, .last = edge + 1 }, *woken;
	struct cbw_claim *claim;
	LIST_HEAD(claims);
	bool more;

	alarm(RUN_SECONDS);
	map = cbw_map_create(nr, 1UL << 40, true, NULL);
	check(map, "no map was created");
	check(cbw_map_nr_pending(map) == nr, "nr_pending");

	check(cbw_map_hold(map, &waiter, 1, false, &claims) == CBW_HOLD, "hold");
	claim = list_first_entry(&claims, struct cbw_claim, start);
	check(claim->first == edge - 3 && claim->nr == 5, "hold claims");
	check(cbw_map_finish(map, claim, true, false), "finish");
	check(cbw_map_next(map, &woken, &claims, &more) == CBW_GO, "next");
	check(!more, "more than one");
	check_big(edge - 3, edge + 1, false);
	check_big(edge - 4, edge - 4, true);
	check_big(edge + 2, edge + 2, true);
	check_big(1, 1, true);

	cbw_map_allow_sweep(map, true);
	claim = cbw_map_claim_sweep(map, &cursor, ULONG_MAX);
	check(claim && claim->nr == 128 && cursor == nr, "the sweep of the end");
	cbw_map_finish(map, claim, true, false);
	cursor = 0;
	claim = cbw_map_claim_sweep(map, &cursor, ULONG_MAX);
	check(claim && claim->nr == edge - 3, "the sweep of the beginning");
	cbw_map_finish(map, claim, true, false);
	check_big(0, nr - 1, false);
	check(!cbw_map_nr_pending(map), "nr_pending at the end");
	check(cbw_map_nr_saved(map, CBW_SWEEP) == nr - 5, "nr_saved at the end");
	cbw_map_destroy(map);
}

/*----------------------------------------------------------------*/

static int usage(void)
{
	fprintf(stderr,
		"usage: map-test [-n RUNS] [SEED]   random runs, from SEED on\n"
		"       map-test -b                 one map of more than 2^32 chunks\n");
	return 2;
}

static bool parse_number(const char *arg, unsigned long *nr)
{
	char *end;

	*nr = strtoul(arg, &end, 10);
	return *arg && !*end;
}

int main(int argc, char **argv)
{
	unsigned long i, seed = time(NULL) * 100000UL, runs = 0;
	bool big = false;
	int opt;

	while ((opt = getopt(argc, argv, "bn:")) != -1) {
		if (opt == 'b')
			big = true;
		else if (opt != 'n' || !parse_number(optarg, &runs))
			return usage();
	}
	if (argc - optind > 1 ||
	    (argc - optind == 1 && !parse_number(argv[optind], &seed)))
		return usage();
	if (!runs)
		runs = argc - optind == 1 ? 1 : DEFAULT_RUNS;

	setvbuf(stdout, NULL, _IOLBF, 0);
	catch_failures();
	if (big) {
		test_big();
		printf("map-test: a map of more than 2^32 chunks: ok\n");
		return 0;
	}
	printf("map-test: %lu runs, seeds from %lu on\n", runs, seed);
	test_no_memory();
	test_no_memory_for_safe();
	for (i = 0; i < runs; i++) {
		alarm(RUN_SECONDS);
		model_run(seed + i);
	}
	alarm(0);
	printf("map-test: ok\n");
	return 0;
}
