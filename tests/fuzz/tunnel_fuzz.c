// SPDX-License-Identifier: BSD-3-Clause
// Tunnel headers. What is read stays within the bytes that there are, and what is written is read as the same.
//
// The input: a byte that says how, then a header as it came.
#include "router/tunnel/wire.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good) {
	if (!good)
		abort();
}

static void read_all(const uint8_t *bytes, size_t len) {
	struct tunnel_inner inner = {0};
	struct tunnel_gre gre;
	unsigned at = 0;
	uint32_t vni;
	int limit;

	if (tunnel_gre_decode(bytes, len, &gre) == TUNNEL_OK)
		check(gre.header_len <= len && gre.header_len >= 4 && gre.header_len <= 16);
	if (tunnel_vxlan_decode(bytes, len, &vni) == TUNNEL_OK)
		check(len >= 8 && vni <= VXLAN_VNI_MAX);
	check(tunnel_nesting(bytes, len, VXLAN_PORT) <= TUNNEL_NEST_MAX + 1);
	limit = tunnel_limit_find(bytes, len, &at);
	check(limit <= 255 && (limit < 0 || (at < len && bytes[at] == limit)));
	for (int v6 = 0; v6 < 2; v6++) {
		inner = (struct tunnel_inner){0};
		tunnel_inner_read(bytes, v6, len, &inner);
		check(inner.ip == (len >= (v6 ? 40u : 20u)));
	}
}

// A tunnel made of the input's bytes, and a packet: its header is as long as it says, counts as one tunnel, and says what it was given.
static void write_one(uint8_t how, const uint8_t *bytes, size_t len) {
	uint8_t header[TUNNEL_HEADER_MAX + 40] = {0};
	struct tunnel_wire wire = {.type = (uint8_t)(TUNNEL_GRE + how % 4),
		.v6 = how & 4,
		.df = how & 8,
		.dscp = how & 16 ? TUNNEL_INHERIT : how >> 2,
		.port = VXLAN_PORT};
	struct tunnel_inner inner = {.ip = how & 32, .v6 = how & 64, .len = 1000};
	struct tunnel_gre gre;
	unsigned header_len;
	uint32_t vni;

	if (len < 48)
		return;
	wire.has_key = how & 128;
	wire.has_limit = how & 16;
	memcpy(&wire.key, bytes, 4);
	memcpy(wire.local, bytes + 4, 16);
	memcpy(wire.remote, bytes + 20, 16);
	inner.tos = bytes[36];
	inner.ttl = bytes[37];
	memcpy(&inner.hash, bytes + 38, 4);
	inner.vni = (uint32_t)bytes[42] << 16 | bytes[43];
	if (wire.type == TUNNEL_SIT)
		inner.v6 = true;
	header_len = tunnel_header_len(&wire);
	check(header_len <= TUNNEL_HEADER_MAX);
	tunnel_encode(&wire, &inner, header);
	for (unsigned i = header_len; i < sizeof(header); i++)
		check(header[i] == 0);
	if (wire.type == TUNNEL_GRE) {
		unsigned at = header_len - (wire.has_key ? 8 : 4);

		check(tunnel_gre_decode(header + at, header_len - at, &gre) == TUNNEL_OK);
		check(gre.has_key == wire.has_key && gre.v6 == inner.v6);
		check(!gre.has_key || gre.key == wire.key);
	}
	if (wire.type == TUNNEL_VXLAN) {
		check(tunnel_vxlan_decode(header + header_len - 8, 8, &vni) == TUNNEL_OK);
		check(vni == inner.vni);
	} else {
		header[header_len] = inner.v6 ? 0x60 : 0x45;
		check(tunnel_nesting(header, sizeof(header), VXLAN_PORT) == 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	uint8_t *exact;

	if (size < 1)
		return 0;
	exact = malloc(size > 1
			? size - 1
			: 1); // its end is the end of the memory, so that a sanitizer sees a byte too far
	if (exact == NULL)
		return 0;
	memcpy(exact, data + 1, size - 1);
	read_all(exact, size - 1);
	write_one(data[0], exact, size - 1);
	for (unsigned i = 0; i < 4; i++)
		check(tunnel_ecn(data[0], i) <= 3);
	free(exact);
	return 0;
}
