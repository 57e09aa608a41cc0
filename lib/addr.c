// SPDX-License-Identifier: BSD-3-Clause
#include "lib/addr.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int mac_parse(const char *text, struct mac *mac) {
	struct mac parsed;
	if (strlen(text) != MAC_STRLEN - 1)
		return -EINVAL;
	char separator = text[2];
	if (separator != ':' && separator != '-')
		return -EINVAL;
	for (unsigned i = 0; i < 6; i++) {
		int high = hex_value(text[3 * i]), low = hex_value(text[3 * i + 1]);
		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != separator))
			return -EINVAL;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*mac = parsed;
	return 0;
}

char *mac_print(const struct mac *mac, char buf[static MAC_STRLEN]) {
	const uint8_t *b = mac->bytes;
	snprintf(buf, MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
		b[5]);
	return buf;
}

bool mac_is_multicast(const struct mac *mac) {
	return mac->bytes[0] & 1;
}

static unsigned addr_bits(enum addr_family family) {
	return family == ADDR_V4 ? 32 : family == ADDR_V6 ? 128 : 0;
}

int addr_parse(const char *text, struct addr *addr) {
	struct addr parsed = {0};
	if (inet_pton(AF_INET, text, parsed.bytes) == 1)
		parsed.family = ADDR_V4;
	else if (inet_pton(AF_INET6, text, parsed.bytes) == 1)
		parsed.family = ADDR_V6;
	else
		return -EINVAL;
	*addr = parsed;
	return 0;
}

// RFC 5952 4.2: the first of the longest runs of at least two zero groups. Returns its length.
static unsigned zero_run(const uint16_t groups[8], unsigned *start) {
	unsigned best = 0;
	for (unsigned i = 0; i < 8; i++) {
		unsigned len = 0;
		while (i + len < 8 && groups[i + len] == 0)
			len++;
		if (len > best) {
			best = len;
			*start = i;
		}
		i += len;
	}
	return best >= 2 ? best : 0;
}

// inet_ntop() writes ::1:2 as ::0.1.0.2; RFC 5952 section 5 wants that form for known prefixes
// only.
static void addr6_print(const uint8_t bytes[16], char buf[static ADDR_STRLEN]) {
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		snprintf(buf, ADDR_STRLEN, "::ffff:%u.%u.%u.%u", bytes[12], bytes[13], bytes[14],
			bytes[15]);
		return;
	}
	uint16_t groups[8];
	for (unsigned i = 0; i < 8; i++)
		groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
	unsigned start = 8, run = zero_run(groups, &start);
	size_t used = 0;
	for (unsigned i = 0; i < 8;) {
		if (run > 0 && i == start) {
			used += (size_t)snprintf(buf + used, ADDR_STRLEN - used, "::");
			i += run;
			continue;
		}
		bool colon = i > 0 && !(run > 0 && i == start + run);
		used += (size_t)snprintf(
			buf + used, ADDR_STRLEN - used, "%s%x", colon ? ":" : "", groups[i++]);
	}
}

char *addr_print(const struct addr *addr, char buf[static ADDR_STRLEN]) {
	const uint8_t *b = addr->bytes;
	if (addr->family == ADDR_V6)
		addr6_print(b, buf);
	else if (addr->family == ADDR_V4)
		snprintf(buf, ADDR_STRLEN, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	else
		snprintf(buf, ADDR_STRLEN, "none");
	return buf;
}

int addr_cmp(const struct addr *a, const struct addr *b) {
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, addr_bits(a->family) / 8);
}

// Digits only, no leading zero: what prefix_print() prints.
static int prefix_len_parse(const char *text, unsigned max, uint8_t *len) {
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 3 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
		return -EINVAL;
	unsigned long value = strtoul(text, NULL, 10);
	if (value > max)
		return -EINVAL;
	*len = (uint8_t)value;
	return 0;
}

int prefix_parse(const char *text, struct prefix *prefix) {
	char host[ADDR_STRLEN];
	struct prefix parsed = {0};
	const char *slash = strchr(text, '/');
	size_t host_len = slash ? (size_t)(slash - text) : strlen(text);
	if (host_len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (addr_parse(host, &parsed.addr) < 0)
		return -EINVAL;
	unsigned max = addr_bits(parsed.addr.family);
	parsed.len = (uint8_t)max;
	if (slash && prefix_len_parse(slash + 1, max, &parsed.len) < 0)
		return -EINVAL;
	*prefix = parsed;
	return 0;
}

char *prefix_print(const struct prefix *prefix, char buf[static PREFIX_STRLEN]) {
	char host[ADDR_STRLEN];
	snprintf(buf, PREFIX_STRLEN, "%s/%u", addr_print(&prefix->addr, host), prefix->len);
	return buf;
}

struct prefix prefix_network(const struct prefix *prefix) {
	struct prefix network = *prefix;
	for (unsigned i = 0; i < sizeof(network.addr.bytes); i++) {
		unsigned kept = prefix->len > 8 * i ? prefix->len - 8 * i : 0;
		if (kept < 8)
			network.addr.bytes[i] &= (uint8_t)(0xff00 >> kept);
	}
	return network;
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr) {
	if (prefix->addr.family != addr->family)
		return false;
	struct prefix other = {.addr = *addr, .len = prefix->len};
	struct prefix a = prefix_network(prefix), b = prefix_network(&other);
	return addr_cmp(&a.addr, &b.addr) == 0;
}
