// SPDX-License-Identifier: BSD-3-Clause
#include "control/revision.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/vec.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define REVISION_BYTES_MAX (64u << 20)

struct entry {
	uint64_t number;
	json_t *meta; // the row of the history
};

struct ctl_store {
	char *dir; // STATE_DIR/revisions
	int lock_fd;
	uint64_t highest;          // every number up to it was given out, bad files' included
	VEC(struct entry) entries; // ascending
};

// "17.json" → 17; 0: not the name of a revision with this ending.
static uint64_t name_number(const char *name, const char *ending) {
	char *end;
	if (*name < '1' || *name > '9')
		return 0;
	errno = 0;
	uint64_t number = strtoull(name, &end, 10);
	return errno == 0 && number < INT64_MAX && strcmp(end, ending) == 0 ? number : 0;
}

// malloc'ed path of a revision's file, or NULL.
static char *number_path(const struct ctl_store *store, uint64_t number, const char *ending) {
	char *path;
	return asprintf(&path, "%s/%" PRIu64 "%s", store->dir, number, ending) < 0 ? NULL : path;
}

static struct entry *entry_find(struct ctl_store *store, uint64_t number) {
	for (size_t i = 0; i < store->entries.n; i++)
		if (store->entries.items[i].number == number)
			return &store->entries.items[i];
	return NULL;
}

static json_t *meta_of(const json_t *revision) {
	static const char *const keys[] = {
		"revision", "time", "kind", "comment", "confirm", "changes", NULL};
	json_t *meta = json_object();
	for (const char *const *key = keys; *key; key++)
		json_object_set(meta, *key, json_object_get(revision, *key));
	return meta;
}

// Puts an entry at its place by number, or replaces the metadata of the one there.
static int entry_put(struct ctl_store *store, const json_t *revision, uint64_t number) {
	struct entry entry = {number, meta_of(revision)}, *there = entry_find(store, number);
	if (there) {
		json_decref(there->meta);
		there->meta = entry.meta;
		return 0;
	}
	if (vec_add(&store->entries, entry) < 0) {
		json_decref(entry.meta);
		return -ENOMEM;
	}
	struct entry *items = store->entries.items;
	for (size_t i = store->entries.n - 1; i > 0 && items[i - 1].number > number; i--) {
		items[i] = items[i - 1];
		items[i - 1] = entry;
	}
	if (number > store->highest)
		store->highest = number;
	return 0;
}

static void entry_del(struct ctl_store *store, struct entry *entry) {
	size_t after = store->entries.n - 1 - (size_t)(entry - store->entries.items);
	json_decref(entry->meta);
	memmove(entry, entry + 1, after * sizeof(*entry));
	store->entries.n--;
}

static bool is_revision(const json_t *revision, uint64_t number) {
	const json_t *bundle = json_object_get(revision, "bundle");
	const char *confirm = json_string_value(json_object_get(revision, "confirm"));
	return json_integer_value(json_object_get(revision, "revision")) == (json_int_t)number &&
		(json_is_object(bundle) || json_is_null(bundle)) &&
		json_is_object(json_object_get(revision, "overlay")) &&
		json_is_string(json_object_get(revision, "kind")) && confirm &&
		(strcmp(confirm, "done") == 0 || strcmp(confirm, "pending") == 0);
}

// New reference, or NULL with err set.
static json_t *revision_read(const struct ctl_store *store, uint64_t number, struct err *err) {
	json_t *revision = NULL;
	char *path = number_path(store, number, ".json");
	if (path == NULL)
		err_set(err, -ENOMEM, "out of memory");
	else if (jx_file_read(path, REVISION_BYTES_MAX, &revision, err) == 0 &&
		!is_revision(revision, number))
		err_set(err, -EBADMSG, "%s: not a revision", path);
	free(path);
	if (err->code == 0)
		return revision;
	json_decref(revision);
	return NULL;
}

// Out of the way, but kept for whoever wants to know what happened.
static void mark_bad(const struct ctl_store *store, uint64_t number, const struct err *err) {
	char *path = number_path(store, number, ".json"), *bad = number_path(store, number, ".bad");
	log_error("control", "revision is damaged, the one before is used",
		"revision=%" PRIu64 " why=\"%s\"", number, err->msg);
	if (path && bad && rename(path, bad) < 0)
		log_error("control", "cannot rename it", "file=\"%s\" why=\"%s\"", path,
			strerror(errno));
	free(path);
	free(bad);
}

// The process is short of something; the file may be good.
static bool is_shortage(const struct err *err) {
	return err->code == -ENOMEM || err->code == -EMFILE || err->code == -ENFILE;
}

static int entry_load(struct ctl_store *store, uint64_t number, struct err *err) {
	struct err bad = {0};
	json_t *revision = revision_read(store, number, &bad);
	if (number > store->highest)
		store->highest = number;
	if (revision == NULL && is_shortage(&bad))
		return err_set(err, bad.code, "%s", bad.msg);
	if (revision == NULL) {
		mark_bad(store, number, &bad);
		return 0;
	}
	int rc = entry_put(store, revision, number);
	json_decref(revision);
	return rc < 0 ? err_set(err, rc, "revisions: out of memory") : 0;
}

static int store_scan(struct ctl_store *store, struct err *err) {
	DIR *dir = opendir(store->dir);
	struct dirent *item;
	int rc = 0;
	if (dir == NULL)
		return err_set(err, -errno, "%s: %s", store->dir, strerror(errno));
	while (rc == 0 && (item = readdir(dir))) {
		uint64_t number = name_number(item->d_name, ".json");
		uint64_t bad = name_number(item->d_name, ".bad");
		if (number)
			rc = entry_load(store, number, err);
		else if (name_number(item->d_name, ".json.tmp"))
			unlinkat(dirfd(dir), item->d_name, 0);
		else if (bad > store->highest)
			store->highest = bad;
	}
	closedir(dir);
	return rc;
}

// mkdir -p; the last folder holds secrets: 0700.
static int make_dirs(const char *path, struct err *err) {
	char *copy = strdup(path);
	for (char *slash = copy ? copy + 1 : NULL; slash && (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(copy, 0755);
		*slash = '/';
	}
	free(copy);
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return err_set(err, -errno, "%s: %s", path, strerror(errno));
}

static int store_open_dirs(struct ctl_store *store, const char *state_dir, struct err *err) {
	int rc = make_dirs(state_dir, err);
	if (rc < 0)
		return rc;
	int top = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_set(err, -errno, "%s: %s", state_dir, strerror(errno));
	store->lock_fd = openat(top, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock_fd < 0)
		rc = err_set(err, -errno, "%s/lock: %s", state_dir, strerror(errno));
	else if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0)
		rc = err_set(err, -EBUSY,
			"%s: another leatd keeps its state here; stop it, or give this one its own "
			"--state-dir",
			state_dir);
	else if (mkdirat(top, "revisions", 0700) < 0 && errno != EEXIST)
		rc = err_set(err, -errno, "%s/revisions: %s", state_dir, strerror(errno));
	else if (fsync(top) < 0 || asprintf(&store->dir, "%s/revisions", state_dir) < 0)
		rc = err_set(err, -EIO, "%s: %s", state_dir, strerror(errno));
	close(top);
	return rc;
}

struct ctl_store *ctl_store_open(const char *state_dir, struct err *err) {
	struct ctl_store *store = calloc(1, sizeof(*store));
	if (store == NULL) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	store->lock_fd = -1;
	if (store_open_dirs(store, state_dir, err) == 0 && store_scan(store, err) == 0)
		return store;
	ctl_store_close(store);
	return NULL;
}

void ctl_store_close(struct ctl_store *store) {
	if (store == NULL)
		return;
	for (size_t i = 0; i < store->entries.n; i++)
		json_decref(store->entries.items[i].meta);
	vec_fini(&store->entries);
	free(store->dir);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	free(store);
}

uint64_t ctl_store_next(const struct ctl_store *store) {
	return store->highest + 1;
}

static void store_prune(struct ctl_store *store) {
	while (store->entries.n > CTL_REVISIONS) {
		char *path = number_path(store, store->entries.items[0].number, ".json");
		if (path == NULL || unlink(path) < 0)
			log_warn("control", "cannot remove an old revision", "file=\"%s\"",
				path ? path : "");
		free(path);
		entry_del(store, &store->entries.items[0]);
	}
}

// Takes back what a failed write left: the entry as it was (`old_meta`, taken over; NULL: there was none), and the file
// of a new one, which is there when only the sync of its folder failed.
static void write_undo(
	struct ctl_store *store, uint64_t number, json_t *old_meta, const char *path) {
	struct entry *entry = entry_find(store, number);
	if (old_meta) {
		json_decref(entry->meta);
		entry->meta = old_meta;
		return;
	}
	entry_del(store, entry);
	unlink(path);
}

int ctl_store_write(struct ctl_store *store, const json_t *revision, struct err *err) {
	uint64_t number = (uint64_t)jx_int(revision, "revision", 0);
	struct err failed = {0};
	const struct entry *known = entry_find(store, number);
	json_t *old_meta = known ? json_incref(known->meta) : NULL;
	char *path = number_path(store, number, ".json");
	// The entry first: after the rename nothing may fail but the disk.
	if (path == NULL || entry_put(store, revision, number) < 0) {
		json_decref(old_meta);
		free(path);
		return err_set(err, -ENOMEM, "out of memory");
	}
	int rc = jx_file_write(path, revision, 0600, &failed);
	if (rc < 0) {
		write_undo(store, number, old_meta, path);
		err_set(err, rc,
			"revision %" PRIu64 " cannot be stored, so nothing was changed: %s", number,
			failed.msg);
	} else {
		json_decref(old_meta);
		store_prune(store);
	}
	free(path);
	return rc;
}

json_t *ctl_store_read(struct ctl_store *store, uint64_t number, struct err *err) {
	struct entry *entry = entry_find(store, number);
	if (entry == NULL) {
		err_set(err, -ENOENT,
			"there is no revision %" PRIu64 " (any more); `leat history` lists them",
			number);
		return NULL;
	}
	struct err bad = {0};
	json_t *revision = revision_read(store, number, &bad);
	if (revision)
		return revision;
	if (!is_shortage(&bad)) {
		mark_bad(store, number, &bad);
		entry_del(store, entry);
	}
	err_set(err, bad.code, "%s", bad.msg);
	return NULL;
}

uint64_t ctl_store_last_done(const struct ctl_store *store, uint64_t before) {
	for (size_t i = store->entries.n; i-- > 0;) {
		const struct entry *entry = &store->entries.items[i];
		const char *confirm = json_string_value(json_object_get(entry->meta, "confirm"));
		if (entry->number < before && strcmp(confirm, "done") == 0)
			return entry->number;
	}
	return 0;
}

json_t *ctl_store_history(const struct ctl_store *store) {
	json_t *rows = json_array();
	for (size_t i = 0; i < store->entries.n; i++)
		json_array_append_new(rows, json_copy(store->entries.items[i].meta));
	return rows;
}
