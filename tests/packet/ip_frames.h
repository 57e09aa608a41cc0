// SPDX-License-Identifier: BSD-3-Clause
// IP packets for packet tests, made and judged the slow and obvious way. Ports are 'a', 'b', ...: the router's MAC address on
// port 'a' is 02:00:00:00:01:01, host 9's there is 02:00:00:00:01:09. Addresses are text; a colon makes IPv6.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame {
	uint8_t bytes[1600];
	size_t len;
};

typedef uint64_t frame_mac; // low 48 bits, first byte highest
#define MAC_ALL 0xffffffffffffu
frame_mac mac_router(char port);
frame_mac mac_host(char port, unsigned host);

struct frame frame_udp(
	frame_mac dst, frame_mac src, const char *from, const char *to, size_t payload);
struct frame frame_icmp(frame_mac dst, frame_mac src, const char *from, const char *to,
	unsigned type, unsigned code);
struct frame frame_syn(
	frame_mac dst, frame_mac src, const char *from, const char *to, unsigned mss);
// A TCP segment; `options` as they are, a multiple of four bytes.
struct frame_segment {
	uint16_t sport, dport;
	uint32_t seq, ack;
	unsigned flags, win;
	const uint8_t *options;
	size_t options_len;
	const char *payload;
};
struct frame frame_tcp(frame_mac dst, frame_mac src, const char *from, const char *to,
	const struct frame_segment *s);
// Edits; each makes the checksums right again.
void frame_sum(struct frame *f); // the IPv4 header's only
void frame_ttl(struct frame *f, unsigned ttl);
void frame_tos(struct frame *f, unsigned tos);
void frame_ports(struct frame *f, uint16_t src, uint16_t dst);
void frame_payload(struct frame *f, unsigned number);
void frame_options(struct frame *f, const uint8_t *options, size_t len);
void frame_dont_fragment(struct frame *f);
void frame_fragment(struct frame *f, unsigned offset, bool more);
// Fragment `n` of a whole packet, with `size` bytes of payload each (a multiple of 8). false: there are not so many.
bool frame_cut(const struct frame *f, unsigned size, unsigned n, unsigned id, struct frame *out);
// An IPv6 extension header (`len` bytes, the first of them is set) between the fixed header and what follows.
void frame_extension(struct frame *f, unsigned proto, const uint8_t *bytes, size_t len);
// As the next hop gets it: one hop less, other MAC addresses.
void frame_hop(struct frame *f, frame_mac dst, frame_mac src);
bool frame_sum_ok(const struct frame *f);

void frame_send(char port, const struct frame *f); // and turns the loop
bool frame_recv(char port, struct frame *f);
void frame_expect(char port, const struct frame *f);
// The next frame of `port` is an ICMP error about `about`, from `from`, with everything in its place: addresses, TTL 64, checksums, the
// quoted packet as it was received. `mtu`: the pointer of a parameter problem.
void frame_expect_error(char port, const struct frame *about, unsigned type, unsigned code,
	unsigned mtu, const char *from);
// That error, as somebody else sends it.
struct frame frame_error(
	const struct frame *about, unsigned type, unsigned code, unsigned mtu, const char *from);
void frames_drain(void); // throws away what ports a to c have sent
