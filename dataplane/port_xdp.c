// SPDX-License-Identifier: BSD-3-Clause
// The upper rungs of the ladder for kernel interfaces: AF_XDP by DPDK's driver, with our own XDP program.
//
// The driver of DPDK 22.11 leaves things behind when it closes: its sockets (so the queue would stay busy), the fds of
// the program, and every buffer that the kernel holds at that moment. So the fds that appear while a port is opened
// are remembered and closed afterwards, and the buffers are fetched out of the sockets' rings, which are mapped for
// that a second time.
#include "dataplane/offload.h"
#include "dataplane/port_kernel.h"
#include "lib/log.h"
#include <dirent.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS      (2 * PORT_QUEUES_MAX + 32)
#define DRAIN_MS     50
#define SETTLE_US    2000 // for frames that are inside the program when it is taken off
#define PAGE_BYTES   4096u
#define RING_DEFAULT 2048
// What the driver asks for, whatever it is asked for
#define FILL_RING 4096
#define DONE_RING 2048

struct fd_mark {
	int fd;
	bool socket;
	char link[48]; // what /proc/self/fd says that it is
};

struct fd_set_marks {
	unsigned n;
	struct fd_mark fds[1024];
};

struct xdp {
	struct xdp_prog prog;
	struct rte_mempool *pool;
	bool veth;
	uint32_t ring; // slots of the rx and the tx ring
	unsigned n_fds;
	struct fd_mark fds[MAX_FDS];
};

// ---- fds that the driver leaves behind -------------------------------------------------------------------------

static bool fd_is_xdp(int fd) {
	int domain = 0;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_XDP;
}

static bool fd_read(int fd, struct fd_mark *mark) {
	char path[32];

	*mark = (struct fd_mark){.fd = fd, .socket = fd_is_xdp(fd)};
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(path, mark->link, sizeof(mark->link) - 1);
	return len > 0 &&
		(mark->socket || strstr(mark->link, "anon_inode:bpf") ||
			strstr(mark->link, "anon_inode:btf"));
}

static void fds_scan(struct fd_set_marks *marks) {
	DIR *dir = opendir("/proc/self/fd");

	marks->n = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		int fd = atoi(entry->d_name);
		if (entry->d_name[0] != '.' && marks->n < RTE_DIM(marks->fds) &&
			fd_read(fd, &marks->fds[marks->n]))
			marks->n++;
	}
	if (dir)
		closedir(dir);
}

static bool marked(const struct fd_set_marks *marks, const struct fd_mark *mark) {
	for (unsigned i = 0; i < marks->n; i++) {
		if (marks->fds[i].fd == mark->fd && strcmp(marks->fds[i].link, mark->link) == 0)
			return true;
	}
	return false;
}

static void fds_remember(struct xdp *xdp, const struct fd_set_marks *before) {
	struct fd_set_marks *after = malloc(sizeof(*after));

	if (!after)
		return;
	fds_scan(after);
	for (unsigned i = 0; i < after->n && xdp->n_fds < MAX_FDS; i++) {
		if (!marked(before, &after->fds[i]))
			xdp->fds[xdp->n_fds++] = after->fds[i];
	}
	free(after);
}

static void fds_close(struct xdp *xdp) {
	struct fd_mark now;

	for (unsigned i = 0; i < xdp->n_fds; i++) {
		if (fd_read(xdp->fds[i].fd, &now) && strcmp(now.link, xdp->fds[i].link) == 0)
			close(now.fd);
	}
	xdp->n_fds = 0;
}

// ---- buffers that the kernel holds --------------------------------------------------------------------------------

// One of a socket's four rings, where the driver's library has mapped it.
struct ring {
	uint32_t *producer, *consumer;
	void *slots;
	uint32_t mask;
};

struct rings {
	struct ring rx, tx, fill, done;
};

// The mapping of a socket at this page offset, by what /proc/self/maps says.
static char *mapping_find(const char *link, uint64_t offset) {
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], *found = NULL;

	while (maps && !found && fgets(line, sizeof(line), maps)) {
		unsigned long start;
		unsigned long long at;
		if (strstr(line, link) && sscanf(line, "%lx-%*x %*s %llx", &start, &at) == 2 &&
			at == offset)
			found = (char *)start;
	}
	if (maps)
		fclose(maps);
	return found;
}

static bool ring_find(struct ring *ring, const char *link, uint64_t offset,
	const struct xdp_ring_offset *at, uint32_t size) {
	char *map = mapping_find(link, offset);

	if (!map)
		return false;
	*ring = (struct ring){.producer = (uint32_t *)(map + at->producer),
		.consumer = (uint32_t *)(map + at->consumer),
		.slots = map + at->desc,
		.mask = size - 1};
	return true;
}

static bool rings_find(struct rings *rings, const struct fd_mark *mark, const struct xdp *xdp) {
	struct xdp_mmap_offsets at;
	socklen_t len = sizeof(at);

	return getsockopt(mark->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &len) == 0 &&
		ring_find(&rings->rx, mark->link, XDP_PGOFF_RX_RING, &at.rx, xdp->ring) &&
		ring_find(&rings->tx, mark->link, XDP_PGOFF_TX_RING, &at.tx, xdp->ring) &&
		ring_find(&rings->fill, mark->link, XDP_UMEM_PGOFF_FILL_RING, &at.fr, FILL_RING) &&
		ring_find(&rings->done, mark->link, XDP_UMEM_PGOFF_COMPLETION_RING, &at.cr,
			DONE_RING);
}

static uint32_t ring_at(uint32_t *index) {
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

// What was sent comes back by the completion ring; a socket's transmissions are over soon.
static void sent_wait(const struct rings *rings) {
	for (unsigned ms = 0; ms < DRAIN_MS; ms++) {
		if (ring_at(rings->tx.producer) == ring_at(rings->done.producer))
			return;
		usleep(1000);
	}
}

static unsigned ring_reclaim(const struct xdp *xdp, const struct ring *ring, bool descriptors) {
	const struct rte_mempool_memhdr *memory = STAILQ_FIRST(&xdp->pool->mem_list);
	char *base = (char *)RTE_PTR_ALIGN_FLOOR(memory->addr, PAGE_BYTES);
	uint32_t end = ring_at(ring->producer), n = 0;

	for (uint32_t i = ring_at(ring->consumer); i != end; i++, n++) {
		const struct xdp_desc *descs = ring->slots;
		const uint64_t *addresses = ring->slots;
		uint64_t at = descriptors ? descs[i & ring->mask].addr : addresses[i & ring->mask];
		rte_pktmbuf_free((struct rte_mbuf *)(base + (at & XSK_UNALIGNED_BUF_ADDR_MASK) +
			xdp->pool->header_size));
	}
	return n;
}

// The program is off: no frame comes any more.
static void buffers_reclaim(const struct xdp *xdp) {
	for (unsigned i = 0; i < xdp->n_fds; i++) {
		struct rings rings;
		if (!xdp->fds[i].socket || !rings_find(&rings, &xdp->fds[i], xdp))
			continue;
		sent_wait(&rings);
		unsigned held = ring_at(rings.fill.consumer) - ring_at(rings.rx.producer);
		unsigned n = ring_reclaim(xdp, &rings.rx, true) +
			ring_reclaim(xdp, &rings.tx, true) + ring_reclaim(xdp, &rings.fill, false) +
			ring_reclaim(xdp, &rings.done, false);
		log_debug("ports", "buffers fetched from a socket", "n=%u held=%u", n, held);
	}
}

// ---- the port -----------------------------------------------------------------------------------------------------

static bool zero_copy(const struct xdp *xdp) {
	for (unsigned i = 0; i < xdp->n_fds; i++) {
		struct xdp_options options = {0};
		socklen_t len = sizeof(options);
		if (xdp->fds[i].socket &&
			getsockopt(xdp->fds[i].fd, SOL_XDP, XDP_OPTIONS, &options, &len) == 0)
			return options.flags & XDP_OPTIONS_ZEROCOPY;
	}
	return false;
}

static int device_open(struct port *port, const struct port_conf *conf, const struct netif *nif,
	bool generic, unsigned workers, struct err *err) {
	int fd = xdp_prog_file(err);

	if (fd < 0)
		return fd;
	int rc = port_vdev_add(port, "net_af_xdp", err,
		"iface=%s,queue_count=%u,xdp_prog=/proc/self/fd/%d%s", nif->name, port->n_rxq, fd,
		generic ? ",force_copy=1" : "");
	if (rc == 0)
		rc = port_start(port, conf, workers, err);
	close(fd);
	return rc;
}

static int limits_check(const struct port_conf *conf, const struct xdp *xdp, struct err *err) {
	if (conf->mtu > XDP_MTU_MAX)
		return err_set(err, -EMSGSIZE, "an MTU over %d does not fit into its buffers",
			XDP_MTU_MAX);
	if (!xdp->pool)
		return err_set(err, -ENOMEM, "no memory for its buffers");
	return 0;
}

// Of an interface that the kernel made up, a frame may come without its VLAN tag, in whose place nothing says so: the
// sender left it to a device. That would put a tagged frame into the native VLAN.
static int tags_check(const struct port_conf *conf, const struct netif *nif, const char *driver,
	bool generic, struct err *err) {
	if (conf->driver != PORT_DRIVER_AUTO || netif_is_hardware(nif->name) ||
		strcmp(driver, "tun") == 0)
		return 0;
	if (strcmp(driver, "veth") != 0 || generic)
		return err_set(err, -EOPNOTSUPP, "VLAN tags could be lost on such an interface");
	if (!xdp_prog_sees_tags())
		return err_set(
			err, -EOPNOTSUPP, "before Linux 6.3, VLAN tags can be lost on a veth");
	return 0;
}

int port_xdp_open(struct port *port, const struct port_conf *conf, const struct netif *nif,
	bool generic, unsigned workers, struct xdp **out, struct err *err) {
	struct fd_set_marks *before = calloc(1, sizeof(*before));
	struct xdp *xdp = calloc(1, sizeof(*xdp));
	char driver[32];
	int rc = -ENOMEM;

	if (!xdp || !before)
		goto fail;
	xdp_prog_init(&xdp->prog);
	xdp->pool = port->pool = dp_pool_pages();
	port->n_rxq = port->n_txq = nif->queues;
	xdp->ring = port->ring = conf->rx_ring ? rte_align32pow2(conf->rx_ring) : RING_DEFAULT;
	netif_driver(nif->name, driver, sizeof(driver));
	rc = limits_check(conf, xdp, err);
	if (rc == 0)
		rc = tags_check(conf, nif, driver, generic, err);
	if (rc == 0)
		rc = xdp_prog_clear(nif->index, err);
	if (rc < 0)
		goto fail;
	fds_scan(before);
	xdp->prog.ifindex = nif->index;
	rc = device_open(port, conf, nif, generic, workers, err);
	fds_remember(xdp, before);
	if (rc == 0)
		rc = xdp_prog_adopt(&xdp->prog, nif->index, generic, err);
	if (rc < 0)
		goto fail;
	free(before);
	offload_pool_large = xdp->pool;
	xdp->veth = strcmp(driver, "veth") == 0 && !generic;
	port->pub.tx_offloads = 0;
	port->pub.rx_partial = port->pub.rx_guess =
		!netif_is_hardware(nif->name) || strcmp(driver, "virtio_net") == 0;
	port->mtu_max = XDP_MTU_MAX;
	if (!zero_copy(xdp))
		snprintf(port->why, sizeof(port->why), "frames are copied: %s has no zero-copy",
			driver);
	*out = xdp;
	return 0;
fail:
	if (rc == -ENOMEM)
		err_set(err, rc, "out of memory");
	free(before);
	port_xdp_close(port, xdp);
	return rc;
}

void port_xdp_close(struct port *port, struct xdp *xdp) {
	if (!xdp) {
		port_dev_remove(port);
		return;
	}
	xdp_prog_detach(&xdp->prog);
	xdp_prog_free(&xdp->prog);
	usleep(SETTLE_US);
	buffers_reclaim(xdp);
	port_dev_remove(port);
	fds_close(xdp);
	free(xdp);
}

void port_xdp_keep(struct xdp *xdp, const struct netif *nif, const json_t *keep) {
	struct mac mac = {0};

	netif_mac_get(nif->name, &mac);
	xdp_prog_keep(&xdp->prog, &mac, xdp->veth, keep);
}
