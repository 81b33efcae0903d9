/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who does what: each worker tells what it begins and how it has ended. Kept in
 * memory that all processes share, so that the parent can tell what hangs, and
 * what came before a failure.
 */
#ifndef FUZZ_WATCH_H
#define FUZZ_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NR_NOTES	16
#define NOTE_LEN	220

enum verb {
	CREATE, LOAD, RESUME, SUSPEND, CLEAR, MESSAGE, STATUS, TABLE, AGAIN, WAIT,
	REMOVE, RENAME, LOOK, READ, WRITE, DISCARD, ZERO, FSYNC, OPEN, FAULT,
	NR_VERBS
};

struct worker {
	char name[24];
	uint64_t seed;
	unsigned long operations;
	enum verb verb;
	uint64_t since;			/* of what it does now, ns; 0: nothing */
	unsigned long nr_notes;
	char notes[NR_NOTES][NOTE_LEN];
	unsigned long done[NR_VERBS];
	unsigned long refused[NR_VERBS];
	unsigned long explained[NR_VERBS];	/* ... where the kernel says why */
};

/* Memory that processes share which are forked later. */
void *share(size_t size);

uint64_t now(void);		/* ns */
void doze(unsigned int ms);

/* Before and after each operation. Unprintable bytes are told as dots. */
__attribute__((format(printf, 3, 4)))
void begin(struct worker *worker, enum verb verb, const char *format, ...);

/*
 * @r is 0 or -errno. An error that the verb must never end in ends the worker.
 * Returns @r.
 */
int ended(struct worker *worker, int r);

/* What is no errno. Ends the worker. */
__attribute__((format(printf, 2, 3)))
_Noreturn void wrong(struct worker *worker, const char *format, ...);

/* The last notes of a worker; one line of what it has done. */
void print_notes(const struct worker *worker);
void print_figures(const struct worker *workers, unsigned int nr);

/* Has every verb been done, with success? Prints the name of one that was not. */
bool all_done(const struct worker *workers, unsigned int nr);

#endif
