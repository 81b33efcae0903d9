// SPDX-License-Identifier: GPL-2.0-only
/* The tool cbw: finds the verb. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbw.h"
#include "say.h"
#include "units.h"

#define VERSION	"0.1.0"

enum {
	OPTION_JSON = OPTION_COMMON,
	OPTION_DRY_RUN,
	OPTION_HELP,
};

/* In the order in which people meet them. The first is the default. */
static const struct verb * const verbs[] = {
	&verb_status,
	&verb_backup,
	&verb_wait,
	&verb_pause,
	&verb_resume,
	&verb_cancel,
	&verb_speed,
	&verb_snapshot,
	&verb_stats,
	&verb_repair,
	&verb_restore,
	&verb_list,
	&verb_verify,
	&verb_attach,
	&verb_detach,
	&verb_check,
	&verb_map,
	&verb_changed,
	&verb_export,
	&verb_apply,
	&verb_mirror,
	&verb_pivot,
};

static const struct option common[] = {
	{ "json",	no_argument,	NULL,	OPTION_JSON },
	{ "dry-run",	no_argument,	NULL,	OPTION_DRY_RUN },
	{ "help",	no_argument,	NULL,	OPTION_HELP },
};

#define NR_VERBS	(sizeof(verbs) / sizeof(verbs[0]))
#define NR_COMMON	(sizeof(common) / sizeof(common[0]))
#define MAX_OPTIONS	64

bool opt_json;
bool opt_dry_run;

static const struct verb *current;

static void usage(FILE *to)
{
	fputs("usage: cbw [VERB [OPTION]... [ARGUMENT]...]\n\n", to);
	for (size_t i = 0; i < NR_VERBS; i++)
		fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
	fputs("\nWithout a verb: status. 'cbw VERB --help' tells more.\n", to);
}

static void verb_usage(const struct verb *verb)
{
	printf("usage: cbw %s [OPTION]... %s\n\n%s\n\n%s", verb->name, verb->arguments,
	       verb->summary, verb->options ? verb->options : "");
	puts("  --json     print one JSON document\n"
	     "  --dry-run  print what would be done, and do nothing\n"
	     "  --help     print this");
}

int next_option(int argc, char **argv, const struct option *longopts)
{
	struct option all[MAX_OPTIONS + 1] = { 0 };
	size_t nr = 0;
	int value;

	for (; nr < MAX_OPTIONS - NR_COMMON && longopts[nr].name; nr++)
		all[nr] = longopts[nr];
	memcpy(all + nr, common, sizeof(common));

	for (;;) {
		opterr = 0;
		value = getopt_long(argc, argv, ":", all, NULL);
		switch (value) {
		case '?':
		case ':':
			say_usage(value == '?' ? "%s does not know the option '%s'" : "%s: the option '%s' needs a value",
				  current->name, argv[optind - 1]);
			return '?';
		case OPTION_JSON:
			opt_json = true;
			break;
		case OPTION_DRY_RUN:
			opt_dry_run = true;
			break;
		case OPTION_HELP:
			verb_usage(current);
			exit(CBW_DONE);
		default:
			return value;
		}
	}
}

int take_flag(int argc, char **argv, const char *name, bool *flag)
{
	const struct option longopts[] = {
		{ name, no_argument, NULL, 1 },
		{ 0 },
	};
	int value;

	while ((value = next_option(argc, argv, longopts)) != -1) {
		if (value == '?')
			return CBW_USAGE;
		*flag = true;
	}
	return 0;
}

int take_chunk(const char *text, uint64_t *chunk)
{
	if (!parse_size(text, chunk) && *chunk >= 4096 && *chunk <= 1 << 30 &&
	    !(*chunk & (*chunk - 1)))
		return 0;
	return say_usage("--chunk is a power of two, 4K to 1G, not '%s'", text);
}

int take_no_options(int argc, char **argv)
{
	static const struct option none[] = { { 0 } };

	return next_option(argc, argv, none) == -1 ? 0 : CBW_USAGE;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < NR_VERBS; i++) {
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	}
	return NULL;
}

/* What others go by must be all that there was to print. */
static int printed(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		say_error("standard output could not be written: not all is printed");
		return status ? status : CBW_FAILED;
	}
	return status;
}

int main(int argc, char **argv)
{
	static char *defaults[] = { "status", NULL };

	if (argc < 2) {
		argc = 1;
		argv = defaults;
	} else {
		argc--;
		argv++;
	}

	if (!strcmp(argv[0], "--version"))
		return puts("cbw " VERSION) < 0;
	if (!strcmp(argv[0], "--help")) {
		usage(stdout);
		return CBW_DONE;
	}
	current = find_verb(argv[0]);
	if (!current)
		return say_usage("there is no verb '%s': 'cbw --help' lists them", argv[0]);
	return printed(current->run(argc, argv));
}
