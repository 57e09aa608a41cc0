// SPDX-License-Identifier: BSD-3-Clause
#include "lib/file.h"
#include "lib/script_priv.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUNDLE_BYTES (4u << 20)

// "lib.lua" → true: what `require` can name. Editors' hidden and backup files are not.
static bool is_module_file(const char *name) {
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len = strspn(name, letters);
	return len > 0 && len <= SCRIPT_NAME_MAX && strcmp(name + len, ".lua") == 0;
}

// Adds the file `path`, relative to `dir`, as `name`. *left: bytes that the bundle may still grow
// by.
static int file_add(json_t *files, const char *name, int dir, const char *path, int flags,
	size_t *left, struct err *err) {
	char *text;
	size_t len;
	int rc = file_read_at(dir, path, flags, *left, &text, &len, err);
	if (rc < 0)
		return rc;
	json_t *source = json_stringn(text, len);
	bool binary = source == NULL || memchr(text, '\0', len);
	free(text);
	if (binary) {
		json_decref(source);
		return err_set(err, -EILSEQ,
			"%s: is not UTF-8 text (a compiled Lua chunk is refused)", path);
	}
	*left -= len;
	return json_object_set_new(files, name, source) < 0 ? err_set(err, -ENOMEM, "out of memory")
							    : 0;
}

// The other modules of the folder. One that cannot be read is left out: whether it is needed shows
// at `require`.
static int folder_add(json_t *files, int dir, const char *main, size_t *left, struct err *err) {
	int rc = 0, copy = dup(dir);
	DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	if (entries == NULL) {
		rc = err_set(
			err, -errno, "cannot read the configuration's folder: %s", strerror(errno));
		if (copy >= 0)
			close(copy);
		return rc;
	}
	for (struct dirent *e; rc == 0 && (e = readdir(entries)) != NULL;) {
		struct err ignored = {0};
		if (!is_module_file(e->d_name) || strcmp(e->d_name, main) == 0)
			continue;
		// a symbolic link would lead out of the folder
		rc = file_add(files, e->d_name, dir, e->d_name, O_NOFOLLOW, left, &ignored);
		if (rc == -EFBIG)
			err_set(err, rc,
				"the *.lua files beside %s are larger than 4 MiB together: keep "
				"the "
				"configuration in a folder of its own",
				main);
		else if (rc != -ENOMEM)
			rc = 0;
	}
	closedir(entries);
	return rc;
}

int script_bundle_read(const char *path, json_t **bundle, struct err *err) {
	const char *slash = strrchr(path, '/'), *main = slash ? slash + 1 : path;
	size_t left = BUNDLE_BYTES;
	int rc = -ENOMEM, dir = -1;
	json_t *files = json_object();
	char *folder = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	if (files == NULL || folder == NULL) {
		err_set(err, rc, "out of memory");
		goto out;
	}
	dir = open(slash == path    ? "/"
			: folder[0] ? folder
				    : ".",
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		rc = err_set(err, -errno, "%s: %s", path, strerror(errno));
		goto out;
	}
	rc = file_add(files, main, AT_FDCWD, path, 0, &left, err);
	if (rc == 0)
		rc = folder_add(files, dir, main, &left, err);
	if (rc < 0)
		goto out;
	*bundle = json_pack("{s:s, s:s, s:O}", "main", main, "folder", folder, "files", files);
	if (*bundle == NULL)
		rc = err_set(err, -EILSEQ, "%s: the file's name is not UTF-8 text", path);
out:
	if (dir >= 0)
		close(dir);
	free(folder);
	json_decref(files);
	return rc;
}

bool script_bundle_equal(const json_t *a, const json_t *b) {
	return json_equal(json_object_get(a, "main"), json_object_get(b, "main")) &&
		json_equal(json_object_get(a, "files"), json_object_get(b, "files"));
}
