// SPDX-License-Identifier: BSD-3-Clause
// ARP and neighbour discovery: bytes through the decoders, what they understood back through the encoders, and frames, packets,
// changes of configuration and time through a small neighbour table. Its bounds hold at every step, every entry has its timer,
// every packet ends in one way, and nothing is left at the end.
//
// The input is a list of steps: one byte says which, the next ones are its arguments.
#include "lib/clock.h"
#include "lib/log.h"
#include "router/neigh/neigh_priv.h" // lint: allow priv: the table's bounds are checked from inside
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IFACE  3
#define SLOTS  12 // fewer than entries: the table of next hops is full now and then
#define LIMIT  16
#define ETHER  14
#define IP     40
#define CHOICE 8 // addresses per family that steps name

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mac my_mac = {{2, 0, 0, 0, 0, 1}};
static struct prefix prefixes[3];
static struct {
	bool live, routed;
	struct addr addr;
	uint32_t used;
} slots[SLOTS + 1];
static long packets; // that the table holds
static uint64_t chance;

static void check(bool holds, const char *what) {
	if (holds)
		return;
	fprintf(stderr, "nd_fuzz: %s\n", what);
	abort();
}

// ---- the outside --------------------------------------------------------------------------------------------

static bool fuzz_iface(uint16_t iface, struct neigh_host *host) {
	*host = (struct neigh_host){.mac = my_mac,
		.addrs = prefixes,
		.n_addrs = 3,
		.name = "fuzz",
		.up = true,
		.proxy_arp = true,
		.proxy_nd = true};
	return iface == IFACE;
}

// What the table sends must be what it would itself accept.
static void fuzz_frame(uint16_t, const uint8_t *frame, size_t len) {
	struct arp arp;
	struct nd nd;

	if (frame[12] == 0x08)
		check(arp_decode(frame + ETHER, len - ETHER, &arp) == ARP_OK, "odd ARP sent");
	else
		check(nd_decode(frame + ETHER, len - ETHER, false, &nd) == ND_OK, "odd ND sent");
}

static int64_t fuzz_publish(
	uint16_t, const struct addr *addr, const struct mac *mac, uint32_t slot) {
	check(!mac_is_multicast(mac), "a group's MAC address published");
	for (uint32_t i = 1; slot == 0 && i <= SLOTS; i++)
		if (!slots[i].live)
			slot = i;
	if (slot == 0)
		return -1;
	check(!slots[slot].live || addr_cmp(&slots[slot].addr, addr) == 0, "another's slot");
	slots[slot].live = true;
	slots[slot].addr = *addr;
	return slot;
}

static void fuzz_withdraw(uint16_t, const struct addr *addr, uint32_t slot) {
	check(slots[slot].live && !slots[slot].routed, "a slot withdrawn that is routed");
	check(addr_cmp(&slots[slot].addr, addr) == 0, "another's slot withdrawn");
	slots[slot].live = false;
}

static int fuzz_route(const struct addr *addr, uint32_t slot, bool on) {
	check(slots[slot].live && slots[slot].routed != on, "a route set twice");
	check(addr->family == ADDR_V4 || !nd_is_link_local(addr), "a route to link-local");
	slots[slot].routed = on;
	return 0;
}

static uint32_t fuzz_used(uint32_t slot) {
	return slots[slot].used;
}

static bool fuzz_wanted(uint32_t slot, bool) {
	return slot == 2;
}

static bool fuzz_elsewhere(uint16_t, const struct addr *addr) {
	return addr->bytes[addr->family == ADDR_V4 ? 3 : 15] == 7;
}

static void fuzz_gateways(
	uint16_t, void (*fn)(const struct addr *addr, uint32_t slot, void *arg), void *arg) {
	struct addr gateway = prefixes[0].addr;

	gateway.bytes[3] = 6;
	fn(&gateway, 1, arg);
}

static void fuzz_send(uint32_t slot, struct rte_mbuf *) {
	check(slots[slot].live, "sent by a dead slot");
	slots[slot].used++;
	packets--;
}

static void fuzz_drop(struct rte_mbuf *) {
	packets--;
}

static uint32_t fuzz_random(void) {
	chance = chance * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(chance >> 32);
}

static const struct neigh_ops ops = {.iface = fuzz_iface,
	.frame = fuzz_frame,
	.publish = fuzz_publish,
	.withdraw = fuzz_withdraw,
	.route = fuzz_route,
	.used = fuzz_used,
	.wanted = fuzz_wanted,
	.elsewhere = fuzz_elsewhere,
	.gateways = fuzz_gateways,
	.send = fuzz_send,
	.unreachable = fuzz_drop,
	.drop = fuzz_drop,
	.random = fuzz_random};

int LLVMFuzzerInitialize(int *, char ***) {
	log_set_level(LOG_LEVEL_ERROR);
	clock_fake_start(1000 * NSEC_PER_SEC);
	prefix_parse("10.0.0.1/24", &prefixes[0]);
	prefix_parse("2001:db8::1/64", &prefixes[1]);
	prefix_parse("fe80::1/64", &prefixes[2]);
	return 0;
}

// ---- the input ----------------------------------------------------------------------------------------------

struct input {
	const uint8_t *at, *end;
};

static uint8_t byte(struct input *in) {
	return in->at < in->end ? *in->at++ : 0;
}

static struct addr choose(uint8_t n) {
	struct addr addr = prefixes[n / CHOICE % 3].addr;

	addr.bytes[addr.family == ADDR_V4 ? 3 : 15] = n % CHOICE;
	return addr;
}

static struct mac choose_mac(uint8_t n) {
	return (struct mac){{n & 0x80 ? 3 : 2, 0, 0, 0, 0, n % 5}};
}

// ---- decoders -----------------------------------------------------------------------------------------------

static void arp_both_ways(const uint8_t *data, size_t len) {
	uint8_t frame[ARP_FRAME_BYTES];
	struct arp arp;

	if (arp_decode(data, len, &arp) != ARP_OK)
		return;
	arp_encode(&arp, &my_mac, frame);
	check(memcmp(frame + ETHER, data, ARP_BYTES) == 0, "ARP changed on its way");
}

static void nd_both_ways(const uint8_t *ip, size_t len, bool summed) {
	uint8_t frame[ND_FRAME_MAX];
	struct nd nd, again;
	size_t size;

	if (nd_decode(ip, len, summed, &nd) != ND_OK)
		return;
	check(nd.ra.n_prefixes <= ND_PREFIXES && nd.ra.n_servers <= ND_SERVERS &&
			nd.ra.n_routes <= ND_ROUTES && nd.ra.n_domains <= ND_DOMAINS,
		"too many options");
	size = nd_encode(&nd, &my_mac, NULL, frame);
	check(size != 0, "what was read does not fit");
	check(nd_decode(frame + ETHER, size - ETHER, false, &again) == ND_OK, "ND made is refused");
	check(again.type == nd.type && again.has_mac == nd.has_mac &&
			addr_cmp(&again.src, &nd.src) == 0 &&
			addr_cmp(&again.target, &nd.target) == 0 &&
			again.solicited == nd.solicited && again.override == nd.override &&
			again.ra.n_prefixes == nd.ra.n_prefixes &&
			again.ra.n_servers == nd.ra.n_servers && again.ra.mtu == nd.ra.mtu &&
			again.ra.n_routes == nd.ra.n_routes &&
			again.ra.n_domains == nd.ra.n_domains &&
			memcmp(again.ra.routes, nd.ra.routes, sizeof(nd.ra.routes)) == 0 &&
			memcmp(again.ra.domains, nd.ra.domains, sizeof(nd.ra.domains)) == 0,
		"ND changed on its way");
}

// ---- steps --------------------------------------------------------------------------------------------------

enum { FRAME_RAW, FRAME_ARP, FRAME_ND, FRAMES };

// The rest of a frame of a kind is made: Ethernet, and for ND the IPv6 header, so that most of them are understood.
static void step_frame(struct input *in, unsigned kind) {
	uint8_t frame[ETHER + IP + 256] = {0}, how = byte(in), from = byte(in);
	size_t len = byte(in), room = (size_t)(in->end - in->at);
	size_t head = kind == FRAME_RAW ? 0 : kind == FRAME_ARP ? ETHER : ETHER + IP;
	struct mac mac = choose_mac(from);
	struct addr src = choose(from), dst = how & 2 ? choose(how >> 2) : nd_all_nodes;

	len = len < room ? len : room;
	memcpy(frame + head, in->at, len);
	in->at += len;
	if (kind != FRAME_RAW) {
		memcpy(frame,
			how & 1 ? my_mac.bytes : (const uint8_t[6]){255, 255, 255, 255, 255, 255},
			6);
		memcpy(frame + 6, mac.bytes, 6);
		frame[12] = kind == FRAME_ARP ? 0x08 : 0x86;
		frame[13] = kind == FRAME_ARP ? 0x06 : 0xdd;
	}
	if (kind == FRAME_ND) {
		uint8_t *ip = frame + ETHER;

		ip[0] = 0x60;
		ip[5] = (uint8_t)len;
		ip[6] = 58;
		ip[7] = 255;
		memcpy(ip + 8, src.bytes, from == 0xff ? 0 : 16);
		memcpy(ip + 24, dst.bytes, 16);
	}
	len += head;
	if (len > ETHER) {
		arp_both_ways(frame + ETHER, len - ETHER);
		nd_both_ways(frame + ETHER, len - ETHER, kind == FRAME_ND);
	}
	neigh_frame(IFACE, frame, len, kind == FRAME_ND);
}

static void step_want(struct input *in) {
	struct addr addr = choose(byte(in));

	packets++;
	neigh_want(IFACE, &addr, (struct rte_mbuf *)&packets);
}

static void step_time(struct input *in) {
	clock_fake_advance(byte(in) * 50 * NSEC_PER_MSEC);
	neigh_poll(clock_now_ns());
}

static void step_use(struct input *in) {
	slots[byte(in) % (SLOTS + 1)].used++;
}

static void step_static(struct input *in) {
	struct addr addr = choose(byte(in));
	struct mac mac = choose_mac(byte(in) & 0x7f);

	if (neigh_static_del(IFACE, &addr) != 0)
		neigh_static_set(IFACE, &addr, &mac, NULL);
}

static void step_own(struct input *in) {
	struct addr addr = choose(byte(in));
	struct mac mac = choose_mac(5);

	switch (byte(in) % 4) {
	case 0:
		neigh_address_add(IFACE, &addr);
		break;
	case 1:
		neigh_address_del(IFACE, &addr);
		break;
	case 2:
		neigh_address_add_virtual(IFACE, &addr, &mac);
		break;
	default:
		neigh_address_del_virtual(IFACE, &addr);
	}
}

static void step_told(struct input *in) {
	struct addr addr = choose(byte(in));
	uint8_t n = byte(in);
	struct mac mac = choose_mac(n);

	if (n & 0x40)
		neigh_heard(IFACE, &addr, &mac, n & 0x20);
	else
		neigh_kernel(IFACE, &addr, n & 0x20 ? &mac : NULL);
}

static void step_flush(struct input *in) {
	struct addr addr = choose(byte(in));

	neigh_flush(IFACE, addr.bytes[3] & 1 ? NULL : &addr);
}

static void step_link(struct input *in) {
	neigh_link(IFACE, byte(in) & 1);
}

static void step_conf(struct input *in) {
	struct neigh_conf conf = NEIGH_CONF_DEFAULTS;

	conf.limit = LIMIT - byte(in) % 8;
	conf.dad_transmits = byte(in) % 3;
	neigh_iface_set(IFACE, &conf);
}

// ---- bounds -------------------------------------------------------------------------------------------------

static void check_entry(const struct neigh_entry *e, long *waiting) {
	const struct neigh_packet *p;
	unsigned n = 0;

	check(neigh_entry_find(e->iface, &e->addr) == e, "an entry is not found");
	check(e->state < NEIGH_GONE, "an entry in no state");
	check((e->timer.place != 0) == (e->state != NEIGH_STATIC), "an entry without a timer");
	check(e->slot == 0 || (slots[e->slot].live && slots[e->slot].routed == e->routed),
		"an entry's slot is another's");
	check(neigh_has_mac(e->state) || e->slot == 0, "published without a MAC address");
	TAILQ_FOREACH(p, &e->packets, of_entry)
	n++;
	check(n == e->queued && n <= NEIGH_QUEUE, "packets that wait are counted wrong");
	check(n == 0 || e->state == NEIGH_INCOMPLETE, "packets wait for nothing");
	*waiting += n;
}

static void check_bounds(uint32_t before) {
	const struct neigh_iface *iface = neigh_iface(IFACE);
	uint32_t all = 0, in_class[NEIGH_CLASSES] = {0};
	const struct neigh_entry *e;
	long waiting = 0;

	for (unsigned i = 0; i < NEIGH_CLASSES; i++) {
		TAILQ_FOREACH(e, &iface->classes[i], link) {
			check_entry(e, &waiting);
			in_class[i]++;
			all++;
		}
		check(in_class[i] == iface->n[i], "a class is counted wrong");
	}
	check(all == iface->entries && all == neigh.n, "entries are counted wrong");
	check(all <= iface->conf.limit || all <= before, "above the limit");
	check(in_class[NEIGH_COLD] <= iface->conf.limit / 4, "too many unresolved");
	check(waiting == packets && waiting == iface->stats.queued, "a packet was lost");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static void (*const steps[])(struct input * in) = {step_want, step_want, step_time,
		step_time, step_use, step_static, step_own, step_told, step_flush, step_link,
		step_conf};
	struct input in = {data, data + size};
	struct neigh_conf conf = NEIGH_CONF_DEFAULTS;

	chance = 1;
	packets = 0;
	arp_both_ways(data, size);
	nd_both_ways(data, size, true);
	nd_both_ways(data, size, false);
	check(neigh_start(&ops, NULL) == 0, "start");
	conf.limit = LIMIT;
	check(neigh_iface_add(IFACE, &conf, NULL) == 0, "interface");
	for (unsigned i = 0; i < 3; i++)
		neigh_address_add(IFACE, &prefixes[i].addr);
	while (in.at < in.end) {
		unsigned step = byte(&in) % (2 * FRAMES + sizeof(steps) / sizeof(steps[0]));
		uint32_t before = neigh_iface(IFACE)->entries;

		if (step < 2 * FRAMES)
			step_frame(&in, step % FRAMES);
		else
			steps[step - 2 * FRAMES](&in);
		check_bounds(before);
	}
	neigh_fini();
	check(packets == 0, "packets are left");
	for (unsigned i = 1; i <= SLOTS; i++)
		check(!slots[i].live, "a slot is left");
	memset(slots, 0, sizeof(slots));
	return 0;
}
