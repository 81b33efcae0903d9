// SPDX-License-Identifier: GPL-2.0-only
/* Streams; see stream.h. */
#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "extent.h"
#include "say.h"
#include "stream.h"

#define MAGIC		"cbw stream 1\n\0\0"	/* 16 bytes, with the one that ends it */
#define MAGIC_SIZE	sizeof(MAGIC)
#define KIND_SIZE	8

struct head {
	char kind[KIND_SIZE];
	uint64_t offset, length;	/* little-endian */
};

_Static_assert(MAGIC_SIZE == 16 && sizeof(struct head) == 24, "the form of a stream");

static const char kinds[STREAM_KINDS][KIND_SIZE] = {
	[STREAM_RECORD]	= "record",
	[STREAM_DATA]	= "data",
	[STREAM_ZERO]	= "zero",
	[STREAM_END]	= "end",
};

static size_t data_size(const struct piece *piece)
{
	return piece->kind == STREAM_RECORD || piece->kind == STREAM_DATA ? piece->length : 0;
}

/* The sum goes from that of the piece before to that of this one. */
static int add(struct stream *stream, const struct head *head, const char *data, size_t length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(context, stream->sum, STREAM_SUM) &&
		    EVP_DigestUpdate(context, head, sizeof(*head)) &&
		    EVP_DigestUpdate(context, data, length) &&
		    EVP_DigestFinal_ex(context, stream->sum, NULL);

	EVP_MD_CTX_free(context);
	return good ? 0 : say_error("there is no SHA-256 here");
}

static int put_all(int fd, const void *data, size_t length)
{
	const char *at = data;
	ssize_t put;

	for (; length; at += put, length -= (size_t)put) {
		put = write(fd, at, length);
		if (put < 0 && errno == EINTR)
			put = 0;
		else if (put < 0)
			return say_error("cannot write the stream: %s", strerror(errno));
	}
	return 0;
}

static int get_all(int fd, void *data, size_t length)
{
	char *at = data;
	ssize_t got;

	for (; length; at += got, length -= (size_t)got) {
		got = read(fd, at, length);
		if (got < 0 && errno == EINTR)
			got = 0;
		else if (got < 0)
			return say_error("cannot read the stream: %s", strerror(errno));
		else if (!got)
			return say_error("the stream has no end: a part of it is missing");
	}
	return 0;
}

int stream_begin(struct stream *stream, int fd)
{
	*stream = (struct stream) { .fd = fd };
	return put_all(fd, MAGIC, MAGIC_SIZE);
}

int stream_put(struct stream *stream, const struct piece *piece, const char *data)
{
	struct head head = {
		.offset = htole64(piece->offset),
		.length = htole64(piece->length),
	};
	size_t size = data_size(piece);

	memcpy(head.kind, kinds[piece->kind], KIND_SIZE);
	return add(stream, &head, data, size) || put_all(stream->fd, &head, sizeof(head)) ||
	       put_all(stream->fd, stream->sum, STREAM_SUM) ||
	       put_all(stream->fd, data, size) ? -1 : 0;
}

int stream_open(struct stream *stream, int fd)
{
	char magic[MAGIC_SIZE];

	*stream = (struct stream) { .fd = fd };
	if (get_all(fd, magic, MAGIC_SIZE))
		return -1;
	return memcmp(magic, MAGIC, MAGIC_SIZE) ?
		       say_error("that is no stream of 'cbw export' that is known here") : 0;
}

static bool parse(const struct head *head, struct piece *piece)
{
	*piece = (struct piece) {
		.kind = STREAM_RECORD,
		.offset = le64toh(head->offset),
		.length = le64toh(head->length),
	};
	while (piece->kind < STREAM_KINDS && memcmp(head->kind, kinds[piece->kind], KIND_SIZE))
		piece->kind++;
	return piece->kind < STREAM_KINDS && data_size(piece) <= EXTENT_PIECE;
}

int stream_get(struct stream *stream, struct piece *piece, char *data)
{
	unsigned char sum[STREAM_SUM];
	struct head head;

	if (get_all(stream->fd, &head, sizeof(head)) || get_all(stream->fd, sum, STREAM_SUM))
		return -1;
	if (!parse(&head, piece))
		return say_error("the stream is damaged");
	if (get_all(stream->fd, data, data_size(piece)) ||
	    add(stream, &head, data, data_size(piece)))
		return -1;
	return memcmp(sum, stream->sum, STREAM_SUM) ? say_error("the stream is damaged") : 0;
}
