// SPDX-License-Identifier: BSD-3-Clause
// Tunnels. README.md has the picture.
//
// A tunnel is a routed interface without Ethernet (rtr_iface.tunnel): every next hop by it is complete at once, ip_rewrite treats it as
// any other, and `tunnel_output` sits on its l3-out arc. Nodes read one `struct tunnel_set`, which commit swaps.
#pragma once

#include "lib/clock.h"
#include "router/conf.h"
#include "router/iface.h"
#include "router/tunnel/ends.h"
#include "router/tunnel/tunnel_conf.h"
#include "router/tunnel/wire.h"

#define TUNNEL_MAX 1024 // interfaces that are tunnels
#define TUNNEL_PMTU_NS \
	(600 * NSEC_PER_SEC) // what an ICMP error said of the path is believed for so long (RFC 8201)

// What ICMP errors said of the path to a remote. Nodes write it, whole words, none waits.
struct tunnel_path {
	uint64_t heard_ns;
	uint32_t mtu; // of outer packets; 0: nothing was said
};

struct tunnel {
	struct tunnel_wire wire;
	uint16_t id;    // for tunnel_counts[]
	uint16_t iface; // the tunnel's own
	uint16_t vrf;   // of the outer packets
	uint16_t header_len;
	struct addr remote;
	struct tunnel_path path;
};

struct tunnel_set {
	struct ends *ends; // → id + 1 into tunnels[]
	unsigned n;
	struct tunnel *by_iface[DP_MAX_IFACES];
	struct tunnel *by_id[TUNNEL_MAX];
	struct tunnel tunnels[];
};

extern struct tunnel_set *tunnel_set; // NULL: there are none. Commit swaps, nodes read

static inline struct tunnel_set *tunnel_set_get(void) {
	return __atomic_load_n(&tunnel_set, __ATOMIC_ACQUIRE);
}

// Beside those of the interface (rtr_count): each worker its own.
struct tunnel_count {
	uint64_t rx_dropped, tx_dropped; // packets of it that were given up
	uint64_t errors;                 // ICMP errors about its outer packets
	uint64_t sent;                   // numbers outer packets that may be fragmented
};
extern struct tunnel_count tunnel_counts[DP_MAX_WORKERS][TUNNEL_MAX];

static inline struct tunnel_count *tunnel_count(const struct tunnel *t) {
	return &tunnel_counts[dp_self->id][t->id];
}

// node: bytes that an outer packet may have, by what ICMP said; UINT32_MAX: nothing was said, or long ago.
static inline uint32_t tunnel_path_mtu(const struct tunnel_path *path, uint64_t now_ns) {
	uint32_t mtu = __atomic_load_n(&path->mtu, __ATOMIC_RELAXED);

	if (mtu == 0 ||
		now_ns - __atomic_load_n(&path->heard_ns, __ATOMIC_RELAXED) >= TUNNEL_PMTU_NS)
		return UINT32_MAX;
	return mtu;
}

// ---- control -----------------------------------------------------------------------------------------------

// In the router's transaction. Interfaces are added in prepare, as built; `underlay`: VRF of the outer packets.
struct tunnel_plan *tunnels_plan_new(void); // NULL: out of memory
int tunnels_plan_add(struct tunnel_plan *plan, const struct rtr_iface *iface,
	const struct rtr_conf_iface *conf, unsigned underlay, struct err *err);
int tunnels_plan_build(struct tunnel_plan *plan, struct err *err); // all were added
void tunnels_commit(struct tunnel_plan *plan);                     // rtr_ifaces[] is as it will be
void tunnels_release(struct tunnel_plan *plan);
void tunnels_abort(struct tunnel_plan *plan); // NULL is fine
// What an interface begins with, until its underlay is known: what fits Ethernet.
uint16_t tunnel_mtu_first(const struct tunnel_conf *conf);
// Follows the underlay: state and MTU of each tunnel, twice a second.
void tunnels_poll(uint64_t now_ns);
bool tunnel_up(unsigned iface);

extern const struct schema_row tunnel_columns[];
int tunnels_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
