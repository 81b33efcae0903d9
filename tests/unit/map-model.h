/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of the chunk map, and runs of random steps that compare the map with
 * it. A run that finds a difference tells what it has done last, and aborts.
 */
#ifndef MAP_MODEL_H
#define MAP_MODEL_H

#include <stddef.h>

/* All choices of a run come from its seed, or from the bytes of a fuzzer. */
void model_run(unsigned long seed);
void model_run_bytes(const unsigned char *data, size_t size);

/* What the run has done last; once. */
void model_print_log(void);

#define check(cond, ...) \
	((cond) ? (void)0 : model_failed(__FILE__, __LINE__, #cond, __VA_ARGS__))

__attribute__((format(printf, 4, 5)))
_Noreturn void model_failed(const char *file, int line, const char *cond,
			    const char *format, ...);

#endif
