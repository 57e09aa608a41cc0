// SPDX-License-Identifier: BSD-3-Clause
#include "lib/netns.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_FD 3 // its end of the socket; it has nothing else open

struct request {
	uint32_t what;
	char name[NETNS_NAME];
};

static int to_child = -1;
static pid_t child;

static int open_here(unsigned what) {
	int fd = -1;

	if (what == NETNS_ROUTE)
		fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	else if (what == NETNS_TUN)
		fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	else
		errno = EINVAL;
	return fd < 0 ? -errno : fd;
}

// ---- the child ----------------------------------------------------------------------------------------------

static int open_there(const struct request *request, int home) {
	char path[NETNS_NAME + 16];

	if (memchr(request->name, '\0', sizeof(request->name)) == NULL ||
		strchr(request->name, '/') || request->name[0] == '.' || !request->name[0])
		return -EINVAL;
	snprintf(path, sizeof(path), "/run/netns/%s", request->name);
	int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -errno;
	int rc = setns(ns, CLONE_NEWNET) < 0 ? -errno : open_here(request->what);
	close(ns);
	if (setns(home, CLONE_NEWNET) < 0)
		_exit(1); // it would answer the next request in the wrong place
	return rc;
}

static void reply(int fd) {
	int rc = fd < 0 ? fd : 0;
	struct iovec iov = {&rc, sizeof(rc)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	sendmsg(CHILD_FD, &msg, MSG_NOSIGNAL);
	if (fd >= 0)
		close(fd);
}

// NET_ADMIN: what is opened is used with the rights of who opened it.
static void rights_keep(void) {
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {0};
	const uint32_t mine = 1u << CAP_SYS_ADMIN | 1u << CAP_NET_ADMIN;

	if (syscall(SYS_capget, &header, caps) < 0)
		_exit(1);
	caps[0].permitted &= mine;
	caps[0].effective = caps[0].permitted;
	caps[0].inheritable = 0;
	caps[1] = (struct __user_cap_data_struct){0};
	if (syscall(SYS_capset, &header, caps) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(1);
}

static void serve(int fd) {
	struct request request;

	// Whoever ends the daemon ends its group as well; this one ends when the socket does.
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_NAME, "leatd-netns", 0, 0, 0);
	if (fd != CHILD_FD && dup2(fd, CHILD_FD) < 0)
		_exit(1);
	// the lock of the run folder is not to outlive the daemon
	syscall(SYS_close_range, CHILD_FD + 1, UINT32_MAX, 0);
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	rights_keep();
	while (recv(CHILD_FD, &request, sizeof(request), 0) == sizeof(request))
		reply(open_there(&request, home));
	_exit(0);
}

// ---- the daemon ---------------------------------------------------------------------------------------------

int netns_start(struct err *err) {
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, -errno, "no socket: %s", strerror(errno));
	child = fork();
	if (child == 0)
		serve(pair[1]);
	close(pair[1]);
	if (child < 0) {
		close(pair[0]);
		return err_set(err, -errno, "cannot fork: %s", strerror(errno));
	}
	to_child = pair[0];
	return 0;
}

void netns_stop(void) {
	if (to_child < 0)
		return;
	close(to_child);
	to_child = -1;
	waitpid(child, NULL, 0);
}

static int answer(void) {
	int rc = -EPIPE, fd = -1;
	struct iovec iov = {&rc, sizeof(rc)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};

	if (recvmsg(to_child, &msg, MSG_CMSG_CLOEXEC) != sizeof(rc))
		return -EPIPE;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	if (rc == 0 && header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return rc < 0 ? rc : fd;
}

static int ask_child(const char *name, enum netns_what what) {
	struct request request = {.what = what};

	if (to_child < 0)
		return -EPIPE;
	if (strlen(name) >= sizeof(request.name))
		return -ENAMETOOLONG;
	memcpy(request.name, name, strlen(name));
	if (send(to_child, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
		return -EPIPE;
	return answer();
}

int netns_open(const char *name, enum netns_what what, struct err *err) {
	int fd = *name ? ask_child(name, what) : open_here(what);

	if (fd >= 0)
		return fd;
	if (*name == '\0')
		return err_set(err, fd, "%s cannot be opened (%s)",
			what == NETNS_TUN ? "/dev/net/tun" : "a netlink socket", strerror(-fd));
	if (fd == -ENOENT)
		return err_set(err, fd,
			"there is no network namespace %s; `ip netns add %s` makes it", name, name);
	return err_set(
		err, fd, "the network namespace %s cannot be entered (%s)", name, strerror(-fd));
}
