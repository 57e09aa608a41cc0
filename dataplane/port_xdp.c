// SPDX-License-Identifier: BSD-3-Clause
// The upper rungs of the ladder for kernel interfaces: AF_XDP by DPDK's driver, with our own XDP program.
//
// The driver of DPDK 22.11 leaves things behind when it closes: its sockets (so the queue would stay busy), the fds of
// the program, and every buffer that the kernel holds at that moment. So the fds that appear while a port is opened
// are remembered and closed afterwards, and there is an account of the buffers: a receive callback notes which ones
// the driver puts into the fill ring and takes off those that come back with a frame, and what is on the account when
// the port closes is freed. The rings alone would not say: a device with zero-copy has buffers in its own queue, and
// the kernel sets one aside when a socket's ring is full.
#include "dataplane/offload.h"
#include "dataplane/port_kernel.h"
#include "lib/log.h"
#include <dirent.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_FDS      (2 * PORT_QUEUES_MAX + 32)
#define DRAIN_MS     50
#define SETTLE_US    2000 // for frames that are inside the program when it is taken off
#define PAGE_BYTES   4096u
#define RING_DEFAULT 2048
// What the driver asks for, whatever it is asked for
#define FILL_RING 4096
#define DONE_RING 2048
// How long the kernel may need to let a queue go, and how often to look
#define RELEASE_TRIES 400
#define RELEASE_US    5000

struct fd_set_marks {
	unsigned n;
	struct fd_mark fds[1024];
};

// One of a socket's four rings, where the driver's library has mapped it.
struct ring {
	uint32_t *producer, *consumer;
	void *slots;
	uint32_t mask;
};

// What the kernel has of a page.
struct held {
	uint16_t offset; // where in it the buffer begins
	uint16_t times;  // how often it is to be freed
};

// One socket. Written by the worker that polls it, and by control when none does.
struct queue {
	struct xdp *xdp;
	struct ring tx, fill, done;
	bool bound;
	uint32_t posted; // what the fill ring got up to here is on the account
	const struct rte_eth_rxtx_callback *turn;
};

struct xdp {
	struct xdp_prog prog;
	struct rte_mempool *pool;
	bool veth;
	uint32_t ring; // slots of the rx and the tx ring
	unsigned n_fds, n_queues;
	struct fd_mark fds[MAX_FDS];
	struct queue queues[PORT_QUEUES_MAX];
	char *base;        // of the buffers, of which not more than one begins in a page
	struct held *held; // the account, by page; the last one is for what is not in any
	size_t pages;
	struct xdp *link; // of `all`
};

static struct xdp *all; // that are open

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

// ---- the account of buffers that the kernel holds ------------------------------------------------------------------

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

// Of a socket that could not be bound, only the fill ring is there.
static bool rings_find(struct queue *queue, const struct fd_mark *mark) {
	struct xdp_mmap_offsets at;
	socklen_t len = sizeof(at);

	if (getsockopt(mark->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &len) < 0 ||
		!ring_find(&queue->fill, mark->link, XDP_UMEM_PGOFF_FILL_RING, &at.fr, FILL_RING))
		return false;
	queue->bound =
		ring_find(&queue->tx, mark->link, XDP_PGOFF_TX_RING, &at.tx, queue->xdp->ring) &&
		ring_find(&queue->done, mark->link, XDP_UMEM_PGOFF_COMPLETION_RING, &at.cr,
			DONE_RING);
	return true;
}

static uint32_t ring_at(uint32_t *index) {
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static struct held *held_at(const struct xdp *xdp, uint64_t address) {
	size_t page = (address & XSK_UNALIGNED_BUF_ADDR_MASK) / PAGE_BYTES;
	struct held *held = &xdp->held[RTE_MIN(page, xdp->pages)];

	held->offset = address % PAGE_BYTES;
	return held;
}

static void posted_note(struct queue *queue) {
	const uint64_t *slots = queue->fill.slots;
	uint32_t end = ring_at(queue->fill.producer);

	for (; queue->posted != end; queue->posted++)
		held_at(queue->xdp, slots[queue->posted & queue->fill.mask])->times = 1;
}

// node, after the driver's burst, which posts one buffer for each that it hands out.
static uint16_t xdp_turn(
	uint16_t, uint16_t, struct rte_mbuf **pkts, uint16_t n, uint16_t, void *arg) {
	struct queue *queue = arg;
	const struct xdp *xdp = queue->xdp;

	if (n == 0)
		return 0;
	posted_note(queue);
	for (uint16_t i = 0; i < n; i++)
		held_at(xdp, (char *)pkts[i] - xdp->pool->header_size - xdp->base)->times = 0;
	return n;
}

static int account_open(struct xdp *xdp, const struct port *port, struct err *err) {
	unsigned bound = 0;
	const struct rte_mempool_memhdr *memory = STAILQ_FIRST(&xdp->pool->mem_list);

	// Where the driver begins, and in one piece, as it expects
	xdp->base = (char *)RTE_PTR_ALIGN_FLOOR(memory->addr, PAGE_BYTES);
	for (; memory; memory = STAILQ_NEXT(memory, next))
		xdp->pages = ((char *)memory->addr + memory->len - xdp->base) / PAGE_BYTES + 1;
	xdp->held = calloc(xdp->pages + 1, sizeof(*xdp->held));
	if (!xdp->held)
		return err_set(err, -ENOMEM, "out of memory");
	// The driver opens them queue by queue, and the kernel gives the lowest fd that is free.
	for (unsigned i = 0; i < xdp->n_fds && xdp->n_queues < port->pub.n_rxq; i++) {
		struct queue *queue = &xdp->queues[xdp->n_queues];
		queue->xdp = xdp;
		if (!xdp->fds[i].socket || !rings_find(queue, &xdp->fds[i]))
			continue;
		posted_note(queue);
		queue->turn =
			rte_eth_add_rx_callback(port->pub.index, xdp->n_queues, xdp_turn, queue);
		bound += queue->bound && queue->turn;
		xdp->n_queues++;
	}
	return bound == port->pub.n_rxq
		? 0
		: err_set(err, -ENOENT, "the rings of its sockets are not found");
}

// What was sent comes back by the completion ring; a socket's transmissions are over soon.
static void sent_wait(const struct queue *queue) {
	for (unsigned ms = 0; ms < DRAIN_MS; ms++) {
		if (ring_at(queue->tx.producer) == ring_at(queue->done.producer))
			return;
		usleep(1000);
	}
	log_debug("ports", "transmissions are not over", "n=%u",
		ring_at(queue->tx.consumer) - ring_at(queue->done.producer));
}

// The kernel may complete a descriptor (of a frame that it dropped) before it says that it has taken it, so the consumer
// of the tx ring alone would have it twice.
static void sent_note(const struct queue *queue) {
	const struct xdp_desc *descs = queue->tx.slots;
	const uint64_t *addresses = queue->done.slots;
	uint32_t done = ring_at(queue->done.producer), from = ring_at(queue->tx.consumer);
	uint32_t end = ring_at(queue->tx.producer);

	if ((int32_t)(done - from) > 0)
		from = done;
	for (uint32_t i = from; i != end; i++)
		held_at(queue->xdp, descs[i & queue->tx.mask].addr)->times++;
	for (uint32_t i = ring_at(queue->done.consumer); i != done; i++)
		held_at(queue->xdp, addresses[i & queue->done.mask])->times++;
}

// The program is off and no worker polls: the last entries. DPDK leaves a callback to whatever port has this index
// next.
static void account_close(struct xdp *xdp, const struct port *port) {
	for (unsigned q = 0; q < xdp->n_queues; q++) {
		struct queue *queue = &xdp->queues[q];
		if (queue->turn && rte_eth_remove_rx_callback(port->pub.index, q, queue->turn) == 0)
			rte_free((void *)(uintptr_t)queue->turn);
		posted_note(queue);
		if (!queue->bound)
			continue;
		sent_wait(queue);
		sent_note(queue);
	}
}

// The sockets are closed.
static void account_settle(struct xdp *xdp) {
	unsigned n = 0;

	for (size_t page = 0; xdp->held && page < xdp->pages; page++) {
		struct held *held = &xdp->held[page];
		char *start = xdp->base + page * PAGE_BYTES + held->offset;
		for (; held->times > 0; held->times--, n++)
			rte_pktmbuf_free((struct rte_mbuf *)(start + xdp->pool->header_size));
	}
	free(xdp->held);
	log_debug("ports", "buffers fetched from the kernel", "n=%u", n);
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

static int socket_error; // of the last socket that the driver made

// Stands before libc's in the process. The kernel lets a queue go in a work of its own, some time after its socket was
// closed, and until then says EBUSY to the next one; libxdp and the driver would give up, not say why, and lose the
// buffers that are in the fill ring already.
int bind(int fd, const struct sockaddr *address, socklen_t len) {
	int rc = syscall(SYS_bind, fd, address, len);

	if (address->sa_family != AF_XDP)
		return rc;
	for (unsigned i = 0; rc < 0 && errno == EBUSY && i < RELEASE_TRIES; i++) {
		usleep(RELEASE_US);
		rc = syscall(SYS_bind, fd, address, len);
	}
	socket_error = rc < 0 ? -errno : 0;
	return rc;
}

static int device_open(struct port *port, const struct port_conf *conf, const struct netif *nif,
	bool generic, unsigned workers, struct err *err) {
	int fd = xdp_prog_file(err);

	if (fd < 0)
		return fd;
	struct err why = {0};
	socket_error = 0;
	int rc = port_vdev_add(port, "net_af_xdp", &why,
		"iface=%s,queue_count=%u,xdp_prog=/proc/self/fd/%d%s", nif->name, port->n_rxq, fd,
		generic ? ",force_copy=1" : "");
	if (rc == 0)
		rc = port_start(port, conf, workers, &why);
	close(fd);
	if (rc < 0 && *xdp_prog_complaint())
		return err_set(err, rc, "the kernel says: %s", xdp_prog_complaint());
	if (rc < 0 && socket_error < 0)
		return err_set(err, rc, "no socket (%s)", strerror(-socket_error));
	return rc < 0 ? err_set(err, rc, "%s", why.msg) : 0;
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
	// Also of what has failed: buffers may be in the fill rings already
	struct err lost = {0};
	int account = port->open ? account_open(xdp, port, &lost) : 0;
	if (rc == 0)
		rc = xdp_prog_adopt(&xdp->prog, nif->index, generic, xdp->fds, xdp->n_fds, err);
	if (rc == 0 && account < 0)
		rc = err_set(err, account, "%s", lost.msg);
	if (rc < 0)
		goto fail;
	free(before);
	offload_pool_large = xdp->pool;
	xdp->veth = strcmp(driver, "veth") == 0 && !generic;
	xdp->link = all;
	all = xdp;
	blocklist_fill(&xdp->prog);
	port->pub.tx_offloads = 0;
	port_cut_open(port, nif);
	port->pub.rx_guess = !netif_is_hardware(nif->name) || strcmp(driver, "virtio_net") == 0;
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

struct xdp_prog *port_xdp_next(const struct xdp_prog *prog) {
	struct xdp *next = prog ? RTE_PTR_SUB(prog, offsetof(struct xdp, prog)) : NULL;

	next = next ? next->link : all;
	return next ? &next->prog : NULL;
}

static void unlist(const struct xdp *xdp) {
	for (struct xdp **at = &all; *at; at = &(*at)->link)
		if (*at == xdp) {
			*at = xdp->link;
			return;
		}
}

void port_xdp_close(struct port *port, struct xdp *xdp) {
	port_cut_close(port);
	if (!xdp) {
		port_dev_remove(port);
		return;
	}
	unlist(xdp);
	xdp_prog_detach(&xdp->prog);
	xdp_prog_free(&xdp->prog);
	usleep(SETTLE_US);
	account_close(xdp, port);
	port_dev_remove(port);
	fds_close(xdp);
	account_settle(xdp);
	free(xdp);
}

void port_xdp_keep(struct xdp *xdp, const struct netif *nif, const json_t *keep) {
	struct mac mac = {0};

	netif_mac_get(nif->name, &mac);
	xdp_prog_keep(&xdp->prog, &mac, xdp->veth, keep);
}

void port_xdp_count(const struct xdp *xdp, uint64_t counts[static LEAT_XDP_COUNTERS]) {
	xdp_prog_count(&xdp->prog, counts);
}
