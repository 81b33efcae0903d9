// SPDX-License-Identifier: GPL-2.0-only
/* What has changed of a volume; see changes.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "changes.h"
#include "mapper.h"
#include "say.h"

int changes_find(const char *name, struct changes *changes)
{
	char *reply = NULL;
	int r = mapper_ask(name, "changed", &reply);

	if (!r && sscanf(reply ? reply : "", "%39s %lu %" SCNu64, changes->generation,
			 &changes->chunk_sectors, &changes->nr_changed) != 3)
		r = say_error("the module does not tell what of %s has changed", name);
	free(reply);
	return r;
}

int changes_read(const char *name, struct changes *changes)
{
	int r = changes_find(name, changes);

	return r > 0 ? say_error("the table of %s does not tell what has changed", name) : r;
}
