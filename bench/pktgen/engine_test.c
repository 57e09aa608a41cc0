// SPDX-License-Identifier: BSD-3-Clause
// The engine on a ring that gives back what was sent, with somebody in between who damages, doubles, swaps and drops.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/pktgen/engine.h"
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS 1000
#define EVERY   100

static struct engine engine;
static unsigned seen;
static void (*meddle)(struct rte_mbuf **pkts, uint16_t *n);
static const struct rte_eth_rxtx_callback *callback;

static uint16_t between(uint16_t, uint16_t, struct rte_mbuf **pkts, uint16_t n, uint16_t, void *) {
	if (meddle != NULL && n > 0)
		meddle(pkts, &n);
	return n;
}

static void port_make(const char *profile) {
	struct err err = {0};

	engine = (struct engine){.n_ports = 1,
		.burst = 1,
		.device_opts = {.longest = 1518,
			.ring = 512,
			.pool = rte_pktmbuf_pool_create(
				"rx", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY)}};
	if (engine_port_init(&engine, 0, profile, 2047, &err) != 0 ||
		device_open(&engine.ports[0].device, "net_ring0", &engine.device_opts, &err) != 0)
		fail_msg("%s", err.msg);
	engine.ports[0].sends = true;
	callback = rte_eth_add_rx_callback(engine.ports[0].device.id, 0, between, NULL);
	assert_non_null(callback);
	seen = 0;
}

static void port_drop(void) {
	struct engine_port *port = &engine.ports[0];

	rte_eth_remove_rx_callback(port->device.id, 0, callback);
	device_close(&port->device);
	flows_fini(&port->flows);
	check_fini(&port->check);
	replay_fini(&port->replay);
	free(port->seq);
	rte_mempool_free(port->own);
	rte_mempool_free(engine.device_opts.pool);
	meddle = NULL;
}

static const struct engine_counters *send_all(void) {
	engine_reset(&engine);
	engine_pace(&engine, 1e8);
	engine.limit = PACKETS;
	while (engine.due < engine.limit) {
		engine_send(&engine);
		engine_receive(&engine);
	}
	engine_drain(&engine);
	return &engine.ports[0].counters;
}

static void all_come_back(void **) {
	const struct engine_counters *count;

	port_make("flows=16,macs=16,check=1,stamp=1,order=rand,size=imix");
	count = send_all();
	assert_int_equal(count->sent, PACKETS);
	assert_int_equal(count->received, PACKETS);
	assert_int_equal(count->sent_bytes, count->received_bytes);
	assert_int_equal(count->bad + count->reordered + count->duplicated + count->foreign, 0);
	assert_int_equal(hist_total(&engine.ports[0].latency), PACKETS);
	port_drop();
}

// The ring hands over the very buffer that was sent, which is to stay as it is.
static uint8_t *copied(struct rte_mbuf **pkt) {
	struct rte_mbuf *copy = rte_pktmbuf_copy(*pkt, engine.device_opts.pool, 0, UINT32_MAX);

	assert_non_null(copy);
	rte_pktmbuf_free(*pkt);
	*pkt = copy;
	return rte_pktmbuf_mtod(copy, uint8_t *);
}

// One byte of the address, which only the checksum covers, or of the trailer, or behind it.
static void damage(struct rte_mbuf **pkts, uint16_t *) {
	static const unsigned at[] = {26, 46, 200};

	if (++seen % EVERY == 0)
		copied(&pkts[0])[at[seen / EVERY % 3]] ^= 0x40;
}

static void damage_is_seen(void **) {
	const struct engine_counters *count;

	port_make("flows=16,check=1,size=594");
	meddle = damage;
	count = send_all();
	assert_int_equal(count->received, PACKETS);
	assert_int_equal(count->bad, PACKETS / EVERY);
	port_drop();
}

static void retype(struct rte_mbuf **pkts, uint16_t *) {
	if (++seen % EVERY == 0) {
		struct rte_ether_hdr *eth = (void *)copied(&pkts[0]);
		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
		memset(eth + 1, 0, 46);
	}
}

static void strangers_do_not_count(void **) {
	const struct engine_counters *count;

	port_make("flows=16,check=1");
	meddle = retype;
	count = send_all();
	assert_int_equal(count->foreign, PACKETS / EVERY);
	assert_int_equal(count->received, PACKETS - PACKETS / EVERY);
	assert_int_equal(count->bad, 0);
	port_drop();
}

static void drop(struct rte_mbuf **pkts, uint16_t *n) {
	if (++seen % EVERY == 0) {
		rte_pktmbuf_free(pkts[0]);
		*n = 0;
	}
}

static void loss_is_seen(void **) {
	const struct engine_counters *count;

	port_make("flows=16,check=1");
	meddle = drop;
	count = send_all();
	assert_int_equal(count->sent - count->received, PACKETS / EVERY);
	assert_int_equal(count->bad + count->reordered + count->duplicated, 0);
	port_drop();
}

static struct rte_mbuf *held;

// Holds one back until the next has passed; both then come in one burst.
static void swap(struct rte_mbuf **pkts, uint16_t *n) {
	if (held != NULL) {
		pkts[1] = held;
		held = NULL;
		*n = 2;
	} else if (++seen % EVERY == 0) {
		held = pkts[0];
		*n = 0;
	}
}

static void order_is_seen(void **) {
	const struct engine_counters *count;

	port_make("flows=1,check=1");
	meddle = swap;
	count = send_all();
	// the one that the held one waits for is not counted by swap()
	assert_int_equal(count->reordered, PACKETS / (EVERY + 1));
	assert_null(held);
	assert_int_equal(count->bad + count->duplicated, 0);
	port_drop();
}

static void twice(struct rte_mbuf **pkts, uint16_t *n) {
	if (++seen % EVERY == 0) {
		pkts[1] = rte_pktmbuf_copy(pkts[0], engine.device_opts.pool, 0, UINT32_MAX);
		*n = 2;
	}
}

static void doubles_are_seen(void **) {
	const struct engine_counters *count;

	port_make("flows=4,check=1");
	meddle = twice;
	count = send_all();
	assert_int_equal(count->duplicated, PACKETS / EVERY);
	assert_int_equal(count->bad + count->reordered, 0);
	port_drop();
}

// With a rate, what does not fit is lost and said so.
static void full_ring_refuses(void **) {
	const struct engine_counters *count;

	port_make("flows=4,check=1");
	engine_reset(&engine);
	engine_pace(&engine, 1e8);
	engine.limit = 10000;
	while (engine.due < engine.limit)
		engine_send(&engine);
	count = &engine.ports[0].counters;
	assert_true(count->refused > 0 && count->tx_full > 0);
	assert_int_equal(count->sent + count->refused, 10000);
	engine_drain(&engine);
	assert_int_equal(count->received, count->sent);
	port_drop();
}

int main(void) {
	char *args[] = {"engine_test", "--no-huge", "-m", "64", "--no-pci", "--no-telemetry",
		"--no-shconf", "--log-level=3", "--vdev=net_ring0"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_come_back),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(strangers_do_not_count),
		cmocka_unit_test(loss_is_seen),
		cmocka_unit_test(order_is_seen),
		cmocka_unit_test(doubles_are_seen),
		cmocka_unit_test(full_ring_refuses),
	};

	if (rte_eal_init(RTE_DIM(args), args) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
