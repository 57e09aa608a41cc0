// SPDX-License-Identifier: BSD-3-Clause
// Virtual routers as the router has them: what a master has and does, who is told, and what the configuration says.
#include "router/vrrp/vrrp.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "router/dynamic.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/ip6.h"
#include "router/neigh/neigh.h"
#include "router/punt.h"
#include "router/router_priv.h"
#include "router/vrrp/vrrp_priv.h"
#include "switch/switch.h"
#include <errno.h>
#include <string.h>

#define CS_NS       10000000ull
#define TRACK_NS    50000000ull         // what is tracked is looked at so often
#define MISMATCH_NS (60 * NSEC_PER_SEC) // and other addresses are told of so often, at most

struct vrrp vrrps[VRRP_MAX];
static struct timers timers;

static const char *family_of(const struct vrrp *v) {
	return v->v6 ? "ipv6" : "ipv4";
}

// ---- packets ------------------------------------------------------------------------------------------------

static size_t encode(const struct vrrp *v, uint8_t priority, uint8_t *frame) {
	struct vrrp_packet packet = {.src = v->vr.source,
		.vrid = v->vrid,
		.priority = priority,
		.interval_cs = v->vr.interval_cs,
		.n_addrs = v->conf->n_addrs[v->v6]};

	memcpy(packet.addrs, v->conf->addrs[v->v6], sizeof(packet.addrs));
	return vrrp_encode(&packet, v->conf->pseudo_header, frame);
}

static void beacon_publish(struct vrrp *v) {
	struct vrrp_beacon beacon = {.iface = v->iface, .interval_ns = v->vr.interval_cs * CS_NS};
	const struct vrrp_beacon *now = vrrp_beacons[vrrp_place(v)];

	beacon.len = (uint16_t)encode(v, v->vr.priority, beacon.frame);
	if (now && now->iface == beacon.iface && now->interval_ns == beacon.interval_ns &&
		now->len == beacon.len && memcmp(now->frame, beacon.frame, now->len) == 0)
		return;
	vrrp_beacon_set(vrrp_place(v), &beacon);
}

// Who took our place in others' tables while it was not master is pushed out of them.
static void op_insist(struct vrrp_vr *vr) {
	const struct vrrp *v = (const struct vrrp *)vr;
	struct mac mac = vrrp_mac(v->v6 ? ADDR_V6 : ADDR_V4, v->vrid);

	vrrp_kick(vrrp_place(v));
	for (unsigned i = 0; i < v->n_addrs; i++)
		neigh_address_add_virtual(v->iface, &v->addrs[i], &mac);
}

static void op_advertise(struct vrrp_vr *vr) {
	vrrp_kick(vrrp_place((struct vrrp *)vr));
}

static void op_resign(struct vrrp_vr *vr) {
	struct vrrp *v = (struct vrrp *)vr;
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());
	uint8_t frame[VRRP_FRAME_MAX];
	size_t len = encode(v, VRRP_RESIGNS, frame);
	char *at = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (at == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(at, frame, len);
	punt_frame(v->iface, m);
}

// ---- a master's addresses -----------------------------------------------------------------------------------

static void closed_publish(void) {
	struct addr addrs[VRRP_MAX * VRRP_ADDRS];
	unsigned n = 0;

	for (unsigned i = 0; i < VRRP_MAX; i++) {
		const struct vrrp *v = &vrrps[i];

		if (!v->in_use || v->n_addrs == 0 || v->conf->accept)
			continue;
		memcpy(addrs + n, v->addrs, v->n_addrs * sizeof(addrs[0]));
		n += v->n_addrs;
	}
	if (n > 0 || vrrp_closed)
		vrrp_closed_set(addrs, n);
}

static bool has(const struct addr *addrs, unsigned n, const struct addr *addr) {
	for (unsigned i = 0; i < n; i++)
		if (addr_cmp(&addrs[i], addr) == 0)
			return true;
	return false;
}

static void addr_add(struct vrrp *v, const struct addr *addr) {
	struct prefix host = {*addr, v->v6 ? 128 : 32};
	struct mac mac = vrrp_mac(addr->family, v->vrid);
	char text[ADDR_STRLEN];
	struct err err = {0};

	if (dynamic_addr_add(v->iface, RTR_FROM_VRRP, &host, &mac, &err) != 0)
		log_error("router", "a virtual address cannot be used",
			"interface=%s vrid=%u address=%s why=\"%s\"", v->name, v->vrid,
			addr_print(addr, text), err.msg);
}

// As configured, whatever it was before.
static void addrs_set(struct vrrp *v, const struct addr *addrs, unsigned n) {
	for (unsigned i = 0; i < v->n_addrs; i++)
		if (!has(addrs, n, &v->addrs[i]))
			dynamic_addr_del(v->iface, RTR_FROM_VRRP, &v->addrs[i]);
	v->n_addrs = n;
	if (n > 0)
		memcpy(v->addrs, addrs, n * sizeof(addrs[0]));
	closed_publish(); // before they are answered at
	for (unsigned i = 0; i < n; i++)
		addr_add(v, &v->addrs[i]);
}

static void mac_set(struct vrrp *v, bool on) {
	struct mac mac = vrrp_mac(v->v6 ? ADDR_V6 : ADDR_V4, v->vrid);
	struct err err = {0};

	vrrp_lan_set(v->iface, v->v6, v->vrid, true, on);
	if (v->place->port[0])
		return;
	if (sw_routed_mac(v->place->sw, v->place->vlan, &mac, on, &err) != 0 && on)
		log_error("router", "the switch does not know a virtual router",
			"interface=%s vrid=%u why=\"%s\"", v->name, v->vrid, err.msg);
}

static void hold(struct vrrp *v) {
	mac_set(v, true);
	beacon_publish(v);
	addrs_set(v, v->conf->addrs[v->v6], v->conf->n_addrs[v->v6]);
}

static void op_take(struct vrrp_vr *vr) {
	hold((struct vrrp *)vr);
}

static void op_give(struct vrrp_vr *vr) {
	struct vrrp *v = (struct vrrp *)vr;

	vrrp_beacon_set(vrrp_place(v), NULL);
	addrs_set(v, NULL, 0);
	mac_set(v, false);
}

// ---- who is told --------------------------------------------------------------------------------------------

static const char *const reasons[VRRP_EVENTS] = {
	[VRRP_START] = "interface up",
	[VRRP_START_OWNER] = "its own addresses",
	[VRRP_STOP] = "link lost, or configured away",
	[VRRP_DOWN] = "master silent",
	[VRRP_ZERO] = "master resigned",
	[VRRP_WORSE] = "lesser master",
	[VRRP_BETTER] = "better master",
	[VRRP_RESIGN] = "resigned",
};

static void op_changed(struct vrrp_vr *vr, enum vrrp_state from, enum vrrp_event why) {
	const struct vrrp *v = (const struct vrrp *)vr;
	const char *was = vrrp_state_names[from], *is = vrrp_state_names[vr->state];

	log_info("router", "virtual router changed",
		"interface=%s vrid=%u family=%s from=%s to=%s why=\"%s\"", v->name, v->vrid,
		family_of(v), was, is, reasons[why]);
	event_emit("router.vrrp",
		json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "interface", v->name, "vrid",
			(int)v->vrid, "family", family_of(v), "from", was, "to", is, "why",
			reasons[why]));
}

static const struct vrrp_ops ops = {.take = op_take,
	.give = op_give,
	.advertise = op_advertise,
	.insist = op_insist,
	.resign = op_resign,
	.changed = op_changed};

// ---- what comes in ------------------------------------------------------------------------------------------

static struct vrrp *find(uint16_t iface, bool v6, unsigned vrid) {
	for (unsigned i = 0; i < VRRP_MAX; i++)
		if (vrrps[i].in_use && vrrps[i].iface == iface && vrrps[i].vrid == vrid &&
			vrrps[i].v6 == v6)
			return &vrrps[i];
	return NULL;
}

// Other addresses than ours: somebody's mistake, not a reason to have two masters (RFC 9568 section 7.1).
static void addresses_compare(struct vrrp *v, const struct vrrp_packet *packet) {
	const struct addr *ours = v->conf->addrs[v->v6];
	unsigned n = v->conf->n_addrs[v->v6], same = 0;
	uint64_t now_ns = clock_now_ns();
	char text[ADDR_STRLEN];

	for (unsigned i = 0; i < n; i++)
		same += has(packet->addrs, packet->n_addrs, &ours[i]);
	if (same == n && packet->count == n)
		return;
	v->mismatched++;
	if (v->told_ns != 0 && now_ns - v->told_ns < MISMATCH_NS)
		return;
	v->told_ns = now_ns;
	addr_print(&packet->src, text);
	log_warn("router", "a virtual router has other addresses elsewhere",
		"interface=%s vrid=%u family=%s router=%s", v->name, v->vrid, family_of(v), text);
	event_emit("router.vrrp-mismatch",
		json_pack("{s:s, s:i, s:s, s:s}", "interface", v->name, "vrid", (int)v->vrid,
			"family", family_of(v), "router", text));
}

static void take_in(uint16_t index, const struct vrrp_packet *packet) {
	const struct rtr_iface *iface = rtr_iface(index);
	struct vrrp *v = find(index, packet->src.family == ADDR_V6, packet->vrid);

	if (v == NULL || iface == NULL || rtr_iface_owns(iface, &packet->src))
		return; // our own comes back from hubs and loops
	v->received++;
	addresses_compare(v, packet);
	vrrp_heard(&v->vr, packet);
}

static void receive(struct rte_mbuf *m) {
	uint32_t len = m->pkt_len - RTE_ETHER_HDR_LEN;
	struct vrrp_packet packet;
	uint8_t buf[2048];
	const uint8_t *ip = NULL;

	if (m->nb_segs == 1 || len <= sizeof(buf))
		ip = rte_pktmbuf_read(m, RTE_ETHER_HDR_LEN, len, buf);
	if (ip && vrrp_decode(ip, len, &packet) == VRRP_OK)
		take_in(dp_meta(m)->iface, &packet);
	rte_pktmbuf_free(m);
}

// ---- is the interface up, and what is tracked -----------------------------------------------------------------

static bool link_up(const struct rtr_iface *iface, const struct rtr_conf_iface *conf) {
	struct dp_port_info info;

	if (iface->port == DP_NONE)
		return sw_vlan_up(conf->sw, conf->vlan);
	return dp_port_info(iface->port, &info) == 0 && info.link_up;
}

// The address that its advertisements come from: the interface's first, or its link-local one.
static const struct addr *source_of(const struct vrrp *v, const struct rtr_iface *iface) {
	for (unsigned i = 0; i < iface->n_addrs; i++) {
		const struct addr *addr = &iface->addrs[i].addr;

		if (iface->from[i] == RTR_FROM_VRRP || (addr->family == ADDR_V6) != v->v6)
			continue;
		if (!v->v6 || ip6_is_link_local(addr->bytes))
			return addr;
	}
	return NULL;
}

static const struct rtr_iface *iface_named(const char *router, const char *name) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (rtr_ifaces[i] && strcmp(rtr_ifaces[i]->name, name) == 0 &&
			strcmp(rtr_ifaces[i]->router, router) == 0)
			return rtr_ifaces[i];
	return NULL;
}

static const struct rtr_conf_iface *conf_named(const char *router, const char *name) {
	const struct rtr_conf *conf = rtr_conf_find(&rtr_running, router);

	return conf ? rtr_conf_iface(conf, name) : NULL;
}

static bool iface_is_up(const struct rtr_iface *iface) {
	const struct rtr_conf_iface *conf = iface ? conf_named(iface->router, iface->name) : NULL;

	return conf && link_up(iface, conf);
}

static bool route_is_up(const struct vrrp *v, const struct prefix *prefix) {
	const struct rtr_iface *iface = rtr_iface(v->iface);
	const struct rtr_vrf *vrf = iface ? rtr_vrfs[iface->vrf] : NULL;
	struct rtr_path paths[NEXTHOP_MAX_PATHS];
	struct rtr_route route;
	unsigned n;

	if (vrf == NULL || !rib_find(vrf, prefix, &route))
		return false;
	n = nexthop_paths(route.slot, paths, RTE_DIM(paths));
	for (unsigned i = 0; i < n; i++)
		if (iface_is_up(rtr_iface(paths[i].iface)))
			return true;
	return false;
}

static uint8_t priority_of(const struct vrrp *v) {
	unsigned drop = 0;

	for (unsigned i = 0; i < v->conf->n_tracks; i++) {
		const struct vrrp_track *t = &v->conf->tracks[i];
		bool up = t->iface[0] ? iface_is_up(iface_named(v->router, t->iface))
				      : route_is_up(v, &t->route);

		drop += up ? 0 : t->drop;
	}
	if (v->conf->priority == VRRP_OWNER)
		return VRRP_OWNER; // nobody else can have its addresses
	if (clock_now_ns() < v->held_ns)
		return 1;
	return (uint8_t)(v->conf->priority > drop ? v->conf->priority - drop : 1);
}

static void track(struct vrrp *v) {
	uint8_t priority = priority_of(v);

	if (priority == v->vr.priority)
		return;
	if (v->vr.priority != 0) // not the first time
		log_info("router", "priority of a virtual router",
			"interface=%s vrid=%u family=%s from=%u to=%u", v->name, v->vrid,
			family_of(v), v->vr.priority, priority);
	v->vr.priority = priority;
	if (v->vr.state != VRRP_MASTER)
		return;
	beacon_publish(v);
	vrrp_kick(vrrp_place(v));
}

void vrrp_step_back(struct vrrp *v, uint64_t hold_ns) {
	v->held_ns = clock_now_ns() + hold_ns;
	vrrp_resign(&v->vr);
	track(v);
}

static void watch(struct vrrp *v) {
	const struct rtr_iface *iface = rtr_iface(v->iface);
	const struct addr *source = iface ? source_of(v, iface) : NULL;
	bool up = source && link_up(iface, v->place) && neigh_address_usable(v->iface, source);

	if (source && addr_cmp(source, &v->vr.source) != 0) {
		v->vr.source = *source;
		if (v->vr.state == VRRP_MASTER)
			beacon_publish(v);
	}
	if (up == v->up)
		return;
	v->up = up;
	if (up) {
		track(v);
		vrrp_start(&v->vr);
	} else {
		vrrp_stop(&v->vr);
	}
}

// After the ring was drained: what a busy control thread has not looked at yet still counts as heard.
void vrrp_poll(uint64_t now_ns) {
	static uint64_t tracked_ns;
	bool look = now_ns - tracked_ns >= TRACK_NS;

	__atomic_store_n(&vrrp_alive_ns, now_ns, __ATOMIC_RELAXED);
	if (look)
		tracked_ns = now_ns;
	for (unsigned i = 0; i < VRRP_MAX; i++) {
		if (!vrrps[i].in_use)
			continue;
		watch(&vrrps[i]);
		if (look)
			track(&vrrps[i]);
	}
	timers_run(&timers, now_ns, VRRP_MAX);
}

bool vrrp_advertiser(uint16_t iface, struct addr *link_local, struct mac *mac, bool *master) {
	for (unsigned i = 0; i < VRRP_MAX; i++) {
		const struct vrrp *v = &vrrps[i];

		if (!v->in_use || !v->v6 || v->iface != iface)
			continue;
		*link_local = v->conf->addrs[1][0];
		*mac = vrrp_mac(ADDR_V6, v->vrid);
		*master = v->vr.state == VRRP_MASTER;
		return true;
	}
	return false;
}

// ---- the configuration --------------------------------------------------------------------------------------

static const struct vrrp_conf *conf_of(const struct rtr_conf_iface *iface, const struct vrrp *v) {
	for (unsigned i = 0; iface && i < iface->n_vrrp; i++)
		if (iface->vrrp[i].vrid == v->vrid && iface->vrrp[i].n_addrs[v->v6] > 0)
			return &iface->vrrp[i];
	return NULL;
}

// Somewhere else it begins anew.
static bool stays(const struct vrrp *v, const struct rtr_conf_all *next) {
	const struct rtr_conf *router = rtr_conf_find(next, v->router);
	const struct rtr_conf_iface *to = router ? rtr_conf_iface(router, v->name) : NULL;

	return to && conf_of(to, v) && strcmp(to->port, v->place->port) == 0 &&
		strcmp(to->sw, v->place->sw) == 0 && to->vlan == v->place->vlan;
}

void vrrp_leaving(const struct rtr_conf_all *next) {
	bool resigned = false;

	for (unsigned i = 0; i < VRRP_MAX; i++) {
		struct vrrp *v = &vrrps[i];

		if (!v->in_use || stays(v, next))
			continue;
		resigned |= v->vr.state == VRRP_MASTER;
		vrrp_stop(&v->vr);
		vrrp_lan_set(v->iface, v->v6, v->vrid, false, false);
		v->in_use = false;
	}
	if (resigned)
		punt_flush();
}

static struct vrrp *vrrp_new(const struct rtr_iface *iface, bool v6, unsigned vrid) {
	struct vrrp *v = vrrps;

	while (v->in_use) // vrrp_conf_check_all(): there is room
		v++;
	*v = (struct vrrp){.in_use = true, .iface = iface->index, .v6 = v6, .vrid = (uint8_t)vrid};
	memcpy(v->router, iface->router, sizeof(v->router));
	memcpy(v->name, iface->name, sizeof(v->name));
	vrrp_vr_init(&v->vr, &timers, &ops);
	v->vr.source.family = v6 ? ADDR_V6 : ADDR_V4;
	__atomic_store_n(&vrrp_sent[vrrp_place(v)], 0, __ATOMIC_RELAXED);
	return v;
}

static struct vrrp *find_named(const struct rtr_iface *iface, bool v6, unsigned vrid) {
	for (unsigned i = 0; i < VRRP_MAX; i++)
		if (vrrps[i].in_use && vrrps[i].vrid == vrid && vrrps[i].v6 == v6 &&
			strcmp(vrrps[i].name, iface->name) == 0 &&
			strcmp(vrrps[i].router, iface->router) == 0)
			return &vrrps[i];
	return NULL;
}

// A VLAN's interface may have got another number, as its switch was made anew.
static void conf_apply(struct vrrp *v, const struct rtr_iface *iface,
	const struct rtr_conf_iface *place, const struct vrrp_conf *conf) {
	if (v->iface != iface->index)
		vrrp_lan_set(v->iface, v->v6, v->vrid, false, false);
	v->iface = iface->index;
	v->place = place;
	v->conf = conf;
	v->vr.interval_cs = (uint16_t)conf->interval_cs;
	v->vr.preempt = conf->preempt;
	v->vr.preempt_delay_ns = conf->preempt_delay_ns;
	vrrp_lan_set(v->iface, v->v6, v->vrid, true, v->vr.state == VRRP_MASTER);
}

static void iface_commit(const struct rtr_conf *router, const struct rtr_conf_iface *conf) {
	const struct rtr_iface *iface = iface_named(router->name, conf->name);

	for (unsigned i = 0; iface && i < conf->n_vrrp; i++) {
		for (unsigned v6 = 0; v6 < 2; v6++) {
			const struct vrrp_conf *c = &conf->vrrp[i];
			struct vrrp *v = find_named(iface, v6, c->vrid);

			if (c->n_addrs[v6] == 0)
				continue;
			if (v == NULL)
				v = vrrp_new(iface, v6, c->vrid);
			conf_apply(v, iface, conf, c);
		}
	}
}

void vrrp_commit(void) {
	bool any = false;

	for (unsigned r = 0; r < rtr_running.n; r++)
		for (unsigned i = 0; i < rtr_running.routers[r].n_ifaces; i++)
			iface_commit(&rtr_running.routers[r], &rtr_running.routers[r].ifaces[i]);
	for (unsigned i = 0; i < VRRP_MAX; i++) {
		any |= vrrps[i].in_use;
		if (!vrrps[i].in_use)
			continue;
		track(&vrrps[i]);
		if (vrrps[i].vr.state == VRRP_MASTER)
			hold(&vrrps[i]);
	}
	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (rtr_ifaces[i])
			dp_arc_enable("vrrp_input", i, any, NULL);
}

int vrrp_init(struct err *err) {
	punt_handler(PUNT_VRRP, receive);
	if (timers_reserve(&timers, VRRP_MAX) != 0)
		return err_set(err, -ENOMEM, "no memory for the timers of virtual routers");
	return 0;
}

void vrrp_fini(void) {
	timers_fini(&timers);
}
