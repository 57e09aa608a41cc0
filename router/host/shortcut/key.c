// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/host/shortcut/key.h"
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define IP4_LEN     20
#define IP6_LEN     40
#define TCP_LEN     20
#define TCP_FLAGS   13 // where they are in the header
#define FIN_SYN_RST 0x07

#define KEEP_BYTES  1000000 // a second
#define KEEP_LENGTH 500     // of frames, on average: bulk and its acknowledgements

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

struct ends {
	uint8_t source[16], target[16];
};

static unsigned be16(const uint8_t *at) {
	return (unsigned)at[0] << 8 | at[1];
}

static size_t ip4_read(const uint8_t *ip, size_t len, struct ends *ends) {
	if (len < IP4_LEN || ip[0] != 0x45 || ip[9] != IPPROTO_TCP || (be16(ip + 6) & 0x3fff))
		return 0;
	memcpy(ends->source, v4_mapped, sizeof(v4_mapped));
	memcpy(ends->source + sizeof(v4_mapped), ip + 12, 4);
	memcpy(ends->target, v4_mapped, sizeof(v4_mapped));
	memcpy(ends->target + sizeof(v4_mapped), ip + 16, 4);
	return IP4_LEN;
}

static size_t ip6_read(const uint8_t *ip, size_t len, struct ends *ends) {
	if (len < IP6_LEN || ip[0] >> 4 != 6 || ip[6] != IPPROTO_TCP)
		return 0;
	memcpy(ends->source, ip + 8, 16);
	memcpy(ends->target, ip + 24, 16);
	return IP6_LEN;
}

bool shortcut_key_read(const uint8_t *frame, size_t len, bool out, struct shortcut_key *key) {
	size_t at = ETH_HLEN, ip_len = 0;
	struct ends ends;

	if (len < at)
		return false;
	if (be16(frame + 12) == ETHERTYPE_IP)
		ip_len = ip4_read(frame + at, len - at, &ends);
	else if (be16(frame + 12) == ETHERTYPE_IPV6)
		ip_len = ip6_read(frame + at, len - at, &ends);
	at += ip_len;
	if (ip_len == 0 || len < at + TCP_LEN || (frame[at + TCP_FLAGS] & FIN_SYN_RST))
		return false;
	memcpy(key->local, out ? ends.source : ends.target, sizeof(key->local));
	memcpy(key->remote, out ? ends.target : ends.source, sizeof(key->remote));
	memcpy(&key->local_port, frame + at + (out ? 0 : 2), 2);
	memcpy(&key->remote_port, frame + at + (out ? 2 : 0), 2);
	return true;
}

bool shortcut_is_bulk(uint64_t packets, uint64_t bytes) {
	return bytes >= KEEP_BYTES && bytes >= packets * KEEP_LENGTH;
}

struct addr shortcut_addr(const uint8_t addr[static 16]) {
	bool v4 = memcmp(addr, v4_mapped, sizeof(v4_mapped)) == 0;
	struct addr a = {.family = v4 ? ADDR_V4 : ADDR_V6};

	memcpy(a.bytes, v4 ? addr + sizeof(v4_mapped) : addr, v4 ? 4 : 16);
	return a;
}

char *shortcut_end_print(
	const uint8_t addr[static 16], uint16_t port_be, char buf[static SHORTCUT_END_STRLEN]) {
	struct addr a = shortcut_addr(addr);
	char text[ADDR_STRLEN];

	snprintf(buf, SHORTCUT_END_STRLEN, a.family == ADDR_V4 ? "%s:%u" : "[%s]:%u",
		addr_print(&a, text), ntohs(port_be));
	return buf;
}
