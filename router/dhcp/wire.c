// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/wire.h"
#include "lib/wire.h"
#include <errno.h>
#include <string.h>

enum { AT_SNAME = 44, AT_FILE = 108, LEN_SNAME = 64, LEN_FILE = 128, LEAST = 300 };

static const uint8_t cookie[4] = {99, 130, 83, 99};

uint32_t dhcp_addr_host(const struct addr *addr) {
	return get32(addr->bytes);
}

struct addr dhcp_addr(uint32_t host) {
	struct addr addr = {.family = ADDR_V4};

	put32(addr.bytes, host);
	return addr;
}

const char *dhcp_type_name(unsigned type) {
	static const char *const names[] = {"bootp", "discover", "offer", "request", "decline",
		"ack", "nak", "release", "inform"};

	return type < sizeof(names) / sizeof(*names) ? names[type] : "-";
}

// ---- decode ---------------------------------------------------------------------------------------------------

struct field {
	const uint8_t *bytes;
	size_t len;
};

typedef void (*option_fn)(struct dhcp_msg *msg, unsigned code, const uint8_t *bytes, unsigned len);

// Calls fn for each option of a field, up to the end option or the field's end (which is as good). false: one does not fit.
static bool options_walk(struct dhcp_msg *msg, const struct field *field, option_fn fn) {
	const uint8_t *b = field->bytes;

	for (size_t i = 0; i < field->len && b[i] != DHCP_OPT_END;) {
		if (b[i] == DHCP_OPT_PAD) {
			i++;
			continue;
		}
		if (i + 2 > field->len || i + 2 + b[i + 1] > field->len)
			return false;
		fn(msg, b[i], b + i + 2, b[i + 1]);
		i += 2u + b[i + 1];
	}
	return true;
}

static void option_count(struct dhcp_msg *msg, unsigned code, const uint8_t *, unsigned len) {
	msg->options[code].is_there = true;
	msg->options[code].len = (uint16_t)(msg->options[code].len + len);
}

static void option_copy(struct dhcp_msg *msg, unsigned code, const uint8_t *bytes, unsigned len) {
	memcpy(msg->bytes + msg->options[code].at + msg->options[code].len, bytes, len);
	msg->options[code].len = (uint16_t)(msg->options[code].len + len);
}

// The overload option counts in the options field only, and is needed before the others can be read.
static void overload_take(struct dhcp_msg *msg, unsigned code, const uint8_t *bytes, unsigned len) {
	if (code == DHCP_OPT_OVERLOAD && len == 1 && bytes[0] >= 1 && bytes[0] <= 3)
		msg->bytes[0] = bytes[0];
}

// RFC 3396: the parts of an option are put together in the order options, file, sname.
static bool options_gather(struct dhcp_msg *msg, const uint8_t *bytes, size_t len) {
	struct field fields[3] = {
		{bytes + DHCP_HEADER + sizeof(cookie), len - DHCP_HEADER - sizeof(cookie)}};
	unsigned n = 1, at = 0;

	msg->bytes[0] = 0;
	if (!options_walk(msg, &fields[0], overload_take))
		return false;
	if (msg->bytes[0] & 1)
		fields[n++] = (struct field){bytes + AT_FILE, LEN_FILE};
	if (msg->bytes[0] & 2)
		fields[n++] = (struct field){bytes + AT_SNAME, LEN_SNAME};
	for (unsigned i = 0; i < n; i++)
		if (!options_walk(msg, &fields[i], option_count))
			return false;
	for (unsigned code = 0; code < 256; code++) {
		msg->options[code].at = (uint16_t)at;
		at += msg->options[code].len;
		msg->options[code].len = 0;
	}
	for (unsigned i = 0; i < n; i++)
		options_walk(msg, &fields[i], option_copy);
	return true;
}

// What the others read without looking has its length.
static bool lengths_ok(const struct dhcp_msg *msg) {
	static const struct {
		uint8_t code, least, most;
	} rows[] = {
		{DHCP_OPT_MASK, 4, 4},
		{DHCP_OPT_MTU, 2, 2},
		{DHCP_OPT_REQUESTED, 4, 4},
		{DHCP_OPT_LEASE, 4, 4},
		{DHCP_OPT_OVERLOAD, 1, 1},
		{DHCP_OPT_TYPE, 1, 1},
		{DHCP_OPT_SERVER, 4, 4},
		{DHCP_OPT_WANTED, 1, 255},
		{DHCP_OPT_SIZE, 2, 2},
		{DHCP_OPT_T1, 4, 4},
		{DHCP_OPT_T2, 4, 4},
		{DHCP_OPT_CLIENT, 1, 255},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (msg->options[rows[i].code].is_there &&
			(msg->options[rows[i].code].len < rows[i].least ||
				msg->options[rows[i].code].len > rows[i].most))
			return false;
	return true;
}

static void head_decode(const uint8_t *b, struct dhcp_head *head) {
	*head = (struct dhcp_head){.op = b[0],
		.htype = b[1],
		.hlen = b[2],
		.hops = b[3],
		.xid = get32(b + 4),
		.secs = get16(b + 8),
		.flags = get16(b + 10),
		.ciaddr = get32(b + 12),
		.yiaddr = get32(b + 16),
		.siaddr = get32(b + 20),
		.giaddr = get32(b + 24)};
	memcpy(head->chaddr, b + 28, sizeof(head->chaddr));
}

enum dhcp_verdict dhcp_decode(const uint8_t *bytes, size_t len, struct dhcp_msg *msg) {
	memset(msg, 0, offsetof(struct dhcp_msg, bytes));
	if (len < DHCP_HEADER + sizeof(cookie))
		return DHCP_SHORT;
	if (len > DHCP_MSG_MAX)
		return DHCP_LONG;
	head_decode(bytes, &msg->head);
	if (msg->head.op < 1 || msg->head.op > 2 || msg->head.hlen > sizeof(msg->head.chaddr))
		return DHCP_HEAD;
	if (memcmp(bytes + DHCP_HEADER, cookie, sizeof(cookie)) != 0)
		return DHCP_COOKIE;
	if (!options_gather(msg, bytes, len) || !lengths_ok(msg))
		return DHCP_OPTIONS;
	if (msg->options[DHCP_OPT_TYPE].is_there)
		msg->type = *dhcp_option(msg, DHCP_OPT_TYPE, NULL);
	return DHCP_OK;
}

bool dhcp_has(const struct dhcp_msg *msg, unsigned code) {
	return msg->options[code].is_there;
}

const uint8_t *dhcp_option(const struct dhcp_msg *msg, unsigned code, size_t *len) {
	if (len)
		*len = msg->options[code].len;
	return msg->options[code].is_there ? msg->bytes + msg->options[code].at : NULL;
}

uint32_t dhcp_option_u32(const struct dhcp_msg *msg, unsigned code) {
	return msg->options[code].len == 4 ? get32(msg->bytes + msg->options[code].at) : 0;
}

uint16_t dhcp_option_u16(const struct dhcp_msg *msg, unsigned code) {
	return msg->options[code].len == 2 ? get16(msg->bytes + msg->options[code].at) : 0;
}

const uint8_t *dhcp_relay_option(const struct dhcp_msg *msg, unsigned code, size_t *len) {
	size_t all;
	const uint8_t *b = dhcp_option(msg, DHCP_OPT_RELAY, &all), *found = NULL;

	for (size_t i = 0; b && i < all; i += 2u + b[i + 1]) {
		if (i + 2 > all || i + 2 + b[i + 1] > all)
			return NULL;
		if (b[i] == code && found == NULL) {
			found = b + i + 2;
			*len = b[i + 1];
		}
	}
	return found;
}

bool dhcp_option_text(const struct dhcp_msg *msg, unsigned code, char *text, size_t size) {
	size_t len, n = 0;
	const uint8_t *b = dhcp_option(msg, code, &len);

	for (size_t i = 0; b && i < len && b[i] != 0 && n + 1 < size; i++)
		text[n++] = b[i] > ' ' && b[i] < 127 ? (char)b[i] : '_';
	text[n] = '\0';
	return n > 0;
}

// ---- encode ---------------------------------------------------------------------------------------------------

void dhcp_put(struct dhcp_out *out, unsigned code, const void *bytes, size_t len) {
	uint8_t *at = out->options + out->len;

	if (out->len + 3 + len > sizeof(out->options))
		return; // more than any message holds
	at[0] = (uint8_t)code;
	put16(at + 1, (unsigned)len);
	if (len > 0)
		memcpy(at + 3, bytes, len);
	out->len += 3 + len;
}

void dhcp_put_u8(struct dhcp_out *out, unsigned code, uint8_t value) {
	dhcp_put(out, code, &value, 1);
}

void dhcp_put_u16(struct dhcp_out *out, unsigned code, uint16_t value) {
	uint8_t b[2];

	put16(b, value);
	dhcp_put(out, code, b, sizeof(b));
}

void dhcp_put_u32(struct dhcp_out *out, unsigned code, uint32_t value) {
	uint8_t b[4];

	put32(b, value);
	dhcp_put(out, code, b, sizeof(b));
}

// On the wire a part has two bytes before it, and 255 bytes at most.
static size_t wire_len(size_t len) {
	return len + 2 * (len == 0 ? 1 : (len + 254) / 255);
}

static uint8_t *option_write(uint8_t *at, unsigned code, const uint8_t *bytes, size_t len) {
	do {
		size_t part = len > 255 ? 255 : len;

		at[0] = (uint8_t)code;
		at[1] = (uint8_t)part;
		memcpy(at + 2, bytes, part);
		at += 2 + part;
		bytes += part;
		len -= part;
	} while (len > 0);
	return at;
}

static void head_encode(const struct dhcp_head *head, uint8_t *b) {
	b[0] = head->op;
	b[1] = head->htype;
	b[2] = head->hlen;
	b[3] = head->hops;
	put32(b + 4, head->xid);
	put16(b + 8, head->secs);
	put16(b + 10, head->flags);
	put32(b + 12, head->ciaddr);
	put32(b + 16, head->yiaddr);
	put32(b + 20, head->siaddr);
	put32(b + 24, head->giaddr);
	memcpy(b + 28, head->chaddr, sizeof(head->chaddr));
	memcpy(b + DHCP_HEADER, cookie, sizeof(cookie));
}

struct area { // where options may stand
	uint8_t *at, *end;
};

static bool area_put(struct area *area, unsigned code, const uint8_t *bytes, size_t len) {
	if (area->at == NULL || area->at + wire_len(len) > area->end)
		return false;
	area->at = option_write(area->at, code, bytes, len);
	return true;
}

static size_t options_wire_len(const struct dhcp_out *out, bool relay) {
	size_t sum = 0;

	for (size_t i = 0; i < out->len; i += 3u + get16(out->options + i + 1))
		if ((out->options[i] == DHCP_OPT_RELAY) == relay)
			sum += wire_len(get16(out->options + i + 1));
	return sum;
}

static void relay_write(const struct dhcp_out *out, struct area *area, size_t room) {
	for (size_t i = 0; i < out->len; i += 3u + get16(out->options + i + 1))
		if (out->options[i] == DHCP_OPT_RELAY && room > 0)
			area->at = option_write(area->at, DHCP_OPT_RELAY, out->options + i + 3,
				get16(out->options + i + 1));
}

static unsigned options_write(const struct dhcp_out *out, struct area areas[3]) {
	unsigned left_out = 0;

	for (size_t i = 0; i < out->len; i += 3u + get16(out->options + i + 1)) {
		const uint8_t *bytes = out->options + i + 3;
		unsigned code = out->options[i], a = 0;
		size_t len = get16(out->options + i + 1);

		if (code == DHCP_OPT_RELAY)
			continue;
		while (a < 3 && !area_put(&areas[a], code, bytes, len))
			a++;
		left_out += a == 3;
	}
	return left_out;
}

// Room for option 52, the end, and option 82 is kept: that one must reach the relay.
static unsigned options_encode(
	const struct dhcp_out *out, uint8_t *bytes, size_t max, uint8_t **end) {
	uint8_t *options = bytes + DHCP_HEADER + sizeof(cookie);
	size_t wanted = options_wire_len(out, true), room = max - DHCP_HEADER - sizeof(cookie) - 4;
	size_t relay = wanted <= room ? wanted : 0;
	struct area areas[3] = {{options, bytes + max - 1 - relay}};
	bool overload = areas[0].at + options_wire_len(out, false) > areas[0].end;
	unsigned left_out, used = 0;

	if (overload) {
		areas[0].end -= 3;
		if (out->file[0] == '\0')
			areas[1] = (struct area){bytes + AT_FILE, bytes + AT_FILE + LEN_FILE - 1};
		areas[2] = (struct area){bytes + AT_SNAME, bytes + AT_SNAME + LEN_SNAME - 1};
	}
	left_out = options_write(out, areas) + (wanted > room);
	for (unsigned a = 1; a < 3; a++) {
		if (areas[a].at == NULL || areas[a].at == bytes + (a == 1 ? AT_FILE : AT_SNAME))
			continue;
		*areas[a].at = DHCP_OPT_END;
		used |= a;
	}
	if (used) {
		areas[0].end += 3;
		area_put(&areas[0], DHCP_OPT_OVERLOAD, &(uint8_t){(uint8_t)used}, 1);
	}
	relay_write(out, &areas[0], relay);
	*areas[0].at++ = DHCP_OPT_END;
	*end = areas[0].at;
	return left_out;
}

size_t dhcp_encode(const struct dhcp_out *out, uint8_t *bytes, size_t max, unsigned *left_out) {
	unsigned lost;
	uint8_t *end;

	memset(bytes, 0, max);
	head_encode(&out->head, bytes);
	memcpy(bytes + AT_FILE, out->file, sizeof(out->file));
	lost = options_encode(out, bytes, max, &end);
	if (left_out)
		*left_out = lost;
	return end - bytes < LEAST ? LEAST : (size_t)(end - bytes);
}

// ---- what options hold ------------------------------------------------------------------------------------------

int dhcp_routes_decode(const uint8_t *bytes, size_t len, struct dhcp_route *routes, unsigned max) {
	unsigned n = 0;

	for (size_t i = 0; i < len && n < max;) {
		unsigned bits = bytes[i], octets = (bits + 7) / 8;
		struct prefix to = {.addr = {.family = ADDR_V4}, .len = (uint8_t)bits};

		if (bits > 32 || i + 1 + octets + 4 > len)
			return -EINVAL;
		memcpy(to.addr.bytes, bytes + i + 1, octets);
		routes[n++] =
			(struct dhcp_route){prefix_network(&to), get32(bytes + i + 1 + octets)};
		i += 1 + octets + 4;
	}
	return (int)n;
}

size_t dhcp_routes_encode(
	const struct dhcp_route *routes, unsigned n, uint8_t *bytes, size_t size) {
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t octets = (routes[i].to.len + 7u) / 8;

		if (at + 5 + octets > size)
			return 0;
		bytes[at] = routes[i].to.len;
		memcpy(bytes + at + 1, routes[i].to.addr.bytes, octets);
		put32(bytes + at + 1 + octets, routes[i].via);
		at += 5 + octets;
	}
	return at;
}

size_t dhcp_name_encode(const char *name, uint8_t *bytes, size_t size) {
	size_t at = 0;

	while (*name) {
		size_t label = strcspn(name, ".");

		if (label == 0 || label > 63 || at + label + 2 > size || at + label + 2 > 255)
			return 0;
		bytes[at] = (uint8_t)label;
		memcpy(bytes + at + 1, name, label);
		at += 1 + label;
		name += label;
		name += *name == '.';
	}
	if (at == 0)
		return 0;
	bytes[at++] = 0;
	return at;
}
