/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_DEVICE_MAPPER_H
#define SHIM_DEVICE_MAPPER_H

#include <linux/kernel.h>

struct dm_arg_set {
	unsigned int argc;
	char **argv;
};

static inline const char *dm_shift_arg(struct dm_arg_set *as)
{
	if (!as->argc)
		return NULL;
	as->argc--;
	return *as->argv++;
}

#define DMERR(...)	shim_log(__VA_ARGS__)
#define DMEMIT(...) \
	(sz += sz >= maxlen ? 0 : scnprintf(result + sz, maxlen - sz, __VA_ARGS__))

__attribute__((format(printf, 1, 2)))
void shim_log(const char *format, ...);

#endif
