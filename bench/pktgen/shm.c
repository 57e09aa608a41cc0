// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/shm.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// Under the file's lock, so that two openers do not make it twice.
static int shm_make(const char *path, struct gen_shm *shm, struct err *err) {
	if (shm->magic == 0) {
		memset(shm, 0, sizeof(*shm));
		shm->version = GEN_VERSION;
		shm->bytes = sizeof(*shm);
		shm->rate_pps = GEN_RATE_UNSET;
		__atomic_store_n(&shm->magic, GEN_MAGIC, __ATOMIC_RELEASE);
		return 0;
	}
	if (shm->magic != GEN_MAGIC)
		return err_set(
			err, -EINVAL, "shm=%s: this file is no generator's; name another", path);
	if (shm->version != GEN_VERSION || shm->bytes != sizeof(*shm))
		return err_set(err, -EINVAL,
			"shm=%s: it was made by another version of the generator; remove it", path);
	return 0;
}

static struct gen_shm *shm_map(int fd, const char *path, bool make, struct err *err) {
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		err_set(err, -EINVAL, "shm=%s: not a regular file", path);
		return NULL;
	}
	if (st.st_size != 0 && st.st_size != sizeof(struct gen_shm)) {
		err_set(err, -EINVAL,
			"shm=%s: not a file of this version of the generator; remove it", path);
		return NULL;
	}
	if (st.st_size == 0 && (!make || ftruncate(fd, sizeof(struct gen_shm)) < 0)) {
		err_set(err, make ? -errno : -ENOENT, "shm=%s: %s", path,
			make ? strerror(errno) : "it is empty");
		return NULL;
	}
	struct gen_shm *shm =
		mmap(NULL, sizeof(struct gen_shm), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shm == MAP_FAILED) {
		err_set(err, -errno, "shm=%s: cannot map it: %s", path, strerror(errno));
		return NULL;
	}
	if (shm_make(path, shm, err) == 0)
		return shm;
	munmap(shm, sizeof(*shm));
	return NULL;
}

struct gen_shm *gen_shm_open(const char *path, bool make, struct err *err) {
	int fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
	struct gen_shm *shm = NULL;

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		err_set(err, -errno, "shm=%s: %s", path, strerror(errno));
	else
		shm = shm_map(fd, path, make, err);
	if (fd >= 0) {
		flock(fd, LOCK_UN); // the mapping would keep it
		close(fd);
	}
	return shm;
}

void gen_shm_close(struct gen_shm *shm) {
	if (shm)
		munmap(shm, sizeof(*shm));
}

static bool port_dead(const struct gen_port *port) {
	return port->pid == 0 || (kill(port->pid, 0) < 0 && errno == ESRCH);
}

static struct gen_port *port_choose(struct gen_shm *shm, const char *name) {
	struct gen_port *port = NULL;

	for (unsigned i = 0; i < GEN_PORTS; i++)
		if (strcmp(shm->ports[i].name, name) == 0 &&
			(port_dead(&shm->ports[i]) || shm->ports[i].pid == getpid()))
			return &shm->ports[i];
	// One that was never used before one whose counters somebody may want to see.
	for (unsigned i = 0; port == NULL && i < GEN_PORTS; i++)
		if (shm->ports[i].pid == 0 && shm->ports[i].name[0] == '\0')
			port = &shm->ports[i];
	for (unsigned i = 0; port == NULL && i < GEN_PORTS; i++)
		if (port_dead(&shm->ports[i]))
			port = &shm->ports[i];
	return port;
}

struct gen_port *gen_port_claim(
	struct gen_shm *shm, const char *path, const char *name, struct err *err) {
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct gen_port *port;

	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		err_set(err, -errno, "shm=%s: %s", path, strerror(errno));
		port = NULL;
	} else {
		port = port_choose(shm, name);
		if (port == NULL)
			err_set(err, -ENOSPC, "shm=%s: it has %d ports already; use another file",
				path, GEN_PORTS);
	}
	if (port) {
		memset(port, 0, sizeof(*port));
		memset(&shm->base[port - shm->ports], 0, sizeof(*port));
		snprintf(port->name, sizeof(port->name), "%s", name);
		__atomic_store_n(&port->pid, getpid(), __ATOMIC_RELEASE);
	}
	if (fd >= 0)
		close(fd);
	return port;
}

void gen_port_release(struct gen_port *port) {
	if (port)
		__atomic_store_n(&port->pid, 0, __ATOMIC_RELEASE);
}
