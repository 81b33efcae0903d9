/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes and times, as people write and read them. */
#ifndef CBW_UNITS_H
#define CBW_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define SECTOR_SIZE	512U

/* Room for what the functions below write. */
#define UNITS_LEN	32

/*
 * A size in bytes: a number, which may have a fraction if it has a unit: K, M, G, T, P,
 * of 1024 each, in either case, with or without "iB" or "B". 0, or -1 if @text is not
 * one, or does not fit.
 */
int parse_size(const char *text, uint64_t *bytes);

/* A number without a sign or unit, of @min to @max. 0 or -1. */
int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/* A time: a number, also with a fraction, and us, ms, s, min or h; 0 needs none. 0 or -1. */
int parse_time(const char *text, uint64_t *us);

/* "1.5 GiB": three digits or so. Returns @text. */
const char *format_size(char text[UNITS_LEN], uint64_t bytes);

/* "350 us", "1.2 s", "3 min 20 s", "2 h 5 min". Returns @text. */
const char *format_time(char text[UNITS_LEN], uint64_t us);

#endif
