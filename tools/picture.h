/* SPDX-License-Identifier: GPL-2.0-only */
/* Pictures of what has become of a volume, for terminals and as SVG. */
#ifndef CBW_PICTURE_H
#define CBW_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cells.h"

/* How a terminal is drawn upon. */
struct picture_style {
	size_t columns;
	bool utf8;
	bool colour;
	const char *line_end;
};

/* What a picture shows: what has become of all, what has changed, or both. */
struct picture {
	const char *title;
	bool fates;
	bool changes;
	const struct cells *cells;
};

/* A sign for each cell, and what the signs mean. */
void picture_print(FILE *to, const struct picture *picture, const struct picture_style *style);

/* A square for each cell, which has as much of a colour as the cell of its fate. */
void picture_svg(FILE *to, const struct picture *picture);

#endif
