// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/server_priv.h"
#include <stdlib.h>
#include <string.h>

uint64_t dhcp_lease_time(const struct dhcp_ask *ask) {
	const struct dhcp_conf_subnet *subnet = ask->subnet;
	uint64_t wanted = dhcp_option_u32(ask->msg, DHCP_OPT_LEASE);

	if (wanted == 0)
		return subnet->lease_s;
	if (wanted < subnet->lease_min_s)
		return subnet->lease_min_s;
	return wanted > subnet->lease_max_s ? subnet->lease_max_s : wanted;
}

static size_t room(const struct dhcp_msg *msg) {
	size_t size = dhcp_option_u16(msg, DHCP_OPT_SIZE);

	size = size > DHCP_OUT_LEAST + 28 ? size - 28
					  : DHCP_OUT_LEAST; // without IP and UDP headers
	return size < DHCP_OUT_MAX ? size : DHCP_OUT_MAX;
}

static void begin(struct dhcp_answer *answer, const struct dhcp_ask *ask, enum dhcp_type type) {
	const struct dhcp_head *head = &ask->msg->head;

	memset(answer, 0, offsetof(struct dhcp_answer, out.options));
	answer->out.len = 0;
	answer->iface = ask->place->iface;
	answer->from = ask->server_id;
	answer->max = room(ask->msg);
	answer->out.head = (struct dhcp_head){.op = 2,
		.htype = head->htype,
		.hlen = head->hlen,
		.xid = head->xid,
		.flags = head->flags,
		.giaddr = head->giaddr};
	memcpy(answer->out.head.chaddr, head->chaddr, sizeof(head->chaddr));
	dhcp_put_u8(&answer->out, DHCP_OPT_TYPE, type);
	dhcp_put_u32(&answer->out, DHCP_OPT_SERVER, ask->server_id);
}

// RFC 2131 section 4.1: to the relay, to the address that the client has, to all, or to the address that it is about to get: by its
// hardware address, as it answers no ARP yet.
static void direct(struct dhcp_answer *answer, const struct dhcp_ask *ask) {
	const struct dhcp_head *head = &ask->msg->head;

	answer->to_port = head->giaddr ? DHCP_SERVER_PORT : DHCP_CLIENT_PORT;
	if (head->giaddr || (head->ciaddr && answer->out.head.yiaddr == head->ciaddr)) {
		answer->routed = true;
		answer->to = head->giaddr ? head->giaddr : head->ciaddr;
	} else if (head->flags & DHCP_BROADCAST || answer->out.head.yiaddr == 0) {
		memset(answer->to_mac.bytes, 0xff, 6);
		answer->to = UINT32_MAX;
	} else {
		memcpy(answer->to_mac.bytes, head->chaddr, 6);
		answer->to = answer->out.head.yiaddr;
	}
}

// The end of every answer: who asked (RFC 6842), and option 82 as it came (RFC 3046 section 2.2).
static void end(struct dhcp_answer *answer, const struct dhcp_ask *ask) {
	size_t len;
	const uint8_t *id = dhcp_option(ask->msg, DHCP_OPT_CLIENT, &len);

	if (id)
		dhcp_put(&answer->out, DHCP_OPT_CLIENT, id, len);
	id = dhcp_option(ask->msg, DHCP_OPT_RELAY, &len);
	if (id)
		dhcp_put(&answer->out, DHCP_OPT_RELAY, id, len);
	ask->server->stats.sent[answer->out.options[3]]++;
	ask->realm->ops->send(answer, ask->realm->ops->arg);
}

// ---- options --------------------------------------------------------------------------------------------------

static const struct dhcp_conf_option *option_of(
	const struct dhcp_conf_subnet *subnet, unsigned code) {
	for (unsigned i = 0; i < subnet->n_options; i++)
		if (subnet->options[i].code == code)
			return &subnet->options[i];
	return NULL;
}

static void named_put(struct dhcp_out *out, const struct dhcp_ask *ask, unsigned code) {
	const struct dhcp_conf_option *option = option_of(ask->subnet, code);
	const struct dhcp_conf_reservation *reservation = dhcp_reservation_of(ask->subnet, ask);

	if (code == DHCP_OPT_HOSTNAME && reservation && reservation->hostname[0])
		dhcp_put(out, code, reservation->hostname, strlen(reservation->hostname));
	else if (code == DHCP_OPT_ROUTERS && ask->subnet->router_is_relay && ask->msg->head.giaddr)
		dhcp_put_u32(out, code, ask->msg->head.giaddr);
	else if (option)
		dhcp_put(out, code, option->bytes, option->len);
}

// In the order in which the client asks; all, when it does not.
static void options_put(struct dhcp_out *out, const struct dhcp_ask *ask) {
	uint8_t done[256] = {[DHCP_OPT_MASK] = 1};
	size_t n;
	const uint8_t *wanted = dhcp_option(ask->msg, DHCP_OPT_WANTED, &n);

	dhcp_put_u32(out, DHCP_OPT_MASK, ask->subnet->mask);
	for (size_t i = 0; wanted && i < n; i++) {
		if (!done[wanted[i]])
			named_put(out, ask, wanted[i]);
		done[wanted[i]] = 1;
	}
	if (wanted == NULL && !done[DHCP_OPT_ROUTERS]++)
		named_put(out, ask, DHCP_OPT_ROUTERS);
	for (unsigned i = 0; i < ask->subnet->n_options; i++) {
		const struct dhcp_conf_option *option = &ask->subnet->options[i];

		if (!done[option->code] && (wanted == NULL || option->always))
			dhcp_put(out, option->code, option->bytes, option->len);
	}
	out->head.siaddr = ask->subnet->next_server;
	memcpy(out->file, ask->subnet->boot_file, sizeof(out->file));
}

// ---- answers --------------------------------------------------------------------------------------------------

void dhcp_reply_lease(const struct dhcp_ask *ask, struct dhcp_lease *lease, enum dhcp_type type,
	uint64_t lease_s) {
	struct dhcp_answer answer;
	uint32_t s = lease_s < UINT32_MAX ? (uint32_t)lease_s : UINT32_MAX;

	begin(&answer, ask, type);
	answer.out.head.yiaddr = lease->addr;
	answer.out.head.ciaddr = type == DHCP_ACK ? ask->msg->head.ciaddr : 0;
	answer.stored = type == DHCP_ACK;
	dhcp_put_u32(&answer.out, DHCP_OPT_LEASE, s);
	dhcp_put_u32(&answer.out, DHCP_OPT_T1, s / 2);
	dhcp_put_u32(&answer.out, DHCP_OPT_T2, (uint32_t)((uint64_t)s * 7 / 8));
	if (type == DHCP_ACK && ask->msg->type == DHCP_DISCOVER)
		dhcp_put(&answer.out, DHCP_OPT_RAPID, NULL, 0);
	options_put(&answer.out, ask);
	direct(&answer, ask);
	end(&answer, ask);
}

// RFC 2131 section 4.3.5: parameters for an address that the client has from elsewhere; no times.
void dhcp_reply_inform(const struct dhcp_ask *ask) {
	struct dhcp_answer answer;

	begin(&answer, ask, DHCP_ACK);
	answer.out.head.ciaddr = ask->msg->head.ciaddr;
	options_put(&answer.out, ask);
	answer.routed = true;
	answer.to = ask->msg->head.giaddr ? ask->msg->head.giaddr : ask->msg->head.ciaddr;
	answer.to_port = ask->msg->head.giaddr ? DHCP_SERVER_PORT : DHCP_CLIENT_PORT;
	end(&answer, ask);
}

// To all: the client's address is not to be trusted; behind a relay, the relay is told so by the flag (RFC 2131 section 4.3.2).
void dhcp_reply_nak(const struct dhcp_ask *ask, const char *why) {
	struct dhcp_answer answer;

	begin(&answer, ask, DHCP_NAK);
	dhcp_put(&answer.out, DHCP_OPT_MESSAGE, why, strlen(why));
	if (ask->msg->head.giaddr)
		answer.out.head.flags |= DHCP_BROADCAST;
	direct(&answer, ask);
	end(&answer, ask);
}
