// SPDX-License-Identifier: BSD-3-Clause
// memif ports: a pair in one process, and a peer that is another process and dies without a word.
//
// Called with the path of a socket this program is that peer: DPDK's own driver, which sends back what it gets.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include <errno.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMES 100

static char path[64];

// ---- the other process --------------------------------------------------------------------------------------

static int peer_port_start(uint16_t id) {
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"peer", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct rte_eth_conf conf = {0};

	if (!pool || rte_eth_dev_configure(id, 1, 1, &conf) < 0 ||
		rte_eth_rx_queue_setup(id, 0, 1024, SOCKET_ID_ANY, NULL, pool) < 0 ||
		rte_eth_tx_queue_setup(id, 0, 1024, SOCKET_ID_ANY, NULL) < 0)
		return -1;
	return rte_eth_dev_start(id);
}

// Sources and destinations change places, so that nothing goes back to where it was learnt.
static void peer_turn_back(struct rte_mbuf *m) {
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	RTE_SWAP(eth->src_addr, eth->dst_addr);
}

static int peer_main(const char *socket) {
	char vdev[160];
	char *args[] = {"peer", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m",
		"64", "--lcores=0", "--log-level=*:error", "--vdev", vdev};
	struct rte_mbuf *pkts[32];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(vdev, sizeof(vdev), "net_memif0,role=client,socket=%s,socket-abstract=no", socket);
	if (rte_eal_init(RTE_DIM(args), args) < 0 || peer_port_start(0) < 0)
		return 1;
	rmdir(rte_eal_get_runtime_dir());
	for (;;) {
		uint16_t n = rte_eth_rx_burst(0, 0, pkts, RTE_DIM(pkts));
		for (uint16_t i = 0; i < n; i++)
			peer_turn_back(pkts[i]);
		uint16_t sent = rte_eth_tx_burst(0, 0, pkts, n);
		rte_pktmbuf_free_bulk(pkts + sent, n - sent);
		if (n == 0)
			sched_yield();
	}
}

static pid_t peer_spawn(void) {
	char *argv[] = {"memif_peer", path, NULL};
	extern char **environ;
	pid_t pid;

	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	return pid;
}

static void peer_kill(pid_t pid) {
	int status;

	assert_int_equal(waitpid(pid, &status, WNOHANG), 0); // it has not given up by itself
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

// ---- frames and configuration -----------------------------------------------------------------------------------

static size_t frame_make(uint8_t *bytes, uint8_t from, uint8_t to, unsigned n) {
	size_t len = 60 + n * 29 % 8900; // up to five buffers of the shared memory

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 3 + n);
	memcpy(bytes, (uint8_t[]){2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5}, 14);
	return len;
}

#define SERVER "srv = { device = 'memif:%s', mtu = 9000 }, "
#define CLIENT "cli = { device = 'memif:%s,role=client', mtu = 9000 }, "
#define RINGS  "a = { device = 'ring:a', mtu = 9000 }, b = { device = 'ring:b', mtu = 9000 } "

// a - switch sa - server ~ client - switch sb - b; either end of the memif may be missing.
static void config_pair(bool server, bool client) {
	char text[1024], srv[128] = "", cli[128] = "";

	if (server)
		snprintf(srv, sizeof(srv), SERVER, path);
	if (client)
		snprintf(cli, sizeof(cli), CLIENT, path);
	snprintf(text, sizeof(text),
		"return { ports = { %s%s" RINGS "}, switches = { sa = { ports = { %sa = {} } }, "
		"sb = { ports = { %sb = {} } } } }",
		srv, cli, server ? "srv = {}, " : "", client ? "cli = {}, " : "");
	packet_config(text);
}

static void wait_both(bool up) {
	packet_wait_link("srv", up);
	packet_wait_link("cli", up);
}

static void expect_traffic(unsigned frames) {
	uint8_t bytes[PACKET_FRAME_MAX];

	for (unsigned n = 0; n < frames; n++) {
		size_t len = frame_make(bytes, 1, 2, n);
		packet_send_chain("a", bytes, len, 2000);
		packet_wait_expect("b", bytes, len);
		len = frame_make(bytes, 2, 1, n);
		packet_send_chain("b", bytes, len, 2000);
		packet_wait_expect("a", bytes, len);
	}
	packet_expect_none();
}

// ---- tests ----------------------------------------------------------------------------------------------------

static void frames_both_ways(void **) {
	config_pair(true, true);
	wait_both(true);
	expect_traffic(FRAMES);
	packet_config("{}");
}

static void the_client_comes_back(void **) {
	config_pair(true, true);
	for (unsigned i = 0; i < 2; i++) {
		wait_both(true);
		expect_traffic(20);
		config_pair(true, false);
		packet_wait_link("srv", false);
		config_pair(true, true);
	}
	wait_both(true);
	expect_traffic(20);
	packet_config("{}");
}

static void the_server_comes_back(void **) {
	config_pair(true, true);
	for (unsigned i = 0; i < 2; i++) {
		wait_both(true);
		expect_traffic(20);
		config_pair(false, true);
		packet_wait_link("cli", false);
		config_pair(true, true);
	}
	wait_both(true);
	expect_traffic(20);
	packet_config("{}");
}

static void the_socket_is_kept_in_order(void **) {
	struct stat st;

	config_pair(true, false);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	packet_config("{}");
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(errno, ENOENT);
}

static void config_server(unsigned workers) {
	char text[1024];

	snprintf(text, sizeof(text),
		"return { system = { workers = %u, idle = 'busy' }, ports = { " SERVER RINGS "}, "
		"switches = { s = { ports = { srv = {}, a = {} } } } }",
		workers, path);
	packet_config(text);
}

struct flood {
	unsigned back; // frames that came back
	unsigned wanted;
};

// Keeps the worker busy at both ends of the port's rings.
static bool flooded(void *arg) {
	static const uint8_t turned[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	static uint8_t bytes[PACKET_FRAME_MAX], got[PACKET_FRAME_MAX];
	struct flood *flood = arg;
	size_t len = frame_make(bytes, 1, 2, 40);

	while (packet_count("a") > 0) {
		assert_int_equal(packet_recv("a", got), len);
		assert_memory_equal(got, turned, sizeof(turned));
		assert_memory_equal(got + 12, bytes + 12, len - 12);
		flood->back++;
	}
	for (unsigned i = 0; i < 32 && packet_waiting("a") < 512; i++)
		packet_send("a", bytes, len);
	return flood->back >= flood->wanted;
}

static bool flooded_down(void *arg) {
	json_t *rows = packet_show("ports"), *row;
	bool down = false;
	size_t i;

	flooded(arg);
	json_array_foreach (rows, i, row) {
		if (strcmp(json_string_value(json_object_get(row, "name")), "srv") == 0)
			down = strcmp(json_string_value(json_object_get(row, "state")), "down") ==
				0;
	}
	json_decref(rows);
	return down;
}

// Returns when so many frames came back.
static pid_t peer_meet(struct flood *flood) {
	pid_t pid = peer_spawn();

	if (packet_wait(flooded, flood))
		return pid;
	peer_kill(pid);
	fail_msg("the peer is not served: %u frames came back", flood->back);
	return -1;
}

// The driver of DPDK 22.11 alone does not survive this: it unmaps the rings while the worker reads them.
static void a_peer_dies_while_a_worker_polls(void **) {
	config_server(1);
	for (unsigned i = 0; i < 6; i++) {
		struct flood flood = {.wanted = 2000};
		peer_kill(peer_meet(&flood));
		assert_true(packet_wait(flooded_down, &flood));
	}
	packet_config("{}");
}

static int setup(void **) {
	static const struct module *const modules[] = {&switch_module, NULL};

	if (packet_setup(modules) < 0)
		return -1;
	clock_fake_stop();
	snprintf(path, sizeof(path), "%s/memif", packet_dir());
	return 0;
}

static int teardown(void **) {
	return packet_teardown();
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_socket_is_kept_in_order),
		cmocka_unit_test(frames_both_ways),
		cmocka_unit_test(the_client_comes_back),
		cmocka_unit_test(the_server_comes_back),
		cmocka_unit_test(a_peer_dies_while_a_worker_polls),
	};

	if (argc > 1)
		return peer_main(argv[1]);
	return cmocka_run_group_tests(tests, setup, teardown);
}
