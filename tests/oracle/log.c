// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define LOG_MAGIC	0x31676f4c53776263ULL
#define HEADER_BYTES	4096
#define GROW_RECORDS	65536u
#define MAP_BYTES	(HEADER_BYTES + (size_t)LOG_MAX_RECORDS * sizeof(struct log_record))

struct log {
	int fd;
	pthread_mutex_t grow_lock;	/* guards room and header->nr_records */
	uint64_t room;			/* records that the file has space for */
	struct log_header *header;
	struct log_record *records;
};

uint64_t log_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Allocates, not only extends: a full file system must not become a SIGBUS. */
static int grow(struct log *log, uint64_t room)
{
	int error = posix_fallocate(log->fd, 0, HEADER_BYTES +
				    room * sizeof(struct log_record));

	if (!error)
		log->room = room;
	return error;
}

static bool begin_header(struct log_header *header, uint64_t seed,
			 uint32_t block_size, uint64_t nr_blocks)
{
	if (!header->magic)
		*header = (struct log_header) {
			.magic = LOG_MAGIC, .seed = seed,
			.block_size = block_size, .nr_blocks = nr_blocks,
		};
	return header->magic == LOG_MAGIC && header->seed == seed &&
	       header->block_size == block_size && header->nr_blocks == nr_blocks;
}

struct log *log_open(const char *path, uint64_t seed, uint32_t block_size,
		     uint64_t nr_blocks)
{
	struct log *log = calloc(1, sizeof(*log));
	struct stat st;

	if (!log)
		err(1, "%s", path);
	pthread_mutex_init(&log->grow_lock, NULL);
	log->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (log->fd < 0 || fstat(log->fd, &st))
		err(1, "%s", path);
	if (flock(log->fd, LOCK_EX | LOCK_NB))
		errx(1, "%s: another run writes this log", path);

	/* Map all it can ever be: records never move while threads use them. */
	log->header = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_NORESERVE, log->fd, 0);
	if (log->header == MAP_FAILED)
		err(1, "%s: mmap", path);
	log->records = (void *)((char *)log->header + HEADER_BYTES);
	if (st.st_size > HEADER_BYTES)
		log->room = (st.st_size - HEADER_BYTES) / sizeof(struct log_record);
	errno = log->room ? 0 : grow(log, GROW_RECORDS);
	if (errno)
		err(1, "%s", path);
	if (!begin_header(log->header, seed, block_size, nr_blocks))
		errx(1, "%s: made for another seed, block size or device size", path);
	return log;
}

void log_close(struct log *log)
{
	munmap(log->header, MAP_BYTES);
	close(log->fd);
	free(log);
}

static bool has_room(struct log *log, uint64_t nr)
{
	if (nr < log->room)
		return true;
	return nr < LOG_MAX_RECORDS && !grow(log, log->room + GROW_RECORDS);
}

uint64_t log_reserve(struct log *log, const struct log_record *record)
{
	uint64_t seq = 0, nr;

	pthread_mutex_lock(&log->grow_lock);
	nr = log->header->nr_records;
	if (has_room(log, nr)) {
		log->records[nr] = *record;
		seq = nr + 1;
		__atomic_store_n(&log->header->nr_records, seq, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&log->grow_lock);
	return seq;
}

void log_submit(struct log *log, uint64_t seq)
{
	__atomic_store_n(&log->records[seq - 1].submit, log_now(), __ATOMIC_RELEASE);
}

void log_ack(struct log *log, uint64_t seq, bool failed)
{
	struct log_record *record = &log->records[seq - 1];

	/* Before ack: who sees it acknowledged must know that it failed. */
	record->failed = failed;
	__atomic_store_n(&record->ack, log_now(), __ATOMIC_RELEASE);
}

uint64_t log_last(const struct log *log)
{
	return __atomic_load_n(&log->header->nr_records, __ATOMIC_ACQUIRE);
}

const struct log_record *log_get(const struct log *log, uint64_t seq)
{
	return &log->records[seq - 1];
}

static void read_exactly(int fd, const char *path, void *buf, size_t len, off_t at)
{
	while (len) {
		ssize_t got = pread(fd, buf, len, at);

		if (got < 0)
			err(1, "%s", path);
		if (!got)
			errx(1, "%s: the log is cut short", path);
		buf = (char *)buf + got;
		len -= got;
		at += got;
	}
}

static int open_header(const char *path, struct log_header *header)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	read_exactly(fd, path, header, sizeof(*header), 0);
	if (header->magic != LOG_MAGIC || header->nr_records > LOG_MAX_RECORDS)
		errx(1, "%s: not a log of cbw-stamp", path);
	return fd;
}

void log_read_header(const char *path, struct log_header *header)
{
	close(open_header(path, header));
}

struct log_record *log_read(const char *path, struct log_header *header)
{
	int fd = open_header(path, header);
	size_t bytes = header->nr_records * sizeof(struct log_record);
	struct log_record *records = malloc(bytes + 1);

	if (!records)
		err(1, "%s", path);
	read_exactly(fd, path, records, bytes, HEADER_BYTES);
	close(fd);
	return records;
}
