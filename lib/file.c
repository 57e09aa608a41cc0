// SPDX-License-Identifier: BSD-3-Clause
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Until `size` or the end. Returns bytes read or a negative errno.
static ssize_t fd_read(int fd, char *buf, size_t size) {
	size_t used = 0;
	while (used < size) {
		ssize_t n = read(fd, buf + used, size - used);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
		used += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)used;
}

static int fd_write(int fd, const char *bytes, size_t len) {
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int fd_slurp(
	int fd, const char *name, size_t max_bytes, char **text, size_t *len, struct err *err) {
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: is not a regular file", name);
	if ((size_t)st.st_size > max_bytes)
		return err_set(err, -EFBIG, "%s: is larger than %zu bytes", name, max_bytes);
	char *buf = malloc((size_t)st.st_size + 1);
	if (buf == NULL)
		return err_set(err, -ENOMEM, "%s: out of memory", name);
	ssize_t n = fd_read(fd, buf, (size_t)st.st_size);
	if (n < 0) {
		free(buf);
		return err_set(err, (int)n, "%s: %s", name, strerror((int)-n));
	}
	buf[n] = '\0';
	*text = buf;
	if (len)
		*len = (size_t)n;
	return 0;
}

int file_read_at(int dir, const char *name, int flags, size_t max_bytes, char **text, size_t *len,
	struct err *err) {
	// O_NONBLOCK: opening a FIFO would wait for its writer
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", name, strerror(errno));
	int rc = fd_slurp(fd, name, max_bytes, text, len, err);
	close(fd);
	return rc;
}

int file_read(const char *path, size_t max_bytes, char **text, size_t *len, struct err *err) {
	return file_read_at(AT_FDCWD, path, 0, max_bytes, text, len, err);
}

static int folder_sync(const char *path) {
	const char *slash = strrchr(path, '/');
	char *folder = slash == path ? strdup("/")
		: slash              ? strndup(path, (size_t)(slash - path))
				     : strdup(".");
	if (folder == NULL)
		return -ENOMEM;
	int rc = 0, fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	free(folder);
	return rc;
}

static int file_write_synced(const char *path, const void *bytes, size_t len, mode_t mode) {
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	int rc = fd_write(fd, bytes, len);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

int file_write_atomic(
	const char *path, const void *bytes, size_t len, mode_t mode, struct err *err) {
	char *tmp;
	if (asprintf(&tmp, "%s.tmp", path) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	int rc = file_write_synced(tmp, bytes, len, mode);
	if (rc == 0 && rename(tmp, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(tmp);
	else
		rc = folder_sync(path);
	free(tmp);
	if (rc < 0)
		err_set(err, rc, "cannot write %s: %s", path, strerror(-rc));
	return rc;
}

static const char *state_dir;

void file_state_dir_set(const char *dir) {
	state_dir = dir;
}

const char *file_state_dir(void) {
	return state_dir;
}
