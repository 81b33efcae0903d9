/* SPDX-License-Identifier: GPL-2.0-only */
/* The verbs of the tool, and the options that all of them take. */
#ifndef CBW_H
#define CBW_H

#include <stdbool.h>
#include <stdint.h>

struct option;

extern bool opt_json;		/* --json: one JSON object or array to standard output */
extern bool opt_dry_run;	/* --dry-run: what would be done, and nothing is */

struct verb {
	const char *name;
	const char *arguments;	/* as the usage line has them */
	const char *summary;	/* half a line */
	const char *options;	/* lines of "  --option  what it does\n", or NULL */

	/* @argv[0] is the verb. Returns CBW_DONE, CBW_FAILED or CBW_USAGE. */
	int (*run)(int argc, char **argv);
};

#define OPTION_COMMON	1000	/* values of options from here on are those of all verbs */

extern const struct verb verb_status, verb_backup, verb_wait, verb_pause, verb_resume, verb_cancel,
	verb_speed, verb_snapshot, verb_stats, verb_repair, verb_restore, verb_list, verb_verify,
	verb_attach, verb_detach, verb_check, verb_changed, verb_export, verb_apply,
	verb_mirror, verb_pivot, verb_map;

/*
 * getopt_long() over the verb's own @longopts, ended by { 0 }, and those of all verbs,
 * which it handles itself. What is no option stays in argv[optind...]. Returns the value
 * of a long option of the verb, -1 at the end, or '?' when one was not understood, which
 * has been said: the verb returns CBW_USAGE.
 */
int next_option(int argc, char **argv, const struct option *longopts);

/* For a verb with no option of its own but the flag @name. 0, or CBW_USAGE, which has been said. */
int take_flag(int argc, char **argv, const char *name, bool *flag);

/* The value of --chunk, in bytes. 0, or CBW_USAGE, which has been said. */
int take_chunk(const char *text, uint64_t *chunk);

/* For a verb with none. The same. */
int take_no_options(int argc, char **argv);

#endif
