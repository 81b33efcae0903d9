// SPDX-License-Identifier: GPL-2.0-only
/* Sizes and times; see units.h. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "units.h"

static const char prefixes[] = "KMGTP";

int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno || *end || *number < min || *number > max ? -1 : 0;
}

/* The power of two that @unit stands for, or -1. */
static int unit_shift(const char *unit)
{
	const char *prefix = *unit ? strchr(prefixes, toupper((unsigned char)*unit)) : NULL;

	if (!*unit || !strcasecmp(unit, "B"))
		return 0;
	if (!prefix || (unit[1] && strcasecmp(unit + 1, "B") && strcasecmp(unit + 1, "iB")))
		return -1;
	return 10 * (int)(prefix - prefixes + 1);
}

int parse_size(const char *text, uint64_t *bytes)
{
	size_t digits = strspn(text, "0123456789");
	size_t length = digits;
	double value;
	int shift;

	if (digits && text[digits] == '.')
		length += 1 + strspn(text + digits + 1, "0123456789");
	shift = unit_shift(text + length);
	if (!digits || shift < 0 || text[length - 1] == '.' || (length > digits && !shift))
		return -1;

	value = ldexp(strtod(text, NULL), shift);
	if (value >= 0x1p63)
		return -1;
	*bytes = (uint64_t)value;
	return 0;
}

int parse_time(const char *text, uint64_t *us)
{
	static const struct {
		const char *name;
		double us;
	} units[] = { { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "min", 6e7 }, { "h", 3.6e9 } };
	size_t digits = strspn(text, "0123456789.");
	char *end;
	double value;

	*us = 0;
	if (!strcmp(text, "0"))
		return 0;
	value = strtod(text, &end);
	if (!isdigit((unsigned char)*text) || end != text + digits)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		*us = value * units[i].us < 1e15 ? (uint64_t)(value * units[i].us) : UINT64_MAX;
		return 0;
	}
	return -1;
}

const char *format_size(char text[UNITS_LEN], uint64_t bytes)
{
	double value = (double)bytes;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(text, UNITS_LEN, "%u B", (unsigned int)bytes);
		return text;
	}
	for (value /= 1024; value >= 999.5 && prefixes[i + 1]; value /= 1024)
		i++;
	snprintf(text, UNITS_LEN, "%.*f %ciB", value < 99.95, value, prefixes[i]);
	return text;
}

const char *format_time(char text[UNITS_LEN], uint64_t us)
{
	uint64_t s = us / 1000000;

	if (us < 1000)
		snprintf(text, UNITS_LEN, "%u us", (unsigned int)us);
	else if (us < 1000000)
		snprintf(text, UNITS_LEN, "%u ms", (unsigned int)(us / 1000));
	else if (s < 60)
		snprintf(text, UNITS_LEN, "%u.%u s", (unsigned int)s,
			 (unsigned int)(us / 100000 % 10));
	else if (s < 3600)
		snprintf(text, UNITS_LEN, "%u min %u s", (unsigned int)(s / 60),
			 (unsigned int)(s % 60));
	else
		snprintf(text, UNITS_LEN, "%llu h %u min", (unsigned long long)s / 3600,
			 (unsigned int)(s / 60 % 60));
	return text;
}
