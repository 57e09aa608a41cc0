// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/relay.h"
#include "lib/wire.h"
#include <string.h>

enum { AT_HOPS = 3, AT_GIADDR = 24, OPTIONS = DHCP_HEADER + 4, LEAST = 300 };

// Copies a message whose options were found good, without option 82 when `strip`, and with `add` at the end (RFC 3046 section 2.1).
// 0: there is no room.
static size_t copy(const uint8_t *in, size_t len, bool strip, const uint8_t *add, size_t add_len,
	uint8_t *out) {
	size_t n = OPTIONS;

	if (len > DHCP_OUT_MAX - add_len - 1)
		return 0;
	memcpy(out, in, OPTIONS);
	for (size_t i = OPTIONS; i < len && in[i] != DHCP_OPT_END;) {
		size_t one = in[i] == DHCP_OPT_PAD ? 1 : 2u + in[i + 1];

		if (in[i] != DHCP_OPT_PAD && !(strip && in[i] == DHCP_OPT_RELAY)) {
			memcpy(out + n, in + i, one);
			n += one;
		}
		i += one;
	}
	if (add_len > 0)
		memcpy(out + n, add, add_len);
	n += add_len;
	out[n++] = DHCP_OPT_END;
	if (n < LEAST)
		memset(out + n, 0, LEAST - n);
	return n < LEAST ? LEAST : n;
}

static size_t suboption(uint8_t *at, unsigned code, const void *bytes, size_t len) {
	at[0] = (uint8_t)code;
	at[1] = (uint8_t)len;
	memcpy(at + 2, bytes, len);
	return 2 + len;
}

static size_t option82(const struct dhcp_conf_relay *relay, const struct dhcp_relay_place *place,
	uint8_t bytes[static 255]) {
	const char *circuit = relay->circuit_id[0] ? relay->circuit_id : place->name;
	size_t n = 2;

	n += suboption(bytes + n, DHCP_RELAY_CIRCUIT, circuit, strlen(circuit));
	if (relay->remote_id[0])
		n += suboption(
			bytes + n, DHCP_RELAY_REMOTE, relay->remote_id, strlen(relay->remote_id));
	else
		n += suboption(
			bytes + n, DHCP_RELAY_REMOTE, place->mac.bytes, sizeof(place->mac.bytes));
	bytes[0] = DHCP_OPT_RELAY;
	bytes[1] = (uint8_t)(n - 2);
	return n;
}

// RFC 3046 section 2.1.1: option 82 in what comes from no relay is somebody's lie, unless there is a switch that is trusted.
static bool is_trusted(const struct dhcp_conf_relay *relay, const struct dhcp_msg *msg) {
	return msg->head.giaddr != 0 || !dhcp_has(msg, DHCP_OPT_RELAY) ||
		relay->trust != DHCP_TRUST_DROP;
}

size_t dhcp_relay_request(struct dhcp_conf_relay *relay, const struct dhcp_relay_place *place,
	const uint8_t *bytes, size_t len, const struct dhcp_msg *msg, uint8_t *out) {
	bool first = msg->head.giaddr == 0, has = dhcp_has(msg, DHCP_OPT_RELAY);
	bool add = first && relay->option82 && !(has && relay->trust == DHCP_TRUST_KEEP);
	uint8_t mine[255];
	size_t mine_len = add ? option82(relay, place, mine) : 0, n;

	if (!is_trusted(relay, msg)) {
		relay->stats.untrusted++;
		return 0;
	}
	if (msg->head.hops >= relay->hops) {
		relay->stats.hops++;
		return 0;
	}
	n = copy(bytes, len, first && has && relay->trust == DHCP_TRUST_REPLACE, mine, mine_len,
		out);
	if (n == 0)
		n = copy(bytes, len, false, NULL, 0, out);
	if (n == 0) {
		relay->stats.malformed++;
		return 0;
	}
	out[AT_HOPS] = (uint8_t)(msg->head.hops + 1);
	if (first)
		put32(out + AT_GIADDR, place->addr);
	relay->stats.requests++;
	return n;
}

size_t dhcp_relay_reply(
	struct dhcp_conf_relay *relay, const uint8_t *bytes, size_t len, uint8_t *out) {
	size_t n =
		copy(bytes, len, relay->option82 && relay->trust != DHCP_TRUST_KEEP, NULL, 0, out);

	if (n == 0)
		relay->stats.malformed++;
	else
		relay->stats.replies++;
	return n;
}
