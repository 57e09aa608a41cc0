// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/neigh/nd.h"
#include "lib/wire.h"
#include <string.h>

#define ETHERNET   14
#define IP_HEADER  40
#define EXTENSIONS 8 // in a chain

enum {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMP6 = 58,
	PROTO_DESTINATION = 60
};

enum {
	OPT_SOURCE = 1,
	OPT_TARGET = 2,
	OPT_PREFIX = 3,
	OPT_MTU = 5,
	OPT_NONCE = 14,
	OPT_ROUTE = 24,
	OPT_SERVERS = 25,
	OPT_DOMAINS = 31
};

enum { NA_ROUTER = 0x80, NA_SOLICITED = 0x40, NA_OVERRIDE = 0x20 };
enum { RA_MANAGED = 0x80, RA_OTHER = 0x40 };
enum { RA_HIGH = 0x08, RA_RESERVED = 0x10, RA_LOW = 0x18, RA_PREFERENCE = 0x18 };
enum { PREFIX_ON_LINK = 0x80, PREFIX_AUTONOMOUS = 0x40 };

const struct addr nd_all_nodes = {ADDR_V6, {0xff, 2, [15] = 1}};
const struct addr nd_all_routers = {ADDR_V6, {0xff, 2, [15] = 2}};
static const struct addr solicited_prefix = {ADDR_V6, {0xff, 2, [11] = 1, 0xff}};

bool nd_is_group(const struct addr *addr) {
	return addr->bytes[0] == 0xff;
}

bool nd_is_link_local(const struct addr *addr) {
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

bool nd_is_unspecified(const struct addr *addr) {
	static const uint8_t zero[16];

	return memcmp(addr->bytes, zero, sizeof(zero)) == 0;
}

static bool is_loopback(const struct addr *addr) {
	static const uint8_t one[16] = {[15] = 1};

	return memcmp(addr->bytes, one, sizeof(one)) == 0;
}

struct addr nd_solicited_node(const struct addr *target) {
	struct addr group = solicited_prefix;

	memcpy(group.bytes + 13, target->bytes + 13, 3);
	return group;
}

static bool is_solicited_node(const struct addr *addr) {
	return memcmp(addr->bytes, solicited_prefix.bytes, 13) == 0;
}

// ---- bytes --------------------------------------------------------------------------------------------------

static struct addr v6(const uint8_t *bytes) {
	struct addr addr = {.family = ADDR_V6};

	memcpy(addr.bytes, bytes, 16);
	return addr;
}

static uint64_t sum16(const uint8_t *at, size_t len) {
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(at + i);
	return len & 1 ? sum + (uint64_t)at[len - 1] * 256 : sum;
}

// RFC 8200 section 8.1. 0: the checksum in the message is right.
static unsigned checksum(const uint8_t *ip, const uint8_t *icmp, size_t len) {
	uint64_t sum = sum16(ip + 8, 32) + len + PROTO_ICMP6 + sum16(icmp, len);

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~(unsigned)sum & 0xffff;
}

// ---- decode -------------------------------------------------------------------------------------------------

// A link-layer address of Ethernet fills one unit of eight bytes.
static enum nd_fault decode_mac(const uint8_t *opt, struct nd *nd) {
	memcpy(nd->mac.bytes, opt + 2, 6);
	nd->has_mac = true;
	return opt[1] != 1 || mac_is_multicast(&nd->mac) ? ND_OPTION : ND_OK;
}

static void decode_prefix(const uint8_t *opt, struct nd_router *ra) {
	struct nd_prefix *p = &ra->prefixes[ra->n_prefixes];

	if (opt[1] != 4 || opt[2] > 128 || ra->n_prefixes == ND_PREFIXES)
		return;
	*p = (struct nd_prefix){.prefix = {v6(opt + 16), opt[2]},
		.on_link = opt[3] & PREFIX_ON_LINK,
		.autonomous = opt[3] & PREFIX_AUTONOMOUS,
		.valid_s = get32(opt + 4),
		.preferred_s = get32(opt + 8)};
	if (p->preferred_s <= p->valid_s) // else ignored: RFC 4862 section 5.5.3
		ra->n_prefixes++;
}

static void decode_servers(const uint8_t *opt, struct nd_router *ra) {
	for (unsigned i = 0; i + 3 <= opt[1] && ra->n_servers < ND_SERVERS; i += 2)
		ra->servers[ra->n_servers++] =
			(struct nd_server){v6(opt + 8 + i * 8), get32(opt + 4)};
}

static int8_t decode_preference(unsigned bits) {
	return bits == RA_HIGH ? 1 : bits == RA_LOW ? -1 : 0;
}

// RFC 4191 section 2.3. As many bytes of the prefix are there as its length needs, at least.
static void decode_route(const uint8_t *opt, struct nd_router *ra) {
	struct nd_route *r = &ra->routes[ra->n_routes];
	unsigned preference = opt[3] & RA_PREFERENCE, units = opt[1];

	if (units > 3 || opt[2] > (units - 1) * 64u || preference == RA_RESERVED ||
		ra->n_routes == ND_ROUTES)
		return;
	*r = (struct nd_route){.prefix = {{.family = ADDR_V6}, opt[2]},
		.preference = decode_preference(preference),
		.lifetime_s = get32(opt + 4)};
	memcpy(r->prefix.addr.bytes, opt + 8, (units - 1) * 8u);
	r->prefix = prefix_network(&r->prefix);
	ra->n_routes++;
}

static bool is_domain_char(uint8_t c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '-' || c == '_';
}

// A label and a dot before it, unless it is the first. False: it has no room or odd characters.
static bool label_add(const uint8_t *label, size_t len, char *name, size_t *at) {
	if (*at + len + 2 > ND_DOMAIN)
		return false;
	if (*at > 0)
		name[(*at)++] = '.';
	for (size_t i = 0; i < len; i++) {
		if (!is_domain_char(label[i]))
			return false;
		name[(*at)++] = (char)label[i];
	}
	return true;
}

// One name of `len` bytes at most. How many it takes, 0: it does not end, or begins with the padding. *good: it can be used.
static size_t decode_domain(const uint8_t *wire, size_t len, char name[ND_DOMAIN], bool *good) {
	size_t at = 0, used = 0;

	*good = true;
	memset(name, 0, ND_DOMAIN);
	while (used < len && wire[used] != 0) {
		size_t label = wire[used++];

		if (label > 63 || label > len - used) // compression is not allowed
			return 0;
		*good = *good && label_add(wire + used, label, name, &at);
		used += label;
	}
	return used < len && used > 0 ? used + 1 : 0;
}

static void decode_domains(const uint8_t *opt, struct nd_router *ra) {
	const uint8_t *wire = opt + 8;
	size_t left = opt[1] * 8u - 8, used;
	bool good;

	while (ra->n_domains < ND_DOMAINS) {
		struct nd_domain *d = &ra->domains[ra->n_domains];

		used = decode_domain(wire, left, d->name, &good);
		if (used == 0)
			return;
		d->lifetime_s = get32(opt + 4);
		ra->n_domains += good;
		wire += used;
		left -= used;
	}
}

// Options that do not belong to the message are ignored, and so are those that nobody knows (section 4.6).
static enum nd_fault decode_option(const uint8_t *opt, struct nd *nd) {
	bool advertised = nd->type == ND_RA;

	if (opt[0] == (nd->type == ND_NA ? OPT_TARGET : OPT_SOURCE))
		return decode_mac(opt, nd);
	if (opt[0] == OPT_PREFIX && advertised)
		decode_prefix(opt, &nd->ra);
	if (opt[0] == OPT_MTU && advertised && opt[1] == 1)
		nd->ra.mtu = get32(opt + 4);
	if (opt[0] == OPT_SERVERS && advertised)
		decode_servers(opt, &nd->ra);
	if (opt[0] == OPT_ROUTE && advertised)
		decode_route(opt, &nd->ra);
	if (opt[0] == OPT_DOMAINS && advertised)
		decode_domains(opt, &nd->ra);
	if (opt[0] == OPT_NONCE && opt[1] == 1) {
		memcpy(nd->nonce, opt + 2, ND_NONCE);
		nd->has_nonce = true;
	}
	return ND_OK;
}

static enum nd_fault decode_options(const uint8_t *at, size_t len, struct nd *nd) {
	while (len > 0) {
		enum nd_fault fault;
		size_t bytes;

		if (len < 8 || at[1] == 0 || at[1] * 8u > len)
			return ND_OPTION;
		fault = decode_option(at, nd);
		if (fault != ND_OK)
			return fault;
		bytes = at[1] * 8u;
		at += bytes;
		len -= bytes;
	}
	return ND_OK;
}

static void decode_ra(const uint8_t *icmp, struct nd_router *ra) {
	ra->hop_limit = icmp[4];
	ra->managed = icmp[5] & RA_MANAGED;
	ra->other = icmp[5] & RA_OTHER;
	ra->lifetime_s = get16(icmp + 6);
	ra->reachable_ms = get32(icmp + 8);
	ra->retrans_ms = get32(icmp + 12);
	ra->preference = decode_preference(icmp[5] & RA_PREFERENCE); // reserved: medium
}

// Sections 6.1.1, 6.1.2, 7.1.1 and 7.1.2: what the addresses must be.
static enum nd_fault judge(const struct nd *nd) {
	bool nobody = nd_is_unspecified(&nd->src);

	if (nd_is_group(&nd->src) || is_loopback(&nd->src))
		return ND_SOURCE;
	if ((nd->type == ND_NS || nd->type == ND_RS) && nobody && nd->has_mac)
		return ND_OPTION;
	if (nd->type == ND_NS && nobody && !is_solicited_node(&nd->dst))
		return ND_DESTINATION;
	if (nd->type == ND_NA && nobody)
		return ND_SOURCE;
	if (nd->type == ND_NA && nd->solicited && nd_is_group(&nd->dst))
		return ND_DESTINATION;
	if (nd->type == ND_RA && !nd_is_link_local(&nd->src))
		return ND_SOURCE;
	if (nd->type != ND_NS && nd->type != ND_NA)
		return ND_OK;
	if (nd_is_group(&nd->target) || nd_is_unspecified(&nd->target) || is_loopback(&nd->target))
		return ND_TARGET;
	return ND_OK;
}

// The fixed part of a message; 0: no such type.
static size_t fixed_len(unsigned type) {
	switch (type) {
	case ND_RS:
		return 8;
	case ND_RA:
		return 16;
	case ND_NS:
	case ND_NA:
		return 24;
	default:
		return 0;
	}
}

static enum nd_fault decode_message(const uint8_t *icmp, size_t len, struct nd *nd) {
	size_t fixed = fixed_len(icmp[0]);
	enum nd_fault fault;

	if (icmp[1] != 0)
		return ND_CODE;
	if (len < fixed)
		return ND_SHORT;
	nd->type = icmp[0];
	if (nd->type == ND_NS || nd->type == ND_NA)
		nd->target = v6(icmp + 8);
	if (nd->type == ND_NA) {
		nd->router = icmp[4] & NA_ROUTER;
		nd->solicited = icmp[4] & NA_SOLICITED;
		nd->override = icmp[4] & NA_OVERRIDE;
	}
	if (nd->type == ND_RA)
		decode_ra(icmp, &nd->ra);
	fault = decode_options(icmp + fixed, len - fixed, nd);
	return fault != ND_OK ? fault : judge(nd);
}

// Where the ICMPv6 message starts behind extension headers. A fragment header is refused, also an atomic one (RFC 6980).
static enum nd_fault message_find(const uint8_t *ip, size_t len, size_t *at) {
	unsigned proto = ip[6];

	*at = IP_HEADER;
	for (unsigned i = 0; i <= EXTENSIONS; i++) {
		if (proto == PROTO_ICMP6)
			return len < *at + 4 ? ND_SHORT : ND_OK;
		if (proto == PROTO_FRAGMENT)
			return ND_FRAGMENT;
		if (proto != PROTO_HOP_BY_HOP && proto != PROTO_ROUTING &&
			proto != PROTO_DESTINATION && proto != PROTO_AH)
			return ND_OTHER;
		if (len < *at + 8)
			return ND_SHORT;
		bool ah = proto == PROTO_AH; // counts in units of four

		proto = ip[*at];
		*at += ah ? ip[*at + 1] * 4u + 8 : ip[*at + 1] * 8u + 8;
	}
	return ND_OTHER;
}

enum nd_fault nd_decode(const uint8_t *ip, size_t len, bool summed, struct nd *nd) {
	enum nd_fault fault;
	size_t at;

	if (len < IP_HEADER || ip[0] >> 4 != 6 || IP_HEADER + (size_t)get16(ip + 4) > len)
		return ND_SHORT;
	len = IP_HEADER + (size_t)get16(ip + 4);
	fault = message_find(ip, len, &at);
	if (fault != ND_OK)
		return fault;
	if (fixed_len(ip[at]) == 0)
		return ND_OTHER;
	if (ip[7] != 255) // it came from another link
		return ND_HOP_LIMIT;
	if (!summed && checksum(ip, ip + at, len - at) != 0)
		return ND_CHECKSUM;
	*nd = (struct nd){.src = v6(ip + 8), .dst = v6(ip + 24)};
	return decode_message(ip + at, len - at, nd);
}

// ---- encode -------------------------------------------------------------------------------------------------

struct writer {
	uint8_t *at, *end; // at == NULL: it did not fit
};

// An option of `units` eight bytes, zeroed but for its head; NULL: no room.
static uint8_t *option(struct writer *w, unsigned type, unsigned units) {
	uint8_t *opt = w->at;

	if (opt == NULL || (size_t)(w->end - opt) < units * 8u) {
		w->at = NULL;
		return NULL;
	}
	memset(opt, 0, units * 8u);
	opt[0] = (uint8_t)type;
	opt[1] = (uint8_t)units;
	w->at += units * 8u;
	return opt;
}

static void encode_six(struct writer *w, unsigned type, const uint8_t *bytes) {
	uint8_t *opt = option(w, type, 1);

	if (opt != NULL)
		memcpy(opt + 2, bytes, 6);
}

static void encode_prefix(struct writer *w, const struct nd_prefix *p) {
	uint8_t *opt = option(w, OPT_PREFIX, 4);
	struct prefix network = prefix_network(&p->prefix);

	if (opt == NULL)
		return;
	opt[2] = p->prefix.len;
	opt[3] = (uint8_t)((p->on_link ? PREFIX_ON_LINK : 0) |
		(p->autonomous ? PREFIX_AUTONOMOUS : 0));
	put32(opt + 4, p->valid_s);
	put32(opt + 8, p->preferred_s);
	memcpy(opt + 16, network.addr.bytes, 16);
}

static unsigned encode_preference(int preference) {
	return preference > 0 ? RA_HIGH : preference < 0 ? RA_LOW : 0;
}

static void encode_route(struct writer *w, const struct nd_route *r) {
	unsigned len = r->prefix.len, units = len == 0 ? 1 : len <= 64 ? 2 : 3;
	uint8_t *opt = option(w, OPT_ROUTE, units);
	struct prefix network = prefix_network(&r->prefix);

	if (opt == NULL)
		return;
	opt[2] = (uint8_t)len;
	opt[3] = (uint8_t)encode_preference(r->preference);
	put32(opt + 4, r->lifetime_s);
	memcpy(opt + 8, network.addr.bytes, (units - 1) * 8u);
}

size_t nd_domain_encode(const char *name, uint8_t wire[static ND_DOMAIN + 1]) {
	size_t at = 0;

	if (name[0] == '\0' || strlen(name) >= ND_DOMAIN)
		return 0;
	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		if (len == 0 || len > 63)
			return 0;
		wire[at++] = (uint8_t)len;
		for (size_t i = 0; i < len; i++)
			if (!is_domain_char((uint8_t)name[i]))
				return 0;
		memcpy(wire + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	wire[at++] = 0;
	return at;
}

static void encode_domain(struct writer *w, const struct nd_domain *d) {
	uint8_t wire[ND_DOMAIN + 1], *opt;
	size_t len = nd_domain_encode(d->name, wire);

	opt = len ? option(w, OPT_DOMAINS, 1 + (unsigned)(len + 7) / 8) : NULL;
	if (opt == NULL)
		return;
	put32(opt + 4, d->lifetime_s);
	memcpy(opt + 8, wire, len);
}

static void encode_ra(struct writer *w, const struct nd_router *ra) {
	uint8_t *opt;

	if (ra->mtu != 0) {
		opt = option(w, OPT_MTU, 1);
		if (opt != NULL)
			put32(opt + 4, ra->mtu);
	}
	for (unsigned i = 0; i < ra->n_prefixes && i < ND_PREFIXES; i++)
		encode_prefix(w, &ra->prefixes[i]);
	for (unsigned i = 0; i < ra->n_servers && i < ND_SERVERS; i++) {
		opt = option(w, OPT_SERVERS, 3);
		if (opt == NULL)
			return;
		put32(opt + 4, ra->servers[i].lifetime_s);
		memcpy(opt + 8, ra->servers[i].addr.bytes, 16);
	}
	for (unsigned i = 0; i < ra->n_routes && i < ND_ROUTES; i++)
		encode_route(w, &ra->routes[i]);
	for (unsigned i = 0; i < ra->n_domains && i < ND_DOMAINS; i++)
		encode_domain(w, &ra->domains[i]);
}

static void encode_fixed(uint8_t *icmp, const struct nd *nd) {
	const struct nd_router *ra = &nd->ra;

	memset(icmp, 0, fixed_len(nd->type));
	icmp[0] = nd->type;
	if (nd->type == ND_NS || nd->type == ND_NA)
		memcpy(icmp + 8, nd->target.bytes, 16);
	if (nd->type == ND_NA)
		icmp[4] = (uint8_t)((nd->router ? NA_ROUTER : 0) |
			(nd->solicited ? NA_SOLICITED : 0) | (nd->override ? NA_OVERRIDE : 0));
	if (nd->type != ND_RA)
		return;
	icmp[4] = ra->hop_limit;
	icmp[5] = (uint8_t)((ra->managed ? RA_MANAGED : 0) | (ra->other ? RA_OTHER : 0) |
		encode_preference(ra->preference));
	put16(icmp + 6, ra->lifetime_s);
	put32(icmp + 8, ra->reachable_ms);
	put32(icmp + 12, ra->retrans_ms);
}

static void encode_headers(
	uint8_t *frame, const struct nd *nd, const struct mac *from, const struct mac *to) {
	uint8_t *ip = frame + ETHERNET;

	if (to != NULL) {
		memcpy(frame, to->bytes, 6);
	} else { // RFC 2464 section 7
		put16(frame, 0x3333);
		memcpy(frame + 2, nd->dst.bytes + 12, 4);
	}
	memcpy(frame + 6, from->bytes, 6);
	put16(frame + 12, 0x86dd);
	put32(ip, 6u << 28);
	ip[6] = PROTO_ICMP6;
	ip[7] = 255;
	memcpy(ip + 8, nd->src.bytes, 16);
	memcpy(ip + 24, nd->dst.bytes, 16);
}

size_t nd_encode(const struct nd *nd, const struct mac *from, const struct mac *to,
	uint8_t frame[static ND_FRAME_MAX]) {
	uint8_t *ip = frame + ETHERNET, *icmp = ip + IP_HEADER;
	struct writer w = {icmp + fixed_len(nd->type), frame + ND_FRAME_MAX};
	size_t len;

	encode_headers(frame, nd, from, to);
	encode_fixed(icmp, nd);
	if (nd->has_mac)
		encode_six(&w, nd->type == ND_NA ? OPT_TARGET : OPT_SOURCE, nd->mac.bytes);
	if (nd->has_nonce)
		encode_six(&w, OPT_NONCE, nd->nonce);
	if (nd->type == ND_RA)
		encode_ra(&w, &nd->ra);
	if (w.at == NULL)
		return 0;
	len = (size_t)(w.at - icmp);
	put16(ip + 4, (unsigned)len);
	put16(icmp + 2, checksum(ip, icmp, len));
	return ETHERNET + IP_HEADER + len;
}
