/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages whose answer may not fit into one: its last line is "next <sector>" then, and the
 * same is asked again from there.
 */
#ifndef ANSWER_H
#define ANSWER_H

#define ANSWER_UNCLEAR	2

struct question {
	const char *name;	/* of the mapped device */
	const char *word;	/* the message is "<word> <sector><rest>" */
	const char *rest;
	/* As mapper_ask(), or mapper_message(). */
	int (*ask)(const char *name, const char *message, char **reply);
	int (*take)(void *data, const char *line);	/* not 0: that is no line of an answer */
	void *data;
};

/* Gives each line to @take. 0; what @ask has returned; or ANSWER_UNCLEAR, and nothing is said. */
int answer_read(const struct question *question);

#endif
