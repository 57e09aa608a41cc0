// SPDX-License-Identifier: BSD-3-Clause
// device = "memif:PATH[,id=N][,role=server|client]": shared memory with another process of this host (libmemif, VPP,
// DPDK, a second leatd). The server listens at PATH, one peer at a time; the client makes the memory.
//
// DPDK 22.11's driver must not be told that its peer has gone while a worker polls: memif_disconnect() runs on DPDK's
// interrupt thread when the control socket says so, unmaps the rings and frees their descriptions, and waits for
// nobody; a burst that is under way then reads unmapped memory. It has no callback before that, so the order cannot
// be had from the driver. Therefore it never talks to the peer itself: it is given a private socket in the run dir,
// and the control thread passes the few messages of the handshake (and their fds) on. When the peer goes, or says
// anything after the handshake, the workers let go of the port first (port_rest()), the driver hears of it next, and
// they take it up again when it has unmapped. A client's driver does not reconnect either; it is restarted here.
//
// What a peer writes into the shared rings is its word: the driver does not check offsets there. So a peer is as
// trusted as leatd itself, and the socket is open to root and the group leat alone.
#include "dataplane/port_priv.h"
#include "dataplane/port_socket.h"
#include "lib/clock.h"
#include "lib/log.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MSG_BYTES     128 // every message of the protocol
#define RING_LOG2     11  // slots of our rings, as client
#define RING_LOG2_MAX 14
#define BUFFER_BYTES  2048
#define REGIONS_MAX   256
#define RELAY_MAX     64 // messages per turn, each way
#define RELAY_WAIT_US 500
#define SILENCE_NS    (10 * NSEC_PER_SEC) // in a handshake, which may go on longer
#define RETRY_NS      (500 * NSEC_PER_MSEC)
#define HANG_UP_NS    (2 * NSEC_PER_SEC)
#define DESC_BYTES    16
#define RING_HEAD     128 // bytes before a ring's descriptors

enum memif_type {
	MEMIF_ACK = 1,
	MEMIF_HELLO,
	MEMIF_INIT,
	MEMIF_ADD_REGION,
	MEMIF_ADD_RING,
	MEMIF_CONNECT,
	MEMIF_CONNECTED,
	MEMIF_DISCONNECT,
};

// What the peer of a server and that of a client have to say.
#define FROM_CLIENT                                                                           \
	(1u << MEMIF_ACK | 1u << MEMIF_INIT | 1u << MEMIF_ADD_REGION | 1u << MEMIF_ADD_RING | \
		1u << MEMIF_CONNECT)
#define FROM_SERVER (1u << MEMIF_ACK | 1u << MEMIF_HELLO | 1u << MEMIF_CONNECTED)
#define BOTH_WAYS   3

// The messages that matter here, as on the wire (memif protocol 2.0, host byte order).
union message {
	uint8_t bytes[MSG_BYTES];
	uint16_t type;
	struct __attribute__((packed)) {
		uint16_t type, index;
		uint64_t size;
	} region;
	struct __attribute__((packed)) {
		uint16_t type, flags, index, region;
		uint32_t offset;
		uint8_t log2_slots;
	} ring;
};

struct memif {
	bool server;
	bool up;     // the driver has its peer
	bool sealed; // the peer's part of the handshake is over
	char path[PORT_SOCKET_LEN], inner[PORT_SOCKET_LEN];
	int listen_fd; // server: at path; client: at inner, for the driver
	int peer_fd, driver_fd;
	uint64_t since_ns; // the last message, or attempt to connect
	unsigned ways;     // bit per direction that a ring was named for
	unsigned n_regions;
	uint64_t regions[REGIONS_MAX]; // sizes
};

// ---- configuration -----------------------------------------------------------------------------------------

static bool is_client(const struct port_conf *conf) {
	char role[PORT_DEVICE_LEN];

	return port_device_arg(conf, "role", role, sizeof(role)) && strcmp(role, "client") == 0;
}

static uint32_t memif_id(const struct port_conf *conf) {
	char text[PORT_DEVICE_LEN];

	return port_device_arg(conf, "id", text, sizeof(text)) ? strtoul(text, NULL, 10) : 0;
}

static void memif_claim(const struct port_conf *conf, char *buf, size_t size) {
	char path[PORT_DEVICE_LEN];

	port_device_name(conf, path, sizeof(path));
	if (is_client(conf))
		snprintf(buf, size, "memif:%s,id=%u", path, memif_id(conf));
	else
		snprintf(buf, size, "socket:%s", path);
}

static int memif_check(const struct port_conf *conf, const char *path, struct err *err) {
	char name[PORT_DEVICE_LEN];
	unsigned long long id;
	int end = 0;

	int rc = port_socket_check(port_device_name(conf, name, sizeof(name)), "device", path, err);
	if (rc == 0 &&
		conf->queues >
			1) // of DPDK's driver, queues that the peer lacks would share one ring
		return err_at(err, path, "queues: a memif port has one");
	for (const char *at = strchr(conf->device, ','); rc == 0 && at; at = strchr(at + 1, ',')) {
		int len = strcspn(at + 1, ",");
		snprintf(name, sizeof(name), "%.*s", len, at + 1);
		if (strcmp(name, "role=server") == 0 || strcmp(name, "role=client") == 0)
			continue;
		if (sscanf(name, "id=%10llu%n", &id, &end) == 1 && name[end] == '\0' &&
			id <= UINT32_MAX)
			continue;
		rc = err_at(err, path,
			"device: %s is none of id=0..4294967295, role=server and role=client",
			name);
	}
	return rc;
}

// ---- the driver --------------------------------------------------------------------------------------------

static bool driver_up(const struct port *port) {
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(port->pub.index, &link) == 0 &&
		link.link_status == RTE_ETH_LINK_UP;
}

static void fd_close(int *fd) {
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

// Tells the driver that its peer has gone. It closes its end last, when everything is unmapped.
static bool driver_hang_up(int fd) {
	uint64_t until = clock_now_ns() + HANG_UP_NS;
	struct pollfd closed = {.fd = fd, .events = POLLIN};
	char buf[MSG_BYTES];

	shutdown(fd, SHUT_WR);
	do {
		poll(&closed, 1, 1);
		if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) == 0)
			return true;
	} while (clock_now_ns() < until && !clock_is_fake());
	return false;
}

// Ends a connection, whatever state it is in.
static void hang_up(struct port *port, const char *why) {
	struct memif *memif = port->state;

	if (memif->up)
		log_info("ports", "memif peer gone", "port=%s why=\"%s\"", port->pub.name, why);
	else
		log_warn("ports", "memif handshake failed", "port=%s why=\"%s\"", port->pub.name,
			why);
	port_rest(port);
	if (memif->driver_fd >= 0 && !driver_hang_up(memif->driver_fd))
		log_error("ports", "the memif driver does not let go", "port=%s", port->pub.name);
	fd_close(&memif->driver_fd);
	fd_close(&memif->peer_fd);
	if (!memif->server) { // it connects when it is started, and only then
		rte_eth_dev_stop(port->pub.index);
		rte_eth_dev_start(port->pub.index);
	}
	memif->up = memif->sealed = false;
	memif->n_regions = memif->ways = 0;
	memif->since_ns = clock_now_ns();
	port_resume(port);
}

// ---- the handshake -------------------------------------------------------------------------------------------

// One message and the fd that may come with it. 1, 0: none there, -EPIPE: the other side has gone, -EPROTO.
static int message_recv(int socket, union message *msg, int *fd) {
	char control[CMSG_SPACE(sizeof(int) * 4)];
	struct iovec iov = {msg->bytes, sizeof(msg->bytes)};
	struct msghdr head = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};

	*fd = -1;
	ssize_t len = recvmsg(socket, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&head); c; c = CMSG_NXTHDR(&head, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		unsigned n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (unsigned i = 0; i < n; i++) {
			fd_close(fd); // the last one counts; there is one in a proper message
			memcpy(fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		}
	}
	if (len == 0)
		return -EPIPE;
	if (len == MSG_BYTES && !(head.msg_flags & MSG_CTRUNC))
		return 1;
	fd_close(fd);
	return -EPROTO;
}

static int message_send(int socket, const union message *msg, int fd) {
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {(void *)(uintptr_t)msg->bytes, sizeof(msg->bytes)};
	struct msghdr head = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		head.msg_control = control;
		head.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&head);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	ssize_t sent = sendmsg(socket, &head, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent == MSG_BYTES ? 0 : -EPIPE;
}

static bool region_good(struct memif *memif, const union message *msg, int fd) {
	struct stat st;

	if (msg->region.index != memif->n_regions || memif->n_regions >= REGIONS_MAX ||
		fstat(fd, &st) < 0 || msg->region.size > (uint64_t)st.st_size)
		return false;
	memif->regions[memif->n_regions++] = msg->region.size;
	return true;
}

static bool ring_good(struct memif *memif, const union message *msg) {
	uint8_t log2_slots = RTE_MIN(msg->ring.log2_slots, RING_LOG2_MAX);
	uint64_t end = msg->ring.offset + RING_HEAD + ((uint64_t)DESC_BYTES << log2_slots);

	if (msg->ring.log2_slots > RING_LOG2_MAX || msg->ring.region >= memif->n_regions ||
		end > memif->regions[msg->ring.region])
		return false;
	memif->ways |= 1u << (msg->ring.flags & 1);
	return true;
}

// The driver maps what it is told, finds the rings where it is told, and takes the messages in any order.
static bool message_good(struct memif *memif, const union message *msg, int fd) {
	unsigned fits = memif->server ? FROM_CLIENT : FROM_SERVER;

	if (msg->type > MEMIF_DISCONNECT || !(fits >> msg->type & 1))
		return false;
	if (msg->type == MEMIF_ADD_REGION)
		return region_good(memif, msg, fd);
	if (msg->type == MEMIF_ADD_RING)
		return ring_good(memif, msg);
	return msg->type != MEMIF_CONNECT || memif->ways == BOTH_WAYS;
}

// 1: one passed on; 0: none there; -EPIPE, -EPROTO.
static int relay(struct memif *memif, bool from_peer) {
	int from = from_peer ? memif->peer_fd : memif->driver_fd;
	int to = from_peer ? memif->driver_fd : memif->peer_fd, fd;
	union message msg = {0};

	int rc = message_recv(from, &msg, &fd);
	if (rc <= 0)
		return rc;
	if (from_peer && (memif->sealed || msg.type == MEMIF_DISCONNECT))
		rc = -EPIPE; // after the handshake there is only the end
	else if (from_peer && !message_good(memif, &msg, fd))
		rc = -EPROTO;
	if (rc > 0 && message_send(to, &msg, fd) < 0)
		rc = -EPIPE;
	if (from_peer && (msg.type == MEMIF_CONNECT || msg.type == MEMIF_CONNECTED))
		memif->sealed = true;
	fd_close(&fd);
	if (rc > 0)
		memif->since_ns = clock_now_ns();
	return rc;
}

static const char *relay_why(int rc, bool from_peer) {
	if (rc == -EPROTO)
		return "a message that makes no sense";
	return from_peer ? "it closed the connection" : "the driver refused it";
}

// Question and answer take turns, so it waits a moment for the next as long as there is progress.
static void relay_all(struct port *port) {
	struct memif *memif = port->state;

	for (unsigned n = 0, idle = 0; n < RELAY_MAX && idle < 2; n++) {
		int in = relay(memif, true), out = in < 0 ? 0 : relay(memif, false);
		if (in < 0 || out < 0) {
			hang_up(port, relay_why(in < 0 ? in : out, in < 0));
			return;
		}
		if (in > 0 || out > 0) {
			idle = 0;
			continue;
		}
		if (memif->up)
			return;
		if (n > 0 && idle == 0)
			usleep(RELAY_WAIT_US);
		idle++;
	}
}

static int accept_one(int listen_fd) {
	return accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void peer_meet(struct port *port) {
	struct memif *memif = port->state;

	if (memif->server) {
		memif->peer_fd = accept_one(memif->listen_fd);
		if (memif->peer_fd < 0)
			return;
		memif->driver_fd = port_socket_connect(memif->inner, SOCK_SEQPACKET);
	} else {
		if (clock_now_ns() - memif->since_ns < RETRY_NS)
			return;
		memif->since_ns = clock_now_ns();
		memif->peer_fd = port_socket_connect(memif->path, SOCK_SEQPACKET);
		if (memif->peer_fd < 0)
			return;
		memif->driver_fd = accept_one(memif->listen_fd);
	}
	memif->since_ns = clock_now_ns();
	if (memif->driver_fd < 0)
		hang_up(port, "the driver does not answer");
}

static bool memif_link(struct port *port) {
	struct memif *memif = port->state;

	if (memif->peer_fd < 0)
		peer_meet(port);
	if (memif->peer_fd < 0)
		return false;
	relay_all(port);
	if (memif->peer_fd < 0)
		return false;
	memif->up |= memif->sealed && driver_up(port);
	if (!memif->up && clock_now_ns() - memif->since_ns > SILENCE_NS)
		hang_up(port, "it does not finish the handshake");
	return memif->up;
}

// ---- the port --------------------------------------------------------------------------------------------------

static void memif_close(struct port *port) {
	struct memif *memif = port->state;

	port_dev_remove(port);
	fd_close(&memif->peer_fd);
	fd_close(&memif->driver_fd);
	if (memif->listen_fd >= 0)
		unlink(memif->server ? memif->path : memif->inner);
	fd_close(&memif->listen_fd);
	free(memif);
	port->state = NULL;
}

static unsigned ring_log2(const struct port_conf *conf) {
	int64_t slots = RTE_MAX(conf->rx_ring, conf->tx_ring);

	return slots ? rte_log2_u32(slots) : RING_LOG2;
}

// The server's driver listens at `inner` when it is started; the client's connects there.
static int device_open(struct port *port, const struct port_conf *conf, struct memif *memif,
	unsigned workers, struct err *err) {
	mode_t mask = umask(0177);
	int rc = port_vdev_add(port, "net_memif", err,
		"role=%s,id=%u,socket=%s,socket-abstract=no,rsize=%u,bsize=%d",
		memif->server ? "server" : "client", memif_id(conf), memif->inner, ring_log2(conf),
		BUFFER_BYTES);

	if (rc == 0)
		rc = port_start(port, conf, workers, err);
	umask(mask);
	return rc;
}

static int memif_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	struct memif *memif = port->state = calloc(1, sizeof(*memif));
	static unsigned serial;
	char name[PORT_DEVICE_LEN];
	int rc = 0;

	if (!memif)
		return err_set(err, -ENOMEM, "out of memory");
	*memif = (struct memif){
		.server = !is_client(conf), .listen_fd = -1, .peer_fd = -1, .driver_fd = -1};
	snprintf(
		memif->path, sizeof(memif->path), "%s", port_device_name(conf, name, sizeof(name)));
	int len = snprintf(
		memif->inner, sizeof(memif->inner), "%s/.memif-%u", dp_eal.run_dir, serial++);
	if (len >= (int)sizeof(memif->inner))
		rc = err_set(err, -ENAMETOOLONG,
			"the run dir's path is too long for a socket in it: %s", dp_eal.run_dir);
	if (rc == 0)
		rc = port_socket_clear(memif->inner, SOCK_SEQPACKET, err);
	const char *listen_at = memif->server ? memif->path : memif->inner;
	if (rc == 0)
		rc = port_socket_clear(listen_at, SOCK_SEQPACKET, err);
	if (rc == 0)
		rc = memif->listen_fd = port_socket_listen(listen_at, SOCK_SEQPACKET, err);
	dp_eal.keep |= memif->server;
	port->n_rxq = port->n_txq = 1;
	port->pub.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (rc >= 0)
		rc = device_open(port, conf, memif, workers, err);
	if (rc < 0) {
		memif_close(port);
		return rc;
	}
	if (memif->server)
		port_socket_share(memif->path);
	return 0;
}

static void memif_show(struct port *port, json_t *row) {
	const struct memif *memif = port->state;
	const char *waits = memif->server ? "waiting" : "connecting";

	json_object_set_new(row, "peer", json_string(memif->up ? "connected" : waits));
}

const struct dp_port_kind port_memif_kind = {
	.name = "memif",
	.prefix = "memif:",
	.help = "shared memory with another process",
	.alone = true,
	.claim = memif_claim,
	.check = memif_check,
	.open = memif_open,
	.close = memif_close,
	.link = memif_link,
	.show = memif_show,
};
