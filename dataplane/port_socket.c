// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port_socket.h"
#include "lib/log.h"
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int port_socket_check(const char *socket, const char *what, const char *path, struct err *err) {
	if (*socket != '/')
		return err_at(err, path, "%s: %s is no absolute path", what, socket);
	if (strlen(socket) >= PORT_SOCKET_LEN)
		return err_at(err, path, "%s: the path of a socket has at most %d characters", what,
			PORT_SOCKET_LEN - 1);
	if (strpbrk(socket, ",= []\"'"))
		return err_at(err, path, "%s: %s holds a character that DPDK's drivers cannot take",
			what, socket);
	return 0;
}

static void address(struct sockaddr_un *addr, const char *socket) {
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(addr->sun_path, sizeof(addr->sun_path), "%s", socket);
}

int port_socket_connect(const char *path, int type) {
	struct sockaddr_un addr;
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	address(&addr, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	int rc = -errno;
	close(fd);
	return rc;
}

int port_socket_clear(const char *socket, int type, struct err *err) {
	struct stat st;

	if (lstat(socket, &st) < 0) {
		char folder[PORT_SOCKET_LEN];
		snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(socket, '/') - socket + 1),
			socket);
		if (access(folder, W_OK) == 0)
			return 0;
		return err_set(
			err, -errno, "no socket can be made in %s (%s)", folder, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return err_set(
			err, -EEXIST, "%s exists and is no socket; choose another path", socket);
	int fd = port_socket_connect(socket, type);
	if (fd >= 0)
		close(fd);
	if (fd != -ECONNREFUSED)
		return err_set(err, -EADDRINUSE,
			"another process listens on %s; stop it or choose another path", socket);
	log_info("ports", "socket removed: nobody listens on it any more", "socket=%s", socket);
	return unlink(socket) == 0
		? 0
		: err_set(err, -errno, "%s cannot be removed (%s)", socket, strerror(errno));
}

void port_socket_share(const char *socket) {
	struct group *group = getgrnam("leat");

	if (chmod(socket, 0660) < 0 || (group && chown(socket, (uid_t)-1, group->gr_gid) < 0))
		log_warn("ports", "who may connect to a socket could not be set",
			"socket=%s why=\"%s\"", socket, strerror(errno));
}

int port_socket_listen(const char *path, int type, struct err *err) {
	struct sockaddr_un addr;
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address(&addr, path);
	mode_t mask = umask(0177);
	bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	int rc = -errno;
	umask(mask);
	if (bound && listen(fd, 4) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return err_set(err, rc, "no socket can be made at %s (%s)", path, strerror(-rc));
}
