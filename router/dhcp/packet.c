// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/packet.h"
#include "lib/wire.h"
#include <errno.h>
#include <string.h>

enum { ETH = 14, IP = 20, UDP = 8, PROTO_UDP = 17 };

static uint32_t sum(uint32_t s, const uint8_t *b, size_t len) {
	for (size_t i = 0; i + 1 < len; i += 2)
		s += get16(b + i);
	return len % 2 ? s + ((uint32_t)b[len - 1] << 8) : s;
}

static unsigned fold(uint32_t s) {
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

static unsigned udp_sum(const uint8_t *ip, const uint8_t *udp, size_t len) {
	return fold(sum(sum(PROTO_UDP + (uint32_t)len, ip + 12, 8), udp, len));
}

int dhcp_packet_decode(const uint8_t *frame, size_t len, bool summed, struct dhcp_packet *packet) {
	const uint8_t *ip = frame + ETH;
	size_t header, total, udp_len;

	if (len < ETH + IP + UDP || get16(frame + 12) != 0x0800 || ip[0] >> 4 != 4 ||
		ip[9] != PROTO_UDP)
		return -EINVAL;
	header = (ip[0] & 15u) * 4;
	total = get16(ip + 2);
	if (header < IP || total < header + UDP || ETH + total > len)
		return -EINVAL;
	const uint8_t *udp = ip + header;
	udp_len = get16(udp + 4);
	if (udp_len < UDP || udp_len > total - header)
		return -EINVAL;
	if (!summed && get16(udp + 6) != 0 && udp_sum(ip, udp, udp_len) != 0)
		return -EINVAL;
	*packet = (struct dhcp_packet){.from = get32(ip + 12),
		.to = get32(ip + 16),
		.from_port = (uint16_t)get16(udp),
		.to_port = (uint16_t)get16(udp + 2),
		.payload = udp + UDP,
		.len = udp_len - UDP};
	memcpy(packet->to_mac.bytes, frame, 6);
	memcpy(packet->from_mac.bytes, frame + 6, 6);
	return 0;
}

size_t dhcp_packet_encode(uint8_t *frame, const struct dhcp_packet *packet, bool routed) {
	uint8_t *ip = frame + ETH, *udp = ip + IP;
	size_t udp_len = UDP + packet->len;
	unsigned check;

	memset(frame, 0, DHCP_HEADERS);
	memcpy(frame, packet->to_mac.bytes, 6);
	memcpy(frame + 6, packet->from_mac.bytes, 6);
	put16(frame + 12, 0x0800);
	ip[0] = 0x45;
	ip[1] = 0xc0; // internetwork control (RFC 4594): what an address hangs on
	put16(ip + 2, (unsigned)(IP + udp_len));
	ip[8] = routed ? 65 : 64;
	ip[9] = PROTO_UDP;
	put32(ip + 12, packet->from);
	put32(ip + 16, packet->to);
	put16(ip + 10, fold(sum(0, ip, IP)));
	put16(udp, packet->from_port);
	put16(udp + 2, packet->to_port);
	put16(udp + 4, (unsigned)udp_len);
	check = udp_sum(ip, udp, udp_len);
	put16(udp + 6, check ? check : 0xffff);
	return ETH + IP + udp_len;
}
