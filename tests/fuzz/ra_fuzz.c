// SPDX-License-Identifier: BSD-3-Clause
// Advertisements of others, and time, through what an interface learns of them. Its tables stay within their bounds; what is told
// to the interface is taken back once, and nothing is left at the end.
//
// The input is a list of steps: a byte says how many bytes of an advertisement follow (0: time passes, as the next byte says).
#include "lib/clock.h"
#include "router/ra/ra_accept.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY (RA_ROUTES + 2 * RA_PREFIXES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct told {
	struct prefix prefix;
	struct addr via;
	uint32_t metric;
	bool live, address;
} told[MANY];
static uint64_t chance;

static void check(bool holds, const char *what) {
	if (holds)
		return;
	fprintf(stderr, "ra_fuzz: %s\n", what);
	abort();
}

static struct told *find(const struct told *like) {
	for (unsigned i = 0; i < MANY; i++) {
		struct told *t = &told[i];

		if (t->live && t->address == like->address && t->metric == like->metric &&
			addr_cmp(&t->prefix.addr, &like->prefix.addr) == 0 &&
			(like->address || t->prefix.len == like->prefix.len) &&
			addr_cmp(&t->via, &like->via) == 0)
			return t;
	}
	return NULL;
}

static bool tell(struct told *new) {
	if (find(new))
		return true;
	if (chance++ % 7 == 6) // there is no room
		return false;
	for (unsigned i = 0; i < MANY; i++) {
		if (told[i].live)
			continue;
		told[i] = *new;
		told[i].live = true;
		return true;
	}
	check(false, "more than its tables hold");
	return false;
}

static void take_back(const struct told *gone) {
	struct told *t = find(gone);

	check(t != NULL, "taken back what was not told");
	t->live = false;
}

static bool op_address(struct ra_accept *, const struct prefix *addr) {
	struct told t = {.prefix = *addr, .address = true};

	check(addr->len == 64 || addr->len == 128, "an odd length");
	check(!nd_is_group(&addr->addr) && !nd_is_link_local(&addr->addr), "an odd address");
	return tell(&t);
}

static void op_address_gone(struct ra_accept *, const struct addr *addr) {
	struct told t = {.prefix = {*addr, 0}, .address = true};

	take_back(&t);
}

static bool op_route(
	struct ra_accept *, const struct prefix *prefix, const struct addr *via, uint32_t metric) {
	struct told t = {.prefix = *prefix, .via = *via, .metric = metric};

	check(metric <= 2, "an odd metric");
	return tell(&t);
}

static void op_route_gone(
	struct ra_accept *, const struct prefix *prefix, const struct addr *via, uint32_t metric) {
	struct told t = {.prefix = *prefix, .via = *via, .metric = metric};

	take_back(&t);
}

static void op_mtu(struct ra_accept *, uint16_t mtu) {
	check(mtu == 0 || mtu >= 1280, "an odd MTU");
}

static bool op_solicit(struct ra_accept *) {
	return chance++ & 1;
}

static uint32_t op_random(void) {
	return (uint32_t)(chance++ * 2654435761u);
}

static const struct ra_accept_ops ops = {
	op_address, op_address_gone, op_route, op_route_gone, op_mtu, op_solicit, op_random};

static void check_bounds(const struct ra_accept *a) {
	check(a->n_routes <= RA_ROUTES && a->n_prefixes <= RA_PREFIXES &&
			a->n_servers <= ND_SERVERS && a->n_domains <= ND_DOMAINS,
		"a table without bounds");
	for (unsigned i = 0; i < a->n_domains; i++)
		check(memchr(a->domains[i].name, 0, ND_DOMAIN) != NULL, "a name without end");
}

// The IPv6 header is made, so that most of them are understood.
static void hear(struct ra_accept *a, const uint8_t *icmp, size_t len) {
	uint8_t ip[40 + 255] = {0x60, [5] = (uint8_t)len, [6] = 58, [7] = 255, [8] = 0xfe,
		0x80, [23] = 1, [24] = 0xff, 2, [39] = 1};
	struct nd nd;

	memcpy(ip + 40, icmp, len);
	if (len < 16)
		return;
	ip[40] = ND_RA;
	ip[41] = 0;
	ip[23] = icmp[1] % 4; // one of four routers
	if (nd_decode(ip, 40 + len, true, &nd) == ND_OK)
		ra_accept_receive(a, &nd);
}

static void step_time(struct ra_accept *a, unsigned how) {
	struct addr addr = a->n_prefixes ? a->prefixes[0].addr : (struct addr){0};

	clock_fake_advance(NSEC_PER_SEC << how % 24);
	ra_accept_poll(a, clock_now_ns());
	if (how >= 0xf0)
		ra_accept_duplicate(a, &addr);
	if (how >= 0xe0 && how < 0xf0)
		ra_accept_again(a);
	if (how >= 0xd0 && how < 0xe0)
		ra_accept_link(a, how & 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct ra_accept a;

	clock_fake_start(1000 * NSEC_PER_SEC);
	a = (struct ra_accept){.ops = &ops, .mac = {{2, 0, 0, 0, 0, 9}}};
	chance = 0;
	memset(told, 0, sizeof(told));
	ra_accept_link(&a, true);
	while (size >= 2) {
		size_t len = data[0] < size - 1 ? data[0] : size - 1;

		if (len > 0)
			hear(&a, data + 1, len);
		else
			step_time(&a, data[1]);
		len += len == 0;
		data += 1 + len;
		size -= 1 + len;
		check_bounds(&a);
	}
	ra_accept_forget(&a);
	for (unsigned i = 0; i < MANY; i++)
		check(!told[i].live, "something is left");
	clock_fake_stop();
	return 0;
}
