/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of verbs that are features of the module's table line: parsed, checked, and
 * written as its words. An option has the feature's name, with dashes.
 */
#ifndef FEATURES_H
#define FEATURES_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "job.h"

enum feature {
	SYNC,
	ON_CBW_ERROR,
	CBW_TIMEOUT,
	ON_SOURCE_ERROR,
	ON_TARGET_ERROR,
	SPEED,
	TARGET_LATENCY,
	MIN_SPEED,
	WORKERS,
	MAX_COPY,
	ENGINE,
	BUF_SIZE,
	RELEASE,
	ZEROES,
	DISCARD,
	COPY_MODE,
	NR_FEATURES,
};

/* An option that is a feature has this and the feature as its value: getopt's 0 is none. */
#define OF_FEATURES	1

/* Room for all of them as words. */
#define FEATURES_LEN	768

struct features {
	char values[NR_FEATURES][JOB_WORD_LEN];	/* "": the module's default */
	bool paused;				/* the one that has no value */
};

/* Writes an option for each of the @nr @features, and then the @own ones of a verb, to @all. */
void features_options(const enum feature *features, size_t nr, const struct option *own,
		      struct option *all);

/* As an option gives it. 0, or CBW_USAGE, and it has said why. */
int features_set(struct features *features, enum feature feature, const char *text);

/* Writes those that have a value, each word with a blank before it; returns how many words. */
unsigned int features_words(const struct features *features, char words[FEATURES_LEN]);

#endif
