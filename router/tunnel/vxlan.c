// SPDX-License-Identifier: BSD-3-Clause
// VXLAN on the control side: builds what nodes read, and shows it.
#include "router/tunnel/vxlan.h"
#include "lib/clock.h"
#include "router/fib/rib.h"
#include "router/tunnel/tunnel.h"
#include <errno.h>
#include <rte_random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vxlan_plan {
	struct vxlan_set *set, *old;
	struct vxlan *vxlans; // those added
	unsigned n;
};

struct vxlan_set *vxlan_set;
struct vxlan_count vxlan_counts[DP_MAX_WORKERS][VXLAN_MAX];
static bool input_on[DP_MAX_IFACES];

// ---- prepare ------------------------------------------------------------------------------------------------

struct vxlan_plan *vxlans_plan_new(void) {
	return calloc(1, sizeof(struct vxlan_plan));
}

// What was learnt stays as long as the numbers of the remotes mean the same.
static struct vtep_table *stations_of(const struct vxlan *x) {
	const struct vxlan *old = vxlan_set ? vxlan_set->by_port[x->port] : NULL;

	if (old && old->vrf == x->vrf && old->n_remotes == x->n_remotes &&
		memcmp(old->remotes, x->remotes, sizeof(x->remotes)) == 0) {
		old->stations->refs++;
		return old->stations;
	}
	return vtep_new(rte_rand());
}

static void vxlan_take(struct vxlan *x, const struct vxlan_conf *conf) {
	x->wire = (struct tunnel_wire){.type = TUNNEL_VXLAN,
		.ttl = (uint8_t)conf->ttl,
		.dscp = conf->dscp < 0 ? TUNNEL_INHERIT : (uint8_t)conf->dscp,
		.v6 = conf->source.family == ADDR_V6,
		.df = conf->df,
		.port = (uint16_t)conf->udp_port};
	end_address(x->wire.local, &conf->source);
	x->learning = conf->learning;
	x->ageing_ns = conf->ageing_ns;
	x->n_remotes = (uint16_t)conf->n_remotes;
	memcpy(x->remotes, conf->remotes, sizeof(x->remotes));
	memcpy(x->vni_of, conf->vni_of, sizeof(x->vni_of));
}

int vxlans_plan_add(
	struct vxlan_plan *plan, const struct vxlan_conf *conf, unsigned vrf, struct err *err) {
	struct vxlan *grown = reallocarray(plan->vxlans, plan->n + 1, sizeof(*grown)), *x;
	int port = dp_port_find(conf->port);
	struct dp_port_info info;

	if (grown == NULL)
		return err_set(err, -ENOMEM, "vxlan: out of memory");
	plan->vxlans = grown;
	if (port < 0 || dp_port_info((unsigned)port, &info) != 0)
		return err_set(err, -ENOENT, "there is no port %s", conf->port);
	for (unsigned i = 0; i < plan->n; i++)
		if (plan->vxlans[i].port == port)
			return err_set(err, -EEXIST,
				"vxlan: port %s is in two routers; keep it in one", conf->port);
	x = &plan->vxlans[plan->n];
	memset(x, 0, sizeof(*x));
	vxlan_take(x, conf);
	x->port = (uint16_t)port;
	x->vrf = (uint16_t)vrf;
	x->mtu = info.mtu;
	x->stations = stations_of(x);
	if (x->stations == NULL)
		return err_set(err, -ENOMEM, "vxlan: out of memory");
	plan->n++;
	return 0;
}

static int ends_of(struct vxlan_set *set, const struct vxlan *x) {
	struct end_key key = {.vrf = x->vrf,
		.proto = TUNNEL_PROTO_UDP,
		.port = x->wire.port,
		.flags = (uint8_t)(END_LOCAL | (x->wire.v6 ? END_V6 : 0))};
	int rc = 0;

	memcpy(key.local, x->wire.local, 16);
	ends_add(set->ends, &key, 1); // another port may have said so
	key.flags = (uint8_t)(END_KEY | (x->wire.v6 ? END_V6 : 0));
	for (unsigned v = 0; rc == 0 && v < VXLAN_VLANS; v++) {
		key.key = x->vni_of[v];
		if (key.key != VXLAN_NO_VNI)
			rc = ends_add(set->ends, &key, vxlan_end(x->port, v));
	}
	return rc;
}

int vxlans_plan_build(struct vxlan_plan *plan, struct err *err) {
	struct vxlan_set *set;
	unsigned ends = 0;

	if (plan->n == 0)
		return 0;
	for (unsigned i = 0; i < plan->n; i++)
		for (unsigned v = 0; v < VXLAN_VLANS; v++)
			ends += plan->vxlans[i].vni_of[v] != VXLAN_NO_VNI;
	set = calloc(1, sizeof(*set) + plan->n * sizeof(set->vxlans[0]));
	if (set)
		set->ends = ends_new(ends + plan->n);
	if (set == NULL || set->ends == NULL) {
		free(set);
		return err_set(err, -ENOMEM, "vxlan: out of memory");
	}
	plan->set = set;
	for (unsigned i = 0; i < plan->n; i++) {
		struct vxlan *x = &set->vxlans[set->n++];

		*x = plan->vxlans[i];
		set->by_port[x->port] = x;
		if (ends_of(set, x) != 0) // the configuration was checked: not here
			return err_set(err, -EEXIST, "vxlan: two ports share a source and a VNI");
	}
	return 0;
}

static void plan_free(struct vxlan_plan *plan) {
	free(plan->vxlans);
	free(plan);
}

void vxlans_abort(struct vxlan_plan *plan) {
	if (plan == NULL)
		return;
	for (unsigned i = 0; i < plan->n; i++)
		vtep_put(plan->vxlans[i].stations);
	if (plan->set)
		ends_free(plan->set->ends);
	free(plan->set);
	plan_free(plan);
}

// ---- commit -------------------------------------------------------------------------------------------------

static bool has_port(const struct vxlan_set *set, unsigned port) {
	return set && set->by_port[port] != NULL;
}

void vxlans_commit(struct vxlan_plan *plan) {
	plan->old = vxlan_set;
	__atomic_store_n(&vxlan_set, plan->set, __ATOMIC_RELEASE);
	for (unsigned p = 0; p < DP_MAX_PORTS; p++)
		if (has_port(plan->set, p) != has_port(plan->old, p))
			dp_arc_enable("vxlan_output", p, has_port(plan->set, p), NULL);
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		bool want = plan->set && rtr_ifaces[i] != NULL;

		if (want != input_on[i])
			dp_arc_enable("vxlan_input", i, want, NULL);
		input_on[i] = want;
	}
}

void vxlans_release(struct vxlan_plan *plan) {
	for (unsigned i = 0; plan->old && i < plan->old->n; i++)
		vtep_put(plan->old->vxlans[i].stations);
	if (plan->old)
		ends_free(plan->old->ends);
	free(plan->old);
	plan_free(plan);
}

// ---- leat show vxlans, vteps --------------------------------------------------------------------------------

const struct schema_row vxlan_columns[] = {
	{.name = "port", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "port of a switch"},
	{.name = "router", .type = SCHEMA_NAME, .help = "router that carries the outer packets"},
	{.name = "source", .type = SCHEMA_ADDRESS, .help = "our end"},
	{.name = "remotes", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "other ends"},
	{.name = "vnis", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "networks"},
	{.name = "stations",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "stations known to be behind another end"},
	{.name = "copies",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets sent of frames that went to every end"},
	{.name = "rx_dropped",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "refused: see drop_vxlan_input_*"},
	{.name = "tx_dropped",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "not sent: see drop_vxlan_output_*"},
	{0},
};

static const char *port_name(unsigned port) {
	static struct dp_port_info info;

	return dp_port_info(port, &info) == 0 ? info.name : "-";
}

static bool count_one(uint64_t, unsigned, uint64_t, void *arg) {
	++*(int *)arg;
	return true;
}

static json_t *vxlan_row(const struct vxlan *x) {
	struct addr source = {.family = x->wire.v6 ? ADDR_V6 : ADDR_V4};
	struct vxlan_count sum = {0};
	char text[ADDR_STRLEN];
	int stations = 0, vnis = 0;

	memcpy(source.bytes, x->wire.local, x->wire.v6 ? 16 : 4);
	vtep_foreach(x->stations, clock_now_ns(), count_one, &stations);
	for (unsigned v = 0; v < VXLAN_VLANS; v++)
		vnis += x->vni_of[v] != VXLAN_NO_VNI;
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		const struct vxlan_count *c = &vxlan_counts[w][x->port % VXLAN_MAX];

		sum.copies += __atomic_load_n(&c->copies, __ATOMIC_RELAXED);
		sum.rx_dropped += __atomic_load_n(&c->rx_dropped, __ATOMIC_RELAXED);
		sum.tx_dropped += __atomic_load_n(&c->tx_dropped, __ATOMIC_RELAXED);
	}
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:I}", "port",
		port_name(x->port), "router", rtr_vrfs[x->vrf] ? rtr_vrfs[x->vrf]->name : "-",
		"source", addr_print(&source, text), "remotes", (int)x->n_remotes, "vnis", vnis,
		"stations", stations, "copies", (json_int_t)sum.copies, "rx_dropped",
		(json_int_t)sum.rx_dropped, "tx_dropped", (json_int_t)sum.tx_dropped);
}

int vxlans_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	for (unsigned i = 0; vxlan_set && i < vxlan_set->n && json_array_size(rows) < limit; i++) {
		json_t *row = vxlan_row(&vxlan_set->vxlans[i]);

		if (row == NULL || json_array_append_new(rows, row) != 0)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

const struct schema_row vtep_columns[] = {
	{.name = "mac", .type = SCHEMA_MAC, .flags = SCHEMA_KEY, .help = "station"},
	{.name = "port", .type = SCHEMA_NAME, .help = "port of the switch"},
	{.name = "vlan", .type = SCHEMA_INT, .help = "VLAN there; 0: without a tag"},
	{.name = "vni", .type = SCHEMA_INT, .help = "VXLAN network"},
	{.name = "remote", .type = SCHEMA_ADDRESS, .help = "end that it is behind"},
	{.name = "age",
		.type = SCHEMA_INT,
		.unit = "s",
		.help = "since it was last heard of, to 4 s"},
	{0},
};

struct walk {
	const struct vxlan *x;
	json_t *rows;
	size_t limit;
	int rc;
};

static bool vtep_row(uint64_t key, unsigned remote, uint64_t age_ns, void *arg) {
	struct walk *w = arg;
	unsigned vlan = (unsigned)(key >> 48);
	char text[MAC_STRLEN], addr[ADDR_STRLEN];
	struct mac mac;
	json_t *row;

	if (remote >= w->x->n_remotes || json_array_size(w->rows) >= w->limit)
		return json_array_size(w->rows) < w->limit;
	for (unsigned i = 0; i < 6; i++)
		mac.bytes[i] = (uint8_t)(key >> (40 - 8 * i));
	row = json_pack("{s:s, s:s, s:i, s:I, s:s, s:I}", "mac", mac_print(&mac, text), "port",
		port_name(w->x->port), "vlan", (int)vlan, "vni", (json_int_t)w->x->vni_of[vlan],
		"remote", addr_print(&w->x->remotes[remote], addr), "age",
		(json_int_t)(age_ns / NSEC_PER_SEC));
	w->rc = row && json_array_append_new(w->rows, row) == 0 ? 0 : -ENOMEM;
	return w->rc == 0;
}

int vteps_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	struct walk w = {.rows = rows, .limit = limit};

	for (unsigned i = 0; vxlan_set && w.rc == 0 && i < vxlan_set->n; i++) {
		w.x = &vxlan_set->vxlans[i];
		vtep_foreach(w.x->stations, clock_now_ns(), vtep_row, &w);
	}
	return w.rc == 0 ? 0 : err_set(err, w.rc, "out of memory");
}

int vteps_flush(const json_t *, json_t **result, struct err *) {
	int n = 0;

	for (unsigned i = 0; vxlan_set && i < vxlan_set->n; i++) {
		vtep_foreach(vxlan_set->vxlans[i].stations, clock_now_ns(), count_one, &n);
		vtep_flush(vxlan_set->vxlans[i].stations);
	}
	*result = json_pack("{s:i}", "flushed", n);
	return 0;
}
