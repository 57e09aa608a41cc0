// SPDX-License-Identifier: BSD-3-Clause
#include "control/process.h"
#include "lib/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int ctl_run_dir_lock(const char *run_dir, struct err *err) {
	char path[512], pid[24];
	if (mkdir(run_dir, 0755) < 0 && errno != EEXIST)
		return err_set(err, -errno, "%s: %s", run_dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/leatd.lock", run_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return err_set(err, -EBUSY,
			"%s: another leatd runs here; stop it, or give this one its own --run-dir",
			run_dir);
	}
	int len = snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, pid, (size_t)len) != len)
		log_warn("control", "cannot write the process id", "file=%s why=\"%s\"", path,
			strerror(errno));
	return 0; // the descriptor stays open: it is the lock
}

void ctl_raise_limits(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("control", "cannot raise the limit of open files", "why=\"%s\"",
			strerror(errno));
}

// Why each: NET_ADMIN links, XDP, TAP; NET_RAW packet sockets; BPF and PERFMON programs with helpers; SYS_RAWIO PCI
// devices; SYS_RESOURCE and IPC_LOCK pinned memory; SYS_NICE workers; DAC_OVERRIDE, CHOWN and FOWNER sockets and
// state that belong to others; KILL programs that it supervises.
static const unsigned char kept[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON,
	CAP_SYS_RAWIO, CAP_SYS_RESOURCE, CAP_IPC_LOCK, CAP_SYS_NICE, CAP_DAC_OVERRIDE, CAP_CHOWN,
	CAP_FOWNER, CAP_KILL};

static bool folder_empty(const char *path) {
	DIR *dir = opendir(path);
	unsigned n = 0;

	while (dir && n < 3 && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n < 3; // . and ..
}

// DPDK tells PCI devices the physical addresses of hugepages where no IOMMU translates, and only CAP_SYS_ADMIN is told
// them.
static bool needs_physical_addresses(void) {
	unsigned long n = 0;
	FILE *file = fopen("/proc/sys/vm/nr_hugepages", "re");

	if (file && fscanf(file, "%lu", &n) != 1)
		n = 0;
	if (file)
		fclose(file);
	return n > 0 && folder_empty("/sys/kernel/iommu_groups");
}

int ctl_drop_capabilities(struct err *err) {
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2];
	uint64_t wanted = 0;
	for (size_t i = 0; i < sizeof(kept); i++)
		wanted |= UINT64_C(1) << kept[i];
	if (needs_physical_addresses())
		wanted |= UINT64_C(1) << CAP_SYS_ADMIN;
	if (syscall(SYS_capget, &header, caps) < 0)
		return err_set(err, -errno, "cannot read capabilities: %s", strerror(errno));
	for (unsigned cap = 0; cap < 64; cap++)
		if (!(wanted >> cap & 1) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	for (unsigned i = 0; i < 2; i++) {
		caps[i].permitted &= (uint32_t)(wanted >> (32 * i));
		caps[i].effective = caps[i].permitted;
		caps[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, caps) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, "cannot drop capabilities: %s", strerror(errno));
	return 0;
}

void ctl_notify(const char *state) {
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (path == NULL || (*path != '/' && *path != '@') || strlen(path) >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, strlen(path));
	if (*path == '@')
		addr.sun_path[0] = '\0';
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
		sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&addr,
			len) < 0)
		log_warn("control", "cannot tell the supervisor", "why=\"%s\"", strerror(errno));
	if (fd >= 0)
		close(fd);
}
