// SPDX-License-Identifier: BSD-3-Clause
// `leat explain packet`: makes the packet that is described, and lets dp_explain() walk it through the nodes.
#include "dataplane/frame_print.h"
#include "lib/json.h"
#include "router/ip6.h"
#include "router/router_priv.h"
#include "switch/switch.h"
#include <errno.h>
#include <rte_icmp.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const proto_words[] = {"udp", "tcp", "icmp", NULL};
static const struct {
	const char *word;
	uint8_t flag;
} tcp_flags[] = {{"fin", RTE_TCP_FIN_FLAG}, {"syn", RTE_TCP_SYN_FLAG}, {"rst", RTE_TCP_RST_FLAG},
	{"psh", RTE_TCP_PSH_FLAG}, {"ack", RTE_TCP_ACK_FLAG}, {"urg", RTE_TCP_URG_FLAG}};

static const struct schema_row proto_forms[] = {
	{.type = SCHEMA_ENUM,
		.words = proto_words,
		.help = "by name; icmp: an echo request, of either family"},
	{.type = SCHEMA_INT, .min = 0, .max = 255, .help = "by number"},
	{0},
};

const struct schema_row rtr_explain_args[] = {
	{.name = "src",
		.type = SCHEMA_ADDRESS,
		.flags = SCHEMA_REQUIRED,
		.example = "\"10.0.10.9\"",
		.help = "source address"},
	{.name = "dst",
		.type = SCHEMA_ADDRESS,
		.flags = SCHEMA_REQUIRED,
		.example = "\"192.0.2.1\"",
		.help = "destination address"},
	{.name = "port", .type = SCHEMA_REF, .ref = "ports", .help = "port that it comes in by"},
	{.name = "interface",
		.type = SCHEMA_NAME,
		.help = "instead of a port: routed interface that it comes in by"},
	{.name = "router",
		.type = SCHEMA_REF,
		.ref = "routers",
		.help = "router of that interface, when the name is not enough"},
	{.name = "proto",
		.type = SCHEMA_UNION,
		.rows = proto_forms,
		.def = "udp",
		.help = "protocol"},
	{.name = "sport",
		.type = SCHEMA_INT,
		.min = 0,
		.max = 65535,
		.def = "40000",
		.help = "source port (TCP, UDP), or the echo's identifier"},
	{.name = "dport",
		.type = SCHEMA_INT,
		.min = 0,
		.max = 65535,
		.def = "80",
		.help = "destination port"},
	{.name = "flags",
		.type = SCHEMA_STRING,
		.max = 32,
		.def = "syn",
		.example = "\"syn,ack\"",
		.help = "of TCP: fin, syn, rst, psh, ack, urg"},
	{.name = "size",
		.type = SCHEMA_INT,
		.min = 0,
		.max = 9216,
		.unit = "B",
		.def = "0",
		.help = "bytes of the IP packet; at least its headers"},
	{.name = "df", .type = SCHEMA_BOOL, .def = "true", .help = "IPv4: must not be cut"},
	{.name = "dscp", .type = SCHEMA_INT, .min = 0, .max = 63, .def = "0", .help = "DSCP"},
	{.name = "ttl",
		.type = SCHEMA_INT,
		.min = 0,
		.max = 255,
		.def = "64",
		.help = "TTL, or hop limit"},
	{.name = "vlan",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 4094,
		.help = "VLAN tag that it comes with"},
	{.name = "mac_src",
		.type = SCHEMA_MAC,
		.def = "02:00:00:00:00:fe",
		.help = "source MAC address"},
	{.name = "mac_dst",
		.type = SCHEMA_MAC,
		.example = "\"02:00:00:00:00:09\"",
		.help = "destination MAC address; left out: the router's that is there"},
	{0},
};

// What is being made.
struct packet {
	uint8_t bytes[128];
	size_t len, room;
	const json_t *args;
	struct addr src, dst;
	bool v6;
	unsigned proto;
};

static unsigned number(const struct packet *p, const char *name) {
	return (unsigned)json_integer_value(json_object_get(p->args, name));
}

static const char *text(const struct packet *p, const char *name) {
	return json_string_value(json_object_get(p->args, name));
}

static void *append(struct packet *p, size_t len) {
	void *at = p->bytes + p->len;

	p->len += len;
	return at;
}

// ---- upper headers ------------------------------------------------------------------------------------------

static unsigned proto_of(const struct packet *p) {
	const json_t *proto = json_object_get(p->args, "proto");
	const char *word = json_string_value(proto);

	if (word == NULL)
		return (unsigned)json_integer_value(proto);
	if (strcmp(word, "icmp") == 0)
		return p->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	return strcmp(word, "tcp") == 0 ? IPPROTO_TCP : IPPROTO_UDP;
}

static int flags_parse(const char *list, uint8_t *flags, struct err *err) {
	char copy[64], *rest = copy;

	snprintf(copy, sizeof(copy), "%s", list);
	for (const char *word; (word = strsep(&rest, ","));) {
		uint8_t flag = 0;

		for (unsigned i = 0; i < RTE_DIM(tcp_flags); i++)
			if (strcmp(tcp_flags[i].word, word) == 0)
				flag = tcp_flags[i].flag;
		if (flag == 0 && *word)
			return err_at(
				err, "flags", "%s is none of fin, syn, rst, psh, ack, urg", word);
		*flags |= flag;
	}
	return 0;
}

// The sum over zeros is the sum over nothing: only the pseudo header knows how long the packet is.
static rte_be16_t upper_sum(
	const struct packet *p, const void *header, size_t len, uint32_t upper_len) {
	struct {
		uint8_t src[16], dst[16];
		rte_be32_t len, proto;
	} pseudo = {.len = rte_cpu_to_be_32(upper_len), .proto = rte_cpu_to_be_32(p->proto)};
	uint32_t sum = rte_raw_cksum(header, len);

	memcpy(pseudo.src, p->src.bytes, p->v6 ? 16 : 4);
	memcpy(pseudo.dst, p->dst.bytes, p->v6 ? 16 : 4);
	if (p->proto != IPPROTO_ICMP)
		sum += rte_raw_cksum(&pseudo, sizeof(pseudo));
	sum = (sum & 0xffff) + (sum >> 16);
	return (rte_be16_t) ~((sum & 0xffff) + (sum >> 16));
}

static int upper_make(struct packet *p, uint32_t *upper_len, struct err *err) {
	uint32_t ip_len = p->v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	uint32_t least = p->proto == IPPROTO_TCP ? sizeof(struct rte_tcp_hdr) : 8,
		 size = number(p, "size");
	uint8_t *at = append(p, least);
	uint8_t flags = 0;

	if (flags_parse(text(p, "flags"), &flags, err) != 0)
		return -EINVAL;
	*upper_len = size > ip_len + least ? size - ip_len : least;
	if (p->proto == IPPROTO_TCP) {
		*(struct rte_tcp_hdr *)at = (struct rte_tcp_hdr){
			.src_port = rte_cpu_to_be_16((uint16_t)number(p, "sport")),
			.dst_port = rte_cpu_to_be_16((uint16_t)number(p, "dport")),
			.sent_seq = RTE_BE32(1),
			.data_off = sizeof(struct rte_tcp_hdr) / 4 << 4,
			.tcp_flags = flags,
			.rx_win = RTE_BE16(65535)};
		((struct rte_tcp_hdr *)at)->cksum = upper_sum(p, at, least, *upper_len);
	} else if (p->proto == IPPROTO_UDP) {
		*(struct rte_udp_hdr *)at = (struct rte_udp_hdr){
			.src_port = rte_cpu_to_be_16((uint16_t)number(p, "sport")),
			.dst_port = rte_cpu_to_be_16((uint16_t)number(p, "dport")),
			.dgram_len = rte_cpu_to_be_16((uint16_t)*upper_len)};
		((struct rte_udp_hdr *)at)->dgram_cksum = upper_sum(p, at, least, *upper_len);
	} else if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		*(struct rte_icmp_hdr *)at = (struct rte_icmp_hdr){.icmp_type = p->v6 ? 128 : 8,
			.icmp_ident = rte_cpu_to_be_16((uint16_t)number(p, "sport")),
			.icmp_seq_nb = RTE_BE16(1)};
		((struct rte_icmp_hdr *)at)->icmp_cksum = upper_sum(p, at, least, *upper_len);
	}
	return 0;
}

// ---- IP and below -------------------------------------------------------------------------------------------

static void ip_finish(struct packet *p, uint8_t *at, uint32_t upper_len) {
	unsigned dscp = number(p, "dscp"), ttl = number(p, "ttl");

	if (p->v6) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)at;

		*ip = (struct rte_ipv6_hdr){.vtc_flow = rte_cpu_to_be_32(6u << 28 | dscp << 22),
			.payload_len = rte_cpu_to_be_16((uint16_t)upper_len),
			.proto = (uint8_t)p->proto,
			.hop_limits = (uint8_t)ttl};
		memcpy(ip->src_addr, p->src.bytes, 16);
		memcpy(ip->dst_addr, p->dst.bytes, 16);
		p->room = (size_t)(at - p->bytes) + sizeof(*ip) + upper_len;
		return;
	}
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)at;
	*ip = (struct rte_ipv4_hdr){.version_ihl = 0x45,
		.type_of_service = (uint8_t)(dscp << 2),
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + upper_len)),
		.fragment_offset = json_is_true(json_object_get(p->args, "df"))
			? RTE_BE16(RTE_IPV4_HDR_DF_FLAG)
			: 0,
		.time_to_live = (uint8_t)ttl,
		.next_proto_id = (uint8_t)p->proto};
	memcpy(&ip->src_addr, p->src.bytes, 4);
	memcpy(&ip->dst_addr, p->dst.bytes, 4);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	p->room = (size_t)(at - p->bytes) + sizeof(*ip) + upper_len;
}

static int packet_make(struct packet *p, const struct mac *to, struct err *err) {
	struct rte_ether_hdr *eth = append(p, sizeof(*eth));
	unsigned vlan = number(p, "vlan");
	uint32_t upper_len;
	struct mac from;

	mac_parse(text(p, "mac_src"), &from);
	memcpy(&eth->dst_addr, to, sizeof(*to));
	memcpy(&eth->src_addr, &from, sizeof(from));
	eth->ether_type = p->v6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	if (vlan) {
		struct rte_vlan_hdr *tag = append(p, sizeof(*tag));

		*tag = (struct rte_vlan_hdr){rte_cpu_to_be_16((uint16_t)vlan), eth->ether_type};
		eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	}
	uint8_t *ip = append(p, p->v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr));
	if (upper_make(p, &upper_len, err) != 0)
		return -EINVAL;
	ip_finish(p, ip, upper_len);
	return 0;
}

// ---- where it comes in --------------------------------------------------------------------------------------

static const struct rtr_iface *iface_named(const char *name, const char *router) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_iface(i);

		if (iface && strcmp(iface->name, name) == 0 &&
			(!router || strcmp(iface->router, router) == 0))
			return iface;
	}
	return NULL;
}

// A host in a switch's VLAN sends to the router of its subnet.
static const struct rtr_iface *iface_of_subnet(const struct addr *src) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_iface(i);

		for (unsigned a = 0; iface && iface->port == DP_NONE && a < iface->n_addrs; a++)
			if (prefix_contains(&iface->addrs[a], src))
				return iface;
	}
	return NULL;
}

static int place(
	const struct packet *p, struct dp_explain_packet *in, struct mac *to, struct err *err) {
	const char *port = text(p, "port"), *name = text(p, "interface"), *mac = text(p, "mac_dst");
	const struct rtr_iface *iface = NULL;

	if (!port == !name)
		return err_set(err, -EINVAL, "say where it comes in: port=NAME or interface=NAME");
	if (name) {
		iface = iface_named(name, text(p, "router"));
		if (iface == NULL)
			return err_at(err, "interface", "there is no routed interface %s", name);
		in->port = UINT16_MAX;
		in->iface = iface->index;
	} else {
		int index = dp_port_find(port);

		if (index < 0)
			return err_at(err, "port", "there is no port %s", port);
		in->port = (uint16_t)index;
		iface = rtr_iface((unsigned)index);
		if (iface == NULL)
			iface = iface_of_subnet(&p->src);
	}
	if (mac)
		mac_parse(mac, to);
	else if (iface)
		memcpy(to, &iface->mac, sizeof(*to));
	else
		return err_set(
			err, -EINVAL, "no router is there that it could be for: say mac_dst=MAC");
	return 0;
}

// ---- the answer ---------------------------------------------------------------------------------------------

// One row per line, so that people and programs get the same.
static json_t *lines_of(const json_t *steps) {
	json_t *rows = json_array(), *step, *what, *line;
	size_t i, j;

	json_array_foreach (steps, i, step) {
		what = json_object_get(step, "what");
		if (json_array_size(what) == 0)
			json_array_append(what, json_object_get(step, "help"));
		json_array_foreach (what, j, line)
			json_array_append_new(rows,
				json_pack("{s:i, s:O, s:O, s:O}", "step", (int)i + 1, "packet",
					json_object_get(step, "packet"), "node",
					json_object_get(step, "node"), "what", line));
	}
	return rows;
}

static void outcome_print(const json_t *ends, char *buf, size_t size) {
	size_t i, n = 0;
	json_t *end;

	buf[0] = '\0';
	json_array_foreach (ends, i, end) {
		const char *port = jx_str(end, "port", NULL), *drop = jx_str(end, "drop", NULL);
		int64_t packet = jx_int(end, "packet", 1);

		if (n < size && i > 0)
			n += (size_t)snprintf(buf + n, size - n, "; ");
		if (n < size && packet > 1)
			n += (size_t)snprintf(buf + n, size - n, "packet %d ", (int)packet);
		if (n < size)
			n += (size_t)snprintf(buf + n, size - n, "%s %s",
				port           ? "leaves by port"
					: drop ? "dropped:"
					       : "taken by",
				port           ? port
					: drop ? drop
					       : jx_str(end, "node", "-"));
	}
}

int rtr_explain(const json_t *args, json_t **result, struct err *err) {
	struct packet p = {.args = args};
	struct dp_explain_packet in = {.bytes = p.bytes};
	char frame[FRAME_STRLEN], outcome[512];
	json_t *steps = NULL, *ends = NULL;
	struct mac to;

	addr_parse(text(&p, "src"), &p.src);
	addr_parse(text(&p, "dst"), &p.dst);
	p.v6 = p.src.family == ADDR_V6;
	p.proto = proto_of(&p);
	if (p.src.family != p.dst.family)
		return err_at(
			err, "dst", "source and destination are of different address families");
	if (place(&p, &in, &to, err) != 0 || packet_make(&p, &to, err) != 0)
		return -EINVAL;
	in.len = p.len;
	in.room = p.room;
	if (dp_explain(&in, &steps, &ends, err) != 0)
		return err ? err->code : -ENOMEM;
	outcome_print(ends, outcome, sizeof(outcome));
	*result = json_pack("{s:s, s:s, s:o, s:o}", "packet",
		frame_print(p.bytes, p.len, frame, sizeof(frame)), "outcome", outcome, "steps",
		lines_of(steps), "ends", ends);
	json_decref(steps);
	return 0;
}
