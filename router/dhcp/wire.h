// SPDX-License-Identifier: BSD-3-Clause
// pure
// DHCPv4 messages (RFC 2131, 2132, 3046, 3396, 3442, 4361), bytes to struct and back. Judges form only.
#pragma once

#include "lib/addr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68
#define DHCP_HEADER      236  // before the magic cookie
#define DHCP_MSG_MAX     2048 // bytes of a message that is decoded
#define DHCP_OUT_MAX     1472 // of one that is made: what an Ethernet frame holds
#define DHCP_OUT_LEAST   548 // what everybody can receive (RFC 2131 section 2: 576 with the headers)
#define DHCP_BROADCAST   0x8000u

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
	DHCP_INFORM,
};

enum dhcp_option {
	DHCP_OPT_PAD = 0,
	DHCP_OPT_MASK = 1,
	DHCP_OPT_ROUTERS = 3,
	DHCP_OPT_DNS = 6,
	DHCP_OPT_HOSTNAME = 12,
	DHCP_OPT_DOMAIN = 15,
	DHCP_OPT_MTU = 26,
	DHCP_OPT_NTP = 42,
	DHCP_OPT_REQUESTED = 50,
	DHCP_OPT_LEASE = 51,
	DHCP_OPT_OVERLOAD = 52,
	DHCP_OPT_TYPE = 53,
	DHCP_OPT_SERVER = 54,
	DHCP_OPT_WANTED = 55,
	DHCP_OPT_MESSAGE = 56,
	DHCP_OPT_SIZE = 57,
	DHCP_OPT_T1 = 58,
	DHCP_OPT_T2 = 59,
	DHCP_OPT_VENDOR = 60,
	DHCP_OPT_CLIENT = 61,
	DHCP_OPT_TFTP = 66,
	DHCP_OPT_BOOT_FILE = 67,
	DHCP_OPT_RAPID = 80,
	DHCP_OPT_RELAY = 82,
	DHCP_OPT_SEARCH = 119,
	DHCP_OPT_ROUTES = 121,
	DHCP_OPT_END = 255,
};

enum { DHCP_RELAY_CIRCUIT = 1, DHCP_RELAY_REMOTE = 2, DHCP_RELAY_LINK = 5 }; // RFC 3046, 3527

struct dhcp_head {  // the fixed fields; addresses in host order
	uint8_t op; // 1: request, 2: reply
	uint8_t htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16];
};

struct dhcp_msg {
	struct dhcp_head head;
	uint8_t type; // enum dhcp_type; 0: BOOTP
	struct {
		uint16_t at, len;
		bool is_there;
	} options[256];              // whole options, the parts of a long one put together
	uint8_t bytes[DHCP_MSG_MAX]; // that they lie in
};

enum dhcp_verdict {
	DHCP_OK,
	DHCP_SHORT,   // less than the fixed fields and the cookie
	DHCP_LONG,    // more than DHCP_MSG_MAX
	DHCP_HEAD,    // op, or a hardware address that is longer than its field
	DHCP_COOKIE,  // no DHCP or BOOTP with options
	DHCP_OPTIONS, // an option that ends beyond its field, or whose length cannot be
};

// Decodes a UDP payload. Options of fixed length have it when they are there: 1 byte 52, 53; 2 bytes 26, 57; 4 bytes 1, 50, 51, 54, 58,
// 59; at least 1: 55, 61.
enum dhcp_verdict dhcp_decode(const uint8_t *bytes, size_t len, struct dhcp_msg *msg);

// An option, or NULL. `len` may be NULL.
const uint8_t *dhcp_option(const struct dhcp_msg *msg, unsigned code, size_t *len);
// An option of four bytes; 0: it is not there.
uint32_t dhcp_option_u32(const struct dhcp_msg *msg, unsigned code);
uint16_t dhcp_option_u16(const struct dhcp_msg *msg, unsigned code);
bool dhcp_has(const struct dhcp_msg *msg, unsigned code);
// A suboption of option 82, or NULL; NULL too when its lengths do not fit.
const uint8_t *dhcp_relay_option(const struct dhcp_msg *msg, unsigned code, size_t *len);
// A text option: printable, NUL-terminated, cut at size - 1; false: it is not there or empty.
bool dhcp_option_text(const struct dhcp_msg *msg, unsigned code, char *text, size_t size);

// A message to be sent: options are put in the order in which they shall stand.
struct dhcp_out {
	struct dhcp_head head;
	char file[128]; // boot file; "": none
	uint8_t options[4096];
	size_t len; // each: code, two bytes length, bytes
};

void dhcp_put(struct dhcp_out *out, unsigned code, const void *bytes, size_t len);
void dhcp_put_u8(struct dhcp_out *out, unsigned code, uint8_t value);
void dhcp_put_u16(struct dhcp_out *out, unsigned code, uint16_t value);
void dhcp_put_u32(struct dhcp_out *out, unsigned code, uint32_t value);

// Encodes into at most `max` bytes (DHCP_OUT_LEAST..DHCP_OUT_MAX): long options in parts, what finds no room among the options
// in `file` and `sname` (option 52), option 82 last. What finds no room there either is left out and counted in *left_out (may be
// NULL). Returns the length, at least 300 bytes (RFC 1542 section 2.1).
size_t dhcp_encode(const struct dhcp_out *out, uint8_t *bytes, size_t max, unsigned *left_out);

// Classless static routes (RFC 3442). decode: their number, at most max; -EINVAL. encode: bytes, 0 when there is no room.
struct dhcp_route {
	struct prefix to;
	uint32_t via; // 0: on the link
};
int dhcp_routes_decode(const uint8_t *bytes, size_t len, struct dhcp_route *routes, unsigned max);
size_t dhcp_routes_encode(const struct dhcp_route *routes, unsigned n, uint8_t *bytes, size_t size);
// One more name of a search list (RFC 3397), without compression. Bytes, 0 when it is no name or there is no room.
size_t dhcp_name_encode(const char *name, uint8_t *bytes, size_t size);

uint32_t dhcp_addr_host(const struct addr *addr); // IPv4
struct addr dhcp_addr(uint32_t host);
const char *dhcp_type_name(unsigned type); // "discover"; "bootp" for 0, "-" for what is none
