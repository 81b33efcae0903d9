// SPDX-License-Identifier: GPL-2.0-only
/* What the tool says; see say.h. */
#include <stdarg.h>
#include <stdio.h>

#include "say.h"

static void say(const char *kind, const char *format, va_list args)
{
	fprintf(stderr, "cbw: %s", kind);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int say_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
	return -1;
}

void say_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("warning: ", format, args);
	va_end(args);
}

int say_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
	return CBW_USAGE;
}
