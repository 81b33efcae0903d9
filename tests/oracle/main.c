// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gate.h"
#include "log.h"
#include "writer.h"

static const char usage_text[] =
"usage: cbw-stamp fill DEVICE [--seed N] [--block 512|4096]\n"
"       cbw-stamp run DEVICE --log FILE [--seed N] [--block 512|4096] [--threads N]\n"
"                 [--ops N] [--seconds N] [--until-file FILE]\n"
"                 [--min SIZE] [--max SIZE] [--mode random|sequential|boundary]\n"
"                 [--chunk SIZE] [--hot] [--discard %] [--zero %] [--read %] [--flush %]\n"
"                 [--direct|--buffered] [--allow-errors]\n"
"       cbw-stamp check DEVICE --log FILE [--final | --pit SEQ | [--after NS] [--before NS]]\n"
"                 [--allow-torn[=SIZE]] [--chunk SIZE [--pending-from ORIGIN]] [--report N]\n"
"       cbw-stamp now\n"
"SIZE: bytes, or with a suffix s (sectors), K, M, G.\n";

struct options {
	const char *device, *log;
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

enum {
	AFTER = 1, ALLOW_ERRORS, ALLOW_TORN, BEFORE, BLOCK, BUFFERED, CHUNK, DIRECT, DISCARD,
	FINAL, FLUSH, HOT, LOG, MAX, MIN, MODE, OPS, PENDING_FROM, PIT, READ, REPORT,
	SECONDS, SEED, THREADS, UNTIL_FILE, ZERO,
};

static const struct option long_options[] = {
	{ "after", required_argument, NULL, AFTER },
	{ "allow-errors", no_argument, NULL, ALLOW_ERRORS },
	{ "allow-torn", optional_argument, NULL, ALLOW_TORN },
	{ "before", required_argument, NULL, BEFORE },
	{ "block", required_argument, NULL, BLOCK },
	{ "buffered", no_argument, NULL, BUFFERED },
	{ "chunk", required_argument, NULL, CHUNK },
	{ "direct", no_argument, NULL, DIRECT },
	{ "discard", required_argument, NULL, DISCARD },
	{ "final", no_argument, NULL, FINAL },
	{ "flush", required_argument, NULL, FLUSH },
	{ "hot", no_argument, NULL, HOT },
	{ "log", required_argument, NULL, LOG },
	{ "max", required_argument, NULL, MAX },
	{ "min", required_argument, NULL, MIN },
	{ "mode", required_argument, NULL, MODE },
	{ "ops", required_argument, NULL, OPS },
	{ "pending-from", required_argument, NULL, PENDING_FROM },
	{ "pit", required_argument, NULL, PIT },
	{ "read", required_argument, NULL, READ },
	{ "report", required_argument, NULL, REPORT },
	{ "seconds", required_argument, NULL, SECONDS },
	{ "seed", required_argument, NULL, SEED },
	{ "threads", required_argument, NULL, THREADS },
	{ "until-file", required_argument, NULL, UNTIL_FILE },
	{ "zero", required_argument, NULL, ZERO },
	{ 0 },
};

static void set_option(struct options *o, int option, const char *name, const char *value)
{
	struct writer_options *w = &o->writer;
	struct check_options *c = &o->check;

	switch (option) {
	case AFTER:
		c->after = parse_count(name, value, 0, UINT64_MAX);
		break;
	case ALLOW_ERRORS:
		w->allow_errors = true;
		break;
	case ALLOW_TORN:
		c->torn_min = value ? parse_size(name, value) : 0;
		break;
	case BEFORE:
		c->before = parse_count(name, value, 0, UINT64_MAX);
		break;
	case BLOCK:
		w->block_size = parse_count(name, value, 512, 4096);
		break;
	case BUFFERED:
		w->buffered = true;
		break;
	case CHUNK:
		w->chunk = parse_size(name, value);
		c->chunk = w->chunk;
		break;
	case DIRECT:
		w->buffered = false;
		break;
	case DISCARD:
		w->discard = parse_count(name, value, 0, 100);
		break;
	case FINAL:
		c->pit = CHECK_LAST_PIT;
		break;
	case FLUSH:
		w->flush = parse_count(name, value, 0, 100);
		break;
	case HOT:
		w->hot = true;
		break;
	case LOG:
		o->log = value;
		break;
	case MAX:
		w->max = parse_size(name, value);
		break;
	case MIN:
		w->min = parse_size(name, value);
		break;
	case MODE:
		w->mode = parse_mode(value);
		break;
	case OPS:
		w->ops = parse_count(name, value, 1, LOG_MAX_RECORDS);
		break;
	case PENDING_FROM:
		c->pending_from = value;
		break;
	case PIT:
		c->pit = parse_count(name, value, 0, LOG_MAX_RECORDS);
		break;
	case READ:
		w->read = parse_count(name, value, 0, 100);
		break;
	case REPORT:
		c->report = parse_count(name, value, 0, UINT64_MAX);
		break;
	case SECONDS:
		w->seconds = parse_count(name, value, 1, 1000000);
		break;
	case SEED:
		w->seed = parse_count(name, value, 0, UINT64_MAX);
		break;
	case THREADS:
		w->threads = parse_count(name, value, 1, GATE_MAX_THREADS);
		break;
	case UNTIL_FILE:
		w->until_file = value;
		break;
	case ZERO:
		w->zero = parse_count(name, value, 0, 100);
		break;
	default:
		usage("unknown or incomplete option");
	}
}

static void validate(const struct options *o)
{
	const struct writer_options *w = &o->writer;

	if (w->block_size != 512 && w->block_size != 4096)
		usage("--block: %u is neither 512 nor 4096", w->block_size);
	if (!w->min || w->min % w->block_size || w->max % w->block_size || w->min > w->max)
		usage("--min and --max are multiples of the block size, in this order");
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
	int option, index = 0;

	if (argc < 2)
		usage("no verb");
	verb = find_verb(argv[1]);
	argc--;
	argv++;
	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1)
		set_option(&o, option, option == '?' ? "" : long_options[index].name, optarg);
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
