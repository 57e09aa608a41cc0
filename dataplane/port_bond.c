// SPDX-License-Identifier: BSD-3-Clause
// A bond: several devices as one port. active-backup, a hash over all (balance-xor), or LACP.
//
// DPDK's net_bond is not used. It wants members that have as many queues as the bond, take MAC addresses and report
// their link, which AF_XDP and packet sockets do not; it sends its LACPDUs only when there is other traffic, never asks the
// other side for short timeouts, decides on DPDK's alarm thread while workers read, and panics when memory is short.
//
// The bond is a port like those of hostio.h: an ethdev of rings, whose receive callback does the work on the one
// worker that polls it. That worker alone touches the members' devices. Control reads their links, runs LACP
// (lacp.h) and publishes which members carry traffic; LACPDUs go to it and come from it by two rings.
#include "dataplane/hostio.h"
#include "dataplane/lacp.h"
#include "dataplane/offload.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX LACP_PORTS_MAX
#define SLOW_SLOTS  64
#define SLOW_BYTES  (RTE_ETHER_HDR_LEN + LACP_PDU_BYTES)
#define NOBODY      MEMBERS_MAX

enum mode { MODE_ACTIVE_BACKUP, MODE_LACP, MODE_XOR };
enum hash { HASH_L2, HASH_L23, HASH_L34 };

struct member {
	struct port *port;
	uint16_t index; // its ethdev
	uint16_t n_rxq;
	bool up; // its link, as control saw it last
};

struct bond {
	struct hostio *io;
	enum mode mode;
	enum hash hash;
	unsigned n, primary, active; // active: of active-backup; NOBODY: none
	struct member members[MEMBERS_MAX];
	// Who carries traffic, in one word that control writes and the worker reads: four bits for how many, then four
	// for each one's index.
	uint64_t carriers;
	struct rte_ring *slow_rx, *slow_tx; // m->port: the member
	unsigned next;                      // worker: the member that is polled first
	struct lacp lacp;
};

// ---- on the worker -----------------------------------------------------------------------------------------------

static inline unsigned carriers_n(uint64_t carriers) {
	return carriers & 15;
}

static inline unsigned carrier(uint64_t carriers, unsigned i) {
	return carriers >> (4 + 4 * i) & 15;
}

static bool carries(uint64_t carriers, unsigned member) {
	for (unsigned i = 0; i < carriers_n(carriers); i++) {
		if (carrier(carriers, i) == member)
			return true;
	}
	return false;
}

static inline uint64_t mix(uint64_t hash, const void *bytes, unsigned len) {
	const uint8_t *at = bytes;

	for (unsigned i = 0; i + 4 <= len; i += 4) {
		uint32_t word;
		memcpy(&word, at + i, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	return hash;
}

// What keeps a flow on one member, so that its packets stay in order. Fragments have no ports, so all of a packet's
// are hashed without.
static uint64_t flow_hash(const struct rte_mbuf *m, enum hash kind) {
	struct offload_headers h;
	uint8_t buf[32];
	const void *bytes = rte_pktmbuf_read(m, 0, 12, buf);
	uint64_t hash = 1;

	if (!bytes)
		return 0;
	if (kind == HASH_L2 || offload_parse(m, &h) < 0)
		return mix(hash, bytes, 12);
	if (kind == HASH_L23)
		hash = mix(hash, bytes, 12);
	unsigned len = h.v6 ? 32 : 8;
	bytes = rte_pktmbuf_read(m, h.l3 + (h.v6 ? 8 : 12), len, buf);
	if (bytes)
		hash = mix(hash, bytes, len);
	if (kind == HASH_L34 && !h.fragment && (h.proto == IPPROTO_TCP || h.proto == IPPROTO_UDP)) {
		bytes = rte_pktmbuf_read(m, h.l4, 4, buf);
		if (bytes)
			hash = mix(hash, bytes, 4);
	}
	return hash;
}

static void member_send(
	struct hostio *io, const struct member *member, struct rte_mbuf **pkts, uint16_t n) {
	uint16_t sent = 0, now;
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	do {
		now = rte_eth_tx_burst(member->index, 0, pkts + sent, n - sent);
		sent += now;
	} while (sent < n && now > 0);
	for (uint16_t i = sent; i < n; i++)
		bytes -= pkts[i]->pkt_len;
	io->tx_packets += sent;
	io->tx_bytes += bytes;
	io->tx_errors += n - sent;
	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
}

static void bond_send(struct hostio *io, struct rte_mbuf **pkts, uint16_t n) {
	struct bond *bond = io->arg;
	uint64_t carriers = __atomic_load_n(&bond->carriers, __ATOMIC_ACQUIRE);
	unsigned n_carriers = carriers_n(carriers);
	struct rte_mbuf *groups[MEMBERS_MAX][DP_VECTOR];
	uint16_t counts[MEMBERS_MAX] = {0};

	if (n_carriers == 0) {
		io->tx_errors += n;
		rte_pktmbuf_free_bulk(pkts, n);
		return;
	}
	if (n_carriers == 1) {
		member_send(io, &bond->members[carrier(carriers, 0)], pkts, n);
		return;
	}
	for (uint16_t i = 0; i < n; i++) {
		unsigned at = (flow_hash(pkts[i], bond->hash) >> 32) * n_carriers >> 32;
		groups[at][counts[at]++] = pkts[i];
	}
	for (unsigned i = 0; i < n_carriers; i++) {
		if (counts[i] > 0)
			member_send(io, &bond->members[carrier(carriers, i)], groups[i], counts[i]);
	}
}

static bool is_slow(const struct rte_mbuf *m) {
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);

	return m->data_len >= sizeof(*eth) && eth->ether_type == RTE_BE16(LACP_ETHERTYPE);
}

// Leaves what may be received: slow protocols are between the two ends of a cable and go to control, and what a
// member receives that carries nothing would be there twice.
static uint16_t member_filter(
	struct bond *bond, unsigned member, bool carrying, struct rte_mbuf **pkts, uint16_t n) {
	uint16_t kept = 0;

	if (carrying && bond->mode != MODE_LACP)
		return n;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		if (bond->mode == MODE_LACP && is_slow(m)) {
			m->port = member;
			if (rte_ring_sp_enqueue(bond->slow_rx, m) < 0)
				rte_pktmbuf_free(m);
		} else if (carrying) {
			pkts[kept++] = m;
		} else {
			rte_pktmbuf_free(m);
		}
	}
	return kept;
}

static void slow_send(struct bond *bond) {
	struct rte_mbuf *m;

	while (rte_ring_sc_dequeue(bond->slow_tx, (void **)&m) == 0) {
		if (rte_eth_tx_burst(bond->members[m->port].index, 0, &m, 1) == 0)
			rte_pktmbuf_free(m);
	}
}

static uint16_t bond_recv(struct hostio *io, struct rte_mbuf **pkts, uint16_t n) {
	struct bond *bond = io->arg;
	uint64_t carriers = __atomic_load_n(&bond->carriers, __ATOMIC_ACQUIRE);
	uint16_t total = 0;

	if (bond->mode == MODE_LACP)
		slow_send(bond);
	for (unsigned i = 0; i < bond->n; i++) {
		unsigned at = (bond->next + i) % bond->n;
		const struct member *member = &bond->members[at];
		for (uint16_t q = 0; q < member->n_rxq && total < n; q++) {
			uint16_t got = rte_eth_rx_burst(member->index, q, pkts + total, n - total);
			if (got > 0)
				total += member_filter(
					bond, at, carries(carriers, at), pkts + total, got);
		}
	}
	bond->next = bond->n ? (bond->next + 1) % bond->n : 0;
	io->rx_packets += total;
	for (uint16_t i = 0; i < total; i++)
		io->rx_bytes += pkts[i]->pkt_len;
	return total;
}

static const struct hostio_ops bond_ops = {.recv = bond_recv, .send = bond_send};

// ---- who carries --------------------------------------------------------------------------------------------------

static void links_read(struct port *port, struct bond *bond, uint64_t now_ns) {
	for (unsigned i = 0; i < bond->n; i++) {
		struct member *member = &bond->members[i];
		struct rte_eth_link link = {0};
		bool up = member->port->kind->link
			? member->port->kind->link(member->port)
			: rte_eth_link_get_nowait(member->index, &link) == 0 &&
				link.link_status == RTE_ETH_LINK_UP;
		up = up && member->port->enabled;
		lacp_link(&bond->lacp, i, up, now_ns);
		if (up == member->up)
			continue;
		member->up = up;
		log_info("ports", up ? "member up" : "member down", "port=%s member=%s",
			port->pub.name, member->port->pub.name);
	}
}

static void slow_answer(struct bond *bond, struct rte_mbuf *m, unsigned member) {
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	*eth = (struct rte_ether_hdr){.dst_addr = {LACP_ADDRESS},
		.src_addr = bond->members[member].port->pub.mac,
		.ether_type = RTE_BE16(LACP_ETHERTYPE)};
	m->port = member;
	if (rte_ring_sp_enqueue(bond->slow_tx, m) < 0)
		rte_pktmbuf_free(m);
}

static void slow_recv(struct bond *bond, uint64_t now_ns) {
	struct rte_mbuf *m;

	for (unsigned n = 0; n < SLOW_SLOTS && rte_ring_sc_dequeue(bond->slow_rx, (void **)&m) == 0;
		n++) {
		uint8_t *pdu = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
		size_t len = m->data_len - RTE_ETHER_HDR_LEN;
		if (len >= LACP_PDU_BYTES && rte_mbuf_refcnt_read(m) == 1 &&
			lacp_marker_answer(pdu, len)) {
			slow_answer(bond, m, m->port);
			continue;
		}
		lacp_recv(&bond->lacp, m->port, pdu, len, now_ns);
		rte_pktmbuf_free(m);
	}
}

static void lacp_turn(struct bond *bond, uint64_t now_ns) {
	slow_recv(bond, now_ns);
	lacp_tick(&bond->lacp, now_ns);
	for (unsigned i = 0; i < bond->n; i++) {
		uint8_t pdu[LACP_PDU_BYTES];
		if (!lacp_send(&bond->lacp, i, pdu, now_ns))
			continue;
		struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());
		if (!m)
			continue;
		memcpy(rte_pktmbuf_append(m, SLOW_BYTES) + RTE_ETHER_HDR_LEN, pdu, sizeof(pdu));
		slow_answer(bond, m, i);
	}
}

static unsigned backup_choose(const struct bond *bond) {
	if (bond->primary < bond->n && bond->members[bond->primary].up)
		return bond->primary;
	if (bond->active < bond->n && bond->members[bond->active].up)
		return bond->active;
	for (unsigned i = 0; i < bond->n; i++) {
		if (bond->members[i].up)
			return i;
	}
	return NOBODY;
}

static bool may_carry(const struct bond *bond, unsigned member) {
	if (bond->mode == MODE_ACTIVE_BACKUP)
		return bond->active == member;
	if (bond->mode == MODE_LACP)
		return lacp_carries(&bond->lacp, member);
	return bond->members[member].up;
}

static void carriers_print(const struct bond *bond, char *buf, size_t size) {
	size_t len = 0;

	*buf = '\0';
	for (unsigned i = 0; i < carriers_n(bond->carriers) && len < size; i++)
		len += snprintf(buf + len, size - len, "%s%s", i ? " " : "",
			bond->members[carrier(bond->carriers, i)].port->pub.name);
}

static void carriers_publish(struct port *port, struct bond *bond) {
	uint64_t carriers = 0;
	unsigned n = 0;
	char text[PORT_WHY_LEN];

	if (bond->mode == MODE_ACTIVE_BACKUP)
		bond->active = backup_choose(bond);
	for (unsigned i = 0; i < bond->n; i++) {
		if (may_carry(bond, i))
			carriers |= (uint64_t)i << (4 + 4 * n++);
	}
	carriers |= n;
	port->speed_bps = n ? n * bond->members[carrier(carriers, 0)].port->speed_bps : 0;
	if (carriers == bond->carriers)
		return;
	__atomic_store_n(&bond->carriers, carriers, __ATOMIC_RELEASE);
	carriers_print(bond, text, sizeof(text));
	log_info("ports", "members in use changed", "port=%s members=\"%s\"", port->pub.name, text);
	event_emit("port.bond", json_pack("{s:s, s:s}", "port", port->pub.name, "members", text));
}

static bool bond_link(struct port *port) {
	struct bond *bond = port->state;
	uint64_t now_ns = clock_now_ns();

	links_read(port, bond, now_ns);
	if (bond->mode == MODE_LACP)
		lacp_turn(bond, now_ns);
	carriers_publish(port, bond);
	return carriers_n(bond->carriers) > 0;
}

// ---- the port ------------------------------------------------------------------------------------------------------

static void ring_empty(struct rte_ring *ring) {
	struct rte_mbuf *m;

	while (ring && rte_ring_dequeue(ring, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

static void bond_close(struct port *port) {
	struct bond *bond = port->state;

	hostio_close(port);
	for (unsigned i = 0; i < bond->n; i++) {
		port_close(bond->members[i].port);
		port_free(bond->members[i].port);
	}
	ring_empty(bond->slow_rx);
	ring_empty(bond->slow_tx);
	free(bond);
	port->state = NULL;
}

// A member has the bond's MTU, whatever its own object says.
static int member_open(struct port *port, struct bond *bond, const struct port_conf *conf,
	const char *name, struct err *err) {
	json_t *object = json_object_get(json_object_get(port->identity, "members"), name);
	struct port *member = object ? port_new(name, object, NULL, err) : NULL;
	struct err why = {0};
	struct port_conf own;

	if (!member)
		return err_set(err, -ENOMEM, "out of memory for member %s", name);
	port_conf_decode(name, member->conf, &own);
	own.mtu = conf->mtu;
	member->member = true;
	int rc = port_open(member, &own, 1, &why);
	if (rc < 0) {
		port_free(member);
		return err_set(err, rc, "member %s: %s", name, why.msg);
	}
	bond->members[bond->n++] = (struct member){
		.port = member, .index = member->pub.index, .n_rxq = member->pub.n_rxq};
	return 0;
}

// The bond can do what all of its members can.
static void capabilities(struct port *port, const struct bond *bond) {
	port->pub.fix_port = true;
	port->pub.tx_offloads = UINT64_MAX;
	for (unsigned i = 0; i < bond->n; i++) {
		const struct port *member = bond->members[i].port;
		port->pub.tx_offloads &= member->pub.tx_prepare || member->pub.cut
			? member->pub.tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS
			: member->pub.tx_offloads;
		port->pub.rx_guess |= member->pub.rx_guess;
		if (member->mtu_max && (!port->mtu_max || member->mtu_max < port->mtu_max))
			port->mtu_max = member->mtu_max;
	}
}

static struct rte_ring *slow_ring(const char *way) {
	static unsigned serial;
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "bond.%s.%u", way, serial++);
	return rte_ring_create(name, SLOW_SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static struct bond *bond_new(const struct port_bond_conf *conf) {
	struct bond *bond = calloc(1, sizeof(*bond));
	const char *name;
	json_t *member;
	size_t i;

	if (!bond)
		return NULL;
	bond->mode = conf->mode;
	bond->hash = conf->hash;
	bond->primary = bond->active = NOBODY;
	json_array_foreach (conf->members, i, member) {
		name = json_string_value(member);
		if (conf->primary && strcmp(conf->primary, name) == 0)
			bond->primary = i;
	}
	bond->slow_rx = slow_ring("rx");
	bond->slow_tx = slow_ring("tx");
	return bond;
}

static int members_open(struct port *port, struct bond *bond, const struct port_conf *conf,
	const struct port_bond_conf *bond_conf, struct err *err) {
	json_t *member;
	size_t i;
	int rc = 0;

	json_array_foreach (bond_conf->members, i, member) {
		rc = member_open(port, bond, conf, json_string_value(member), err);
		if (rc < 0)
			break;
		size_t len = strlen(port->device);
		snprintf(port->device + len, sizeof(port->device) - len, "%s%s", i ? "," : ":",
			json_string_value(member));
	}
	return rc;
}

// Its own ethdev comes first, so that it has the same index again when it is opened once more.
static int bond_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	static const struct mac none;
	struct port_bond_conf bond_conf;
	int rc = 0;

	port_bond_decode(conf->bond, &bond_conf);
	struct bond *bond = port->state = bond_new(&bond_conf);
	if (!bond)
		return err_set(err, -ENOMEM, "out of memory");
	if (!bond->slow_rx || !bond->slow_tx)
		rc = err_set(err, -ENOMEM, "out of memory for the rings of a bond");
	if (rc == 0)
		rc = hostio_open(port, conf, &bond_ops, -1, workers, err);
	if (rc == 0) {
		bond->io = port->pub.driver;
		bond->io->arg = bond;
		rc = members_open(port, bond, conf, &bond_conf, err);
	}
	if (rc < 0) {
		bond_close(port);
		return rc;
	}
	capabilities(port, bond);
	if (memcmp(&conf->mac, &none, sizeof(none)) == 0)
		port->pub.mac = bond->members[0].port->pub.mac;
	lacp_init(&bond->lacp, bond->n, port->pub.mac.addr_bytes, port->pub.index + 1,
		bond_conf.fast);
	return 0;
}

static int bond_mtu_set(struct port *port, uint16_t mtu, struct err *err) {
	const struct bond *bond = port->state;

	for (unsigned i = 0; i < bond->n; i++) {
		struct port *member = bond->members[i].port;
		int rc = member->kind->mtu_set ? member->kind->mtu_set(member, mtu, err) : 0;
		if (rc < 0)
			return rc;
		member->pub.mtu = mtu;
	}
	return 0;
}

static void bond_enable(struct port *port, bool on) {
	const struct bond *bond = port->state;

	for (unsigned i = 0; i < bond->n; i++) {
		struct port *member = bond->members[i].port;
		if (member->kind->enable && member->enabled)
			member->kind->enable(member, on);
	}
}

static void bond_stats(struct port *port, struct rte_eth_stats *stats) {
	const struct bond *bond = port->state;

	hostio_stats(port, stats);
	for (unsigned i = 0; i < bond->n; i++) {
		struct port *member = bond->members[i].port;
		struct rte_eth_stats own = {0};
		if (member->kind->stats)
			member->kind->stats(member, &own);
		else
			rte_eth_stats_get(member->pub.index, &own);
		stats->imissed += own.imissed;
		stats->ierrors += own.ierrors;
		stats->rx_nombuf += own.rx_nombuf;
		stats->oerrors += own.oerrors;
	}
}

static void bond_show(struct port *port, json_t *row) {
	char text[PORT_WHY_LEN];

	carriers_print(port->state, text, sizeof(text));
	json_object_set_new(row, "peer", json_string(*text ? text : "no member works"));
}

const struct dp_port_kind port_bond_kind = {
	.name = "bond",
	.help = "several devices as one port",
	.alone = true,
	.open = bond_open,
	.close = bond_close,
	.mtu_set = bond_mtu_set,
	.link = bond_link,
	.enable = bond_enable,
	.stats = bond_stats,
	.show = bond_show,
};
