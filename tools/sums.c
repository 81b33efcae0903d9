// SPDX-License-Identifier: GPL-2.0-only
/* Checksums; see sums.h. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "say.h"
#include "sums.h"

#define BYTES	((size_t)32)
#define DIGITS	(2 * BYTES)
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
