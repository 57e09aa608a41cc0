// SPDX-License-Identifier: BSD-3-Clause
// pure
// Headers of one IP family as the other has them: RFC 7915, with addresses of RFC 6052. No state, no time, no packets' buffers: what a
// session knows of both sides comes in.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XLAT_V4        20
#define XLAT_V6        40
#define XLAT_ERROR_MAX 1280 // bytes of an ICMP error that is written
#define XLAT_DF_MIN \
	1260 // longer IPv4 packets made of IPv6 may not be cut: the sender was told, or will be (section 5.1)

// ---- addresses (RFC 6052 section 2.2) --------------------------------------------------------------------------

bool xlat_prefix_ok(unsigned len); // 32, 40, 48, 56, 64, 96
void xlat_embed(const uint8_t prefix[16], unsigned len, const uint8_t v4[4], uint8_t v6[16]);
void xlat_extract(const uint8_t v6[16], unsigned len, uint8_t v4[4]);
// Another IPv4 address in the way that `v6` has `v4`; when `v6` has it in no way, as of a /96.
void xlat_embed_like(
	const uint8_t v6[16], const uint8_t v4[4], const uint8_t other[4], uint8_t to[16]);
// May the well-known prefix stand for it (section 3.1)? Not for private and other addresses that mean something else elsewhere.
bool xlat_is_global(const uint8_t v4[4]);

// ---- packets ---------------------------------------------------------------------------------------------------------

// Both ends as the packet shall have them, of the other family; IPv4: the first 4 bytes. Network order. Of ICMP queries the identifier is
// sport of a request and dport of a reply.
struct xlat_ends {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
};

// Writes the header of the other family for `l4_len` bytes behind it; `proto` as in the packet that comes in. `cut`: it came in fragments,
// and may be cut again; `id`: IPv4's identification. Hops are not counted here.
void xlat_head4(uint8_t out[XLAT_V4], const uint8_t *ip6, unsigned proto, uint32_t l4_len,
	const struct xlat_ends *to, bool cut, uint16_t id);
void xlat_head6(
	uint8_t out[XLAT_V6], const uint8_t *ip4, uint32_t l4_len, const struct xlat_ends *to);

enum xlat_sum {
	XLAT_WHOLE,  // the checksum field is the checksum
	XLAT_PSEUDO, // it holds the sum of the pseudo header; whoever sends it completes it
};

enum xlat_done {
	XLAT_OK,
	XLAT_NO_SUM, // UDP without a checksum, which IPv6 does not have: the caller computes it (section 4.5)
	XLAT_NOT, // nothing that could be translated
};

// The upper header at `l4`, of which `there` bytes may be read and written, in place: ports, identifiers, ICMP types, checksum. `ip`: the
// header that it came with; l4_len: all of it.
enum xlat_done xlat_upper(uint8_t *l4, size_t there, uint32_t l4_len, const uint8_t *ip,
	unsigned proto, const struct xlat_ends *to, enum xlat_sum kind);

// An ICMP error, `len` bytes from its IP header on, its upper header at `l4`: as the other side shall hear it, from `from`. `to`: as packets of
// this direction leave. `mtu`: the most that one of the other family's packets may be on its way, by the next hops' word; 0: not known. Its
// length in `out`, or 0: it has no counterpart, or is none.
size_t xlat_error(const uint8_t *ip, size_t len, size_t l4, const struct xlat_ends *to,
	const uint8_t from[16], uint32_t mtu, uint8_t out[XLAT_ERROR_MAX]);
