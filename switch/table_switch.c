// SPDX-License-Identifier: BSD-3-Clause
// Builds what the nodes read from the configuration, and keeps the switches that live on from one
// configuration to the next (their stations, their routed interfaces).
#include "lib/clock.h"
#include "lib/log.h"
#include "switch/switch_priv.h"
#include <errno.h>
#include <stdlib.h>

struct sw_plan {
	struct sw_conf_all conf;
	struct sw_state *state;
	struct sw_live *lives[SW_MAX_SWITCHES]; // by place in conf
	bool created[SW_MAX_SWITCHES];
	// set by commit, freed by release
	struct sw_conf_all old_conf;
	struct sw_state *old_state;
};

// The table that a port in no switch points to: nothing is in it.
static struct fdb_bucket no_bucket;
static struct fdb_table no_table = {.buckets = &no_bucket};
static struct fdb_table *_Atomic no_fdb = &no_table;

static struct sw_state no_state;
static struct sw_conf_all running;

struct sw_state *_Atomic sw_state = &no_state;
_Atomic uint64_t sw_storm_buckets[DP_MAX_PORTS][STORM_CLASSES];
struct sw_counters sw_counters[DP_MAX_WORKERS][DP_MAX_PORTS + 1];
struct sw_routed_vlan sw_routed_vlans[DP_MAX_IFACES];
struct sw_live *sw_lives[SW_DOMAINS];
fdb_resolve_fn sw_resolve;

struct sw_live *sw_live_find(const char *name) {
	for (unsigned d = 0; d < SW_DOMAINS; d++)
		if (sw_lives[d] != NULL && sw_lives[d]->conf != NULL &&
			strcmp(sw_lives[d]->name, name) == 0)
			return sw_lives[d];
	return NULL;
}

const char *sw_port_name(const struct sw_live *live, unsigned port) {
	for (unsigned i = 0; i < live->conf->n_ports; i++)
		if (live->conf->ports[i].index == (int)port)
			return live->conf->ports[i].name;
	return "-";
}

static void ports_init(struct sw_state *st) {
	for (unsigned p = 0; p < DP_MAX_PORTS; p++) {
		st->ports[p].fdb = (struct fdb_table *const _Atomic *)&no_fdb;
		st->ports[p].vlan.bit_index = (uint16_t)p;
	}
}

RTE_INIT(sw_state_init) {
	ports_init(&no_state);
}

// ---- live switches -------------------------------------------------------------------------------------

static void live_free(struct sw_live *live) {
	if (live == NULL)
		return;
	sw_lives[live->domain] = NULL;
	fdb_free(live->fdb);
	free(live->routed);
	free(live);
}

static struct fdb_conf fdb_conf_of(const struct sw_conf *conf) {
	struct fdb_conf out = {
		.mac_limit = conf->mac_limit,
		.ageing_ns = conf->ageing_ns,
		.move_limit = conf->move_limit,
		.move_window_ns = conf->move_window_ns,
		.move_hold_ns = conf->move_hold_ns,
		.sync = dp_sync,
	};

	for (unsigned i = 0; i < conf->n_ports; i++)
		out.port_limit[conf->ports[i].index] = conf->ports[i].mac_limit;
	return out;
}

static struct sw_live *live_new(const struct sw_conf *conf) {
	struct fdb_conf fdb_conf = fdb_conf_of(conf);
	struct sw_live *live;
	unsigned domain = 0;

	while (domain < SW_DOMAINS && sw_lives[domain] != NULL)
		domain++;
	live = calloc(1, sizeof(*live));
	if (live == NULL || domain == SW_DOMAINS) {
		free(live);
		return NULL;
	}
	memcpy(live->name, conf->name, sizeof(live->name));
	live->domain = domain;
	sw_lives[domain] = live;
	live->fdb = fdb_new(&fdb_conf, clock_now_ns());
	live->routed = calloc(VLAN_COUNT, sizeof(*live->routed));
	if (live->fdb == NULL || live->routed == NULL) {
		live_free(live);
		return NULL;
	}
	return live;
}

// ---- prepare ----------------------------------------------------------------------------------------------

static int resolve_ports(struct sw_conf_all *all, struct err *err) {
	char path[128];

	for (unsigned s = 0; s < all->n; s++) {
		for (unsigned i = 0; i < all->switches[s].n_ports; i++) {
			struct sw_conf_port *port = &all->switches[s].ports[i];

			port->index = dp_port_find(port->name);
			if (port->index >= 0 && port->index < DP_MAX_PORTS)
				continue;
			snprintf(path, sizeof(path), "switches.%s.ports.%s", all->switches[s].name,
				port->name);
			return err_at(
				err, path, "there is no port %s; add it to `ports`", port->name);
		}
	}
	return 0;
}

static uint32_t isolated_mask(const struct sw_conf *conf) {
	uint32_t mask = 0;

	for (unsigned i = 0; i < conf->n_ports; i++)
		if (conf->ports[i].isolated)
			mask |= UINT32_C(1) << conf->ports[i].index;
	return mask;
}

static void build_vlans(
	struct vlan_info *vlans, const struct sw_conf *conf, const struct sw_routed *routed) {
	for (unsigned v = 1; v <= VLAN_MAX; v++) {
		bool service = vlan_set_has(&conf->service, v);

		vlans[v].tpid = vlan_swap(service ? conf->service_ethertype : VLAN_TPID);
		vlans[v].routed = routed[v].iface;
		for (unsigned i = 0; i < conf->n_ports; i++) {
			const struct sw_conf_port *port = &conf->ports[i];
			uint32_t bit = UINT32_C(1) << port->index;

			if (!vlan_set_has(&port->vlans, v))
				continue;
			vlans[v].members |= bit;
			if (port->pvid == v)
				vlans[v].untagged |= bit;
		}
	}
}

static void build_port(struct sw_state *st, const struct sw_conf *conf,
	const struct sw_conf_port *port, const struct sw_live *live,
	const struct vlan_info *vlans) {
	struct sw_port *out = &st->ports[port->index];
	uint32_t isolated = isolated_mask(conf);

	out->vlan.mode = (uint16_t)port->mode;
	out->vlan.pvid = (uint16_t)port->pvid;
	out->vlan.service_tpid = vlan_swap(conf->service_ethertype);
	out->reach = ~(UINT32_C(1) << port->index);
	if (port->isolated)
		out->reach &= ~isolated;
	out->domain = (uint16_t)live->domain;
	out->learning = port->learning;
	out->vlans = vlans;
	out->fdb = fdb_table_ref(live->fdb);
	for (unsigned c = 0; c < STORM_CLASSES; c++)
		if (port->storm_set[c])
			out->limits[c] = storm_limit_of(port->storm[c]);
}

static int build_mirror(
	struct sw_state *st, unsigned n, const struct sw_conf *conf, unsigned i, struct err *err) {
	const struct sw_conf_mirror *mirror = &conf->mirrors[i];
	uint32_t bit = UINT32_C(1) << n;
	int to = dp_port_find(mirror->to);
	char path[128];

	if (to < 0) {
		snprintf(path, sizeof(path), "switches.%s.mirror.%s.to", conf->name, mirror->name);
		return err_at(err, path, "there is no port %s; add it to `ports`", mirror->to);
	}
	st->mirrors[n] = (struct sw_mirror){(uint16_t)to, mirror->vlan};
	for (unsigned f = 0; f < mirror->n_from; f++) {
		unsigned port = (unsigned)sw_conf_port(conf, mirror->from[f])->index;

		if (mirror->direction != SW_DIR_TX)
			st->mirror_rx[port] |= bit;
		if (mirror->direction != SW_DIR_RX)
			st->mirror_tx[port] |= bit;
	}
	return 0;
}

static struct sw_state *state_new(unsigned n_switches) {
	size_t size = sizeof(struct sw_state) + n_switches * sizeof(struct vlan_info[VLAN_COUNT]);
	struct sw_state *st;

	size = RTE_ALIGN_CEIL(size, RTE_CACHE_LINE_SIZE);
	st = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	if (st == NULL)
		return NULL;
	memset(st, 0, size);
	st->n_switches = n_switches;
	ports_init(st);
	return st;
}

static int build_state(struct sw_plan *plan, struct err *err) {
	struct sw_state *st = state_new(plan->conf.n);
	unsigned mirrors = 0;

	plan->state = st;
	if (st == NULL)
		return err_set(err, -ENOMEM, "switches: out of memory");
	for (unsigned s = 0; s < plan->conf.n; s++) {
		const struct sw_conf *conf = &plan->conf.switches[s];

		build_vlans(st->vlans[s], conf, plan->lives[s]->routed);
		st->routers[plan->lives[s]->domain] = (struct sw_port){.vlan.mode = VLAN_TRUNK,
			.vlan.bit_index = DP_MAX_PORTS,
			.reach = UINT32_MAX,
			.domain = (uint16_t)plan->lives[s]->domain,
			.vlans = st->vlans[s],
			.fdb = fdb_table_ref(plan->lives[s]->fdb)};
		for (unsigned i = 0; i < conf->n_ports; i++)
			build_port(st, conf, &conf->ports[i], plan->lives[s], st->vlans[s]);
		for (unsigned i = 0; i < conf->n_mirrors; i++)
			if (build_mirror(st, mirrors++, conf, i, err) != 0)
				return -EINVAL;
	}
	return 0;
}

static int prepare_lives(struct sw_plan *plan, struct err *err) {
	for (unsigned s = 0; s < plan->conf.n; s++) {
		const struct sw_conf *conf = &plan->conf.switches[s];

		plan->lives[s] = sw_live_find(conf->name);
		plan->created[s] = plan->lives[s] == NULL;
		if (plan->created[s])
			plan->lives[s] = live_new(conf);
		if (plan->lives[s] == NULL ||
			fdb_static_reserve(plan->lives[s]->fdb, conf->n_statics, clock_now_ns()) !=
				0)
			return err_set(err, -ENOMEM, "switches.%s: out of memory", conf->name);
	}
	return 0;
}

int sw_prepare(const struct change *change, void **out, struct err *err) {
	struct sw_plan *plan = calloc(1, sizeof(*plan));
	int rc;

	if (plan == NULL)
		return err_set(err, -ENOMEM, "switches: out of memory");
	rc = sw_conf_parse(json_object_get(change->new, "switches"), &plan->conf, err);
	if (rc == 0)
		rc = resolve_ports(&plan->conf, err);
	if (rc == 0)
		rc = prepare_lives(plan, err);
	if (rc == 0)
		rc = build_state(plan, err);
	if (rc != 0) {
		sw_abort(plan);
		return rc;
	}
	*out = plan;
	return 0;
}

void sw_abort(void *arg) {
	struct sw_plan *plan = arg;

	for (unsigned s = 0; s < plan->conf.n; s++)
		if (plan->created[s])
			live_free(plan->lives[s]);
	free(plan->state);
	sw_conf_fini(&plan->conf);
	free(plan);
}

// ---- commit -------------------------------------------------------------------------------------------------

static bool conf_has_index(const struct sw_conf_all *all, int index, const char *name) {
	for (unsigned s = 0; s < all->n; s++)
		for (unsigned i = 0; i < all->switches[s].n_ports; i++)
			if (all->switches[s].ports[i].index == index &&
				strcmp(all->switches[s].ports[i].name, name) == 0)
				return true;
	return false;
}

// A port that joins a switch counts from zero.
static void counters_clear(unsigned port) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		memset(&sw_counters[w][port], 0, sizeof(sw_counters[w][port]));
}

static void modes_set(const struct sw_plan *plan) {
	for (unsigned s = 0; s < plan->old_conf.n; s++) {
		for (unsigned i = 0; i < plan->old_conf.switches[s].n_ports; i++) {
			const struct sw_conf_port *port = &plan->old_conf.switches[s].ports[i];

			// The index may belong to another port by now.
			if (!conf_has_index(&plan->conf, port->index, port->name) &&
				dp_port_find(port->name) == port->index)
				dp_port_mode_set((unsigned)port->index, DP_PORT_UNUSED);
		}
	}
	for (unsigned s = 0; s < plan->conf.n; s++) {
		for (unsigned i = 0; i < plan->conf.switches[s].n_ports; i++) {
			const struct sw_conf_port *port = &plan->conf.switches[s].ports[i];

			if (!conf_has_index(&plan->old_conf, port->index, port->name))
				counters_clear((unsigned)port->index);
			dp_port_mode_set((unsigned)port->index, DP_PORT_L2);
		}
	}
}

static void mirrors_set(const struct sw_plan *plan) {
	const struct sw_state *old = plan->old_state, *st = plan->state;

	for (unsigned p = 0; p < DP_MAX_PORTS; p++) {
		if (!old->mirror_rx[p] != !st->mirror_rx[p])
			dp_arc_enable("switch_mirror_in", p, st->mirror_rx[p] != 0, NULL);
		if (!old->mirror_tx[p] != !st->mirror_tx[p])
			dp_arc_enable("switch_mirror_out", p, st->mirror_tx[p] != 0, NULL);
	}
}

// What a bucket owes to its old rate would be waited for at the new one.
static void storms_set(const struct sw_plan *plan) {
	for (unsigned p = 0; p < DP_MAX_PORTS; p++) {
		for (unsigned c = 0; c < STORM_CLASSES; c++) {
			if (plan->old_state->ports[p].limits[c].cost !=
				plan->state->ports[p].limits[c].cost)
				atomic_store_explicit(
					&sw_storm_buckets[p][c], 0, memory_order_relaxed);
		}
	}
}

struct stale {
	const struct sw_conf *old, *new;
};

static bool same_port(const struct sw_conf_port *port, const struct sw_conf *conf, uint64_t key) {
	for (unsigned i = 0; conf != NULL && i < conf->n_ports; i++)
		if (conf->ports[i].index == port->index &&
			strcmp(conf->ports[i].name, port->name) == 0)
			return vlan_set_has(&conf->ports[i].vlans, (unsigned)(key >> 48));
	return false;
}

// A station whose port is gone, is another one now, or left the station's VLAN.
static bool entry_stale(uint64_t key, unsigned index, const void *arg) {
	const struct stale *stale = arg;

	for (unsigned i = 0; i < stale->new->n_ports; i++)
		if (stale->new->ports[i].index == (int)index)
			return !same_port(&stale->new->ports[i], stale->old, key) ||
				!same_port(&stale->new->ports[i], stale->new, key);
	return true;
}

static uint64_t static_key(const struct sw_conf_static *entry) {
	return fdb_key(fdb_mac48(entry->mac.bytes), entry->vlan);
}

static bool static_kept(const struct sw_conf *conf, uint64_t key) {
	for (unsigned i = 0; i < conf->n_statics; i++)
		if (static_key(&conf->statics[i]) == key)
			return true;
	return false;
}

static bool is_routed(const struct sw_live *live, uint64_t key) {
	const struct sw_routed *routed = &live->routed[key >> 48];

	return routed->iface != 0 && fdb_mac48(routed->mac.bytes) == (key & 0xffffffffffff);
}

// New ones first: no moment without a station that stays.
static void statics_set(
	struct sw_live *live, const struct sw_conf *old, const struct sw_conf *new) {
	for (unsigned i = 0; i < new->n_statics; i++) {
		uint64_t key = static_key(&new->statics[i]);
		unsigned port = (unsigned)new->ports[new->statics[i].port].index;

		if (!is_routed(live, key) &&
			fdb_static_set(live->fdb, key, port, 0, clock_now_ns()) != 0)
			log_warn("switch", "no room for a static station", "switch=%s", live->name);
	}
	for (unsigned i = 0; old != NULL && i < old->n_statics; i++) {
		uint64_t key = static_key(&old->statics[i]);

		if (!is_routed(live, key) && !static_kept(new, key))
			fdb_static_del(live->fdb, key);
	}
}

static void live_commit(
	struct sw_live *live, const struct sw_conf *old, const struct sw_conf *new) {
	struct stale stale = {old, new};
	struct fdb_match match = {.port = -1, .vlan = -1, .also = entry_stale, .arg = &stale};
	struct fdb_conf conf = fdb_conf_of(new);

	if (old != NULL)
		fdb_flush(live->fdb, &match);
	if (fdb_conf_set(live->fdb, &conf, clock_now_ns()) != 0)
		log_warn(
			"switch", "out of memory: ageing stays as it was", "switch=%s", live->name);
	statics_set(live, old, new);
	live->conf = new;
}

void sw_commit(void *arg) {
	struct sw_plan *plan = arg;

	plan->old_conf = running;
	plan->old_state = atomic_exchange(&sw_state, plan->state);
	running = plan->conf;
	for (unsigned d = 0; d < SW_DOMAINS; d++)
		if (sw_lives[d] != NULL)
			sw_lives[d]->conf = NULL;
	for (unsigned s = 0; s < plan->conf.n; s++) {
		struct sw_live *live = plan->lives[s];

		live->vlans = plan->state->vlans[s];
		live_commit(
			live, sw_conf_find(&plan->old_conf, live->name), &plan->conf.switches[s]);
	}
	modes_set(plan);
	mirrors_set(plan);
	storms_set(plan);
}

void sw_release(void *arg) {
	struct sw_plan *plan = arg;

	for (unsigned d = 0; d < SW_DOMAINS; d++)
		if (sw_lives[d] != NULL && sw_lives[d]->conf == NULL)
			live_free(sw_lives[d]);
	if (plan->old_state != &no_state)
		free(plan->old_state);
	sw_conf_fini(&plan->old_conf);
	free(plan);
}

void sw_table_fini(void) {
	struct sw_state *st = atomic_exchange(&sw_state, &no_state);

	dp_sync(); // workers still run, and looked at both
	for (unsigned d = 0; d < SW_DOMAINS; d++)
		live_free(sw_lives[d]);
	if (st != &no_state)
		free(st);
	sw_conf_fini(&running);
}

// ---- routed interfaces ----------------------------------------------------------------------------------------

int sw_find(const char *name) {
	const struct sw_live *live = sw_live_find(name);

	return live != NULL ? (int)live->domain : -ENOENT;
}

static void routed_publish(struct sw_live *live, unsigned vlan) {
	__atomic_store_n(&live->vlans[vlan].routed, live->routed[vlan].iface, __ATOMIC_RELEASE);
}

int sw_routed_attach(
	const char *name, unsigned vlan, unsigned iface, const struct mac *mac, struct err *err) {
	struct sw_live *live = sw_live_find(name);
	uint64_t key = fdb_key(fdb_mac48(mac->bytes), vlan);

	if (live == NULL)
		return err_set(err, -ENOENT, "there is no switch %s", name);
	if (vlan < 1 || vlan > VLAN_MAX || iface == 0 || iface >= DP_MAX_IFACES)
		return err_set(
			err, -EINVAL, "VLAN %u or interface %u is out of range", vlan, iface);
	if (live->routed[vlan].iface != 0)
		return err_set(
			err, -EEXIST, "VLAN %u of switch %s has a routed interface", vlan, name);
	if (fdb_static_set(live->fdb, key, 0, FDB_SELF_BIT, clock_now_ns()) != 0)
		return err_set(err, -ENOSPC, "switch %s is full of static stations", name);
	live->routed[vlan] = (struct sw_routed){(uint16_t)iface, *mac};
	sw_routed_vlans[iface] = (struct sw_routed_vlan){(uint16_t)live->domain, (uint16_t)vlan};
	routed_publish(live, vlan);
	return 0;
}

void sw_routed_detach(const char *name, unsigned vlan) {
	struct sw_live *live = sw_live_find(name);

	if (live == NULL || vlan > VLAN_MAX || live->routed[vlan].iface == 0)
		return;
	fdb_static_del(live->fdb, fdb_key(fdb_mac48(live->routed[vlan].mac.bytes), vlan));
	sw_routed_vlans[live->routed[vlan].iface] = (struct sw_routed_vlan){0};
	live->routed[vlan] = (struct sw_routed){0};
	routed_publish(live, vlan);
}

int sw_routed_mac(
	const char *name, unsigned vlan, const struct mac *mac, bool on, struct err *err) {
	struct sw_live *live = sw_live_find(name);
	uint64_t key = fdb_key(fdb_mac48(mac->bytes), vlan);

	if (live == NULL)
		return err_set(err, -ENOENT, "there is no switch %s", name);
	if (!on) {
		fdb_static_del(live->fdb, key);
		return 0;
	}
	if (vlan > VLAN_MAX || live->routed[vlan].iface == 0)
		return err_set(
			err, -ENOENT, "VLAN %u of switch %s has no routed interface", vlan, name);
	if (fdb_static_set(live->fdb, key, 0, FDB_SELF_BIT, clock_now_ns()) != 0)
		return err_set(err, -ENOSPC, "switch %s is full of static stations", name);
	return 0;
}

bool sw_vlan_up(const char *name, unsigned vlan) {
	const struct sw_live *live = sw_live_find(name);

	return live != NULL && vlan <= VLAN_MAX && (live->vlans[vlan].members & dp_ports_up) != 0;
}
