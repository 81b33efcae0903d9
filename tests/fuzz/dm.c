// SPDX-License-Identifier: GPL-2.0-only
/* See dm.h for the contract. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "dm.h"

static int control(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(2, "/dev/mapper/control");
	return fd;
}

void dm_begin(struct dm_call *call, const char *name, uint64_t dev, uint32_t flags)
{
	memset(call, 0, sizeof(*call));
	call->io.version[0] = DM_VERSION_MAJOR;
	call->io.data_size = sizeof(*call);
	call->io.data_start = offsetof(struct dm_call, area);
	call->io.flags = flags;
	if (name)
		strncpy(call->io.name, name, sizeof(call->io.name) - 1);
	else
		call->io.dev = dev;
}

int dm_run(struct dm_call *call, unsigned long request)
{
	return ioctl(control(), request, call) ? -errno : 0;
}

static size_t put_line(char *at, const struct table *table)
{
	struct dm_target_spec spec = {
		.sector_start = table->start,
		.length = table->length,
	};
	size_t len = strlen(table->params) + 1;

	spec.next = (sizeof(spec) + len + 7) / 8 * 8;
	memcpy(spec.target_type, table->type, sizeof(spec.target_type));
	memcpy(at, &spec, sizeof(spec));
	memcpy(at + sizeof(spec), table->params, len);
	return spec.next;
}

void dm_put_table(struct dm_call *call, const struct table *table,
		  const struct table *second)
{
	size_t len = put_line(call->area, table);

	call->io.target_count = 1;
	if (table->readonly)
		call->io.flags |= DM_READONLY_FLAG;
	if (second) {
		put_line(call->area + len, second);
		call->io.target_count = 2;
	}
}

void dm_put_message(struct dm_call *call, uint64_t sector, const char *message,
		    size_t len, unsigned int behind)
{
	char *at;

	call->io.data_start = offsetof(struct dm_ioctl, data) + behind;
	at = (char *)call + call->io.data_start;
	memcpy(at, &sector, sizeof(sector));
	memcpy(at + sizeof(sector), message, len);
	at[sizeof(sector) + len] = '\0';
}

void dm_put_word(struct dm_call *call, const char *word)
{
	strcpy(call->area, word);
}

const char *dm_line(const struct dm_call *call)
{
	const char *area = (const char *)call + call->io.data_start;

	if (!call->io.target_count || (call->io.flags & DM_BUFFER_FULL_FLAG))
		return "";
	return area + sizeof(struct dm_target_spec);
}

int dm_swap(const char *name, const struct table *table, uint32_t flags)
{
	static struct dm_call call;
	int r;

	dm_begin(&call, name, 0, 0);
	dm_put_table(&call, table, NULL);
	r = dm_run(&call, DM_TABLE_LOAD);
	if (r)
		return r;
	dm_begin(&call, name, 0, flags);
	return dm_run(&call, DM_DEV_SUSPEND);
}
