// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/shortcut/shortcut.h"
#include "dataplane/record_ring.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "router/host/share.h"
#include "router/host/shortcut/key.h"
#include "router/host/shortcut/way.h"
#include "router/host/twin_link.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <rte_jhash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES 16384
#define LOOK_NS    NSEC_PER_SEC
#define HEARD      256
#define BAR_NS     (5 * NSEC_PER_SEC)
#define HEADERS    (RTE_ETHER_HDR_LEN + 40 + 20) // of a frame, read at most

struct offer {
	struct shortcut_key key;
	uint16_t twin;
	bool out, is_long;
};

// What was heard of a connection lately; one that has the same place takes it.
struct heard {
	struct shortcut_key key;
	bool out, is_long;
};

struct flow {
	struct shortcut_key key;
	struct shortcut_flow seen; // as of the last look
};

struct shortcut {
	struct way *way;
	uint16_t iface;
	int port_index;
	struct mac mac;
	unsigned n;
	struct flow flows[SHORTCUT_FLOWS];
};

struct shortcut_sampler shortcut_samplers[DP_MAX_WORKERS];
static struct shortcut *shortcuts[DP_MAX_PORTS]; // by the twin's port
static bool refused[DP_MAX_PORTS];               // not tried again before something changes
static struct heard heard[HEARD];
static uint64_t barred_ns[RTR_MAX_VRFS][SHARES]; // until when a class has had more than its share

static const char shaped[] = "the twin has filters or a queueing discipline of its own";

// ---- worker ---------------------------------------------------------------------------------------------------------

void shortcut_offer_one(const struct rte_mbuf *m, uint16_t twin, bool out) {
	struct record_ring *ring = shortcut_samplers[dp_self->id].ring;
	struct shortcut_key key;

	if (dp_self->explains || ring == NULL ||
		!shortcut_key_read(rte_pktmbuf_mtod(m, const uint8_t *),
			RTE_MIN(rte_pktmbuf_data_len(m), (uint16_t)HEADERS), out, &key))
		return;
	struct offer *offer = record_ring_reserve(ring, sizeof(*offer));
	if (offer == NULL)
		return; // another will come
	*offer = (struct offer){
		.key = key, .twin = twin, .out = out, .is_long = m->pkt_len >= SHARE_LONG};
	record_ring_commit(ring);
}

// ---- which twins may have one -----------------------------------------------------------------------------------------

// Whether the twin's TCP is touched by nothing on its way but by what passes it on.
static bool plain(const struct rtr_iface *iface) {
	static const char *const none[] = {NULL};
	static const char *const in[] = {"ip_input", "ip_reass", NULL};
	static const char *const out[] = {"ip_refrag", NULL};
	static const char *const local[] = {"ip_local", "icmp_local", "dhcp_local", "vrrp_input",
		"vxlan_input", "tunnel_input", NULL};
	static const char *const twin_in[] = {"twin_input", NULL};

	return dp_arc_only(DP_ARC_PORT_IN, iface->port, none) &&
		dp_arc_only(DP_ARC_L3_IN, iface->index, in) &&
		dp_arc_only(DP_ARC_LOCAL, iface->index, local) &&
		dp_arc_only(DP_ARC_PORT_OUT, iface->twin, none) &&
		dp_arc_only(DP_ARC_PORT_IN, iface->twin, none) &&
		dp_arc_only(DP_ARC_L3_IN, iface->twin, twin_in) &&
		dp_arc_only(DP_ARC_L3_OUT, iface->index, out) &&
		dp_arc_only(DP_ARC_PORT_OUT, iface->port, none);
}

static const struct rtr_iface *fit(unsigned twin) {
	const struct rtr_iface *iface = rtr_iface(rtr_twin_ifaces[twin]);

	return iface && iface->shortcut && iface->port != DP_NONE && iface->urpf == RTR_URPF_OFF &&
			!iface->has_policy && dp_port_packet_index(iface->port) > 0 &&
			!dp_watched() && plain(iface)
		? iface
		: NULL;
}

static bool still_fits(const struct shortcut *s, unsigned twin) {
	const struct rtr_iface *iface = fit(twin);

	return iface && iface->index == s->iface &&
		dp_port_packet_index(iface->port) == s->port_index &&
		memcmp(&iface->mac, &s->mac, sizeof(s->mac)) == 0;
}

// ---- flows ------------------------------------------------------------------------------------------------------------

// The interface counts them, too. Returns the bytes since the last look.
static uint64_t count(const struct shortcut *s, struct flow *flow, const struct shortcut_flow *now,
	uint64_t *packets) {
	const struct shortcut_flow *seen = &flow->seen;
	struct rtr_count more = {
		.rx_packets = now->packets[SHORTCUT_IN] - seen->packets[SHORTCUT_IN],
		.rx_bytes = now->bytes[SHORTCUT_IN] - seen->bytes[SHORTCUT_IN],
		.tx_packets = now->packets[SHORTCUT_OUT] - seen->packets[SHORTCUT_OUT],
		.tx_bytes = now->bytes[SHORTCUT_OUT] - seen->bytes[SHORTCUT_OUT],
	};

	rtr_iface_count_add(s->iface, &more);
	flow->seen = *now;
	*packets = more.rx_packets + more.tx_packets;
	return more.rx_bytes + more.tx_bytes;
}

static void flow_del(struct shortcut *s, unsigned i) {
	struct shortcut_flow last;
	uint64_t packets;

	if (way_del(s->way, &s->flows[i].key, &last) == 0)
		count(s, &s->flows[i], &last, &packets);
	s->flows[i] = s->flows[--s->n];
}

static void flows_flush(struct shortcut *s) {
	while (s->n > 0)
		flow_del(s, s->n - 1);
}

static enum share class_of(const struct shortcut_key *key) {
	return share_of(IPPROTO_TCP, ntohs(key->remote_port), ntohs(key->local_port));
}

// `passed` adds up what came in for each class.
static bool still_bulk(
	const struct shortcut *s, struct flow *flow, uint64_t passed[static SHARES]) {
	uint64_t before = flow->seen.packets[SHORTCUT_IN], packets;
	struct shortcut_flow now;

	if (way_count(s->way, &flow->key, &now) < 0)
		return false;
	uint64_t bytes = count(s, flow, &now, &packets);
	passed[class_of(&flow->key)] += now.packets[SHORTCUT_IN] - before;
	return shortcut_is_bulk(packets, bytes);
}

static void flows_look(struct shortcut *s, uint64_t passed[static SHARES]) {
	for (unsigned i = 0; i < s->n;)
		if (still_bulk(s, &s->flows[i], passed))
			i++;
		else
			flow_del(s, i);
}

static void class_flush(struct shortcut *s, enum share class) {
	for (unsigned i = 0; i < s->n;)
		if (class_of(&s->flows[i].key) == class)
			flow_del(s, i);
		else
			i++;
}

static void flow_add(struct shortcut *s, const struct shortcut_key *key) {
	if (s->n < SHORTCUT_FLOWS && way_add(s->way, key, &s->mac) == 0)
		s->flows[s->n++] = (struct flow){.key = *key};
}

// ---- short cuts -------------------------------------------------------------------------------------------------------

void shortcut_clear(unsigned twin) {
	const struct rtr_iface *iface = rtr_iface(rtr_twin_ifaces[twin]);
	struct twin_ends ends = twin_ends(twin);

	if (iface && iface->port != DP_NONE && dp_port_packet_index(iface->port) > 0)
		way_clear(iface->port, &ends);
}

static struct shortcut *shortcut_open(unsigned twin, const struct rtr_iface *iface) {
	struct shortcut *s = calloc(1, sizeof(*s));
	struct twin_ends ends = twin_ends(twin);
	struct err err = {0};

	refused[twin] = true;
	if (s && twin_link_is_shaped(ends.rtnl, ends.index))
		err_set(&err, -EBUSY, "%s", shaped);
	else if (s)
		s->way = way_open(iface->port, &ends, &err);
	if (s == NULL || s->way == NULL) {
		log_warn("router", "a host twin gets no short cut: its bulk goes through leatd",
			"twin=%s why=\"%s\"", ends.identity, s ? err.msg : "out of memory");
		free(s);
		return NULL;
	}
	refused[twin] = false;
	s->iface = iface->index;
	s->port_index = dp_port_packet_index(iface->port);
	memcpy(&s->mac, &iface->mac, sizeof(s->mac));
	shortcuts[twin] = s;
	log_info("router", "short cut of a host twin opened", "twin=%s", ends.identity);
	return s;
}

void shortcut_close(unsigned twin) {
	struct shortcut *s = shortcuts[twin];

	refused[twin] = false;
	if (s == NULL)
		return;
	flows_flush(s);
	way_close(s->way);
	free(s);
	shortcuts[twin] = NULL;
}

void shortcut_flush(unsigned twin) {
	if (shortcuts[twin])
		flows_flush(shortcuts[twin]);
}

void shortcuts_changed(void) {
	for (unsigned t = 0; t < DP_MAX_PORTS; t++)
		shortcut_close(t);
}

// A connection is one that the box speaks on (to senders of junk it only says RST), and one that has long frames.
static bool is_candidate(const struct offer *offer) {
	struct heard *place = &heard[rte_jhash(&offer->key, sizeof(offer->key), 0) % HEARD];

	if (memcmp(&place->key, &offer->key, sizeof(place->key)) != 0)
		*place = (struct heard){.key = offer->key};
	place->out |= offer->out;
	place->is_long |= offer->is_long;
	return place->out && place->is_long;
}

static bool may_go(const struct shortcut_key *key, const struct rtr_iface *iface, uint64_t now_ns) {
	struct addr local = shortcut_addr(key->local);
	enum share class = class_of(key);

	return class != SHARE_ROUTING && now_ns >= barred_ns[iface->vrf][class] &&
		rtr_iface_owns(iface, &local);
}

static void take(const struct offer *offer, uint64_t now_ns) {
	const struct rtr_iface *iface =
		is_candidate(offer) && !refused[offer->twin] ? fit(offer->twin) : NULL;

	if (iface == NULL || !may_go(&offer->key, iface, now_ns))
		return;
	struct shortcut *s = shortcuts[offer->twin];
	if (s == NULL)
		s = shortcut_open(offer->twin, iface);
	if (s)
		flow_add(s, &offer->key);
}

static void offers_take(struct record_ring *ring, uint64_t now_ns) {
	const struct offer *offer;
	size_t len;

	while (ring && (offer = record_ring_peek(ring, &len)) != NULL) {
		take(offer, now_ns);
		record_ring_release(ring);
	}
}

// Whether nobody has taken a part of it away, or wants to do something with what the twin sends.
static bool is_intact(const struct shortcut *s, unsigned twin) {
	struct twin_ends ends = twin_ends(twin);
	const char *why = !way_is_whole(s->way) ? "somebody has taken a part of it away"
		: twin_link_is_shaped(ends.rtnl, ends.index) ? shaped
							     : NULL;

	if (why)
		log_warn("router", "a host twin has no short cut any more", "twin=%s why=\"%s\"",
			ends.identity, why);
	return why == NULL;
}

static void shortcut_look(unsigned twin, uint64_t passed[RTR_MAX_VRFS][SHARES]) {
	struct shortcut *s = shortcuts[twin];
	bool used = s->n > 0;

	flows_look(s, passed[rtr_iface(s->iface)->vrf]);
	if (!used || is_intact(s, twin))
		return;
	shortcut_close(twin);
	refused[twin] = true;
}

// A class that had more than its share of what leatd lets by gets all of it by leatd for a while.
static void class_bar(unsigned vrf, enum share class, uint64_t now_ns) {
	barred_ns[vrf][class] = now_ns + BAR_NS;
	for (unsigned t = 0; t < DP_MAX_PORTS; t++)
		if (shortcuts[t] && rtr_iface(shortcuts[t]->iface)->vrf == vrf)
			class_flush(shortcuts[t], class);
}

static void look(uint64_t now_ns) {
	uint64_t passed[RTR_MAX_VRFS][SHARES] = {0};

	for (unsigned t = 0; t < DP_MAX_PORTS; t++)
		if (shortcuts[t])
			shortcut_look(t, passed);
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		for (unsigned c = 0; c < SHARES; c++)
			if (passed[v][c] > share_segments(v, c))
				class_bar(v, c, now_ns);
}

void shortcuts_poll(uint64_t now_ns) {
	static uint64_t next_ns;

	for (unsigned t = 0; t < DP_MAX_PORTS; t++)
		if (shortcuts[t] && !still_fits(shortcuts[t], t))
			shortcut_close(t);
	if (now_ns >= next_ns) {
		look(now_ns);
		next_ns = now_ns + LOOK_NS;
	}
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		offers_take(shortcut_samplers[w].ring, now_ns);
}

int shortcuts_init(struct err *err) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		shortcut_samplers[w].ring = record_ring_new(RING_BYTES);
		if (shortcut_samplers[w].ring == NULL)
			return err_set(err, -ENOMEM, "no memory for the router's rings");
	}
	return 0;
}

void shortcuts_fini(void) {
	shortcuts_changed();
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		record_ring_free(shortcut_samplers[w].ring);
		shortcut_samplers[w].ring = NULL;
	}
}

// ---- leat show shortcuts ------------------------------------------------------------------------------------------------

const struct schema_row shortcut_columns[] = {
	{.name = "interface", .type = SCHEMA_NAME, .help = "routed interface"},
	{.name = "local", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "end on this box"},
	{.name = "remote", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "the other end"},
	{.name = "rx_packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets that came by the short cut; a long one counts once"},
	{.name = "rx_bytes",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.unit = "B",
		.help = "their bytes"},
	{.name = "tx_packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets that left by it"},
	{.name = "tx_bytes",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.unit = "B",
		.help = "their bytes"},
	{0},
};

static json_t *row_of(const struct shortcut *s, const struct flow *flow) {
	const struct shortcut_key *key = &flow->key;
	char local[SHORTCUT_END_STRLEN], remote[SHORTCUT_END_STRLEN];
	struct shortcut_flow now = flow->seen;

	way_count(s->way, key, &now);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "interface",
		rtr_iface(s->iface)->name, "local",
		shortcut_end_print(key->local, key->local_port, local), "remote",
		shortcut_end_print(key->remote, key->remote_port, remote), "rx_packets",
		(json_int_t)now.packets[SHORTCUT_IN], "rx_bytes",
		(json_int_t)now.bytes[SHORTCUT_IN], "tx_packets",
		(json_int_t)now.packets[SHORTCUT_OUT], "tx_bytes",
		(json_int_t)now.bytes[SHORTCUT_OUT]);
}

int shortcuts_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	for (unsigned t = 0; t < DP_MAX_PORTS; t++) {
		const struct shortcut *s = shortcuts[t];

		for (unsigned i = 0; s && i < s->n && json_array_size(rows) < limit; i++)
			if (json_array_append_new(rows, row_of(s, &s->flows[i])) < 0)
				return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}
