// SPDX-License-Identifier: BSD-3-Clause
#include "control/revision.h"
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

#define NAME_SIZE 40

struct entry {
	uint64_t number;
	json_t *meta; // the row of the history
};

struct ctl_store {
	int dir_fd;
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

static void number_name(uint64_t number, const char *ending, char name[static NAME_SIZE]) {
	snprintf(name, NAME_SIZE, "%" PRIu64 "%s", number, ending);
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
static json_t *file_read(const struct ctl_store *store, uint64_t number, struct err *err) {
	char name[NAME_SIZE];
	json_error_t error;
	number_name(number, ".json", name);
	int fd = openat(store->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		err_set(err, -errno, "revisions/%s: %s", name, strerror(errno));
		return NULL;
	}
	json_t *revision = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
	close(fd);
	if (revision && is_revision(revision, number))
		return revision;
	err_set(err, -EBADMSG, "revisions/%s: %s", name, revision ? "not a revision" : error.text);
	json_decref(revision);
	return NULL;
}

// Out of the way, but kept for whoever wants to know what happened.
static void file_mark_bad(struct ctl_store *store, uint64_t number, const struct err *err) {
	char name[NAME_SIZE], bad[NAME_SIZE];
	number_name(number, ".json", name);
	number_name(number, ".bad", bad);
	log_error("control", "revision is damaged, the one before is used",
		"revision=%" PRIu64 " why=\"%s\"", number, err->msg);
	renameat(store->dir_fd, name, store->dir_fd, bad);
}

static int entry_load(struct ctl_store *store, uint64_t number, struct err *err) {
	struct err bad = {0};
	json_t *revision = file_read(store, number, &bad);
	if (number > store->highest)
		store->highest = number;
	if (revision == NULL) {
		file_mark_bad(store, number, &bad);
		return 0;
	}
	int rc = entry_put(store, revision, number);
	json_decref(revision);
	return rc < 0 ? err_set(err, rc, "revisions: out of memory") : 0;
}

static int store_scan(struct ctl_store *store, struct err *err) {
	int fd = dup(store->dir_fd), rc = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *item;
	if (dir == NULL)
		return err_set(err, -errno, "revisions: %s", strerror(errno));
	while (rc == 0 && (item = readdir(dir))) {
		uint64_t number = name_number(item->d_name, ".json");
		uint64_t bad = name_number(item->d_name, ".bad");
		if (number)
			rc = entry_load(store, number, err);
		else if (name_number(item->d_name, ".json.tmp"))
			unlinkat(store->dir_fd, item->d_name, 0);
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
	else
		store->dir_fd = openat(top, "revisions", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rc == 0 && store->dir_fd < 0)
		rc = err_set(err, -errno, "%s/revisions: %s", state_dir, strerror(errno));
	if (rc == 0)
		fsync(top);
	close(top);
	return rc;
}

struct ctl_store *ctl_store_open(const char *state_dir, struct err *err) {
	struct ctl_store *store = calloc(1, sizeof(*store));
	if (store == NULL) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	store->dir_fd = store->lock_fd = -1;
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
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	free(store);
}

uint64_t ctl_store_next(const struct ctl_store *store) {
	return store->highest + 1;
}

static int write_all(int fd, const char *data, size_t len) {
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int tmp_write(const struct ctl_store *store, const char *tmp, const json_t *revision) {
	char *text = json_dumps(revision, JSON_COMPACT | JSON_SORT_KEYS);
	if (text == NULL)
		return -ENOMEM;
	int fd = openat(
		store->dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? -errno : write_all(fd, text, strlen(text));
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = -errno;
	free(text);
	return rc;
}

static void store_prune(struct ctl_store *store) {
	char name[NAME_SIZE];
	while (store->entries.n > CTL_REVISIONS) {
		number_name(store->entries.items[0].number, ".json", name);
		unlinkat(store->dir_fd, name, 0);
		entry_del(store, &store->entries.items[0]);
	}
}

int ctl_store_write(struct ctl_store *store, const json_t *revision, struct err *err) {
	uint64_t number = (uint64_t)json_integer_value(json_object_get(revision, "revision"));
	struct entry *known = entry_find(store, number);
	json_t *old_meta = known ? json_incref(known->meta) : NULL;
	char tmp[NAME_SIZE], name[NAME_SIZE];
	number_name(number, ".json.tmp", tmp);
	number_name(number, ".json", name);
	int rc = tmp_write(store, tmp, revision);
	if (rc < 0)
		goto fail;
	// The entry first: after the rename nothing may fail but the disk.
	rc = entry_put(store, revision, number);
	if (rc < 0)
		goto fail;
	if (renameat(store->dir_fd, tmp, store->dir_fd, name) < 0) {
		rc = -errno;
		goto forget;
	}
	if (fsync(store->dir_fd) < 0) {
		rc = -errno;
		if (!known)
			unlinkat(store->dir_fd, name, 0);
		goto forget;
	}
	json_decref(old_meta);
	store_prune(store);
	return 0;
forget:
	if (known) {
		json_decref(known->meta);
		known->meta = json_incref(old_meta);
	} else {
		entry_del(store, entry_find(store, number));
	}
fail:
	json_decref(old_meta);
	unlinkat(store->dir_fd, tmp, 0);
	return err_set(err, rc, "revision %" PRIu64 " cannot be stored, so nothing was changed: %s",
		number, strerror(-rc));
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
	json_t *revision = file_read(store, number, &bad);
	if (revision)
		return revision;
	file_mark_bad(store, number, &bad);
	entry_del(store, entry);
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
