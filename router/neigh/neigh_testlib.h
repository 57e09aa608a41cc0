// SPDX-License-Identifier: BSD-3-Clause
// pure
// A world for the neighbour table: two interfaces, a clock that stands still, and a record of all that leaves. Packets are
// numbers; each must end in exactly one way.
#pragma once

#include "lib/clock.h"
#include "lib/log.h"
#include "router/neigh/neigh_priv.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs some of the above
#include <cmocka.h>

#define SEC     NSEC_PER_SEC
#define MS      NSEC_PER_MSEC
#define FRAMES  64     // the last ones are kept
#define SLOTS   20000  // slot 0 is none
#define PACKETS 200000 // numbers from 1
#define IFACE   7
#define OTHER   8

struct world_slot {
	bool live, routed, wanted;
	uint16_t iface;
	uint32_t used;
	struct addr addr;
	struct mac mac;
};

enum fate { FATE_NONE, FATE_SENT, FATE_UNREACHABLE, FATE_DROPPED };

struct world {
	struct neigh_host hosts[16];
	struct prefix prefixes[4];
	struct world_slot slots[SLOTS];
	uint32_t slots_max, slots_live, routes, routes_max;
	uint8_t fates[PACKETS];
	uint32_t slot_of[PACKETS]; // by which it was sent
	unsigned packets, sent, unreachable, dropped;
	struct {
		uint16_t iface;
		size_t len;
		uint8_t bytes[ND_FRAME_MAX];
	} frames[FRAMES];
	unsigned n_frames;
	uint32_t random;
	struct addr gateway; // a route goes by it
	struct addr behind;  // and this one is routed by another interface
	struct addr told;
	int told_usable; // 1: usable, 0: duplicate, -1: nothing was told
	void (*on_frame)(const uint8_t *frame);
};
static struct world world;

static const struct mac my_mac = {{2, 0, 0, 0, 0, 1}}, mac_a = {{2, 0, 0, 0, 0, 0xa}},
			mac_b = {{2, 0, 0, 0, 0, 0xb}}, mac_all = {{255, 255, 255, 255, 255, 255}};

static inline struct addr addr(const char *text) {
	struct addr a;

	if (addr_parse(text, &a) != 0)
		fail_msg("%s", text);
	return a;
}

static inline struct prefix prefix(const char *text) {
	struct prefix p;

	if (prefix_parse(text, &p) != 0)
		fail_msg("%s", text);
	return p;
}

// ---- the outside --------------------------------------------------------------------------------------------

static bool world_iface(uint16_t iface, struct neigh_host *host) {
	if (iface >= 16 || world.hosts[iface].name == NULL)
		return false;
	*host = world.hosts[iface];
	return true;
}

static void world_frame(uint16_t iface, const uint8_t *frame, size_t len) {
	unsigned i = world.n_frames++ % FRAMES;

	assert_in_range(len, 42, ND_FRAME_MAX);
	world.frames[i].iface = iface;
	world.frames[i].len = len;
	memcpy(world.frames[i].bytes, frame, len);
	if (world.on_frame != NULL)
		world.on_frame(frame);
}

static int64_t world_publish(
	uint16_t iface, const struct addr *a, const struct mac *mac, uint32_t slot) {
	if (slot == 0 && world.slots_live >= world.slots_max)
		return -ENOSPC;
	if (slot == 0) {
		for (slot = 1; world.slots[slot].live; slot++)
			;
		world.slots[slot] = (struct world_slot){.live = true, .iface = iface, .addr = *a};
		world.slots_live++;
	}
	assert_true(world.slots[slot].live);
	assert_int_equal(addr_cmp(&world.slots[slot].addr, a), 0);
	world.slots[slot].mac = *mac;
	return slot;
}

static void world_withdraw(uint16_t iface, const struct addr *a, uint32_t slot) {
	struct world_slot *s = &world.slots[slot];

	assert_true(s->live && !s->routed);
	assert_int_equal(s->iface, iface);
	assert_int_equal(addr_cmp(&s->addr, a), 0);
	s->live = false;
	world.slots_live--;
}

static int world_route(const struct addr *a, uint32_t slot, bool on) {
	struct world_slot *s = &world.slots[slot];

	assert_true(s->live && s->routed != on);
	assert_int_equal(addr_cmp(&s->addr, a), 0);
	if (on && world.routes >= world.routes_max)
		return -ENOSPC;
	s->routed = on;
	world.routes += on ? 1 : -1u;
	return 0;
}

static uint32_t world_used(uint32_t slot) {
	assert_true(world.slots[slot].live);
	return world.slots[slot].used;
}

static bool world_wanted(uint32_t slot, bool) {
	return world.slots[slot].wanted;
}

static bool world_elsewhere(uint16_t, const struct addr *a) {
	return addr_cmp(a, &world.behind) == 0;
}

static void world_gateways(uint16_t iface,
	void (*fn)(const struct addr *gateway, uint32_t slot, void *arg), void *arg) {
	if (iface == IFACE && world.gateway.family != ADDR_NONE)
		fn(&world.gateway, 1, arg);
}

static void fate_set(struct rte_mbuf *m, enum fate fate) {
	uintptr_t number = (uintptr_t)m;

	assert_in_range(number, 1, world.packets);
	assert_int_equal(world.fates[number], FATE_NONE);
	world.fates[number] = (uint8_t)fate;
}

static void world_send(uint32_t slot, struct rte_mbuf *m) {
	assert_true(world.slots[slot].live);
	fate_set(m, FATE_SENT);
	world.slot_of[(uintptr_t)m] = slot;
	world.slots[slot].used++; // as the worker will
	world.sent++;
}

static void world_unreachable(struct rte_mbuf *m) {
	fate_set(m, FATE_UNREACHABLE);
	world.unreachable++;
}

static void world_drop(struct rte_mbuf *m) {
	fate_set(m, FATE_DROPPED);
	world.dropped++;
}

static uint32_t world_random(void) {
	return world.random;
}

static const struct neigh_ops world_ops = {.iface = world_iface,
	.frame = world_frame,
	.publish = world_publish,
	.withdraw = world_withdraw,
	.route = world_route,
	.used = world_used,
	.wanted = world_wanted,
	.elsewhere = world_elsewhere,
	.gateways = world_gateways,
	.send = world_send,
	.unreachable = world_unreachable,
	.drop = world_drop,
	.random = world_random};

static void world_told(uint16_t, const struct addr *a, bool usable) {
	world.told = *a;
	world.told_usable = usable;
}

static inline struct rte_mbuf *packet(void) {
	assert_true(world.packets + 1 < PACKETS);
	return (struct rte_mbuf *)(uintptr_t)++world.packets;
}

// ---- start and end ------------------------------------------------------------------------------------------

// RFC numbers, no DAD: tests that are about it say so.
static inline struct neigh_conf world_conf(void) {
	struct neigh_conf conf = NEIGH_CONF_DEFAULTS;

	conf.limit = 4096;
	conf.dad_transmits = conf.arp_probes = 0;
	conf.probe_ns = SEC;
	return conf;
}

static inline void world_start(void) {
	memset(&world, 0, sizeof(world));
	world.slots_max = SLOTS - 1;
	world.routes_max = UINT32_MAX;
	world.random = 0x80000000;
	world.told_usable = -1;
	world.prefixes[0] = prefix("10.0.0.1/16");
	world.prefixes[1] = prefix("2001:db8::1/64");
	world.prefixes[2] = prefix("fe80::1/64");
	for (unsigned i = IFACE; i <= OTHER; i++)
		world.hosts[i] = (struct neigh_host){.mac = my_mac,
			.addrs = world.prefixes,
			.n_addrs = 3,
			.name = "test",
			.up = true};
	log_set_level(LOG_LEVEL_ERROR);
	clock_fake_start(1000 * SEC);
	assert_int_equal(neigh_start(&world_ops, NULL), 0);
	neigh_on_address(world_told);
}

// Its addresses are added and announced.
static inline void world_add(uint16_t iface, const struct neigh_conf *conf) {
	assert_int_equal(neigh_iface_add(iface, conf, NULL), 0);
	for (unsigned i = 0; i < world.hosts[iface].n_addrs; i++)
		neigh_address_add(iface, &world.hosts[iface].addrs[i].addr);
}

// Polls every 10 ms as the control thread does.
static inline void advance(uint64_t ns) {
	for (uint64_t end = clock_now_ns() + ns; clock_now_ns() < end;) {
		uint64_t left = end - clock_now_ns();

		clock_fake_advance(left < 10 * MS ? left : 10 * MS);
		neigh_poll(clock_now_ns());
	}
}

static inline int setup(void **) {
	struct neigh_conf conf = world_conf();

	world_start();
	world_add(IFACE, &conf);
	advance(10 * SEC); // announcements are over
	world.n_frames = 0;
	return 0;
}

// Nothing is left over, and every packet went one way.
static inline int teardown(void **) {
	neigh_fini();
	assert_int_equal(world.slots_live, 0);
	assert_int_equal(world.routes, 0);
	assert_int_equal(world.sent + world.unreachable + world.dropped, world.packets);
	clock_fake_stop();
	return 0;
}

// ---- what is said -------------------------------------------------------------------------------------------

static inline void say_arp(unsigned op, const struct mac *mac, const char *sender,
	const char *target, const struct mac *to) {
	struct arp arp = {.op = (uint16_t)op,
		.sender_mac = *mac,
		.sender = addr(sender),
		.target_mac = *to,
		.target = addr(target)};
	uint8_t frame[ARP_FRAME_BYTES];

	arp_encode(&arp, to, frame);
	neigh_frame(IFACE, frame, sizeof(frame), false);
}

static inline void say_nd(const struct nd *nd, const struct mac *from) {
	uint8_t frame[ND_FRAME_MAX];
	size_t len = nd_encode(nd, from, nd_is_group(&nd->dst) ? NULL : &my_mac, frame);

	neigh_frame(IFACE, frame, len, false);
}

enum { NA_S = 1, NA_O = 2, NA_R = 4, NA_MUTE = 8 }; // MUTE: without a link-layer address

static inline void say_na(const char *target, const struct mac *mac, unsigned flags) {
	struct nd nd = {.type = ND_NA,
		.src = addr(target),
		.dst = flags & NA_S ? addr("fe80::1") : nd_all_nodes,
		.target = addr(target),
		.solicited = flags & NA_S,
		.override = flags & NA_O,
		.router = flags & NA_R,
		.has_mac = !(flags & NA_MUTE),
		.mac = *mac};

	say_nd(&nd, mac);
}

static inline void say_ns(const char *src, const char *target, const struct mac *mac) {
	struct nd nd = {.type = ND_NS, .src = addr(src), .target = addr(target), .mac = *mac};

	nd.dst = nd_solicited_node(&nd.target);
	nd.has_mac = !nd_is_unspecified(&nd.src);
	say_nd(&nd, mac);
}

// The frame that was sent `back` before the last one.
static inline const uint8_t *frame_back(unsigned back) {
	assert_true(world.n_frames > back && back < FRAMES);
	return world.frames[(world.n_frames - 1 - back) % FRAMES].bytes;
}

static inline struct arp last_arp(struct mac *to) {
	const uint8_t *frame = frame_back(0);
	struct arp arp;

	assert_int_equal(frame[12] << 8 | frame[13], 0x0806);
	assert_int_equal(arp_decode(frame + 14, ARP_BYTES, &arp), ARP_OK);
	memcpy(to, frame, sizeof(*to));
	return arp;
}

static inline struct nd last_nd(struct mac *to) {
	const uint8_t *frame = frame_back(0);
	struct nd nd;

	assert_int_equal(frame[12] << 8 | frame[13], 0x86dd);
	assert_int_equal(nd_decode(frame + 14, world.frames[(world.n_frames - 1) % FRAMES].len - 14,
				 false, &nd),
		ND_OK);
	memcpy(to, frame, sizeof(*to));
	return nd;
}

// ---- what is so ---------------------------------------------------------------------------------------------

static inline unsigned state_of(const char *text) {
	struct addr a = addr(text);
	struct neigh_info info;

	return neigh_find(IFACE, &a, &info) ? info.state : NEIGH_GONE;
}

static inline struct neigh_info info_of_text(const char *text) {
	struct addr a = addr(text);
	struct neigh_info info;

	assert_true(neigh_find(IFACE, &a, &info));
	return info;
}

static inline struct neigh_stats stats(void) {
	struct neigh_stats s;

	assert_true(neigh_stats(IFACE, &s));
	return s;
}

static inline void want(const char *text) {
	struct addr a = addr(text);

	neigh_want(IFACE, &a, packet());
}

static inline void learn(const char *text, const struct mac *mac) { // resolved, REACHABLE
	struct addr a = addr(text);

	neigh_want(IFACE, &a, NULL);
	if (a.family == ADDR_V4)
		say_arp(ARP_REPLY, mac, text, "10.0.0.1", &my_mac);
	else
		say_na(text, mac, NA_S | NA_O);
	assert_int_equal(state_of(text), NEIGH_REACHABLE);
}

static inline void use(const char *text) { // a worker forwarded by it
	world.slots[info_of_text(text).slot].used++;
}

#define assert_mac(a, b) assert_memory_equal((a), (b), sizeof(struct mac))
#define assert_addr(a, text)                                \
	do {                                                \
		struct addr want_ = addr(text);             \
		assert_int_equal(addr_cmp((a), &want_), 0); \
	} while (0)
