/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A backup, or what it has that the one before it had not, as a stream of bytes, in the form of
 * Documentation/cbw-stream.rst. Each piece has a checksum that covers all before it, too, so none
 * is lost, changed or out of order without being noticed.
 */
#ifndef CBW_STREAM_H
#define CBW_STREAM_H

#include <stdint.h>

#define STREAM_SUM	32

enum stream_kind {
	STREAM_RECORD,		/* the first: a JSON document */
	STREAM_DATA,
	STREAM_ZERO,		/* has no data: all of it is zero */
	STREAM_END,		/* the last: @length is that of all data and zeroes */
	STREAM_KINDS,
};

struct stream {
	int fd;
	unsigned char sum[STREAM_SUM];	/* of the last piece */
};

struct piece {
	enum stream_kind kind;
	uint64_t offset, length;	/* bytes; at most EXTENT_PIECE but for zeroes and the end */
};

/* Begins to write one. 0 or -1, error said, as for all that follow. */
int stream_begin(struct stream *stream, int fd);

/* @data: none of what has none. */
int stream_put(struct stream *stream, const struct piece *piece, const char *data);

/* Begins to read one. */
int stream_open(struct stream *stream, int fd);

/* @data: room for EXTENT_PIECE. */
int stream_get(struct stream *stream, struct piece *piece, char *data);

#endif
