// SPDX-License-Identifier: GPL-2.0-only
/* The tool cbw: finds the verb. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbw.h"
#include "say.h"

#define VERSION	"0.1.0"

enum {
	OPTION_JSON = OPTION_COMMON,
	OPTION_DRY_RUN,
	OPTION_HELP,
};

/* In the order in which people meet them. The first is the default. */
static const struct verb * const verbs[] = {
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
	printf("usage: cbw %s [OPTION]... %s\n\n%s\n\n%s", verb->name, verb->arguments, verb->summary,
	       verb->options ? verb->options : "");
	puts("  --json     print one JSON document\n"
	     "  --dry-run  print what would be done, and do nothing\n"
	     "  --help     print this");
}

int next_option(int argc, char **argv, const struct option *longopts)
{
	struct option all[MAX_OPTIONS + 1] = { 0 };
	size_t nr = 0;
	int value;

	for (; longopts[nr].name && nr < MAX_OPTIONS - NR_COMMON; nr++)
		all[nr] = longopts[nr];
	memcpy(all + nr, common, sizeof(common));

	for (;;) {
		value = getopt_long(argc, argv, "", all, NULL);
		switch (value) {
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

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < NR_VERBS; i++) {
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static char *defaults[] = { "status", NULL };

	if (argc < 2) {
		argc = 1;
		argv = defaults;
	} else if (!strcmp(argv[1], "--help")) {
		usage(stdout);
		return CBW_DONE;
	} else if (!strcmp(argv[1], "--version")) {
		puts("cbw " VERSION);
		return CBW_DONE;
	} else {
		argc--;
		argv++;
	}

	current = find_verb(argv[0]);
	if (!current) {
		say_usage("there is no verb '%s'", argv[0]);
		usage(stderr);
		return CBW_USAGE;
	}
	return current->run(argc, argv);
}
