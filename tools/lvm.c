// SPDX-License-Identifier: GPL-2.0-only
/* Logical volumes; see lvm.h. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "child.h"
#include "lvm.h"
#include "say.h"

#define MAX_ARGS	256

/* The rows of a report: json_object_put() what goes to @root. NULL, error said. */
static struct json_object *report(const char *const argv[], const char *kind,
				  struct json_object **root)
{
	struct json_object *reports, *rows = NULL;
	char *text = child_output(argv);

	*root = text ? json_tokener_parse(text) : NULL;
	if (json_object_object_get_ex(*root, "report", &reports))
		json_object_object_get_ex(json_object_array_get_idx(reports, 0), kind, &rows);
	if (text && !rows)
		say_error("what %s prints is not understood", argv[0]);
	free(text);
	return rows;
}

static const char *column(struct json_object *row, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(row, name, &value) ? json_object_get_string(value) : "";
}

int lvm_is_vg(const char *name)
{
	const char *const argv[] = { "vgs", "--reportformat", "json", "-o", "vg_name", NULL };
	struct json_object *root, *rows = report(argv, "vg", &root);
	int found = rows ? 0 : -1;

	for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
		if (!strcmp(column(json_object_array_get_idx(rows, i), "vg_name"), name))
			found = 1;
	}
	json_object_put(root);
	return found;
}

int lvm_add_pvs(const char *vg, struct dev_set *set)
{
	char selection[2 * LVM_NAME_MAX];
	const char *const argv[] = {
		"pvs", "--reportformat", "json", "-o", "pv_name", "-S", selection, NULL
	};
	struct json_object *root, *rows;
	struct stat st;

	snprintf(selection, sizeof(selection), "vg_name=\"%s\"", vg);
	rows = report(argv, "pv", &root);
	for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
		if (!stat(column(json_object_array_get_idx(rows, i), "pv_name"), &st))
			dev_set_add(set, st.st_rdev);
	}
	json_object_put(root);
	return rows ? 0 : -1;
}

static void read_lv(struct json_object *row, struct lv *lv)
{
	snprintf(lv->name, sizeof(lv->name), "%s/%s", column(row, "vg_name"),
		 column(row, "lv_name"));
	snprintf(lv->tags, sizeof(lv->tags), "%s", column(row, "lv_tags"));
	lv->size = strtoull(column(row, "lv_size"), NULL, 10);
	lv->active = !strcmp(column(row, "lv_active"), "active");
	lv->skipped = *column(row, "lv_skip_activation");
}

int lvm_find(const char *selection, struct lv **lvs, size_t *nr)
{
	const char *const argv[] = {
		"lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o",
		"vg_name,lv_name,lv_size,lv_tags,lv_active,lv_skip_activation", "-S", selection,
		NULL
	};
	struct json_object *root, *rows = report(argv, "lv", &root);

	*lvs = NULL;
	*nr = rows ? json_object_array_length(rows) : 0;
	if (rows) {
		*lvs = calloc(*nr + 1, sizeof(**lvs));
		for (size_t i = 0; *lvs && i < *nr; i++)
			read_lv(json_object_array_get_idx(rows, i), *lvs + i);
	}
	json_object_put(root);
	return *lvs ? 0 : -1;
}

int lvm_get(const char *name, struct lv *lv)
{
	char selection[2 * LVM_NAME_MAX];
	struct lv *lvs;
	size_t nr;

	snprintf(selection, sizeof(selection), "lv_full_name=\"%s\"", name);
	if (lvm_find(selection, &lvs, &nr))
		return -1;
	if (nr)
		*lv = lvs[0];
	free(lvs);
	return nr ? 0 : 1;
}

int lvm_create(const char *name, uint64_t size, const char *tag)
{
	char bytes[32], vg[LVM_NAME_MAX];
	const char *slash = strchr(name, '/');

	snprintf(vg, sizeof(vg), "%.*s", (int)(slash - name), name);
	snprintf(bytes, sizeof(bytes), "%llub", (unsigned long long)size);
	return child_run((const char *const[]) {
		"lvcreate", "--yes", "--quiet", "--activate", "n", "--zero", "n",
		"--wipesignatures", "n", "--setactivationskip", "y", "--addtag", tag,
		"--size", bytes, "--name", slash + 1, vg, NULL });
}

int lvm_activate(const char *name)
{
	return child_run((const char *const[]) {
		"lvchange", "--quiet", "--activate", "y", "--ignoreactivationskip", name, NULL });
}

int lvm_deactivate(const char *name)
{
	return child_run((const char *const[]) {
		"lvchange", "--quiet", "--activate", "n", name, NULL });
}

int lvm_remove(const char *name)
{
	return child_run((const char *const[]) { "lvremove", "--quiet", "--yes", name, NULL });
}

int lvm_skip(const char *name, bool skipped)
{
	return child_run((const char *const[]) {
		"lvchange", "--quiet", "--setactivationskip", skipped ? "y" : "n", name, NULL });
}

int lvm_rename(const char *vg, const char *lv, const char *name)
{
	return child_run((const char *const[]) { "lvrename", "--quiet", vg, lv, name, NULL });
}

/* Appends @option and a word, for each word. */
static size_t append(const char *argv[], size_t nr, const char *option, const char *const words[])
{
	for (; *words && nr + 4 < MAX_ARGS; words++) {
		argv[nr++] = option;
		argv[nr++] = *words;
	}
	return nr;
}

int lvm_tag(const char *name, const char *const del[], const char *const add[])
{
	const char *argv[MAX_ARGS] = { "lvchange", "--quiet" };
	size_t nr = append(argv, 2, "--deltag", del);

	nr = append(argv, nr, "--addtag", add);
	argv[nr] = name;
	return child_run(argv);
}
