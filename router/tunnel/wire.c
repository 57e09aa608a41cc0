// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/tunnel/wire.h"
#include "lib/wire.h"
#include <string.h>

enum {
	GRE_SUM = 0x8000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	// routing, strict source route, the first of the reserved bits (RFC 2784 section 2.1), another version
	GRE_REFUSED = 0x4000 | 0x0800 | 0x0400 | 0x0007,
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	VXLAN_HAS_VNI = 0x08,
	OPTION_LIMIT = 4,
	IP4 = 20,
	IP6 = 40,
	UDP = 8,
	VXLAN = 8,
};

// ---- out ----------------------------------------------------------------------------------------------------

unsigned tunnel_header_len(const struct tunnel_wire *wire) {
	unsigned len = wire->v6 ? IP6 + (wire->has_limit ? 8 : 0) : IP4;

	if (wire->type == TUNNEL_GRE)
		len += wire->has_key ? 8 : 4;
	return wire->type == TUNNEL_VXLAN ? len + UDP + VXLAN : len;
}

static uint8_t proto_of(const struct tunnel_wire *wire, const struct tunnel_inner *inner) {
	if (wire->type == TUNNEL_GRE)
		return TUNNEL_PROTO_GRE;
	if (wire->type == TUNNEL_VXLAN)
		return TUNNEL_PROTO_UDP;
	return inner->v6 ? TUNNEL_PROTO_IP6 : TUNNEL_PROTO_IP4;
}

// ECN is copied (RFC 6040 section 4.1, normal mode).
static uint8_t tos_of(const struct tunnel_wire *wire, const struct tunnel_inner *inner) {
	uint8_t dscp =
		wire->dscp == TUNNEL_INHERIT ? inner->tos & 0xfc : (uint8_t)(wire->dscp << 2);

	return inner->ip ? dscp | (inner->tos & 3) : (wire->dscp == TUNNEL_INHERIT ? 0 : dscp);
}

static uint8_t ttl_of(const struct tunnel_wire *wire, const struct tunnel_inner *inner) {
	unsigned ttl = wire->ttl ? wire->ttl : inner->ip ? inner->ttl : 64;

	return (uint8_t)(ttl < 255 ? ttl + 1 : 255);
}

static void sum4(uint8_t *ip) {
	uint32_t sum = 0;

	for (unsigned i = 0; i < IP4; i += 2)
		sum += get16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~(sum + (sum >> 16)) & 0xffff);
}

static void encode4(const struct tunnel_wire *wire, const struct tunnel_inner *inner,
	unsigned header_len, uint8_t *to) {
	bool df = wire->df && (!inner->ip || inner->df);

	to[0] = 0x45;
	to[1] = tos_of(wire, inner);
	put16(to + 2, header_len + inner->len);
	put16(to + 4, df ? 0 : inner->id); // RFC 6864: who cannot be cut needs none
	put16(to + 6, df ? 0x4000 : 0);
	to[8] = ttl_of(wire, inner);
	to[9] = proto_of(wire, inner);
	put16(to + 10, 0);
	memcpy(to + 12, wire->local, 4);
	memcpy(to + 16, wire->remote, 4);
	sum4(to);
}

static void encode6(const struct tunnel_wire *wire, const struct tunnel_inner *inner,
	unsigned header_len, uint8_t *to) {
	uint8_t proto = proto_of(wire, inner);

	// the flow label tells routers on the way which packets belong together (RFC 6438)
	put32(to, 6u << 28 | (uint32_t)tos_of(wire, inner) << 20 | (inner->hash & 0xfffff));
	put16(to + 4, header_len - IP6 + inner->len);
	to[6] = wire->has_limit ? TUNNEL_PROTO_OPTIONS : proto;
	to[7] = ttl_of(wire, inner);
	memcpy(to + 8, wire->local, 16);
	memcpy(to + 24, wire->remote, 16);
	if (wire->has_limit) // and three bytes of padding: PadN
		memcpy(to + IP6,
			(const uint8_t[8]){proto, 0, OPTION_LIMIT, 1, wire->limit, 1, 1, 0}, 8);
}

static void encode_gre(
	const struct tunnel_wire *wire, const struct tunnel_inner *inner, uint8_t *to) {
	put16(to, wire->has_key ? GRE_KEY : 0);
	put16(to + 2, inner->v6 ? TYPE_IP6 : TYPE_IP4);
	if (wire->has_key)
		put32(to + 4, wire->key);
}

static void encode_vxlan(
	const struct tunnel_wire *wire, const struct tunnel_inner *inner, uint8_t *to) {
	put16(to, 0xc000 | (inner->hash & 0x3fff)); // RFC 7348 section 5: the dynamic ports
	put16(to + 2, wire->port);
	put16(to + 4, UDP + VXLAN + inner->len);
	put16(to + 6, 0);
	put32(to + UDP, (uint32_t)VXLAN_HAS_VNI << 24);
	put32(to + UDP + 4, inner->vni << 8);
}

void tunnel_encode(const struct tunnel_wire *wire, const struct tunnel_inner *inner, uint8_t *to) {
	unsigned len = tunnel_header_len(wire);

	if (wire->v6)
		encode6(wire, inner, len, to);
	else
		encode4(wire, inner, len, to);
	if (wire->type == TUNNEL_GRE)
		encode_gre(wire, inner, to + len - (wire->has_key ? 8 : 4));
	else if (wire->type == TUNNEL_VXLAN)
		encode_vxlan(wire, inner, to + len - UDP - VXLAN);
}

void tunnel_inner_read(const uint8_t *ip, bool v6, size_t len, struct tunnel_inner *inner) {
	inner->ip = len >= (v6 ? IP6 : IP4);
	if (!inner->ip)
		return;
	inner->v6 = v6;
	if (v6) {
		inner->tos = (uint8_t)(get32(ip) >> 20);
		inner->ttl = ip[7];
		inner->df = true;
	} else {
		inner->tos = ip[1];
		inner->ttl = ip[8];
		inner->df = ip[6] & 0x40;
	}
}

// ---- in -----------------------------------------------------------------------------------------------------

enum tunnel_verdict tunnel_gre_decode(const uint8_t *gre, size_t len, struct tunnel_gre *out) {
	unsigned flags, type;

	if (len < 4)
		return TUNNEL_TRUNCATED;
	flags = get16(gre);
	type = get16(gre + 2);
	if (flags & GRE_REFUSED)
		return TUNNEL_FLAGS;
	*out = (struct tunnel_gre){.header_len = 4,
		.has_sum = flags & GRE_SUM,
		.has_key = flags & GRE_KEY,
		.v6 = type == TYPE_IP6};
	if (out->has_sum)
		out->header_len += 4;
	if (out->has_key)
		out->header_len += 4;
	if (flags & GRE_SEQUENCE)
		out->header_len += 4;
	if (len < out->header_len)
		return TUNNEL_TRUNCATED;
	if (out->has_key)
		out->key = get32(gre + (out->has_sum ? 8 : 4));
	return type == TYPE_IP4 || type == TYPE_IP6 ? TUNNEL_OK : TUNNEL_PAYLOAD;
}

enum tunnel_verdict tunnel_vxlan_decode(const uint8_t *vxlan, size_t len, uint32_t *vni) {
	if (len < VXLAN)
		return TUNNEL_TRUNCATED;
	*vni = get32(vxlan + 4) >> 8;
	return vxlan[0] & VXLAN_HAS_VNI ? TUNNEL_OK : TUNNEL_FLAGS; // the others are ignored
}

int tunnel_ecn(unsigned inner, unsigned outer) {
	enum { NOT_ECT, ECT1, ECT0, CE };
	static const int8_t table[4][4] = {
		// outer: not ECT, ECT(1), ECT(0), CE
		[NOT_ECT] = {NOT_ECT, NOT_ECT, NOT_ECT, -1},
		[ECT1] = {ECT1, ECT1, ECT1, CE},
		[ECT0] = {ECT0, ECT1, ECT0, CE},
		[CE] = {CE, CE, CE, CE},
	};

	return table[inner & 3][outer & 3];
}

// ---- tunnels inside tunnels ---------------------------------------------------------------------------------

// A tunnel's header at the start of an IP packet: its length, or 0; *v6 becomes the family of what is inside.
static unsigned nested(const uint8_t *ip, size_t len, bool *v6, uint16_t vxlan_port) {
	unsigned at = *v6 ? IP6 : (ip[0] & 0xfu) * 4, proto = *v6 ? ip[6] : ip[9], type;
	struct tunnel_gre gre;

	if (*v6 && proto == TUNNEL_PROTO_OPTIONS && len >= IP6 + 8) {
		proto = ip[IP6];
		at += (ip[IP6 + 1] + 1u) * 8;
	}
	if (at < IP4 || at >= len)
		return 0;
	switch (proto) {
	case TUNNEL_PROTO_IP4:
	case TUNNEL_PROTO_IP6:
		*v6 = proto == TUNNEL_PROTO_IP6;
		return at;
	case TUNNEL_PROTO_GRE:
		if (tunnel_gre_decode(ip + at, len - at, &gre) != TUNNEL_OK)
			return 0;
		*v6 = gre.v6;
		return at + gre.header_len;
	case TUNNEL_PROTO_UDP: // with a frame inside
		at += UDP + VXLAN + 14;
		if (len < at || get16(ip + at - 28) != vxlan_port)
			return 0;
		type = get16(ip + at - 2);
		*v6 = type == TYPE_IP6;
		return type == TYPE_IP4 || type == TYPE_IP6 ? at : 0;
	default:
		return 0;
	}
}

unsigned tunnel_nesting(const uint8_t *ip, size_t len, uint16_t vxlan_port) {
	bool v6 = len > 0 && ip[0] >> 4 == 6;
	unsigned depth = 0, header;

	while (depth <= TUNNEL_NEST_MAX && len >= (v6 ? IP6 : IP4)) {
		header = nested(ip, len, &v6, vxlan_port);
		if (header == 0)
			break;
		ip += header;
		len -= header;
		depth++;
	}
	return depth;
}

int tunnel_limit_find(const uint8_t *ip, size_t len, unsigned *at) {
	size_t end;

	if (len < IP6 + 8 || ip[6] != TUNNEL_PROTO_OPTIONS)
		return -1;
	end = IP6 + (ip[IP6 + 1] + 1u) * 8;
	if (end > len)
		return -1;
	for (size_t i = IP6 + 2; i + 1 < end;) {
		if (ip[i] == 0) { // Pad1
			i++;
			continue;
		}
		if (ip[i] == OPTION_LIMIT && ip[i + 1] == 1 && i + 2 < end) {
			*at = (unsigned)i + 2;
			return ip[i + 2];
		}
		i += 2u + ip[i + 1];
	}
	return -1;
}
