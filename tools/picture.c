// SPDX-License-Identifier: GPL-2.0-only
/* Pictures of what has become of a volume; see picture.h. */
#include <inttypes.h>

#include "picture.h"
#include "units.h"

/* --- terminals ---------------------------------------------------------------------------- */

/* What one sign can say. */
struct sign {
	const char *utf8;
	char ascii;
	const char *colour;		/* of SGR */
	const char *meaning;
};

enum {
	ALL_SAVED,
	PART,
	NONE_SAVED,
	COPIED,
	GIVEN_UP,
	LEFT_OUT,
	NR_OF_FATES
};

static const struct sign of_fates[NR_OF_FATES] = {
	[ALL_SAVED]	= { "█", '#', "32", "saved" },
	[PART]		= { "▒", '+', "36", "in part" },
	[NONE_SAVED]	= { "░", '.', "37", "pending" },
	[COPIED]	= { "▓", '*', "33", "being copied" },
	[GIVEN_UP]	= { "x", 'x', "35", "released" },
	[LEFT_OUT]	= { "·", '-', "34", "excluded" },
};

enum {
	ALL_CHANGED,
	PART_CHANGED,
	SAME,
	NR_OF_CHANGES
};

static const struct sign of_changes[NR_OF_CHANGES] = {
	[ALL_CHANGED]	= { "█", '#', "31", "changed" },
	[PART_CHANGED]	= { "▒", '+', "35", "in part" },
	[SAME]		= { "░", '.', "37", "not changed" },
};

/* What is still to be done goes before what is done. */
static size_t sign_of_fates(const struct cell *cell)
{
	const uint64_t *sectors = cell->sectors;

	if (sectors[CLAIMED])
		return COPIED;
	if (sectors[PENDING])
		return sectors[SAVED] ? PART : NONE_SAVED;
	if (sectors[SAVED])
		return ALL_SAVED;
	return sectors[RELEASED] ? GIVEN_UP : LEFT_OUT;
}

static size_t sign_of_changes(const struct cell *cell)
{
	if (!cell->sectors[CHANGED])
		return SAME;
	return cell->sectors[CHANGED] < cell->length ? PART_CHANGED : ALL_CHANGED;
}

/* After @before, of which the colour still holds. */
static void print_sign(FILE *to, const struct sign *sign, const struct sign *before,
		       const struct picture_style *style)
{
	if (style->colour && sign != before)
		fprintf(to, "\033[%sm", sign->colour);
	if (style->utf8)
		fputs(sign->utf8, to);
	else
		fputc(sign->ascii, to);
}

static void end_colour(FILE *to, const struct picture_style *style)
{
	fprintf(to, "%s", style->colour ? "\033[0m" : "");
}

static void print_legend(FILE *to, const struct sign *signs, size_t nr, const bool *occurs,
			 const struct picture_style *style)
{
	const char *blank = "";

	for (size_t i = 0; i < nr; i++) {
		if (!occurs[i])
			continue;
		fputs(blank, to);
		print_sign(to, signs + i, NULL, style);
		end_colour(to, style);
		fprintf(to, " %s", signs[i].meaning);
		blank = "  ";
	}
	fputs(style->line_end, to);
}

static void print_signs(FILE *to, const struct cells *cells, const struct sign *signs, size_t nr,
			size_t (*sign_of)(const struct cell *cell),
			const struct picture_style *style)
{
	bool occurs[NR_OF_FATES] = { 0 };
	const struct sign *before = NULL, *sign;

	for (size_t i = 0; i < cells->nr; i++) {
		sign = signs + sign_of(cells->list + i);
		occurs[sign - signs] = true;
		print_sign(to, sign, before, style);
		before = sign;
		if ((i + 1) % style->columns && i + 1 < cells->nr)
			continue;
		end_colour(to, style);
		fputs(style->line_end, to);
		before = NULL;
	}
	print_legend(to, signs, nr, occurs, style);
}

void picture_print(FILE *to, const struct picture *picture, const struct picture_style *style)
{
	char text[UNITS_LEN];

	fprintf(to, "%s%s", picture->title, style->line_end);
	if (picture->fates)
		print_signs(to, picture->cells, of_fates, NR_OF_FATES, sign_of_fates, style);
	if (!picture->changes)
		return;
	fprintf(to, "changed: %s%s",
		format_size(text, cells_sum(picture->cells, CHANGED) * SECTOR_SIZE),
		style->line_end);
	print_signs(to, picture->cells, of_changes, NR_OF_CHANGES, sign_of_changes, style);
}

/* --- SVG ---------------------------------------------------------------------------------- */

#define SVG_COLUMNS	64
#define STEP		12		/* from one square to the next */
#define SIDE		11
#define STRIPE		3		/* of a square, for what has changed */
#define LEGEND		90
#define MARGIN		10
#define LINE		20

static const char * const colours[NR_FATES] = {
	[SAVED]		= "#2e7d32",
	[PENDING]	= "#b0bec5",
	[CLAIMED]	= "#f9a825",
	[RELEASED]	= "#8e24aa",
	[EXCLUDED]	= "#e3f2fd",
	[CHANGED]	= "#d32f2f",
};

static void print_text(FILE *to, unsigned int x, unsigned int y, const char *text)
{
	fprintf(to, "<text x=\"%u\" y=\"%u\">", x, y);
	for (; *text; text++) {
		if (*text == '&' || *text == '<' || *text == '>')
			fprintf(to, "&#%d;", *text);
		else
			fputc(*text, to);
	}
	fputs("</text>\n", to);
}

static void print_rect(FILE *to, double x, double y, double width, double height,
		       const char *colour)
{
	fprintf(to,
		"<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n",
		x, y, width, height, colour);
}

/* What is shown to whoever points at it. */
static void print_hint(FILE *to, const struct cells *cells, size_t i)
{
	char text[UNITS_LEN];

	fprintf(to, "<title>%s", format_size(text, i * cells->each * SECTOR_SIZE));
	for (enum fate fate = 0; fate < NR_FATES; fate++) {
		uint64_t bytes = cells->list[i].sectors[fate] * SECTOR_SIZE;

		if (bytes)
			fprintf(to, ", %s %s", cells_word(fate), format_size(text, bytes));
	}
	fputs("</title>\n", to);
}

static double share(const struct cell *cell, enum fate fate)
{
	return (double)cell->sectors[fate] / (double)cell->length;
}

static void print_square(FILE *to, const struct picture *picture, size_t i, double top)
{
	const struct cell *cell = picture->cells->list + i;
	size_t column = i % SVG_COLUMNS, row = i / SVG_COLUMNS;
	double x = MARGIN + (double)column * STEP, y = top + (double)row * STEP;
	double height = picture->changes ? SIDE - STRIPE : SIDE, stripe = SIDE - height;
	double bottom = y + height;

	fputs("<g>", to);
	print_hint(to, picture->cells, i);
	for (enum fate fate = 0; picture->fates && fate < CHANGED; fate++) {
		if (!cell->sectors[fate])
			continue;
		bottom -= share(cell, fate) * height;
		print_rect(to, x, bottom, SIDE, share(cell, fate) * height, colours[fate]);
	}
	/* Where there is nothing else, the square is that. */
	if (!picture->fates) {
		print_rect(to, x, y, SIDE, SIDE, colours[EXCLUDED]);
		stripe = SIDE;
	}
	if (picture->changes && cell->sectors[CHANGED])
		print_rect(to, x, y + SIDE - stripe, share(cell, CHANGED) * SIDE, stripe,
			   colours[CHANGED]);
	fputs("</g>\n", to);
}

static bool is_shown(const struct picture *picture, enum fate fate)
{
	return fate == CHANGED ? picture->changes : picture->fates;
}

static void print_svg_legend(FILE *to, const struct picture *picture, unsigned int y)
{
	char text[UNITS_LEN], entry[UNITS_LEN + 16];
	unsigned int x = MARGIN;

	for (enum fate fate = 0; fate < NR_FATES; fate++) {
		uint64_t bytes = cells_sum(picture->cells, fate) * SECTOR_SIZE;

		if (!is_shown(picture, fate) || !bytes)
			continue;
		print_rect(to, x, y - SIDE + 1, SIDE, SIDE, colours[fate]);
		snprintf(entry, sizeof(entry), "%s %s", cells_word(fate), format_size(text, bytes));
		print_text(to, x + STEP + 3, y, entry);
		x += LEGEND + 40;
	}
}

void picture_svg(FILE *to, const struct picture *picture)
{
	size_t rows = (picture->cells->nr + SVG_COLUMNS - 1) / SVG_COLUMNS;
	unsigned int height = MARGIN + 2 * LINE + (unsigned int)rows * STEP + MARGIN;
	unsigned int width = 2 * MARGIN + SVG_COLUMNS * STEP;

	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" font-family=\"sans-serif\" font-size=\"12\">\n",
		width, height);
	print_rect(to, 0, 0, width, height, "#ffffff");
	print_text(to, MARGIN, MARGIN + 12, picture->title);
	print_svg_legend(to, picture, MARGIN + 12 + LINE);
	for (size_t i = 0; i < picture->cells->nr; i++)
		print_square(to, picture, i, MARGIN + 2 * LINE);
	fputs("</svg>\n", to);
}
