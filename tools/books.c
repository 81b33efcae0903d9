// SPDX-License-Identifier: GPL-2.0-only
/* A backup's target and record; see books.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attach.h"
#include "base.h"
#include "books.h"
#include "cbw.h"
#include "extent.h"
#include "nbd.h"
#include "ranges.h"
#include "say.h"
#include "sums.h"

static bool has_base(const struct book *book)
{
	return *book->base.generation;
}

static void drop_book(struct book *book, bool written)
{
	struct record *base = &book->base;

	target_finish(&book->target, false);
	if (!has_base(book) || (written && !book->target.reused)) {
		record_remove(&book->record);
		if (has_base(book))
			record_forget(base);
		return;
	}
	/* The next one can make it complete again, since the map has what this one took. */
	if (written && base->complete) {
		snprintf(base->base, sizeof(base->base), "%s", record_map(base));
		base->complete = false;
		*base->mark = '\0';
	}
	record_put_back(base, &book->record);
}

/* A full backup, too, leaves known what lies on a device until its job has begun. */
static void find_base(struct book *book)
{
	struct record *records;
	size_t nr;

	if (book->target.reused || record_is_made(&book->record))
		return;
	record_list(&records, &nr);
	for (size_t i = 0; i < nr; i++) {
		if (record_same_target(records + i, &book->record))
			book->base = records[i];
	}
	free(records);
}

/* Now it is a device, whatever its kind. */
static int check_base(const struct book *book)
{
	const struct record *record = &book->record;

	if (base_check(&book->base, book->target.device.path))
		return -1;
	if (record->kind == RECORD_DEVICE && !*record->device)
		say_warning("nothing tells %s from another device: see to it that it is the one with the backup",
			    record->target);
	return 0;
}

static int open_book(struct book *book, const struct device *volume,
		     const struct books_options *options)
{
	struct target *target = &book->target;
	struct record *record = &book->record;

	if (record_init(record, volume, options->chunk_size))
		return -1;
	record_place(record, target->kind, target->name, &target->device);
	record->insecure = target->insecure;
	record->keep = options->keep;
	record->checksum = options->checksum;
	record->top = options->top;
	if (target->reused) {
		record->top = book->base.top;
		snprintf(record->base, sizeof(record->base), "%s", record_map(&book->base));
	}
	if (target_prepare(target, volume->size))
		return -1;
	if (target->reused && check_base(book)) {
		target_finish(target, false);
		return -1;
	}
	find_base(book);
	if (!record_begin(record, has_base(book) ? &book->base : NULL))
		return 0;
	drop_book(book, false);
	return -1;
}

/* Two new volumes or images may have come to the same name, or have been given it. */
static int check_names(const struct book *books, size_t nr)
{
	for (size_t i = 1; i < nr; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!strcmp(books[i].target.name, books[j].target.name))
				return say_error("two backups would be %s", books[i].target.name);
		}
	}
	return 0;
}

static int check(const struct book *books, const struct device *volumes, size_t nr,
		 const struct target_rules *rules)
{
	int result = check_names(books, nr);

	for (size_t i = 0; i < nr && !result; i++)
		result = target_check(&books[i].target, volumes + i, volumes, nr, rules);
	return result;
}

int books_open(struct book *books, const struct device *volumes, size_t nr,
	       const struct books_options *options)
{
	size_t opened = 0;

	if (check(books, volumes, nr, &options->rules))
		return -1;
	for (size_t i = 0; opt_dry_run && i < nr; i++)
		target_plan(&books[i].target, volumes[i].size);
	if (opt_dry_run)
		return 0;
	while (opened < nr && !open_book(books + opened, volumes + opened, options))
		opened++;
	if (opened == nr)
		return 0;
	books_drop(books, opened, false);
	return -1;
}

int books_begun(struct book *books, size_t nr)
{
	int result = 0;

	for (size_t i = 0; i < nr; i++) {
		target_hand_over(&books[i].target);
		result |= record_pit(&books[i].record);
		if (has_base(books + i))
			result |= record_forget(&books[i].base);
	}
	return result;
}

void books_drop(struct book *books, size_t nr, bool written)
{
	for (size_t i = 0; i < nr; i++)
		drop_book(books + i, written);
}

void books_generation(dev_t dev, char generation[RECORD_ID_MAX])
{
	struct record record;
	struct device volume;

	*generation = '\0';
	if (device_of(dev, &volume))
		return;
	attach_former_name(&volume);
	if (record_unfinished(&volume, &record))
		memcpy(generation, record.generation, RECORD_ID_MAX);
}

/* Is there something left to do for it? */
static bool find(const char *generation, struct record *record)
{
	return *generation && !opt_dry_run && record_get(generation, record) && !record->finished;
}

int books_reconnect(const struct attachment *at)
{
	char generation[RECORD_ID_MAX];
	unsigned int major, minor;
	struct record record;

	books_generation(at->volume.dev, generation);
	if (!find(generation, &record) || record.kind != RECORD_NBD ||
	    sscanf(at->target, "%u:%u", &major, &minor) != 2)
		return 0;
	return nbd_reconnect(record.target, record.insecure, makedev(major, minor));
}

enum books_state books_state(const char *generation)
{
	struct record record;

	if (!*generation)
		return BOOKS_OPEN;
	if (!record_get(generation, &record))
		return BOOKS_ENDED;
	if (record.complete)
		return BOOKS_COMPLETE;
	return record.finished ? BOOKS_ENDED : BOOKS_OPEN;
}

/* Whatever has its name by now, the live table tells which device it is. 0 or -1, error said. */
static int read_mark(const struct attachment *at, struct record *record)
{
	unsigned int major, minor;
	struct attachment live;
	struct device target;

	if (attach_find(&live, &at->volume) ||
	    sscanf(live.target, "%u:%u", &major, &minor) != 2)
		return say_error("the target device of %s is not known any more", at->volume.name);
	return device_of(makedev(major, minor), &target) ||
	       sums_mark(target.path, record->size, record->mark) ? -1 : 0;
}

int books_complete(struct attachment *at, const char *generation)
{
	char map[RECORD_ID_MAX];
	struct record record;
	struct ranges taken = { 0 };
	int r = 0;

	if (!find(generation, &record))
		return 0;
	base_next(at, map, *record.base ? &taken : NULL);
	/* Without them it is a backup, too. */
	if (*map && *record.base)
		ranges_write(&record, &taken);
	free(taken.list);
	/* Nobody can go on from what cannot be told from another one. */
	if (*map && read_mark(at, &record)) {
		*map = '\0';
		r = -1;
	}
	return record_complete(&record, map) ? -1 : r;
}

int books_copy(dev_t dev, const struct device *target, uint64_t chunk_size)
{
	struct device volume;
	struct record record;

	if (opt_dry_run)
		return 0;
	if (device_of(dev, &volume) || record_init(&record, &volume, chunk_size))
		return -1;
	record_place(&record, RECORD_DEVICE, target->path, target);
	return record_begin(&record, NULL) || record_pit(&record) ||
	       record_complete(&record, "") || record_finish(&record) ? -1 : 0;
}

static int write_sums(const struct record *record)
{
	char path[PATH_MAX], device_path[PATH_MAX];
	struct extent extent;
	int result, keeper;

	if (target_path(record, device_path, &keeper))
		return -1;
	result = extent_open(&extent, device_path, O_RDONLY);
	if (!result) {
		result = sums_write(record_sums_path(record, path), &extent, record->size);
		extent_close(&extent);
	}
	if (keeper >= 0)
		close(keeper);
	return result;
}

static int finish_complete(struct record *record, struct target *target)
{
	int result = record->checksum ? write_sums(record) : 0;

	if (target_finish(target, true) || record_finish(record) || result)
		return -1;
	return record->keep ? target_prune(record, record->keep) : 0;
}

const char *books_why(const char *generation, char *text, size_t size)
{
	struct record record;
	struct target target;

	if (!find(generation, &record))
		return NULL;
	target_of_record(&record, &target);
	if (!target_is_full(&target))
		return NULL;
	snprintf(text, size, "there is no room left where %s lies", target.name);
	return text;
}

int books_finish_record(struct record *record)
{
	struct target target;

	target_of_record(record, &target);
	if (record->complete)
		return finish_complete(record, &target);
	if (record_is_made(record) && target_is_there(record) && target_finish(&target, false))
		return -1;
	return record_finish(record);
}

int books_finish(const char *generation, bool complete)
{
	struct record record;

	if (!find(generation, &record))
		return 0;
	if (complete && !record.complete && record_complete(&record, ""))
		return -1;
	return books_finish_record(&record);
}
