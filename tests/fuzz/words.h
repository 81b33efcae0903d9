/* SPDX-License-Identifier: GPL-2.0-only */
/* The words that control workers say: table lines and messages, good and bad. */
#ifndef FUZZ_WORDS_H
#define FUZZ_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chance.h"
#include "dm.h"

/*
 * A table for the mapped device @number. Whatever it is, if the kernel takes it
 * and the device is of a set, it maps to the set's origin, sector by sector.
 */
void make_table(struct chance *chance, unsigned int number, struct table *table);

/* One that must be good, if the devices are free. */
void make_good_table(struct chance *chance, unsigned int number, struct table *table);

/* Returns its length; it may hold any bytes but 0. */
size_t make_message(struct chance *chance, char message[MAX_MESSAGE]);

#endif
