// SPDX-License-Identifier: GPL-2.0-only
/* Messages whose answer may not fit into one; see answer.h. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"

/* Where to go on is in *@from; that stays as it is when that is all. */
static int take_lines(const struct question *question, char *reply, uint64_t *from)
{
	char *line;

	while ((line = strsep(&reply, "\n"))) {
		if (*line && sscanf(line, "next %" SCNu64, from) != 1 &&
		    question->take(question->data, line))
			return ANSWER_UNCLEAR;
	}
	return 0;
}

int answer_read(const struct question *question)
{
	uint64_t from = 0, asked;
	char message[64], *reply;
	int r;

	do {
		asked = from;
		reply = NULL;
		snprintf(message, sizeof(message), "%s %" PRIu64 "%s", question->word, asked,
			 question->rest);
		r = question->ask(question->name, message, &reply);
		if (!r)
			r = reply ? take_lines(question, reply, &from) : ANSWER_UNCLEAR;
		free(reply);
	} while (!r && from > asked);
	return r;
}
