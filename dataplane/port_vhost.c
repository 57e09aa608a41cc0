// SPDX-License-Identifier: BSD-3-Clause
// vhost_user = true: the NIC of a guest, over a Unix socket. As server we listen and guests come and go; as client
// (client = true) the library connects to the guest's socket again and again.
//
// DPDK's library speaks the protocol and maps the guest's memory; the rings are ours (virtq.c), and the ethdev is none but
// for its index. Around each message of the guest's that the library takes, the rings are withdrawn from the workers: it may
// unmap what they lie in. A queue's lock is for that alone, so it is free whenever a worker takes it.
//
// A guest that negotiated checksum or TSO sends frames that are not finished; that state stays on the packet and is completed
// where it leaves. The other way round the guest is sent unfinished frames only when it negotiated that: the port's offloads
// are what the guest of the moment can do, none while there is no guest.
#include "dataplane/port_priv.h"
#include "dataplane/port_socket.h"
#include "dataplane/virtq.h"
#include "lib/hash.h"
#include "lib/log.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <rte_arp.h>
#include <rte_malloc.h>
#include <rte_spinlock.h>
#include <rte_vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALWAYS RTE_ETH_TX_OFFLOAD_MULTI_SEGS

// Of the protocol (vhost-user, "Message Specification"): how many pairs of queues there may be; who moved to this host has the
// switches learn that.
#define MSG_GET_QUEUE_NUM 17
#define MSG_SEND_RARP     19

struct msg {
	uint32_t request, flags, size;
	uint64_t number;
} __rte_packed;

struct queue {
	// Held by the worker for a burst, and by the library's thread to change the rest.
	rte_spinlock_t lock;
	bool on;
	uint16_t turn; // of a queue of the port: which of its rings was the last
	struct virtq ring;
} __rte_cache_aligned;

struct vhost {
	// By the guest's pairs, of which there may be more than the port has queues: queue q receives by rings q, q + n_queues, ...
	// and sends by ring q.
	struct queue rx[PORT_QUEUES_MAX], tx[PORT_QUEUES_MAX];
	struct virtq_memory memory;

	// The library's threads' and control's, under `change`
	pthread_mutex_t change;
	int vid; // of the guest; -1: none
	bool running;
	uint32_t rx_ready, tx_ready; // bit per queue that the guest has set up and enabled

	uint64_t rarp; // a MAC address that is to be announced; 0: none
	uint16_t n_queues;
	uint16_t n_rings; // to receive by: one more than the last that is ready
	bool client, broken_told;
	struct dp_port *pub;
	char socket[PORT_DEVICE_LEN];
	struct vhost *link;
};

static struct vhost *all; // that are open
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

static void vhost_claim(const struct port_conf *conf, char *buf, size_t size) {
	char socket[PORT_DEVICE_LEN];

	snprintf(buf, size, "socket:%s", port_socket(conf, socket, sizeof(socket)));
}

static int vhost_check(const struct port_conf *conf, const char *path, struct err *err) {
	char socket[PORT_DEVICE_LEN];

	return port_socket_check(port_socket(conf, socket, sizeof(socket)), "socket", path, err);
}

// ---- packets ------------------------------------------------------------------------------------------------

// Says for the guest, which does not do it itself, where it is now.
static uint16_t rarp_make(const struct dp_port *port, struct rte_mbuf **pkts) {
	struct vhost *vhost = port->driver;
	uint64_t number = __atomic_exchange_n(&vhost->rarp, 0, __ATOMIC_ACQUIRE);
	struct rte_ether_addr mac;

	memcpy(&mac, &number, sizeof(mac));
	pkts[0] = number ? rte_net_make_rarp_packet(dp_pool(), &mac) : NULL;
	if (!pkts[0])
		return 0;
	pkts[0]->port = port->index;
	return 1;
}

static inline uint16_t ring_recv(
	const struct dp_port *port, struct queue *queue, struct rte_mbuf **pkts, uint16_t n) {
	uint16_t got = 0;

	if (!queue->on || !rte_spinlock_trylock(&queue->lock))
		return 0;
	if (queue->on)
		got = virtq_recv(&queue->ring, dp_pool(), port->index, pkts, n);
	rte_spinlock_unlock(&queue->lock);
	return got;
}

// Of several rings, those that had to wait come first the next time.
static uint16_t rings_recv(
	const struct dp_port *port, uint16_t index, struct rte_mbuf **pkts, uint16_t n) {
	struct vhost *vhost = port->driver;
	uint16_t got = 0, turn = vhost->rx[index].turn;

	for (uint16_t i = index; i < vhost->n_rings && got < n; i += vhost->n_queues) {
		turn += vhost->n_queues;
		if (turn >= vhost->n_rings)
			turn = index;
		got += ring_recv(port, &vhost->rx[turn], pkts + got, n - got);
	}
	vhost->rx[index].turn = turn;
	return got;
}

static uint16_t vhost_recv(
	const struct dp_port *port, uint16_t index, struct rte_mbuf **pkts, uint16_t n) {
	struct vhost *vhost = port->driver;
	uint16_t got = likely(vhost->n_rings <= vhost->n_queues)
		? ring_recv(port, &vhost->rx[index], pkts, n)
		: rings_recv(port, index, pkts, n);

	if (unlikely(vhost->rarp != 0) && got < n)
		got += rarp_make(port, pkts + got);
	return got;
}

static uint16_t vhost_send(
	const struct dp_port *port, uint16_t index, struct rte_mbuf **pkts, uint16_t n) {
	struct vhost *vhost = port->driver;
	struct queue *queue = &vhost->tx[index];
	uint16_t sent = 0;

	if (!queue->on || !rte_spinlock_trylock(&queue->lock))
		return 0;
	if (queue->on)
		sent = virtq_send(&queue->ring, pkts, n);
	rte_spinlock_unlock(&queue->lock);
	return sent;
}

// ---- rings, with vhost->change held ----------------------------------------------------------------------------

// The library's numbers: even for what the guest receives by.
static uint16_t ring_number(const struct vhost *vhost, const struct queue *queue) {
	return queue >= vhost->tx ? 2 * (queue - vhost->tx) : 2 * (queue - vhost->rx) + 1;
}

static void ring_dirty(void *arg, uint64_t guest, uint64_t len) {
	const struct vhost *vhost = arg;

	rte_vhost_log_write(vhost->vid, guest, len);
}

// A file of some FUSE, for one, makes its writer wait whatever its flags say.
static bool is_eventfd(int fd) {
	static const char is[] = "anon_inode:[eventfd]";
	char path[32], name[sizeof(is)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, name, sizeof(name));
	return n == sizeof(is) - 1 && memcmp(name, is, n) == 0;
}

// A guest's eventfd never makes a worker wait, and nothing else is written to.
static int call_fd(int fd) {
	int flags = fd >= 0 && is_eventfd(fd) ? fcntl(fd, F_GETFL) : -1;

	if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
		return -1;
	return fd;
}

static bool ring_open(struct vhost *vhost, struct queue *queue, uint64_t features) {
	uint16_t number = ring_number(vhost, queue);
	struct rte_vhost_vring vring = {0};
	struct virtq_place place = {.features = features, .dirty_arg = vhost};

	if (rte_vhost_get_vhost_vring(vhost->vid, number, &vring) < 0 ||
		rte_vhost_get_vring_base(vhost->vid, number, &place.avail, &place.used) < 0)
		return false;
	place.size = vring.size;
	place.desc = vring.desc; // or desc_packed, and so on: they are unions
	place.driver = vring.avail;
	place.device = vring.used;
	place.call = call_fd(vring.callfd);
	if (features & RTE_BIT64(VHOST_F_LOG_ALL))
		place.dirty = ring_dirty;
	return virtq_open(&queue->ring, &place, &vhost->memory) == 0;
}

static void queue_attach(struct vhost *vhost, struct queue *queue, bool ready, uint64_t features) {
	rte_spinlock_lock(&queue->lock);
	if (ready && !queue->on)
		queue->on = ring_open(vhost, queue, features);
	rte_spinlock_unlock(&queue->lock);
}

static void queue_detach(struct vhost *vhost, struct queue *queue) {
	uint16_t avail, used;

	rte_spinlock_lock(&queue->lock);
	if (queue->on) {
		virtq_position(&queue->ring, &avail, &used);
		rte_vhost_set_vring_base(vhost->vid, ring_number(vhost, queue), avail, used);
	}
	queue->on = false;
	rte_spinlock_unlock(&queue->lock);
}

static void detach(struct vhost *vhost) {
	for (unsigned i = 0; i < PORT_QUEUES_MAX; i++) {
		queue_detach(vhost, &vhost->rx[i]);
		queue_detach(vhost, &vhost->tx[i]);
	}
}

static bool memory_read(struct vhost *vhost) {
	struct rte_vhost_memory *memory = NULL;

	if (rte_vhost_get_mem_table(vhost->vid, &memory) < 0)
		return false;
	vhost->memory.n = RTE_MIN(memory->nregions, (uint32_t)VIRTQ_REGIONS);
	for (unsigned i = 0; i < vhost->memory.n; i++) {
		const struct rte_vhost_mem_region *region = &memory->regions[i];
		vhost->memory.regions[i] = (struct virtq_region){region->guest_phys_addr,
			region->size, (uint8_t *)(uintptr_t)region->host_user_addr};
	}
	free(memory);
	return true;
}

// Gives the workers what is ready. All are withdrawn first: they share the memory's table.
static void attach(struct vhost *vhost) {
	uint64_t features = 0;

	detach(vhost);
	if (!vhost->running || rte_vhost_get_negotiated_features(vhost->vid, &features) < 0 ||
		!memory_read(vhost))
		return;
	for (unsigned i = 0; i < PORT_QUEUES_MAX; i++)
		queue_attach(vhost, &vhost->rx[i], vhost->rx_ready >> i & 1, features);
	for (unsigned i = 0; i < vhost->n_queues; i++)
		queue_attach(vhost, &vhost->tx[i], vhost->tx_ready >> i & 1, features);
	uint16_t n_rings = vhost->rx_ready ? rte_fls_u32(vhost->rx_ready) : 0;
	__atomic_store_n(&vhost->n_rings, n_rings, __ATOMIC_RELAXED);
}

static uint64_t guest_offloads(int vid) {
	const uint64_t tso =
		RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6);
	uint64_t features = 0, offloads = ALWAYS;

	if (rte_vhost_get_negotiated_features(vid, &features) < 0 ||
		!(features & RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM)))
		return ALWAYS;
	offloads |= RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	return (features & tso) == tso ? offloads | RTE_ETH_TX_OFFLOAD_TCP_TSO : offloads;
}

static void running_set(struct vhost *vhost, bool on) {
	uint64_t offloads = on ? guest_offloads(vhost->vid) : ALWAYS;

	__atomic_store_n(&vhost->pub->tx_offloads, offloads, __ATOMIC_RELEASE);
	__atomic_store_n(&vhost->running, on, __ATOMIC_RELEASE);
}

// ---- what the library tells, on its threads -------------------------------------------------------------------

// Locked; to be given back. NULL: of no port, or of one that has another guest.
static struct vhost *vhost_lock(int vid) {
	char socket[PORT_DEVICE_LEN];
	struct vhost *vhost;

	if (rte_vhost_get_ifname(vid, socket, sizeof(socket)) < 0)
		return NULL;
	pthread_mutex_lock(&all_lock);
	for (vhost = all; vhost && strcmp(vhost->socket, socket) != 0;)
		vhost = vhost->link;
	if (vhost)
		pthread_mutex_lock(&vhost->change);
	pthread_mutex_unlock(&all_lock);
	if (vhost && vhost->vid >= 0 && vhost->vid != vid) {
		pthread_mutex_unlock(&vhost->change);
		return NULL;
	}
	return vhost;
}

static void vhost_unlock(struct vhost *vhost) {
	pthread_mutex_unlock(&vhost->change);
}

static enum rte_vhost_msg_result msg_before(int vid, void *arg) {
	struct vhost *vhost = vhost_lock(vid);
	struct msg *msg = arg;

	if (vhost) {
		detach(vhost);
		vhost_unlock(vhost);
	}
	if (msg->request != MSG_GET_QUEUE_NUM)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	msg->number = PORT_QUEUES_MAX; // the library's answer is its own limit
	msg->size = sizeof(msg->number);
	return RTE_VHOST_MSG_RESULT_REPLY;
}

static enum rte_vhost_msg_result msg_after(int vid, void *arg) {
	struct vhost *vhost = vhost_lock(vid);
	const struct msg *msg = arg;

	if (!vhost)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	if (msg->request == MSG_SEND_RARP)
		__atomic_store_n(&vhost->rarp, msg->number, __ATOMIC_RELEASE);
	attach(vhost);
	vhost_unlock(vhost);
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static int connection_new(int vid) {
	static const struct rte_vhost_user_extern_ops ops = {
		.pre_msg_handle = msg_before, .post_msg_handle = msg_after};
	struct vhost *vhost = vhost_lock(vid);

	if (!vhost)
		return -1; // one guest at a time
	int rc = rte_vhost_extern_callback_register(vid, &ops, NULL);
	if (rc == 0)
		vhost->vid = vid;
	vhost_unlock(vhost);
	return rc;
}

static void connection_gone(int vid) {
	struct vhost *vhost = vhost_lock(vid);

	if (!vhost)
		return;
	detach(vhost);
	running_set(vhost, false);
	vhost->vid = -1;
	vhost->rx_ready = vhost->tx_ready = 0;
	vhost_unlock(vhost);
}

static int guest_new(int vid) {
	struct vhost *vhost = vhost_lock(vid);

	if (!vhost)
		return -1;
	running_set(vhost, true);
	attach(vhost);
	vhost_unlock(vhost);
	return 0;
}

static void guest_gone(int vid) {
	struct vhost *vhost = vhost_lock(vid);

	if (!vhost)
		return;
	detach(vhost);
	running_set(vhost, false);
	vhost_unlock(vhost);
}

static int ring_changed(int vid, uint16_t number, int ready) {
	struct vhost *vhost = vhost_lock(vid);

	if (!vhost)
		return -1;
	uint32_t *bits = number % 2 ? &vhost->rx_ready : &vhost->tx_ready;
	uint32_t bit = number / 2 < PORT_QUEUES_MAX ? RTE_BIT32(number / 2) : 0;
	__atomic_store_n(bits, ready ? *bits | bit : *bits & ~bit, __ATOMIC_RELEASE);
	attach(vhost);
	vhost_unlock(vhost);
	return 0;
}

static const struct rte_vhost_device_ops vhost_ops = {
	.new_connection = connection_new,
	.destroy_connection = connection_gone,
	.new_device = guest_new,
	.destroy_device = guest_gone,
	.vring_state_changed = ring_changed,
};

// ---- the port -----------------------------------------------------------------------------------------------

static void list_add(struct vhost *vhost) {
	pthread_mutex_lock(&all_lock);
	vhost->link = all;
	all = vhost;
	pthread_mutex_unlock(&all_lock);
}

static void list_remove(const struct vhost *vhost) {
	pthread_mutex_lock(&all_lock);
	for (struct vhost **at = &all; *at; at = &(*at)->link) {
		if (*at == vhost) {
			*at = vhost->link;
			break;
		}
	}
	pthread_mutex_unlock(&all_lock);
}

static struct vhost *vhost_new(
	struct port *port, const struct port_conf *conf, const char *socket) {
	struct vhost *vhost = rte_zmalloc("vhost", sizeof(*vhost), RTE_CACHE_LINE_SIZE);

	if (!vhost)
		return NULL;
	pthread_mutex_init(&vhost->change, NULL);
	vhost->vid = -1;
	vhost->client = conf->client;
	vhost->pub = &port->pub;
	snprintf(vhost->socket, sizeof(vhost->socket), "%s", socket);
	list_add(vhost);
	return vhost;
}

// When the library has let go of the socket, none of its threads is here.
static void vhost_close(struct port *port) {
	struct vhost *vhost = port->state;

	if (vhost) {
		rte_vhost_driver_unregister(vhost->socket);
		list_remove(vhost);
		pthread_mutex_destroy(&vhost->change);
	}
	port_dev_remove(port);
	rte_free(vhost);
	port->state = port->pub.driver = NULL;
}

// UFO asks for IP fragments of one datagram, which nothing here makes; guests do not need it.
static int socket_open(const struct vhost *vhost, struct err *err) {
	const uint64_t refused =
		RTE_BIT64(VIRTIO_NET_F_HOST_UFO) | RTE_BIT64(VIRTIO_NET_F_GUEST_UFO);
	int rc =
		rte_vhost_driver_register(vhost->socket, vhost->client ? RTE_VHOST_USER_CLIENT : 0);

	if (rc == 0)
		rc = rte_vhost_driver_disable_features(vhost->socket, refused);
	if (rc == 0)
		rc = rte_vhost_driver_callback_register(vhost->socket, &vhost_ops);
	if (rc == 0)
		rc = rte_vhost_driver_start(vhost->socket);
	return rc == 0
		? 0
		: err_set(err, -EIO, "no vhost-user socket at %s; the log says why", vhost->socket);
}

// The same for the same socket, so that neighbours of a router need not learn it anew.
static struct rte_ether_addr mac_of(const char *socket) {
	uint64_t hash = hash_text(socket);
	struct rte_ether_addr mac;

	hash ^= hash >> 32;
	memcpy(mac.addr_bytes, &hash, sizeof(mac.addr_bytes));
	mac.addr_bytes[0] = 0x02;
	return mac;
}

static int device_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	int rc = port_vdev_add(port, "net_null", err, "size=64");

	if (rc == 0)
		rc = port_start(port, conf, workers, err);
	if (rc < 0)
		return rc;
	struct vhost *vhost = port->state;
	vhost->n_queues = port->pub.n_rxq;
	const struct mac none = {0};
	if (memcmp(&conf->mac, &none, sizeof(none)) == 0)
		port->pub.mac = mac_of(vhost->socket);
	return socket_open(vhost, err);
}

static int vhost_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	char buf[PORT_DEVICE_LEN];
	const char *socket = port_socket(conf, buf, sizeof(buf));
	struct vhost *vhost = vhost_new(port, conf, socket);

	if (!vhost)
		return err_set(err, -ENOMEM, "out of memory");
	port->state = port->pub.driver = vhost;
	// More queues than the guest uses would be dead ends, so there is one unless asked for; a guest may have more.
	port->n_rxq = port->n_txq = conf->queues ? conf->queues : 1;
	port->pub.tx_offloads = ALWAYS;
	port->pub.recv = vhost_recv;
	port->pub.send = vhost_send;
	int rc = conf->client ? 0 : port_socket_clear(socket, SOCK_STREAM, err);
	if (rc == 0)
		rc = device_open(port, conf, workers, err);
	if (rc < 0) {
		vhost_close(port);
		return rc;
	}
	if (!conf->client)
		port_socket_share(socket);
	return 0;
}

// A guest may have fewer queues than the port, and turn them on later: the workers that own the others hand over.
static void queues_follow(struct port *port, const struct vhost *vhost) {
	uint32_t ready = __atomic_load_n(&vhost->tx_ready, __ATOMIC_ACQUIRE);
	uint16_t n = 0;

	while (n < port->n_txq && (ready & RTE_BIT32(n)))
		n++;
	n = RTE_MAX(n, 1);
	if (n == port->pub.n_txq)
		return;
	port->pub.n_txq = n;
	dp_workers_ports_changed();
	dp_sync();
}

static bool any_broken(const struct vhost *vhost) {
	for (unsigned i = 0; i < PORT_QUEUES_MAX; i++) {
		if (vhost->rx[i].ring.broken || vhost->tx[i].ring.broken)
			return true;
	}
	return false;
}

static bool vhost_link(struct port *port) {
	struct vhost *vhost = port->state;
	bool broken = any_broken(vhost);

	queues_follow(port, vhost);
	if (broken && !vhost->broken_told)
		log_warn("ports",
			"a guest's ring contradicts itself; it stands still until the guest resets "
			"it",
			"port=%s", port->pub.name);
	vhost->broken_told = broken;
	return __atomic_load_n(&vhost->running, __ATOMIC_ACQUIRE);
}

static void vhost_stats(struct port *port, struct rte_eth_stats *stats) {
	const struct vhost *vhost = port->state;

	for (unsigned i = 0; i < PORT_QUEUES_MAX; i++) {
		const struct virtq *rx = &vhost->rx[i].ring, *tx = &vhost->tx[i].ring;
		stats->ipackets += rx->packets;
		stats->ibytes += rx->bytes;
		stats->ierrors += rx->errors;
		stats->rx_nombuf += rx->no_buffer;
		stats->opackets += tx->packets;
		stats->obytes += tx->bytes;
		stats->oerrors += tx->errors;
	}
}

static void vhost_show(struct port *port, json_t *row) {
	const struct vhost *vhost = port->state;
	uint64_t offloads = port->pub.tx_offloads;
	const char *peer = vhost->client ? "connecting" : "waiting";

	if (port->link_up && any_broken(vhost))
		peer = "connected (broken ring)";
	else if (port->link_up && (offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO))
		peer = "connected (checksum, tso)";
	else if (port->link_up)
		peer = offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM ? "connected (checksum)"
							       : "connected";
	json_object_set_new(row, "peer", json_string(peer));
}

const struct dp_port_kind port_vhost_kind = {
	.name = "vhost-user",
	.help = "a guest's NIC",
	.alone = true,
	.claim = vhost_claim,
	.check = vhost_check,
	.open = vhost_open,
	.close = vhost_close,
	.link = vhost_link,
	.stats = vhost_stats,
	.show = vhost_show,
};
