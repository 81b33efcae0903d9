// SPDX-License-Identifier: GPL-2.0-only
/* Checksums; see sums.h. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "say.h"
#include "sums.h"

#define BYTES	((size_t)32)
#define DIGITS	(2 * BYTES)
#define MARKED	((uint64_t)4096)	/* bytes at each place of a mark */
#define LINE	(DIGITS + 1)
#define HEADER	"cbw sha256 %u %llu\n"

static int digest(const char *buffer, size_t length, char text[DIGITS + 1])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int nr;

	if (!EVP_Digest(buffer, length, sum, &nr, EVP_sha256(), NULL))
		return say_error("there is no SHA-256 here");
	for (size_t i = 0; i < BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", sum[i]);
	return 0;
}

static int digest_marked(struct extent *extent, char *buffer, uint64_t size, char mark[DIGITS + 1])
{
	static const uint64_t places[] = { 0, 65536 };
	size_t length = 0, part;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && places[i] < size; i++) {
		part = (size_t)(size - places[i] < MARKED ? size - places[i] : MARKED);
		if (extent_read(extent, buffer + length, places[i], part))
			return -1;
		length += part;
	}
	return digest(buffer, length, mark);
}

int sums_mark(const char *path, uint64_t size, char mark[SUMS_MARK_MAX])
{
	char *buffer = extent_buffer();
	struct extent extent;
	int result = -1;

	if (buffer && !extent_open(&extent, path, O_RDONLY)) {
		result = digest_marked(&extent, buffer, size, mark);
		extent_close(&extent);
	}
	free(buffer);
	return result;
}

/* The checksum of the piece that is read to @buffer. */
static int read_digest(struct extent *backup, char *buffer, uint64_t offset, uint64_t size,
		       char text[DIGITS + 1])
{
	size_t length = extent_piece(offset, size);

	return extent_read(backup, buffer, offset, length) || digest(buffer, length, text) ? -1 : 0;
}

static int add_lines(FILE *file, struct extent *backup, uint64_t size)
{
	char *buffer = extent_buffer(), text[DIGITS + 1];
	int result = buffer ? 0 : -1;

	fprintf(file, HEADER, EXTENT_PIECE, (unsigned long long)size);
	for (uint64_t offset = 0; !result && offset < size; offset += EXTENT_PIECE) {
		result = read_digest(backup, buffer, offset, size, text);
		fprintf(file, "%s\n", text);
	}
	free(buffer);
	return result;
}

int sums_write(const char *path, struct extent *backup, uint64_t size)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	int result;

	if (!file)
		return say_error("out of memory");
	result = add_lines(file, backup, size);
	if (fclose(file))
		result = say_error("out of memory");
	if (!result)
		result = durable_write(path, text);
	free(text);
	return result;
}

static int compare_lines(FILE *file, struct extent *backup, uint64_t size, extent_step *step,
			 char *buffer, void (*differs)(uint64_t first, uint64_t length),
			 uint64_t *nr)
{
	char text[DIGITS + 1], line[LINE + 1];
	uint64_t first = 0, offset;
	bool bad = false, same;

	for (offset = 0; offset < size; offset += EXTENT_PIECE) {
		if (fread(line, LINE, 1, file) != 1)
			return say_error("the file of the checksums ends too early");
		if (!step(offset, size) || read_digest(backup, buffer, offset, size, text))
			return -1;
		same = !memcmp(line, text, DIGITS);
		if (bad && same)
			differs(first, offset - first);
		if (!bad && !same) {
			first = offset;
			++*nr;
		}
		bad = !same;
	}
	if (bad)
		differs(first, size - first);
	return 0;
}

int sums_compare(const char *path, struct extent *backup, uint64_t size, extent_step *step,
		 void (*differs)(uint64_t first, uint64_t length), uint64_t *nr)
{
	char *buffer = extent_buffer(), header[64] = "", wanted[64];
	FILE *file = fopen(path, "re");
	int result = -1;

	*nr = 0;
	snprintf(wanted, sizeof(wanted), HEADER, EXTENT_PIECE, (unsigned long long)size);
	if (!file)
		say_error("cannot read %s: %s", path, strerror(errno));
	else if (!fgets(header, sizeof(header), file) || strcmp(header, wanted))
		say_error("%s has no checksums of a backup of that size", path);
	else if (buffer)
		result = compare_lines(file, backup, size, step, buffer, differs, nr);
	if (file)
		fclose(file);
	free(buffer);
	return result;
}
