// SPDX-License-Identifier: BSD-3-Clause
// Ports, for the dataplane folder's own files: what the workers' rx and tx nodes read of a port, and the
// life cycle that the `ports` section drives. A port's index is its DPDK ethdev id.
#pragma once

#include "dataplane/dataplane.h"
#include "lib/module.h"
#include <rte_ethdev.h>

// Written by control before the port is published, read by every worker; freed after dp_sync().
struct dp_port {
	uint16_t index; // = ethdev id
	uint16_t n_rxq; // rx queues, spread over the workers
	uint16_t n_txq; // tx queues; fewer than workers: the others hand over to the owner's ring
	bool fix_port;  // the driver leaves m->port as it was (ring) or names a bond member
	bool rx_guess; // frames may come with unfinished checksums, marked by nothing but the checksum field itself
	bool tx_prepare; // frames with requests need rte_eth_tx_prepare()
	uint64_t
		tx_offloads; // RTE_ETH_TX_OFFLOAD_* that the device does itself; the rest is done in software
	uint16_t mtu;
	uint16_t mode; // enum dp_port_mode
	char name[32];
	struct rte_ether_addr mac;
	void *driver; // the driver file's own state
	// node. What receives from a queue and sends by one, where the ethdev only stands for the port (port_vhost.c). NULL: the ethdev.
	// As rte_eth_rx_burst() and rte_eth_tx_burst().
	uint16_t (*recv)(
		const struct dp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	uint16_t (*send)(
		const struct dp_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	// node. Sends one TCP frame that is to be cut beside a driver that takes none, frees it and counts (port_cut.c). NULL: no such way.
	void (*cut)(const struct dp_port *port, struct rte_mbuf *m);
	void *cutter;
};

// The published table: index → port or NULL. Pointer swaps by control in commit.
extern struct dp_port *dp_ports[DP_MAX_PORTS];

// A port with device = "ring:x" receives from the rte_ring called "ring.x.rx" and sends to "ring.x.tx" (1024 slots),
// which its kind makes: how tests and benches reach it. Both live until the port is gone.
#define DP_RING_RX_NAME "ring.%s.rx"
#define DP_RING_TX_NAME "ring.%s.tx"

// control, in the dataplane module's prepare/commit/release/abort (called by api.c).
struct dp_ports_plan;
int dp_ports_prepare(const json_t *old_ports, const json_t *new_ports, unsigned workers,
	struct dp_ports_plan **plan, struct err *err);
void dp_ports_commit(struct dp_ports_plan *plan);
void dp_ports_release(struct dp_ports_plan *plan);
void dp_ports_abort(struct dp_ports_plan *plan);
void dp_ports_poll(uint64_t now_ns); // link state, reconnects
void dp_ports_fini(void);

extern const struct schema_row dp_port_rows[]; // one port's config
// The check of the whole section: what a row alone cannot say (kinds of ports, two ports on one device).
int dp_ports_check(const json_t *ports, const char *path, struct err *err);
extern const struct module_noun dp_ports_noun; // leat show ports

// The worker side (worker.c): rebuilds every worker's list of rx queues from dp_ports and publishes it. The
// old lists are freed by the caller's release after dp_sync().
void dp_workers_ports_changed(void);

// Software completion at egress (offload.c): brings n packets into a form that `port` can send: fills
// checksums, segments GSO. Segments replace their packet in `out` (at most `out_size`); returns how many there
// are, and frees what cannot be sent, counted as drop_port_tx_offload.
uint16_t dp_offload_complete(const struct dp_port *port, struct rte_mbuf **pkts, uint16_t n,
	struct rte_mbuf **out, uint16_t out_size);
// ol_flags bits that need a look for this port.
uint64_t dp_offload_missing(const struct dp_port *port);
// Ingress of a port with rx_guess: marks the frames that need their checksum.
void dp_offload_guess(struct rte_mbuf **pkts, uint16_t n);
// node: counts one packet as drop_port_tx_offload and frees it (node_port_tx.c).
void dp_offload_drop(struct rte_mbuf *m);
