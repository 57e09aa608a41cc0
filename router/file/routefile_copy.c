// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "router/file/routefile_copy.h"
#include "lib/file.h"
#include "lib/log.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "route-files"

static bool folder_path(char *buf, size_t size, const char *name) {
	return file_state_dir() && file_state_dir()[0] &&
		(size_t)snprintf(buf, size, "%s/" FOLDER "%s%s", file_state_dir(),
			name[0] ? "/" : "", name) < size;
}

// Different paths may not meet in one name: 64 bits of FNV-1a, and the end of the path for people.
static void name_of(struct routefile_copy *copy) {
	const char *base = strrchr(copy->path, '/');
	unsigned long long hash = 14695981039346656037ull;
	char name[128];

	for (const char *at = copy->path; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 1099511628211ull;
	snprintf(name, sizeof(name), "%016llx-%.64s", hash, base ? base + 1 : "");
	if (!folder_path(copy->name, sizeof(copy->name), name))
		copy->name[0] = '\0';
}

static int copy_make(struct routefile_copy *copy, const char *text, size_t len, struct err *err) {
	char folder[320];

	if (!copy->name[0])
		return 0;
	folder_path(folder, sizeof(folder), "");
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "%s: %s", folder, strerror(errno));
	folder_path(copy->fresh, sizeof(copy->fresh), ".new-");
	snprintf(copy->fresh + strlen(copy->fresh), sizeof(copy->fresh) - strlen(copy->fresh), "%s",
		strrchr(copy->name, '/') + 1);
	return file_write_atomic(copy->fresh, text, len, 0600, err);
}

int routefile_copy_read(
	struct routefile_copy *copy, const char *path, char **text, struct err *err) {
	size_t len = 0;
	int rc = -ENOENT;
	bool kept;

	*copy = (struct routefile_copy){0};
	snprintf(copy->path, sizeof(copy->path), "%s", path);
	name_of(copy);
	if (copy->name[0])
		rc = file_read(copy->name, ROUTEFILE_BYTES, text, &len, NULL);
	kept = rc == 0;
	if (rc < 0)
		rc = file_read(path, ROUTEFILE_BYTES, text, &len, err);
	if (rc < 0)
		return rc;
	if (strlen(*text) != len)
		rc = err_set(err, -EINVAL, "%s: this is no text", path);
	if (rc == 0 && !kept)
		rc = copy_make(copy, *text, len, err);
	if (rc < 0) {
		free(*text);
		*text = NULL;
		routefile_copy_drop(copy);
	}
	return rc;
}

// The oldest ones beyond the number that is kept.
static void prune(void) {
	char folder[320], oldest[600] = "", path[600];
	struct timespec least = {0};
	const struct dirent *entry;
	unsigned n = 0;
	struct stat st;

	folder_path(folder, sizeof(folder), "");
	DIR *dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] == '.' || stat(path, &st) < 0)
			continue;
		if (n++ == 0 || st.st_ctim.tv_sec < least.tv_sec) {
			least = st.st_ctim;
			snprintf(oldest, sizeof(oldest), "%s", path);
		}
	}
	if (dir)
		closedir(dir);
	if (n > ROUTEFILE_COPIES)
		unlink(oldest);
}

void routefile_copy_keep(struct routefile_copy *copy) {
	if (!copy->fresh[0])
		return;
	if (rename(copy->fresh, copy->name) < 0)
		log_error("router", "the copy of a route file is not kept", "file=%s why=\"%s\"",
			copy->path, strerror(errno));
	else
		copy->fresh[0] = '\0';
	prune();
}

void routefile_copy_drop(struct routefile_copy *copy) {
	if (copy->fresh[0])
		unlink(copy->fresh);
	copy->fresh[0] = '\0';
}
