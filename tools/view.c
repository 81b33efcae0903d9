// SPDX-License-Identifier: GPL-2.0-only
/* The snapshot view of a volume's job; see view.h. */
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "say.h"
#include "view.h"

static void uuid_of(const char *hidden_uuid, char uuid[DM_UUID_LEN])
{
	snprintf(uuid, DM_UUID_LEN, VIEW_PREFIX "%s", hidden_uuid + strlen(ATTACH_PREFIX));
}

int view_find(const char *hidden_uuid, struct mapper_info *view)
{
	char uuid[DM_UUID_LEN];

	uuid_of(hidden_uuid, uuid);
	return mapper_find_uuid(uuid, view);
}

int view_create(const char *volume, const char *origin, const char *hidden_uuid, uint64_t length,
		bool release, char name[DM_NAME_LEN])
{
	char uuid[DM_UUID_LEN], params[DM_NAME_LEN + 32];
	struct mapper_info view;

	if (!view_find(hidden_uuid, &view))
		return say_error("%s has the view /dev/mapper/%s already", volume, view.name);
	if (snprintf(name, DM_NAME_LEN, "%s" VIEW_SUFFIX, volume) >= DM_NAME_LEN - 1)
		return say_error("the name %s" VIEW_SUFFIX " is too long", volume);
	uuid_of(hidden_uuid, uuid);
	snprintf(params, sizeof(params), "%s%s", origin, release ? " 1 release" : "");
	return mapper_create(name, uuid, length, "cbw-snapshot", params, !release);
}

int view_drop(const char *hidden_uuid)
{
	struct mapper_info view;

	if (view_find(hidden_uuid, &view))
		return 0;
	if (view.open_count)
		return say_error("the view /dev/mapper/%s is in use", view.name);
	return mapper_remove(view.name);
}
