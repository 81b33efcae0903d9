// SPDX-License-Identifier: GPL-2.0-only
/* Records of backups; see record.h. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "durable.h"
#include "lvm.h"
#include "record-form.h"
#include "record.h"
#include "say.h"
#include "signature.h"

#define STATE_FOLDER	"/var/lib/cbw"
#define RECORD_SUFFIX	".json"
#define SUMS_SUFFIX	".sums"
#define RANGES_SUFFIX	".ranges"
#define MIN_PREFIX	4	/* of a generation, so that one is not named by mistake */

static const char *state_folder(void)
{
	const char *folder = getenv("CBW_STATE");

	return folder && *folder ? folder : STATE_FOLDER;
}

static const char *state_path(const char *generation, const char *suffix, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s%s", state_folder(), generation, suffix);
	return path;
}

static const char *sidecar_path(const char *image, const char *suffix, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%.*s%s", PATH_MAX - 16, image, suffix);
	return path;
}

const char *record_sums_path(const struct record *record, char path[PATH_MAX])
{
	if (record->kind == RECORD_IMAGE)
		return sidecar_path(record->target, ".cbw" SUMS_SUFFIX, path);
	return state_path(record->generation, SUMS_SUFFIX, path);
}

const char *record_ranges_path(const struct record *record, char path[PATH_MAX])
{
	return state_path(record->generation, RANGES_SUFFIX, path);
}

static int new_generation(char id[RECORD_ID_MAX])
{
	FILE *file = fopen("/proc/sys/kernel/random/uuid", "re");
	char *line;

	if (!file)
		return say_error("the kernel gives no random number: %s", strerror(errno));
	line = fgets(id, RECORD_ID_MAX, file);
	fclose(file);
	return line ? 0 : say_error("the kernel gives no random number");
}

static void write_now(char text[RECORD_TIME_MAX])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, RECORD_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void name_origin(struct record *record, const struct device *origin)
{
	char name[PATH_MAX];

	snprintf(record->origin, sizeof(record->origin), "%.*s", DM_NAME_LEN - 1,
		 device_name(origin, name));
	device_dm_uuid(origin, record->origin_dm_uuid);
}

int record_init(struct record *record, const struct device *origin, uint64_t chunk_size)
{
	struct signature signature;

	*record = (struct record) { .size = origin->size, .chunk_size = chunk_size };
	if (new_generation(record->generation) || signature_read(origin->path, &signature))
		return -1;
	name_origin(record, origin);
	snprintf(record->origin_dm_name, sizeof(record->origin_dm_name), "%s", origin->dm_name);
	snprintf(record->fs_type, sizeof(record->fs_type), "%s", signature.type);
	snprintf(record->fs_uuid, sizeof(record->fs_uuid), "%s", signature.uuid);
	write_now(record->begun);
	return 0;
}

int record_copy(struct record *record)
{
	if (new_generation(record->generation))
		return -1;
	write_now(record->begun);
	record->keep = 0;
	record->checksum = false;
	record->finished = true;
	return 0;
}

void record_place(struct record *record, enum record_kind kind, const char *target,
		  const struct device *device)
{
	record->kind = kind;
	snprintf(record->target, sizeof(record->target), "%s", target);
	*record->device = '\0';
	if (kind == RECORD_DEVICE)
		identity_read(device->dev, device->path, record->device);
}

bool record_is_made(const struct record *record)
{
	return record->kind == RECORD_LV || record->kind == RECORD_IMAGE;
}

static bool is_in(const char *tag, const char *const list[])
{
	for (; *list; list++) {
		if (!strcmp(*list, tag))
			return true;
	}
	return false;
}

/*
 * The tags of a record, in the string @old, that @new does not have: LVM would take off what
 * is to be put on as well.
 */
static void find_outdated(char *old, const char *const new[], const char *del[], size_t max)
{
	size_t nr = 0;
	char *tag;

	while ((tag = strsep(&old, ",")) && nr + 1 < max) {
		if (!strncmp(tag, RECORD_TAG ".", strlen(RECORD_TAG ".")) && !is_in(tag, new))
			del[nr++] = tag;
	}
	del[nr] = NULL;
}

static int store_tags(const struct record *record)
{
	struct record_tags *tags = calloc(1, sizeof(*tags));
	const char *del[RECORD_MAX_TAGS];
	struct lv lv;
	int result = -1;

	if (!tags || lvm_get(record->target, &lv)) {
		say_error("the volume %s is gone", record->target);
	} else {
		record_to_tags(record, tags);
		find_outdated(lv.tags, tags->list, del, RECORD_MAX_TAGS);
		result = lvm_tag(record->target, del, tags->list);
	}
	free(tags);
	return result;
}

/* What has failed is removed before its record is finished, if it was made new. */
static bool is_gone(const struct record *record)
{
	return record->finished && !record->complete && !*record->base;
}

static int store_text(const struct record *record, const char *text)
{
	char path[PATH_MAX];

	if (durable_write(state_path(record->generation, RECORD_SUFFIX, path), text))
		return -1;
	switch (record->kind) {
	case RECORD_LV:
		return record->finished ? 0 : store_tags(record);
	case RECORD_IMAGE:
		return is_gone(record) ? 0 :
		       durable_write(sidecar_path(record->target, RECORD_SIDECAR, path), text);
	default:
		return 0;
	}
}

static int store(const struct record *record)
{
	struct json_object *json = record_to_json(record);
	const char *text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	int result = store_text(record, text);

	json_object_put(json);
	return result;
}

static int make_state_folder(void)
{
	if (mkdir(state_folder(), 0700) && errno != EEXIST)
		return say_error("cannot make the folder %s: %s", state_folder(), strerror(errno));
	return durable_folder(state_folder());
}

static bool same_device(const char *path, const char *other)
{
	struct stat a, b;

	return !stat(path, &a) && !stat(other, &b) && S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode) &&
	       a.st_rdev == b.st_rdev;
}

bool record_same_target(const struct record *a, const struct record *b)
{
	if (a->kind != b->kind)
		return false;
	if (*a->device || *b->device)
		return !strcmp(a->device, b->device);
	return !strcmp(a->target, b->target) || same_device(a->target, b->target);
}

static void list_files(struct record **records, size_t *nr);

static int remove_file(const struct record *record)
{
	char path[PATH_MAX];

	return durable_remove(state_path(record->generation, RECORD_SUFFIX, path));
}

/* Its tags, and the file beside an image, stay, or were written over. */
int record_forget(const struct record *record)
{
	char path[PATH_MAX];

	return durable_remove(record_sums_path(record, path)) |
	       durable_remove(record_ranges_path(record, path)) | remove_file(record);
}

static bool is_same(const struct record *a, const struct record *b)
{
	return !strcmp(a->generation, b->generation);
}

/* What they say of a target that is about to be written to is no longer true. */
static int forget_others(const struct record *record, const struct record *base)
{
	struct record *records;
	size_t nr;
	int result = 0;

	list_files(&records, &nr);
	for (size_t i = 0; !result && i < nr; i++) {
		if (is_same(records + i, record) || !record_same_target(records + i, record))
			continue;
		result = base && is_same(records + i, base) ? remove_file(base) :
							      record_forget(records + i);
	}
	free(records);
	return result;
}

int record_begin(struct record *record, const struct record *base)
{
	record->complete = false;
	*record->mark = '\0';
	return make_state_folder() || store(record) || forget_others(record, base) ? -1 : 0;
}

int record_pit(struct record *record)
{
	write_now(record->pit);
	return store(record);
}

int record_all(struct record *record)
{
	record->top = false;
	return store(record);
}

int record_complete(struct record *record, const char *map)
{
	snprintf(record->map, sizeof(record->map), "%s", map);
	record->complete = true;
	return store(record);
}

int record_finish(struct record *record)
{
	record->finished = true;
	return store(record);
}

int record_remove(const struct record *record)
{
	char path[PATH_MAX];
	int result = 0;

	if (record->kind == RECORD_IMAGE)
		result = durable_remove(sidecar_path(record->target, RECORD_SIDECAR, path));
	return result | record_forget(record);
}

/* The tags of a volume are not written for one that is finished. */
int record_put_back(const struct record *record, const struct record *begun)
{
	struct record open = *record;

	open.finished = false;
	return store(&open) || store(record) || remove_file(begun) ? -1 : 0;
}

static bool read_file(const char *path, struct record *record)
{
	struct json_object *json = json_object_from_file(path);
	bool good = json && record_from_json(json, record);

	json_object_put(json);
	return good;
}

/* A list that grows. */
struct list {
	struct record *records;
	size_t nr;
};

static void add(struct list *list, const struct record *record)
{
	for (size_t i = 0; i < list->nr; i++) {
		if (is_same(&list->records[i], record))
			return;
	}
	list->records = reallocarray(list->records, list->nr + 1, sizeof(*record));
	if (!list->records)
		abort();
	list->records[list->nr++] = *record;
}

/* What goes with a backup. A device has nothing. */
static bool read_beside(const struct record *record, struct record *beside)
{
	char path[PATH_MAX];
	struct lv lv;

	switch (record->kind) {
	case RECORD_LV:
		return !lvm_get(record->target, &lv) && record_from_tags(lv.name, lv.tags, beside);
	case RECORD_IMAGE:
		return read_file(sidecar_path(record->target, RECORD_SIDECAR, path), beside);
	default:
		return false;
	}
}

/*
 * The state folder is always written first, and yet it may be behind what goes with the backup:
 * it lies on a volume that was restored from this very backup, and was in the midst of it then.
 * Such a record must not get the backup removed as one that nobody goes on with.
 */
static void catch_up(struct record *record)
{
	struct record beside;

	if (record->finished || record->complete || !read_beside(record, &beside) ||
	    !is_same(&beside, record) || !beside.complete)
		return;
	*record = beside;
	record->finished = true;
}

static void add_files(struct list *list)
{
	struct record record;
	char pattern[PATH_MAX];
	glob_t files;

	snprintf(pattern, sizeof(pattern), "%s/*%s", state_folder(), RECORD_SUFFIX);
	if (glob(pattern, 0, NULL, &files))
		return;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		if (!read_file(files.gl_pathv[i], &record)) {
			say_warning("%s is not understood", files.gl_pathv[i]);
			continue;
		}
		add(list, &record);
	}
	globfree(&files);
}

/* LVM need not be there for those who do not use it. */
static int add_tagged(struct list *list)
{
	struct record record;
	struct lv *lvs;
	size_t nr;

	if (access("/sbin/lvs", X_OK) && access("/usr/sbin/lvs", X_OK))
		return 0;
	if (lvm_find("lv_tags=" RECORD_TAG, &lvs, &nr))
		return -1;
	for (size_t i = 0; i < nr; i++) {
		if (record_from_tags(lvs[i].name, lvs[i].tags, &record))
			add(list, &record);
	}
	free(lvs);
	return 0;
}

static int by_time(const void *a, const void *b)
{
	return strcmp(((const struct record *)a)->begun, ((const struct record *)b)->begun);
}

static void give(struct list *list, struct record **records, size_t *nr)
{
	if (list->nr)
		qsort(list->records, list->nr, sizeof(*list->records), by_time);
	*records = list->records;
	*nr = list->nr;
}

/* As they are. */
static void list_files(struct record **records, size_t *nr)
{
	struct list list = { 0 };

	add_files(&list);
	give(&list, records, nr);
}

void record_list(struct record **records, size_t *nr)
{
	list_files(records, nr);
	for (size_t i = 0; i < *nr; i++)
		catch_up(*records + i);
}

int record_list_all(struct record **records, size_t *nr)
{
	struct list list = { 0 };
	int result;

	add_files(&list);
	for (size_t i = 0; i < list.nr; i++)
		catch_up(list.records + i);
	result = add_tagged(&list);
	give(&list, records, nr);
	return result;
}

bool record_same_origin(const struct record *a, const struct record *b)
{
	if (*a->origin_dm_uuid || *b->origin_dm_uuid)
		return !strcmp(a->origin_dm_uuid, b->origin_dm_uuid);
	return !strcmp(a->origin, b->origin);
}

const char *record_map(const struct record *record)
{
	return record->complete ? record->map : record->base;
}

bool record_is_of(const struct record *record, const struct device *origin)
{
	struct record wanted = { 0 };

	name_origin(&wanted, origin);
	return record_same_origin(record, &wanted);
}

/* How well a name fits, the best last. */
enum fit {
	NOT_NAMED,
	BY_NUMBER,		/* another name of the device, or an ID */
	BY_NAME,
	BY_IDENTITY,
};

/* @identity is that of the device which has the name @backup, or "". */
static enum fit is_named(const struct record *record, const char *backup, const char *identity)
{
	char path[PATH_MAX];

	if (*identity && !strcmp(record->device, identity))
		return BY_IDENTITY;
	if (!strcmp(record->target, backup))
		return BY_NAME;
	if (record->kind == RECORD_LV)
		snprintf(path, sizeof(path), "/dev/%.*s", PATH_MAX - 8, record->target);
	else
		snprintf(path, sizeof(path), "%s", record->target);
	if (same_device(path, backup) || (strlen(backup) >= MIN_PREFIX &&
					  !strncmp(record->generation, backup, strlen(backup))))
		return BY_NUMBER;
	return NOT_NAMED;
}

static void identity_of(const char *backup, char identity[IDENTITY_MAX])
{
	struct stat st;

	*identity = '\0';
	if (!stat(backup, &st) && S_ISBLK(st.st_mode))
		identity_read(st.st_rdev, backup, identity);
}

/* The device has come back with another name. */
static void follow_device(struct record *record, const char *backup)
{
	if (*backup == '/' && !same_device(record->target, backup))
		snprintf(record->target, sizeof(record->target), "%s", backup);
}

static int find_in_list(const char *backup, struct record *record)
{
	char identity[IDENTITY_MAX];
	enum fit fit, best = NOT_NAMED;
	struct record *records;
	size_t nr;
	int result = record_list_all(&records, &nr) ? -1 : 1;

	identity_of(backup, identity);
	for (size_t i = 0; result >= 0 && i < nr; i++) {
		fit = is_named(records + i, backup, identity);
		if (fit == NOT_NAMED || fit < best)
			continue;
		*record = records[i];
		best = fit;
		result = 0;
	}
	free(records);
	if (best == BY_IDENTITY)
		follow_device(record, backup);
	return result;
}

int record_find(const char *backup, struct record *record)
{
	char real[PATH_MAX], path[PATH_MAX];
	struct stat st;

	if (stat(backup, &st) || !S_ISREG(st.st_mode) || !realpath(backup, real))
		return find_in_list(backup, record);
	/* What lies beside it has gone where the image went. */
	if (!read_file(sidecar_path(real, RECORD_SIDECAR, path), record))
		return find_in_list(real, record);
	snprintf(record->target, sizeof(record->target), "%s", real);
	return 0;
}

bool record_get(const char *generation, struct record *record)
{
	char path[PATH_MAX];

	return read_file(state_path(generation, RECORD_SUFFIX, path), record);
}

bool record_left(const char *generation, struct record *record)
{
	if (!record_get(generation, record))
		return false;
	catch_up(record);
	return !record->finished;
}

bool record_unfinished(const struct device *origin, struct record *record)
{
	struct record *records;
	size_t nr;
	bool found = false;

	list_files(&records, &nr);
	for (size_t i = nr; i-- && !found;) {
		if (records[i].finished || !record_is_of(records + i, origin))
			continue;
		catch_up(records + i);
		*record = records[i];
		found = !record->finished;
	}
	free(records);
	return found;
}
