// SPDX-License-Identifier: BSD-3-Clause
// What control does for the switches every few milliseconds: learn what the workers saw, age, tell.
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "switch/switch_priv.h"

#define AGE_BUCKETS    4096 // that one poll looks at, per switch
#define MOVE_EVENTS    16   // that one poll tells of
#define FULL_EVENT_GAP (10 * NSEC_PER_SEC)

static uint64_t poll_ns;
static unsigned move_events;

static json_t *mac_json(uint64_t key) {
	char text[MAC_STRLEN];
	struct mac mac;

	for (unsigned i = 0; i < 6; i++)
		mac.bytes[i] = (uint8_t)(key >> (8 * i));
	return json_string(mac_print(&mac, text));
}

static void tell_move(
	const struct sw_live *live, uint64_t key, unsigned from, unsigned to, bool held) {
	if (held)
		log_warn("switch", "station moves too often, held", "switch=%s vlan=%u port=%s",
			live->name, (unsigned)(key >> 48), sw_port_name(live, from));
	if (move_events++ >= MOVE_EVENTS)
		return;
	event_emit("switch.mac-move",
		json_pack("{s:s, s:i, s:o, s:s, s:s, s:b}", "switch", live->name, "vlan",
			(int)(key >> 48), "mac", mac_json(key), "from", sw_port_name(live, from),
			"to", sw_port_name(live, to), "held", held));
}

static void tell_full(struct sw_live *live, unsigned port, const char *limit) {
	if (live->full_event_ns != 0 && poll_ns - live->full_event_ns < FULL_EVENT_GAP)
		return;
	live->full_event_ns = poll_ns;
	log_warn("switch", "station table full", "switch=%s port=%s limit=%s stations=%u",
		live->name, sw_port_name(live, port), limit, fdb_count(live->fdb));
	event_emit("switch.fdb-full",
		json_pack("{s:s, s:s, s:s, s:i}", "switch", live->name, "port",
			sw_port_name(live, port), "limit", limit, "stations",
			(int)fdb_count(live->fdb)));
}

// The event may be older than the configuration: does the port still belong there?
static bool still_there(uint64_t key, unsigned port, unsigned domain) {
	const struct sw_port *p = &sw_state_get()->ports[port];

	return p->vlan.mode != VLAN_NONE && p->domain == domain && p->learning &&
		p->vlans[key >> 48].members >> port & 1 && dp_ports_up >> port & 1;
}

static void learn(uint64_t key, unsigned port, unsigned domain) {
	struct sw_live *live = sw_lives[domain];
	unsigned from = port;

	if (live == NULL || !still_there(key, port, domain))
		return;
	switch (fdb_learn(live->fdb, key, port, poll_ns, &from)) {
	case FDB_MOVED:
		tell_move(live, key, from, port, false);
		break;
	case FDB_HOLD:
		tell_move(live, key, from, port, true);
		break;
	case FDB_LEARNED_EVICTED:
	case FDB_FULL:
		tell_full(live, port, "switch");
		break;
	case FDB_PORT_FULL:
		tell_full(live, port, "port");
		break;
	default:
		break;
	}
}

void sw_poll(uint64_t now_ns) {
	poll_ns = now_ns;
	move_events = 0;
	sw_learn_drain(learn);
	for (unsigned d = 0; d < SW_DOMAINS; d++)
		if (sw_lives[d] != NULL)
			fdb_poll(sw_lives[d]->fdb, now_ns, AGE_BUCKETS);
}

void sw_link_changed(unsigned port, bool up) {
	const struct sw_port *p = &sw_state_get()->ports[port % DP_MAX_PORTS];
	struct fdb_match match = {.port = (int)port, .vlan = -1};

	if (!up && p->vlan.mode != VLAN_NONE && sw_lives[p->domain] != NULL)
		fdb_flush(sw_lives[p->domain]->fdb, &match);
}
