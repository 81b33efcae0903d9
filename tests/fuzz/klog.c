// SPDX-License-Identifier: GPL-2.0-only
/* See klog.h for the contract. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "klog.h"

#define MAX_LINE 8192

static const char * const of_tables[] = {
	"error adding target to table", "unable to find target", "change device type",
	"unable to set up device queue",
};

static const char * const of_messages[] = {
	" refused: ", "Unsupported message", "Empty message", "message parameters",
	"device has no table", "message sector outside", "not support messages",
	"@cancel_deferred_remove",
};

static bool has_one(const char *line, const char * const *texts, unsigned int nr)
{
	while (nr--)
		if (strstr(line, texts[nr]))
			return true;
	return false;
}

#define HAS_ONE(line, texts) has_one(line, texts, sizeof(texts) / sizeof((texts)[0]))

/* As in tests/vm/guest, which would come too late if the machine dies of it. */
static const char * const complaints[] = {
	"BUG", "WARNING: ", "INFO: ", "KFENCE", "general protection", "corruption", "refcount_t:",
};

static void count(struct klog *klog, const char *line)
{
	const char *text = strstr(line, "device-mapper: ");

	if (!text) {
		if (HAS_ONE(line, complaints))
			snprintf(klog->bad, sizeof(klog->bad), "%.250s", line);
		return;
	}
	if (!strncmp(text, "device-mapper: table: ", 22) && strstr(text, "cbw: ") &&
	    (strstr(text, "Unknown error") || strstr(text, "(null)")))
		snprintf(klog->bad, sizeof(klog->bad), "%.250s", text);
	else if (HAS_ONE(text, of_messages))
		klog->messages++;
	else if (HAS_ONE(text, of_tables))
		klog->tables++;
}

void klog_open(struct klog *klog)
{
	memset(klog, 0, sizeof(*klog));
	klog->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (klog->fd < 0 || lseek(klog->fd, 0, SEEK_END) < 0)
		err(2, "/dev/kmsg");
}

/* False: there are no more, for now. */
static bool next_line(struct klog *klog, char *line, size_t size)
{
	ssize_t r;

	while ((r = read(klog->fd, line, size - 1)) < 0 && errno == EPIPE)
		klog->lost = true;
	if (r <= 0)
		return false;
	line[r] = '\0';
	return true;
}

void klog_read(struct klog *klog)
{
	char line[MAX_LINE];

	while (!*klog->bad && next_line(klog, line, sizeof(line)))
		count(klog, line);
}

void klog_print(struct klog *klog)
{
	char line[MAX_LINE], *text;

	while (next_line(klog, line, sizeof(line))) {
		text = strchr(line, ';');
		printf("%s", text ? text + 1 : line);
	}
}
