// SPDX-License-Identifier: BSD-3-Clause
// DHCP from outside: a frame's headers, a message, and the server, relay and client that hear it; a leases' file.
#include "lib/clock.h"
#include "router/dhcp/client.h"
#include "router/dhcp/journal.h"
#include "router/dhcp/packet.h"
#include "router/dhcp/relay.h"
#include "router/dhcp/server.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct dhcp_realm realm;
static struct dhcp_conf_server server;
static struct dhcp_conf_subnet subnet;
static struct dhcp_client client;
static struct dhcp_conf_client conf;

static void op_send(const struct dhcp_answer *answer, void *) {
	uint8_t wire[DHCP_OUT_MAX];
	struct dhcp_msg msg;
	size_t n = dhcp_encode(&answer->out, wire, answer->max, NULL);

	assert(n <= answer->max && dhcp_decode(wire, n, &msg) == DHCP_OK);
}

static void op_store(const struct dhcp_lease *lease, void *) {
	struct dhcp_record record = {.router = "r",
				   .addr = lease->addr,
				   .state = lease->state,
				   .id = lease->id},
			   back;
	char line[DHCP_LINE_MAX];

	memcpy(record.hostname, lease->hostname, sizeof(record.hostname));
	size_t n = dhcp_record_print(&record, line);
	assert(dhcp_record_parse(line, n - 1, &back) == 0 && back.addr == lease->addr);
}

static void op_probe(uint16_t, uint32_t, void *) {
}

static bool op_probed(uint16_t, uint32_t addr, const struct mac *, void *) {
	return addr & 1;
}

static bool op_is_own(uint32_t addr, void *) {
	return addr == 0x0a010001;
}

static const struct dhcp_server_ops server_ops = {
	op_send, op_store, op_probe, op_probed, op_is_own, NULL};

static void client_send(struct dhcp_client *, const struct dhcp_out *out, uint32_t) {
	uint8_t wire[DHCP_OUT_MAX];
	struct dhcp_msg msg;

	assert(dhcp_decode(wire, dhcp_encode(out, wire, DHCP_OUT_LEAST, NULL), &msg) == DHCP_OK);
}

static bool client_address(struct dhcp_client *) {
	return true;
}

static void client_bound(struct dhcp_client *) {
}

static void client_lost(struct dhcp_client *, bool) {
}

static uint32_t client_random(void) {
	return 0x01020304; // what the corpus answers
}

static const struct dhcp_client_ops client_ops = {
	client_send, client_address, client_bound, client_lost, client_random};

static void start(void) {
	static const struct dhcp_range range = {0x0a010064, 0x0a010067};
	static struct dhcp_conf_server *servers[] = {&server};

	clock_fake_start(1000 * NSEC_PER_SEC);
	if (subnet.mask == 0)
		dhcp_pool_init(&subnet.pool, &range, 1, NULL, 0);
	subnet.network = 0x0a010000;
	subnet.mask = 0xffffff00;
	subnet.lease_s = subnet.lease_min_s = subnet.lease_max_s = 600;
	server = (struct dhcp_conf_server){.subnets = &subnet,
		.n_subnets = 1,
		.authoritative = true,
		.rapid_commit = true,
		.probe_ns = NSEC_PER_SEC,
		.rate = bucket_limit_of(1000000, 1000)};
	if (dhcp_realm_init(&realm, &server_ops, 16) == 0)
		dhcp_realm_set(&realm, servers, 1);
	client = (struct dhcp_client){
		.ops = &client_ops, .conf = &conf, .mac = {{2, 0, 0, 0, 0, 9}}};
	dhcp_client_link(&client, true);
	client.next_ns = clock_now_ns();
	dhcp_client_poll(&client, clock_now_ns());
}

static void hear(const uint8_t *bytes, size_t len) {
	static struct dhcp_msg msg;
	struct dhcp_place place = {.name = "i", .n = 1, .addrs = {{{ADDR_V4, {10, 1, 0, 1}}, 24}}};
	struct dhcp_relay_place where = {.name = "i", .addr = 0x0a010001};
	struct dhcp_conf_relay relay = {.hops = 4, .option82 = true, .trust = len % 3};
	struct mac mac = {{2, 0, 0, 0, 0, 9}};
	uint8_t out[DHCP_OUT_MAX];

	if (dhcp_decode(bytes, len, &msg) != DHCP_OK)
		return;
	dhcp_server_receive(&realm, &server, &place, &msg, &mac);
	dhcp_client_receive(&client, &msg);
	dhcp_client_checked(&client, len & 1);
	dhcp_relay_request(&relay, &where, bytes, len, &msg, out);
	dhcp_relay_reply(&relay, bytes, len, out);
}

static void ignore(const struct dhcp_record *, void *) {
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Messages, each with its length (two bytes) before it; between them time passes.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct dhcp_packet packet;

	start();
	dhcp_packet_decode(data, size, true, &packet);
	dhcp_journal_read((const char *)data, size, ignore, NULL);
	for (size_t i = 0; i + 2 <= size;) {
		size_t len = (size_t)data[i] << 8 | data[i + 1];

		i += 2;
		len = len < size - i ? len : size - i;
		hear(data + i, len);
		clock_fake_advance(NSEC_PER_SEC << (len % 10));
		dhcp_realm_poll(&realm, clock_now_ns());
		dhcp_client_poll(&client, clock_now_ns());
		i += len;
	}
	dhcp_realm_fini(&realm);
	clock_fake_stop();
	return 0;
}
