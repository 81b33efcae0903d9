// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "compare.h"
#include "gate.h"
#include "log.h"
#include "writer.h"

static const char usage_text[] =
"usage: cbw-stamp fill DEVICE [--seed N] [--block 512|4096]\n"
"       cbw-stamp run DEVICE --log FILE [--seed N] [--block 512|4096] [--threads N]\n"
"                 [--ops N] [--seconds N] [--until-file FILE]\n"
"                 [--within SIZE] [--min SIZE] [--max SIZE] [--mode random|sequential|boundary]\n"
"                 [--chunk SIZE] [--hot] [--discard %] [--zero %] [--read %] [--flush %]\n"
"                 [--direct|--buffered] [--allow-errors]\n"
"       cbw-stamp check DEVICE --log FILE [--final | --pit SEQ | [--after NS] [--before NS]]\n"
"                 [--allow-torn[=SIZE]] [--chunk SIZE [--pending-from ORIGIN]] [--report N]\n"
"       cbw-stamp compare DEVICE --with FILE [--seed N] [--block 512|4096] [--threads N]\n"
"                 [--ops N] [--seconds N] [--until-file FILE] [--min SIZE] [--max SIZE]\n"
"                 [--allow-errors] [--may-end]\n"
"       cbw-stamp now\n"
"SIZE: bytes, or with a suffix s (sectors), K, M, G.\n";

struct options {
	const char *device, *log, *with;
	struct writer_options writer;
	struct check_options check;
};

static void __attribute__((noreturn, format(printf, 1, 2))) usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "cbw-stamp: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n%s", usage_text);
	va_end(args);
	exit(2);
}

static uint64_t number(const char *name, const char *text, char **end)
{
	uint64_t value;

	errno = 0;
	value = strtoull(text, end, 10);
	if (errno || *end == text || *text == '-')
		usage("--%s: '%s' is not a number", name, text);
	return value;
}

static uint64_t parse_count(const char *name, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t value = number(name, text, &end);

	if (*end || value < min || value > max)
		usage("--%s: '%s' is not a number from %" PRIu64 " to %" PRIu64,
		      name, text, min, max);
	return value;
}

static uint64_t parse_size(const char *name, const char *text)
{
	static const char suffixes[] = "sKMG";
	static const int shifts[] = { 9, 10, 20, 30 };
	const char *suffix;
	char *end;
	uint64_t value = number(name, text, &end);

	if (!*end)
		return value;
	suffix = strchr(suffixes, *end);
	if (!suffix || end[1] || value >> (63 - shifts[suffix - suffixes]))
		usage("--%s: '%s' is not a size", name, text);
	return value << shifts[suffix - suffixes];
}

static enum writer_mode parse_mode(const char *text)
{
	static const char * const names[] = { "random", "sequential", "boundary" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i]))
			return i;
	usage("--mode: '%s' is not random, sequential or boundary", text);
}

enum kind {
	CONSTANT,	/* has no argument and stands for min */
	COUNT,		/* from min to max */
	SIZE,
	OPTIONAL_SIZE,	/* 0 without its argument */
	MODE,
	TEXT,
};

#define IN(field)							\
	.offset = offsetof(struct options, field),			\
	.size = sizeof(((struct options *)NULL)->field)

static const struct setting {
	const char *name;
	enum kind kind;
	size_t offset, size;	/* of what it sets in struct options */
	uint64_t min, max;
} settings[] = {
	{ "after", COUNT, IN(check.after), 0, UINT64_MAX },
	{ "allow-errors", CONSTANT, IN(writer.allow_errors), true },
	{ "allow-torn", OPTIONAL_SIZE, IN(check.torn_min) },
	{ "before", COUNT, IN(check.before), 0, UINT64_MAX },
	{ "block", COUNT, IN(writer.block_size), 512, 4096 },
	{ "buffered", CONSTANT, IN(writer.buffered), true },
	{ "chunk", SIZE, IN(writer.chunk) },
	{ "direct", CONSTANT, IN(writer.buffered), false },
	{ "discard", COUNT, IN(writer.discard), 0, 100 },
	{ "final", CONSTANT, IN(check.pit), CHECK_LAST_PIT },
	{ "flush", COUNT, IN(writer.flush), 0, 100 },
	{ "hot", CONSTANT, IN(writer.hot), true },
	{ "log", TEXT, IN(log) },
	{ "max", SIZE, IN(writer.max) },
	{ "may-end", CONSTANT, IN(writer.may_end), true },
	{ "min", SIZE, IN(writer.min) },
	{ "mode", MODE, IN(writer.mode) },
	{ "ops", COUNT, IN(writer.ops), 1, LOG_MAX_RECORDS },
	{ "pending-from", TEXT, IN(check.pending_from) },
	{ "pit", COUNT, IN(check.pit), 0, LOG_MAX_RECORDS },
	{ "read", COUNT, IN(writer.read), 0, 100 },
	{ "report", COUNT, IN(check.report), 0, UINT64_MAX },
	{ "seconds", COUNT, IN(writer.seconds), 1, 1000000 },
	{ "seed", COUNT, IN(writer.seed), 0, UINT64_MAX },
	{ "threads", COUNT, IN(writer.threads), 1, GATE_MAX_THREADS },
	{ "until-file", TEXT, IN(writer.until_file) },
	{ "with", TEXT, IN(with) },
	{ "within", SIZE, IN(writer.within) },
	{ "zero", COUNT, IN(writer.zero), 0, 100 },
};

#define NR_SETTINGS	(sizeof(settings) / sizeof(settings[0]))

static uint64_t parse(const struct setting *s, const char *text)
{
	switch (s->kind) {
	case COUNT:
		return parse_count(s->name, text, s->min, s->max);
	case SIZE:
		return parse_size(s->name, text);
	case OPTIONAL_SIZE:
		return text ? parse_size(s->name, text) : 0;
	case MODE:
		return parse_mode(text);
	default:
		return s->min;
	}
}

static void set(struct options *o, const struct setting *s, const char *text)
{
	void *to = (char *)o + s->offset;

	if (s->kind == TEXT)
		*(const char **)to = text;
	else if (s->size == sizeof(bool))
		*(bool *)to = parse(s, text);
	else if (s->size == sizeof(unsigned int))
		*(unsigned int *)to = parse(s, text);
	else
		*(uint64_t *)to = parse(s, text);
}

static void set_all(struct options *o, int argc, char **argv)
{
	static const int arguments[] = {
		[CONSTANT] = no_argument,
		[COUNT] = required_argument,
		[SIZE] = required_argument,
		[OPTIONAL_SIZE] = optional_argument,
		[MODE] = required_argument,
		[TEXT] = required_argument,
	};
	struct option long_options[NR_SETTINGS + 1] = { };
	int option;

	for (unsigned int i = 0; i < NR_SETTINGS; i++)
		long_options[i] = (struct option){
			settings[i].name, arguments[settings[i].kind], NULL, i
		};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == '?')
			usage("unknown or incomplete option");
		set(o, &settings[option], optarg);
	}
}

static void validate(const struct options *o)
{
	const struct writer_options *w = &o->writer;

	if (w->block_size != 512 && w->block_size != 4096)
		usage("--block: %u is neither 512 nor 4096", w->block_size);
	if (!w->min || w->min % w->block_size || w->max % w->block_size || w->min > w->max)
		usage("--min and --max are multiples of the block size, in this order");
	if (w->within % 4096)
		usage("--within is a multiple of 4 KiB");
	if (w->max > 1u << 30)
		usage("--max: more than 1 GiB");
	if (w->read + w->zero + w->discard > 100)
		usage("--read, --zero and --discard are more than 100 per cent together");
	if (w->mode == MODE_BOUNDARY && (!w->chunk || w->chunk % w->block_size))
		usage("--mode boundary needs --chunk, a multiple of the block size");
	if (o->check.pending_from && (!o->check.chunk || o->check.chunk % 4096))
		usage("--pending-from needs --chunk, a multiple of 4 KiB");
	if (o->check.after > o->check.before)
		usage("--after is later than --before");
	if (o->check.pit != CHECK_NO_PIT &&
	    (o->check.after || o->check.before != UINT64_MAX))
		usage("--pit and --final exclude --after and --before");
}

static int verb_fill(const struct options *o)
{
	writer_fill(o->device, o->writer.block_size, o->writer.seed);
	return 0;
}

static int verb_run(const struct options *o)
{
	return !writer_run(o->device, o->log, &o->writer);
}

static int verb_check(const struct options *o)
{
	struct check_result r;
	bool ok = check_device(o->device, o->log, &o->check, &r, stdout);

	if (!ok) {
		printf("WRONG blocks=%" PRIu64 " violations=%" PRIu64 "\n", r.blocks, r.violations);
		return 1;
	}
	printf("ok blocks=%" PRIu64 " newest=%" PRIu64, r.blocks, r.newest);
	if (o->check.pit == CHECK_NO_PIT)
		printf(" lo=%" PRIu64 " hi=%" PRIu64, r.lo, r.hi);
	printf(" before=%" PRIu64 " in-flight=%" PRIu64 " after=%" PRIu64 "\n",
	       r.before, r.in_flight, r.after);
	return 0;
}

static int verb_compare(const struct options *o)
{
	if (!o->with)
		usage("compare needs --with");
	return !compare_run(o->device, o->with, &o->writer);
}

static int verb_now(const struct options *o)
{
	(void)o;
	printf("%" PRIu64 "\n", log_now());
	return 0;
}

static const struct verb {
	const char *name;
	bool needs_device, needs_log;
	int (*run)(const struct options *o);
} verbs[] = {
	{ "fill", true, false, verb_fill },
	{ "run", true, true, verb_run },
	{ "check", true, true, verb_check },
	{ "compare", true, false, verb_compare },
	{ "now", false, false, verb_now },
};

static const struct verb *find_verb(const char *name)
{
	for (unsigned int i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(name, verbs[i].name))
			return &verbs[i];
	usage("unknown verb '%s'", name);
}

int main(int argc, char **argv)
{
	struct options o = {
		.writer = { .block_size = 512, .seed = 1, .threads = 4,
			    .max = 4 << 20 },
		.check = { .before = UINT64_MAX, .pit = CHECK_NO_PIT,
			   .torn_min = UINT64_MAX, .report = 10 },
	};
	const struct verb *verb;

	if (argc < 2)
		usage("no verb");
	verb = find_verb(argv[1]);
	argc--;
	argv++;
	set_all(&o, argc, argv);
	o.check.chunk = o.writer.chunk;
	if (!o.writer.min)
		o.writer.min = o.writer.block_size;
	validate(&o);
	if (argc - optind != verb->needs_device)
		usage(verb->needs_device ? "%s needs one device" : "%s takes no device",
		      verb->name);
	o.device = argv[optind];
	if (verb->needs_log && !o.log)
		usage("%s needs --log", verb->name);
	return verb->run(&o);
}
