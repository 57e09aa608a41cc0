// SPDX-License-Identifier: BSD-3-Clause
// Buffers as the kernel might send them on a route socket. What comes out is in bounds: prefixes have no host bits, families fit, paths
// are counted.
#include "router/host/netlink_decode.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *what) {
	if (holds)
		return;
	fprintf(stderr, "netlink_fuzz: %s\n", what);
	abort();
}

static unsigned bits(const struct addr *addr) {
	return addr->family == ADDR_V4 ? 32 : addr->family == ADDR_V6 ? 128 : 0;
}

static void judge(const struct netlink_event *e, void *arg) {
	struct prefix network = prefix_network(&e->prefix);

	++*(unsigned *)arg;
	check(e->n_paths <= NETLINK_PATHS, "too many paths");
	for (unsigned i = 0; i < e->n_paths; i++) {
		check(e->paths[i].weight >= 1 && e->paths[i].weight <= 65536, "weight");
		check(e->paths[i].via.family <= ADDR_V6, "family of a gateway");
	}
	if (e->kind == NETLINK_ROUTE_IS)
		check(bits(&e->prefix.addr) && e->prefix.len <= bits(&e->prefix.addr) &&
				addr_cmp(&network.addr, &e->prefix.addr) == 0,
			"prefix");
	if (e->kind == NETLINK_NEIGH_IS)
		check(bits(&e->addr) > 0, "neighbour without an address");
	if (e->kind == NETLINK_NEXTHOP_IS)
		check(e->id != 0, "next hop without an id");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	unsigned n = 0;
	uint8_t *copy = malloc(size + 1); // aligned, and the sanitizer sees where it ends

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	netlink_decode(copy, size, judge, &n);
	check(n <= size / 16 + 1, "more events than messages");
	free(copy);
	return 0;
}
