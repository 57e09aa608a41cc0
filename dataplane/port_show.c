// SPDX-License-Identifier: BSD-3-Clause
// `leat show ports`.
#include "dataplane/port_priv.h"
#include "lib/json.h"
#include <stdio.h>
#include <string.h>

static const char *const state_words[] = {"down", "up", "disabled", NULL};

static const struct schema_row columns[] = {
	{.name = "name", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "name of the port"},
	{.name = "driver", .type = SCHEMA_STRING, .help = "how frames get in and out"},
	{.name = "device", .type = SCHEMA_STRING, .help = "what the port is"},
	{.name = "state",
		.type = SCHEMA_ENUM,
		.flags = SCHEMA_GAUGE,
		.words = state_words,
		.help = "of the link; disabled: by the configuration"},
	{.name = "mtu", .type = SCHEMA_INT, .unit = "B", .help = "largest packet"},
	{.name = "mac", .type = SCHEMA_MAC, .help = "address of the port itself"},
	{.name = "speed",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_WIDE,
		.help = "what the device says; absent: unknown"},
	{.name = "queues", .type = SCHEMA_STRING, .flags = SCHEMA_WIDE, .help = "receive/transmit"},
	{.name = "rx_packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "frames received"},
	{.name = "tx_packets", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "frames sent"},
	{.name = "rx_bytes",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.unit = "B",
		.help = "bytes received"},
	{.name = "tx_bytes",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.unit = "B",
		.help = "bytes sent"},
	{.name = "rx_missed",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "frames that came faster than they were taken"},
	{.name = "rx_errors",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "frames received that were broken, or found no buffer"},
	{.name = "tx_errors",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "frames that the device did not send"},
	{.name = "xdp_steered",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "AF_XDP: frames that the XDP program gave to the port"},
	{.name = "xdp_kept",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "AF_XDP: frames for an address of `keep`, which went to the kernel"},
	{.name = "xdp_passed",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "AF_XDP: frames of a queue without a socket, which went to the kernel"},
	{.name = "xdp_blocked",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "AF_XDP: frames of a blocked source, dropped before any copy"},
	{.name = "peer",
		.type = SCHEMA_STRING,
		.help = "vhost-user and memif: whether the other side is there; bond: the working "
			"members"},
	{.name = "why",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_WIDE,
		.help = "why this driver and not a better one"},
	{0},
};

static void show_speed(const struct port *port, json_t *row) {
	char text[32];

	if (port->speed_bps == 0)
		return;
	if (port->speed_bps >= 1000000000)
		snprintf(text, sizeof(text), "%gG", (double)port->speed_bps / 1e9);
	else
		snprintf(text, sizeof(text), "%gM", (double)port->speed_bps / 1e6);
	json_object_set_new(row, "speed", json_string(text));
}

static void show_counters(struct port *port, json_t *row) {
	struct rte_eth_stats stats = {0};

	if (port->kind->stats)
		port->kind->stats(port, &stats);
	else
		rte_eth_stats_get(port->pub.index, &stats);
	json_object_set_new(row, "rx_packets", json_integer((json_int_t)stats.ipackets));
	json_object_set_new(row, "tx_packets", json_integer((json_int_t)stats.opackets));
	json_object_set_new(row, "rx_bytes", json_integer((json_int_t)stats.ibytes));
	json_object_set_new(row, "tx_bytes", json_integer((json_int_t)stats.obytes));
	json_object_set_new(row, "rx_missed", json_integer((json_int_t)stats.imissed));
	json_object_set_new(
		row, "rx_errors", json_integer((json_int_t)(stats.ierrors + stats.rx_nombuf)));
	json_object_set_new(row, "tx_errors", json_integer((json_int_t)stats.oerrors));
}

static json_t *show_row(struct port *port) {
	char mac[MAC_STRLEN], queues[16];
	struct mac address;
	const char *state = port->link_up ? "up" : "down";

	memcpy(&address, &port->pub.mac, sizeof(address));
	snprintf(queues, sizeof(queues), "%u/%u", port->enabled ? port->pub.n_rxq : port->saved_rxq,
		port->pub.n_txq);
	json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s}", "name", port->pub.name,
		"driver", port->driver, "device", port->device, "state",
		port->enabled ? state : "disabled", "mtu", (int)port->pub.mtu, "mac",
		mac_print(&address, mac), "queues", queues);
	show_speed(port, row);
	show_counters(port, row);
	if (*port->why)
		json_object_set_new(row, "why", json_string(port->why));
	if (port->kind->show)
		port->kind->show(port, row);
	return row;
}

static int ports_show(const json_t *filter, size_t limit, json_t *rows, struct err *) {
	const char *key = jx_str(filter, "key", NULL);

	for (unsigned i = 0; i < DP_MAX_PORTS && json_array_size(rows) < limit; i++) {
		struct port *port = (struct port *)dp_ports[i];
		if (port && (!key || strcmp(key, port->pub.name) == 0))
			json_array_append_new(rows, show_row(port));
	}
	return 0;
}

const struct module_noun dp_ports_noun = {
	.name = "ports",
	.help = "ports: driver, link and counters",
	.columns = columns,
	.show = ports_show,
};
