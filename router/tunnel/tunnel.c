// SPDX-License-Identifier: BSD-3-Clause
// Tunnels on the control side: builds what nodes read, follows the underlay, and shows both.
#include "router/tunnel/tunnel.h"
#include "lib/event.h"
#include "lib/log.h"
#include "router/dynamic.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/host/twin.h"
#include "router/tunnel/tunnel_priv.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_NS  (NSEC_PER_SEC / 2)
#define MTU_LINK 1500 // of an underlay that says nothing else

enum state { STATE_UP, STATE_NO_ADDRESS, STATE_NO_ROUTE, STATE_LOOP };
static const char *const state_words[] = {"up", "no-address", "no-route", "loop", NULL};

// What outlives a configuration, by id.
struct live {
	char router[RTR_NAME], name[RTR_NAME]; // "": free
	unsigned mtu_least;
	enum state state;
};

struct tunnel_plan {
	struct tunnel_set *set, *old;
	struct tunnel tunnels[TUNNEL_MAX];
	struct live lives[TUNNEL_MAX]; // by id; those of tunnels[] in use
	bool used[TUNNEL_MAX];
	unsigned n;
};

struct tunnel_set *tunnel_set;
struct tunnel_count tunnel_counts[DP_MAX_WORKERS][TUNNEL_MAX];
static struct tunnel_count bases[TUNNEL_MAX]; // what the counters read when the tunnel was made
static struct live lives[TUNNEL_MAX];
static bool input_on[DP_MAX_IFACES];
static uint64_t poll_at_ns;

// ---- prepare ------------------------------------------------------------------------------------------------

struct tunnel_plan *tunnels_plan_new(void) {
	return calloc(1, sizeof(struct tunnel_plan));
}

static bool is_live(const struct live *live, const struct rtr_iface *iface) {
	return strcmp(live->name, iface->name) == 0 && strcmp(live->router, iface->router) == 0;
}

// A tunnel keeps its id, and with it its counters, from one configuration to the next.
static int id_of(const struct tunnel_plan *plan, const struct rtr_iface *iface) {
	for (unsigned id = 0; id < TUNNEL_MAX; id++)
		if (is_live(&lives[id], iface))
			return (int)id;
	for (unsigned id = 0; id < TUNNEL_MAX; id++)
		if (!lives[id].name[0] && !plan->used[id])
			return (int)id;
	return -ENOSPC;
}

int tunnels_plan_add(struct tunnel_plan *plan, const struct rtr_iface *iface,
	const struct rtr_conf_iface *conf, unsigned underlay, struct err *err) {
	int id = id_of(plan, iface);
	struct tunnel *t;

	if (id < 0)
		return err_set(
			err, -ENOSPC, "more than %d tunnels, those that go included", TUNNEL_MAX);
	t = &plan->tunnels[plan->n++];
	*t = (struct tunnel){.id = (uint16_t)id,
		.iface = iface->index,
		.vrf = (uint16_t)underlay,
		.remote = conf->tunnel.remote};
	tunnel_conf_wire(&conf->tunnel, &t->wire);
	t->header_len = (uint16_t)tunnel_header_len(&t->wire);
	plan->used[id] = true;
	plan->lives[id] =
		(struct live){.mtu_least = conf->ipv6 ? 1280 : 68, .state = STATE_NO_ROUTE};
	memcpy(plan->lives[id].router, iface->router, sizeof(iface->router));
	memcpy(plan->lives[id].name, iface->name, sizeof(iface->name));
	return 0;
}

static int end_add(struct tunnel_set *set, const struct tunnel *t, uint8_t proto, uint32_t value) {
	struct end_key key = {.vrf = t->vrf,
		.proto = proto,
		.key = t->wire.key,
		.flags = (uint8_t)((t->wire.v6 ? END_V6 : 0) | (t->wire.has_key ? END_KEY : 0))};
	struct end_key local = {.vrf = t->vrf,
		.proto = proto,
		.flags = (uint8_t)(END_LOCAL | (t->wire.v6 ? END_V6 : 0))};

	memcpy(key.local, t->wire.local, 16);
	memcpy(key.remote, t->wire.remote, 16);
	memcpy(local.local, t->wire.local, 16);
	ends_add(set->ends, &local, 1); // another tunnel may have said so
	return ends_add(set->ends, &key, value);
}

static int ends_of(struct tunnel_set *set, const struct tunnel *t, uint32_t value) {
	int rc;

	if (t->wire.type == TUNNEL_GRE)
		return end_add(set, t, TUNNEL_PROTO_GRE, value);
	rc = end_add(set, t, TUNNEL_PROTO_IP6, value);
	return rc == 0 && t->wire.type == TUNNEL_IPIP ? end_add(set, t, TUNNEL_PROTO_IP4, value)
						      : rc;
}

int tunnels_plan_build(struct tunnel_plan *plan, struct err *err) {
	struct tunnel_set *set;

	if (plan->n == 0)
		return 0;
	set = calloc(1, sizeof(*set) + plan->n * sizeof(set->tunnels[0]));
	if (set)
		set->ends = ends_new(4 * plan->n);
	plan->set = set;
	if (set == NULL || set->ends == NULL)
		return err_set(err, -ENOMEM, "tunnels: out of memory");
	for (unsigned i = 0; i < plan->n; i++) {
		struct tunnel *t = &set->tunnels[set->n++];

		*t = plan->tunnels[i];
		set->by_iface[t->iface] = t;
		set->by_id[t->id] = t;
		if (ends_of(set, t, i + 1) != 0) // the configuration was checked: not here
			return err_set(err, -EEXIST, "tunnels: %s and another share both ends",
				plan->lives[t->id].name);
	}
	return 0;
}

static void set_free(struct tunnel_set *set) {
	if (set)
		ends_free(set->ends);
	free(set);
}

void tunnels_abort(struct tunnel_plan *plan) {
	if (plan)
		set_free(plan->set);
	free(plan);
}

// ---- commit -------------------------------------------------------------------------------------------------

static struct tunnel_count count_sum(unsigned id) {
	struct tunnel_count sum = {0};

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		sum.rx_dropped +=
			__atomic_load_n(&tunnel_counts[w][id].rx_dropped, __ATOMIC_RELAXED);
		sum.tx_dropped +=
			__atomic_load_n(&tunnel_counts[w][id].tx_dropped, __ATOMIC_RELAXED);
		sum.errors += __atomic_load_n(&tunnel_counts[w][id].errors, __ATOMIC_RELAXED);
	}
	return sum;
}

// Packets for this box may come by any interface.
static void input_enable(bool on) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		bool want = on && rtr_ifaces[i] != NULL;

		if (want != input_on[i])
			dp_arc_enable("tunnel_input", i, want, NULL);
		input_on[i] = want;
	}
}

// What ICMP said of a path holds as long as the path is the same.
static void paths_keep(struct tunnel_set *set, const struct tunnel_set *old) {
	for (unsigned i = 0; set && i < set->n; i++) {
		struct tunnel *t = &set->tunnels[i];
		const struct tunnel *was = old ? old->by_id[t->id] : NULL;

		if (was && was->vrf == t->vrf && addr_cmp(&was->remote, &t->remote) == 0)
			t->path = was->path;
	}
}

void tunnels_commit(struct tunnel_plan *plan) {
	plan->old = tunnel_set;
	paths_keep(plan->set, plan->old);
	__atomic_store_n(&tunnel_set, plan->set, __ATOMIC_RELEASE);
	for (unsigned id = 0; id < TUNNEL_MAX; id++) {
		enum state was = lives[id].state;
		bool fresh = !lives[id].name[0];

		lives[id] = plan->used[id] ? plan->lives[id] : (struct live){0};
		if (!fresh)
			lives[id].state = was;
		else if (plan->used[id])
			bases[id] = count_sum(id);
	}
	for (unsigned i = 0; plan->set && i < plan->n; i++)
		dp_arc_enable("tunnel_output", plan->set->tunnels[i].iface, true, NULL);
	input_enable(plan->n > 0);
	poll_at_ns = 0;
}

void tunnels_release(struct tunnel_plan *plan) {
	set_free(plan->old);
	free(plan);
}

// ---- while it runs ------------------------------------------------------------------------------------------

uint16_t tunnel_mtu_first(const struct tunnel_conf *conf) {
	struct tunnel_wire wire;

	tunnel_conf_wire(conf, &wire);
	return (uint16_t)(MTU_LINK - tunnel_header_len(&wire));
}

static bool is_local(const struct tunnel *t) {
	struct rtr_route best;
	struct addr local = {.family = t->wire.v6 ? ADDR_V6 : ADDR_V4};

	memcpy(local.bytes, t->wire.local, t->wire.v6 ? 16 : 4);
	return rtr_vrfs[t->vrf] && rib_lookup(rtr_vrfs[t->vrf], &local, &best) &&
		rtr_nhs[best.slot].kind == RTR_NH_LOCAL;
}

// A group carries what its narrowest path does.
static enum state underlay_look(const struct tunnel *t, uint32_t *mtu) {
	struct rtr_path paths[NEXTHOP_MAX_PATHS];
	struct rtr_route best;
	unsigned n;

	*mtu = MTU_LINK;
	if (!is_local(t))
		return STATE_NO_ADDRESS;
	if (!rib_lookup(rtr_vrfs[t->vrf], &t->remote, &best))
		return STATE_NO_ROUTE;
	switch (rtr_nhs[best.slot].kind) {
	case RTR_NH_NONE:
	case RTR_NH_BLACKHOLE:
	case RTR_NH_UNREACHABLE:
	case RTR_NH_PROHIBIT:
		return STATE_NO_ROUTE;
	case RTR_NH_LOCAL:
		return STATE_LOOP;
	default:
		break;
	}
	n = nexthop_paths(best.slot, paths, RTE_DIM(paths));
	*mtu = n > 0 ? UINT16_MAX : MTU_LINK;
	for (unsigned i = 0; i < n; i++) {
		const struct rtr_iface *iface = rtr_iface(paths[i].iface);

		if (paths[i].iface == t->iface)
			return STATE_LOOP;
		if (iface)
			*mtu = RTE_MIN(*mtu, iface->mtu);
	}
	return STATE_UP;
}

static void state_set(struct live *live, const struct tunnel *t, enum state state) {
	const struct rtr_iface *iface = rtr_iface(t->iface);

	log_info("router", "tunnel changed", "router=%s tunnel=%s state=%s", live->router,
		live->name, state_words[state]);
	event_emit("router.tunnel",
		json_pack("{s:s, s:s, s:s}", "router", live->router, "tunnel", live->name, "state",
			state_words[state]));
	live->state = state;
	if (iface)
		twin_link(iface, state == STATE_UP);
}

static void follow(const struct tunnel *t, uint64_t now_ns) {
	struct live *live = &lives[t->id];
	uint32_t mtu;
	enum state state = underlay_look(t, &mtu);

	if (rtr_ifaces[t->iface] == NULL)
		return;
	if (state == STATE_UP) {
		mtu = RTE_MIN(mtu, tunnel_path_mtu(&t->path, now_ns)) - t->header_len;
		dynamic_mtu_set(t->iface, RTR_FROM_TUNNEL, (uint16_t)RTE_MAX(mtu, live->mtu_least));
	}
	if (state == live->state)
		return;
	state_set(live, t, state);
	nexthop_link(t->iface, state == STATE_UP);
}

void tunnels_poll(uint64_t now_ns) {
	if (tunnel_set == NULL || now_ns < poll_at_ns)
		return;
	poll_at_ns = now_ns + POLL_NS;
	for (unsigned i = 0; i < tunnel_set->n; i++)
		follow(&tunnel_set->tunnels[i], now_ns);
}

static const struct tunnel *tunnel_at(unsigned iface) {
	return tunnel_set && iface < DP_MAX_IFACES ? tunnel_set->by_iface[iface] : NULL;
}

bool tunnel_up(unsigned iface) {
	const struct tunnel *t = tunnel_at(iface);

	return t && lives[t->id].state == STATE_UP;
}

// ---- leat show tunnels --------------------------------------------------------------------------------------

static const char *const type_words[] = {"none", "gre", "ipip", "sit", "vxlan", NULL};

const struct schema_row tunnel_columns[] = {
	{.name = "tunnel", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "interface"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "its router"},
	{.name = "type", .type = SCHEMA_ENUM, .words = type_words, .help = "gre, ipip or sit"},
	{.name = "source", .type = SCHEMA_ADDRESS, .help = "our end"},
	{.name = "remote", .type = SCHEMA_ADDRESS, .help = "the other end"},
	{.name = "underlay",
		.type = SCHEMA_NAME,
		.flags = SCHEMA_WIDE,
		.help = "router that carries the outer packets"},
	{.name = "gre_key", .type = SCHEMA_INT, .flags = SCHEMA_WIDE, .help = "GRE key"},
	{.name = "state",
		.type = SCHEMA_ENUM,
		.words = state_words,
		.flags = SCHEMA_GAUGE,
		.help = "up; no-address: the underlay does not have our address; no-route: it does "
			"not "
			"know the way; loop: the way leads into the tunnel, or ends here"},
	{.name = "mtu",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.unit = "B",
		.help = "largest IP packet inside"},
	{.name = "rx_packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets that came out of it"},
	{.name = "tx_packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets that were routed into it"},
	{.name = "rx_dropped",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "of its peer, and refused: see drop_tunnel_input_*"},
	{.name = "tx_dropped",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "not sent: see drop_tunnel_output_*, or answered with an ICMP error"},
	{.name = "errors",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "ICMP errors about its outer packets"},
	{0},
};

static json_t *row_of(const struct tunnel *t) {
	const struct live *live = &lives[t->id];
	const struct rtr_iface *iface = rtr_iface(t->iface);
	struct tunnel_count count = count_sum(t->id);
	struct rtr_count packets = rtr_iface_count(t->iface);
	struct addr local = {.family = t->remote.family};
	char text[2][ADDR_STRLEN];
	json_t *row;

	memcpy(local.bytes, t->wire.local, t->wire.v6 ? 16 : 4);
	row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I}",
		"tunnel", live->name, "router", live->router, "type", type_words[t->wire.type],
		"source", addr_print(&local, text[0]), "remote", addr_print(&t->remote, text[1]),
		"underlay", rtr_vrfs[t->vrf] ? rtr_vrfs[t->vrf]->name : "-", "state",
		state_words[live->state], "mtu", iface ? (int)iface->mtu : 0, "rx_packets",
		(json_int_t)packets.rx_packets, "tx_packets", (json_int_t)packets.tx_packets,
		"rx_dropped", (json_int_t)(count.rx_dropped - bases[t->id].rx_dropped),
		"tx_dropped", (json_int_t)(count.tx_dropped - bases[t->id].tx_dropped), "errors",
		(json_int_t)(count.errors - bases[t->id].errors));
	if (row && t->wire.has_key)
		json_object_set_new(row, "gre_key", json_integer(t->wire.key));
	return row;
}

// The caller looks at the filter again: it only saves work, and there are few.
int tunnels_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	for (unsigned i = 0; tunnel_set && i < tunnel_set->n && json_array_size(rows) < limit;
		i++) {
		json_t *row = row_of(&tunnel_set->tunnels[i]);

		if (row == NULL || json_array_append_new(rows, row) != 0)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}
