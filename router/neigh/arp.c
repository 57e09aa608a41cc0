// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/neigh/arp.h"
#include <string.h>

enum { OP_AT = 6, SENDER_MAC_AT = 8, SENDER_AT = 14, TARGET_MAC_AT = 18, TARGET_AT = 24 };

// Hardware Ethernet, protocol IPv4, 6 and 4 bytes.
static const uint8_t kind[OP_AT] = {0, 1, 0x08, 0x00, 6, 4};

static struct addr v4(const uint8_t *bytes) {
	struct addr addr = {.family = ADDR_V4};

	memcpy(addr.bytes, bytes, 4);
	return addr;
}

static bool is_zero(const uint8_t *bytes, size_t n) {
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

// Can a host on the link have this address (RFC 1122 section 3.2.1.3)?
static bool is_host(const uint8_t *ip) {
	return ip[0] != 0 && ip[0] != 127 && ip[0] < 224;
}

enum arp_fault arp_decode(const uint8_t *data, size_t len, struct arp *arp) {
	if (len < ARP_BYTES)
		return ARP_SHORT;
	if (memcmp(data, kind, sizeof(kind)) != 0)
		return ARP_KIND;
	arp->op = (uint16_t)(data[OP_AT] << 8 | data[OP_AT + 1]);
	if (arp->op != ARP_REQUEST && arp->op != ARP_REPLY)
		return ARP_OP;
	memcpy(arp->sender_mac.bytes, data + SENDER_MAC_AT, 6);
	memcpy(arp->target_mac.bytes, data + TARGET_MAC_AT, 6);
	arp->sender = v4(data + SENDER_AT);
	arp->target = v4(data + TARGET_AT);
	if (mac_is_multicast(&arp->sender_mac) || is_zero(arp->sender_mac.bytes, 6))
		return ARP_SENDER_MAC;
	// A probe has no sender, and the answer to it no target.
	if (!is_host(arp->sender.bytes) && !arp_is_probe(arp))
		return ARP_SENDER;
	if (!is_host(arp->target.bytes) && !(arp->op == ARP_REPLY && is_zero(arp->target.bytes, 4)))
		return ARP_TARGET;
	return ARP_OK;
}

void arp_encode(
	const struct arp *arp, const struct mac *to, uint8_t frame[static ARP_FRAME_BYTES]) {
	uint8_t *data = frame + 14;

	memcpy(frame, to->bytes, 6);
	memcpy(frame + 6, arp->sender_mac.bytes, 6);
	frame[12] = 0x08;
	frame[13] = 0x06;
	memcpy(data, kind, sizeof(kind));
	data[OP_AT] = (uint8_t)(arp->op >> 8);
	data[OP_AT + 1] = (uint8_t)arp->op;
	memcpy(data + SENDER_MAC_AT, arp->sender_mac.bytes, 6);
	memcpy(data + SENDER_AT, arp->sender.bytes, 4);
	memcpy(data + TARGET_MAC_AT, arp->target_mac.bytes, 6);
	memcpy(data + TARGET_AT, arp->target.bytes, 4);
}

bool arp_is_probe(const struct arp *arp) {
	return arp->op == ARP_REQUEST && is_zero(arp->sender.bytes, 4);
}

bool arp_is_announcement(const struct arp *arp) {
	return memcmp(arp->sender.bytes, arp->target.bytes, 4) == 0;
}
