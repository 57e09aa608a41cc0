// SPDX-License-Identifier: BSD-3-Clause
// vhost-user ports with guests: DPDK's virtio_user devices in this process, whose memory (a memfd, without hugepages)
// the ports map like that of any guest.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include <errno.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SLOTS   256
#define LONGEST 65000

struct guest {
	char vdev[32];
	uint16_t id;
};

static char sockets[2][64]; // of ports g0 and g1

// Of all guests that start: further arguments of virtio_user, and pairs of queues.
static const char *guest_args = "";
static uint16_t guest_queues = 1, port_queues = 1;
static bool guest_sleeps; // by an eventfd

// What rings of guests may look like.
static const char *const rings[] = {"", ",packed_vq=1", ",in_order=1", ",packed_vq=1,in_order=1",
	",mrg_rxbuf=0", ",packed_vq=1,mrg_rxbuf=0"};

// ---- guests -------------------------------------------------------------------------------------------------

// `checksum`: sends and takes frames whose checksum is not filled in, and such that are to be cut.
static void guest_start(struct guest *guest, unsigned port, bool checksum) {
	const uint64_t sums = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	static unsigned serial;
	struct rte_eth_conf conf = {.intr_conf.rxq = guest_sleeps};
	char args[128];

	if (checksum) {
		conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
		if (!strstr(guest_args, "mrg_rxbuf=0"))
			conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_TCP_LRO;
		conf.txmode.offloads = sums | RTE_ETH_TX_OFFLOAD_TCP_TSO;
	}
	snprintf(guest->vdev, sizeof(guest->vdev), "net_virtio_user%u", serial++);
	snprintf(args, sizeof(args), "path=%s,queues=%u,cq=%u,mac=02:00:00:00:01:%02x%s",
		sockets[port], guest_queues, guest_queues > 1, port, guest_args);
	assert_int_equal(rte_eal_hotplug_add("vdev", guest->vdev, args), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(guest->vdev, &guest->id), 0);
	assert_int_equal(rte_eth_dev_configure(guest->id, guest_queues, guest_queues, &conf), 0);
	for (uint16_t i = 0; i < guest_queues; i++) {
		assert_int_equal(
			rte_eth_rx_queue_setup(guest->id, i, SLOTS, SOCKET_ID_ANY, NULL, dp_pool()),
			0);
		assert_int_equal(
			rte_eth_tx_queue_setup(guest->id, i, SLOTS, SOCKET_ID_ANY, NULL), 0);
	}
	assert_int_equal(rte_eth_dev_start(guest->id), 0);
}

static void guest_stop(struct guest *guest) {
	rte_eth_dev_stop(guest->id);
	assert_int_equal(rte_eal_hotplug_remove("vdev", guest->vdev), 0);
	guest->vdev[0] = '\0';
}

static struct rte_mbuf *mbuf_of(const void *bytes, size_t len) {
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, len), bytes, len);
	return m;
}

static struct rte_mbuf *chain_of(const uint8_t *bytes, size_t len) {
	const size_t seg = 1800;
	struct rte_mbuf *m = mbuf_of(bytes, RTE_MIN(len, seg));

	for (size_t at = seg; at < len; at += seg)
		assert_int_equal(
			rte_pktmbuf_chain(m, mbuf_of(bytes + at, RTE_MIN(seg, len - at))), 0);
	return m;
}

static void guest_send_by(const struct guest *guest, uint16_t queue, struct rte_mbuf *m) {
	assert_int_equal(rte_eth_tx_prepare(guest->id, queue, &m, 1), 1);
	assert_int_equal(rte_eth_tx_burst(guest->id, queue, &m, 1), 1);
}

static void guest_send_mbuf(const struct guest *guest, struct rte_mbuf *m) {
	guest_send_by(guest, 0, m);
}

static void guest_send(const struct guest *guest, const void *bytes, size_t len) {
	guest_send_mbuf(guest, mbuf_of(bytes, len));
}

struct guest_wait {
	const struct guest *guest;
	struct rte_mbuf *got;
};

static bool guest_got(void *arg) {
	struct guest_wait *wait = arg;

	return rte_eth_rx_burst(wait->guest->id, 0, &wait->got, 1) == 1;
}

// Returns the packet's flags.
static uint64_t guest_expect(const struct guest *guest, const uint8_t *bytes, size_t len) {
	struct guest_wait wait = {guest, NULL};
	static uint8_t copy[LONGEST];

	if (!packet_wait(guest_got, &wait))
		fail_msg("guest %s got nothing", guest->vdev);
	struct rte_mbuf *m = wait.got;
	uint64_t flags = m->ol_flags;
	size_t got_len = m->pkt_len;
	const uint8_t *got = rte_pktmbuf_read(m, 0, RTE_MIN(got_len, len), copy);
	bool same = got_len == len && memcmp(got, bytes, len) == 0;
	rte_pktmbuf_free(m);
	if (!same)
		fail_msg("guest %s got another frame, of %zu bytes", guest->vdev, got_len);
	return flags;
}

// ---- frames ---------------------------------------------------------------------------------------------------

static size_t frame_make(uint8_t *bytes, uint8_t from, uint8_t to, size_t len) {
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 5 + from);
	memcpy(bytes, (uint8_t[]){2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5}, 14);
	return len;
}

static size_t tag_add(uint8_t *bytes, size_t len, uint8_t vlan) {
	memmove(bytes + 16, bytes + 12, len - 12);
	memcpy(bytes + 12, (uint8_t[]){0x81, 0x00, 0x00, vlan}, 4);
	return len + 4;
}

#define TCP_AT      34
#define TCP_SUM_AT  50
#define TCP_PAYLOAD 101 // odd: the last byte counts as the upper one of two

// With its checksum filled in.
static size_t tcp_make(uint8_t *bytes, size_t payload) {
	size_t len = TCP_AT + sizeof(struct rte_tcp_hdr) + payload;
	struct rte_ipv4_hdr *ip = (void *)(bytes + sizeof(struct rte_ether_hdr));
	struct rte_tcp_hdr *tcp = (void *)(bytes + TCP_AT);

	frame_make(bytes, 1, 9, len);
	bytes[12] = 0x08;
	bytes[13] = 0x00;
	*ip = (struct rte_ipv4_hdr){.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(len - sizeof(struct rte_ether_hdr)),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = RTE_BE32(0x0a000001),
		.dst_addr = RTE_BE32(0x0a000002)};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	*tcp = (struct rte_tcp_hdr){.src_port = RTE_BE16(4242),
		.dst_port = RTE_BE16(80),
		.sent_seq = RTE_BE32(1000),
		.data_off = 0x50,
		.tcp_flags = RTE_TCP_ACK_FLAG,
		.rx_win = RTE_BE16(512)};
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	return len;
}

// The same with the sum of the pseudo header alone, as a request has it.
static void tcp_unfinish(uint8_t *bytes) {
	const struct rte_ipv4_hdr *ip = (void *)(bytes + sizeof(struct rte_ether_hdr));
	struct rte_tcp_hdr *tcp = (void *)(bytes + TCP_AT);

	tcp->cksum = rte_ipv4_phdr_cksum(ip, 0);
}

static void request_set(struct rte_mbuf *m) {
	m->l2_len = sizeof(struct rte_ether_hdr);
	m->l3_len = sizeof(struct rte_ipv4_hdr);
	m->l4_len = sizeof(struct rte_tcp_hdr);
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
}

static void guest_send_request(const struct guest *guest, const uint8_t *bytes, size_t len) {
	struct rte_mbuf *m = mbuf_of(bytes, len);

	request_set(m);
	guest_send_mbuf(guest, m);
}

// ---- configuration ------------------------------------------------------------------------------------------

static unsigned workers; // threads; 0: this one

// Guests g0 and g1 in VLAN 10, r carries its tag.
static void config(void) {
	char text[1024];

	snprintf(text, sizeof(text),
		"return { ports = { g0 = { vhost_user = true, socket = '%s', queues = %u }, "
		"g1 = { vhost_user = true, socket = '%s', queues = %u }, "
		"r = { device = 'ring:r' } }, system = { workers = %u }, "
		"switches = { s = { ports = { g0 = { access = 10 }, g1 = { access = 10 }, "
		"r = { trunk = { 10 } } } } } }",
		sockets[0], port_queues, sockets[1], port_queues, workers);
	packet_config(text);
}

static void start_both(struct guest guests[2], bool first, bool second) {
	config();
	guest_start(&guests[0], 0, first);
	guest_start(&guests[1], 1, second);
	packet_wait_link("g0", true);
	packet_wait_link("g1", true);
}

// Others in their place, with this kind of rings.
static void restart_both(struct guest guests[2], bool checksum, const char *args) {
	const char *const ports[] = {"g0", "g1"};

	guest_args = args;
	for (unsigned i = 0; i < 2; i++) {
		guest_stop(&guests[i]);
		packet_wait_link(ports[i], false);
		guest_start(&guests[i], i, checksum);
		packet_wait_link(ports[i], true);
	}
	guest_args = "";
}

static void stop_both(struct guest guests[2]) {
	guest_stop(&guests[0]);
	guest_stop(&guests[1]);
	packet_config("{}");
}

// A frame of guest 0 to guest 1 and to r, which floods, and one of guest 1 to guest 0.
static void expect_traffic(const struct guest guests[2]) {
	uint8_t bytes[1600];
	size_t len = frame_make(bytes, 1, 9, 60);

	guest_send(&guests[0], bytes, len);
	guest_expect(&guests[1], bytes, len);
	len = tag_add(bytes, len, 10);
	packet_wait_expect("r", bytes, len);
	len = frame_make(bytes, 2, 1, 1514);
	guest_send(&guests[1], bytes, len);
	guest_expect(&guests[0], bytes, len);
	while (packet_recv("r", bytes) >= 0)
		continue; // flooded too, unless guest 0 was learnt in time
}

// ---- tests ----------------------------------------------------------------------------------------------------

static void frames_between_guests(void **) {
	struct guest guests[2];
	uint8_t bytes[1600];

	start_both(guests, false, false);
	for (unsigned ring = 0; ring < RTE_DIM(rings); ring++) {
		restart_both(guests, false, rings[ring]);
		expect_traffic(guests);
		for (unsigned i = 0; i < 2 * SLOTS;
			i++) { // more than a ring holds: buffers come back
			size_t len = frame_make(bytes, 2, 1, 60 + i * 2);
			guest_send(&guests[1], bytes, len);
			guest_expect(&guests[0], bytes, len);
		}
	}
	stop_both(guests);
}

static bool called(int fd) {
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n);
}

// Only when it wants to be.
static void a_guest_that_sleeps_is_called(void **) {
	struct guest guests[2];
	uint8_t bytes[64];

	guest_sleeps = true;
	start_both(guests, false, false);
	for (unsigned ring = 0; ring < 2; ring++) {
		restart_both(guests, false, rings[ring]);
		int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(guests[1].id, 0);
		size_t len = frame_make(bytes, 1, 9, 60);
		assert_true(fd >= 0);
		for (unsigned i = 0; i < 6; i++) {
			if (i % 2)
				rte_eth_dev_rx_intr_enable(guests[1].id, 0);
			else
				rte_eth_dev_rx_intr_disable(guests[1].id, 0);
			called(fd);
			guest_send(&guests[0], bytes, len);
			guest_expect(&guests[1], bytes, len);
			assert_int_equal(called(fd), i % 2);
		}
	}
	guest_sleeps = false;
	while (packet_recv("r", bytes) >= 0)
		continue;
	stop_both(guests);
}

// Frames come in by any pair of queues of the guest's, as many as the port has or more.
static void pairs_of_queues(void **state) {
	struct guest guests[2];
	uint8_t bytes[1600];

	guest_queues = 2;
	port_queues = *state ? 2 : 1;
	start_both(guests, false, false);
	expect_traffic(guests);
	for (unsigned i = 0; i < SLOTS + 9; i++) {
		size_t len = frame_make(bytes, 2, 1, 60 + i);
		guest_send_by(&guests[1], i % 2, mbuf_of(bytes, len));
		guest_expect(&guests[0], bytes, len);
	}
	stop_both(guests);
	guest_queues = port_queues = 1;
}

static void tags_of_guests(void **) {
	struct guest guests[2];
	uint8_t bytes[128];

	start_both(guests, false, false);
	size_t len = tag_add(bytes, frame_make(bytes, 7, 9, 60), 10);
	packet_send("r", bytes, len);
	len = frame_make(bytes, 7, 9, 60);
	guest_expect(&guests[0], bytes, len);
	guest_expect(&guests[1], bytes, len);
	len = tag_add(bytes, len, 11); // of no VLAN that the port is in
	guest_send(&guests[0], bytes, len);
	len = frame_make(bytes, 1, 9, 60);
	guest_send(&guests[0], bytes, len);
	guest_expect(&guests[1], bytes, len);
	packet_wait_expect("r", bytes, tag_add(bytes, len, 10));
	packet_expect_none();
	stop_both(guests);
}

static void checksums_are_finished_where_needed(void **) {
	struct guest guests[2];
	uint8_t bytes[256], partial[256];

	start_both(guests, true, true);
	size_t len = tcp_make(bytes, TCP_PAYLOAD);
	memcpy(partial, bytes, len);
	tcp_unfinish(partial);
	assert_memory_not_equal(partial, bytes, len);
	guest_send_request(&guests[0], partial, len);
	uint64_t flags = guest_expect(&guests[1], partial, len);
	assert_int_equal(flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_NONE);
	packet_wait_expect("r", bytes, tag_add(bytes, len, 10));
	stop_both(guests);
}

// A frame of 65,000 bytes that is to be cut, in many buffers here and there.
static void long_frames_stay_whole(void **) {
	static uint8_t bytes[LONGEST];
	struct guest guests[2];

	start_both(guests, true, true);
	for (unsigned ring = 0; ring < 2; ring++) {
		restart_both(guests, true, rings[ring]);
		expect_traffic(guests);
		size_t len = tcp_make(bytes, LONGEST - TCP_AT - sizeof(struct rte_tcp_hdr));
		bytes[5] = 2; // where guest 1 is known to be
		for (unsigned i = 0; i < 9; i++) {
			struct rte_mbuf *m = chain_of(bytes, len);
			request_set(m);
			m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
			m->tso_segsz = 1400;
			assert_int_equal(rte_eth_tx_prepare(guests[0].id, 0, &m, 1), 1);
			tcp_unfinish(bytes);
			assert_int_equal(rte_eth_tx_burst(guests[0].id, 0, &m, 1), 1);
			guest_expect(&guests[1], bytes, len);
		}
		packet_expect_none();
	}
	stop_both(guests);
}

static void a_guest_without_offloads_gets_whole_checksums(void **) {
	struct guest guests[2];
	uint8_t bytes[256], partial[256];

	start_both(guests, true, false);
	size_t len = tcp_make(bytes, TCP_PAYLOAD);
	memcpy(partial, bytes, len);
	tcp_unfinish(partial);
	guest_send_request(&guests[0], partial, len);
	guest_expect(&guests[1], bytes, len);
	packet_wait_expect("r", bytes, tag_add(bytes, len, 10));
	stop_both(guests);
}

// A guest leaves in the middle of everything, and another takes its place, with other features and rings.
static void guests_come_and_go(void **) {
	struct guest guests[2];
	uint8_t bytes[256], partial[256];

	start_both(guests, true, true);
	expect_traffic(guests);
	for (unsigned i = 0; i < RTE_DIM(rings); i++) {
		size_t len = frame_make(bytes, 1, 9, 60);
		guest_send(&guests[0], bytes, len);
		guest_stop(&guests[1]);
		packet_wait_link("g1", false);
		packet_wait_expect("r", bytes, tag_add(bytes, len, 10));
		guest_args = rings[i];
		guest_start(&guests[1], 1, i % 2);
		packet_wait_link("g1", true);
		len = tcp_make(bytes, TCP_PAYLOAD);
		memcpy(partial, bytes, len);
		tcp_unfinish(partial);
		guest_send_request(&guests[0], partial, len);
		guest_expect(&guests[1], i % 2 ? partial : bytes, len);
		packet_wait_expect("r", bytes, tag_add(bytes, len, 10));
		expect_traffic(guests);
	}
	guest_args = "";
	stop_both(guests);
}

// While a worker moves frames, one guest is stopped and another started, with another kind of rings.
static void guests_change_under_traffic(void **) {
	struct guest guests[2];
	uint8_t bytes[64];

	workers = 1;
	start_both(guests, false, true);
	for (unsigned i = 0; i < 4; i++) {
		size_t len = frame_make(bytes, 1, 9, 60);
		for (unsigned j = 0; j < SLOTS / 2; j++) {
			struct rte_mbuf *m = mbuf_of(bytes, len);
			if (rte_eth_tx_burst(guests[0].id, 0, &m, 1) == 0)
				rte_pktmbuf_free(m);
		}
		guest_stop(&guests[1]);
		packet_wait_link("g1", false);
		guest_args = rings[i % RTE_DIM(rings)];
		guest_start(&guests[1], 1, i % 2);
		packet_wait_link("g1", true);
	}
	guest_args = "";
	stop_both(guests);
	workers = 0;
	start_both(guests, false, true);
	while (packet_recv("r", bytes) >= 0)
		continue;
	expect_traffic(guests);
	stop_both(guests);
}

// The port goes away under its guests, and they meet a new one.
static void ports_come_and_go(void **) {
	struct guest guests[2];

	for (unsigned i = 0; i < 3; i++) {
		start_both(guests, false, true);
		expect_traffic(guests);
		packet_config("{}");
		guest_stop(&guests[0]);
		guest_stop(&guests[1]);
	}
}

static void sockets_are_kept_in_order(void **) {
	struct stat st;

	config();
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(stat(sockets[i], &st), 0);
		assert_true(S_ISSOCK(st.st_mode));
		assert_int_equal(st.st_mode & 0777, 0660);
	}
	packet_config("{}");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(stat(sockets[i], &st), -1);
		assert_int_equal(errno, ENOENT);
	}
}

static int socket_bind(const char *path) {
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void a_stale_socket_is_replaced(void **) {
	struct guest guests[2];
	int fd = socket_bind(sockets[0]);
	char text[256];

	snprintf(text, sizeof(text), "{\"ports\":{\"g0\":{\"vhost_user\":true,\"socket\":\"%s\"}}}",
		sockets[0]);
	assert_non_null(strstr(packet_config_refused(text), "another process listens"));
	close(fd);
	start_both(guests, false, false);
	expect_traffic(guests);
	stop_both(guests);
	FILE *f = fopen(sockets[0], "we");
	assert_non_null(f);
	fclose(f);
	assert_non_null(strstr(packet_config_refused(text), "is no socket"));
	assert_int_equal(unlink(sockets[0]), 0);
}

static int setup(void **) {
	static const struct module *const modules[] = {&switch_module, NULL};

	if (packet_setup(modules) < 0)
		return -1;
	clock_fake_stop();
	signal(SIGPIPE, SIG_IGN); // virtio_user says goodbye to ports that have gone
	for (unsigned i = 0; i < 2; i++)
		snprintf(sockets[i], sizeof(sockets[i]), "%s/g%u", packet_dir(), i);
	return 0;
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_are_kept_in_order),
		cmocka_unit_test(frames_between_guests),
		cmocka_unit_test(a_guest_that_sleeps_is_called),
		cmocka_unit_test_prestate(pairs_of_queues, (void *)"as many"),
		cmocka_unit_test(pairs_of_queues),
		cmocka_unit_test(tags_of_guests),
		cmocka_unit_test(checksums_are_finished_where_needed),
		cmocka_unit_test(long_frames_stay_whole),
		cmocka_unit_test(a_guest_without_offloads_gets_whole_checksums),
		cmocka_unit_test(guests_come_and_go),
		cmocka_unit_test(guests_change_under_traffic),
		cmocka_unit_test(ports_come_and_go),
		cmocka_unit_test(a_stale_socket_is_replaced),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
