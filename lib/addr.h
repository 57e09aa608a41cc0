// SPDX-License-Identifier: BSD-3-Clause
// Addresses and prefixes as values. Bytes are in network order.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mac {
	uint8_t bytes[6];
};

enum addr_family { ADDR_NONE, ADDR_V4, ADDR_V6 };

struct addr {
	enum addr_family family;
	uint8_t bytes[16]; // the first 4 for v4, the rest zero
};

struct prefix {
	struct addr addr; // host bits are kept
	uint8_t len;
};

#define MAC_STRLEN    18
#define ADDR_STRLEN   46
#define PREFIX_STRLEN 50

// parse: 0 or -EINVAL, the whole string must match; print: returns buf.
int mac_parse(const char *text, struct mac *mac); // aa:bb:cc:dd:ee:ff, either case; '-' allowed
char *mac_print(const struct mac *mac, char buf[static MAC_STRLEN]);
bool mac_is_multicast(const struct mac *mac);
int addr_parse(const char *text, struct addr *addr);
char *addr_print(const struct addr *addr, char buf[static ADDR_STRLEN]); // RFC 5952
int addr_cmp(const struct addr *a, const struct addr *b);                // family, then bytes
int prefix_parse(const char *text, struct prefix *prefix);               // without /len: a host
char *prefix_print(const struct prefix *prefix, char buf[static PREFIX_STRLEN]);
bool prefix_contains(const struct prefix *prefix, const struct addr *addr);
struct prefix prefix_network(const struct prefix *prefix); // host bits cleared
