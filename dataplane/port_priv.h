// SPDX-License-Identifier: BSD-3-Clause
// Ports among the files that make them (port*.c, hostio.c): the control thread's side of a port, and the contract
// of a kind of port. Everything here is called on the control thread.
#pragma once

#include "dataplane/dataplane_priv.h"
#include "dataplane/port.h"
#include "lib/addr.h"
#include <net/if.h>

#define PORT_DEVICE_LEN 256
#define PORT_WHY_LEN    256
#define PORT_QUEUES_MAX 16

enum port_driver {
	PORT_DRIVER_AUTO,
	PORT_DRIVER_XDP_NATIVE,
	PORT_DRIVER_XDP_COPY,
	PORT_DRIVER_AF_PACKET,
	PORT_DRIVER_PCI,
};

// One port's configuration, decoded from its rows. Borrowed from the object that it was decoded from.
struct port_conf {
	const char *name;
	const json_t *object;
	const char *device, *socket;
	unsigned driver; // enum port_driver
	bool vhost_user, client, enabled, promiscuous;
	int64_t mtu, queues, rx_ring, tx_ring; // 0: not given
	struct mac mac;
	const json_t *bond, *keep;
};

struct port_bond_conf {
	unsigned mode, hash;
	const json_t *members;
	const char *primary;
	bool fast;
};

// The control thread's port. Workers see `pub` only.
struct port {
	struct dp_port pub; // first: dp_ports[] points here
	const struct dp_port_kind *kind;
	json_t *conf;                 // its own copy, for a later comparison
	json_t *identity;             // what cannot change without a new device
	char device[PORT_DEVICE_LEN]; // as `leat show ports` prints it
	char why[PORT_WHY_LEN]; // why this driver and not a better one; "" when it is the best
	char vdev[64];          // DPDK's name of the device; "" when it was not probed by us
	const char *driver;
	struct rte_mempool *pool; // that it receives into; NULL: dp_pool()
	uint16_t mtu_max;         // that the device can do; 0: DP_MTU_MAX
	uint16_t n_rxq,
		n_txq; // wanted by the kind; 0: by workers and limits. pub.n_rxq is 0 when disabled
	uint16_t ring; // slots of its queues, wanted by the kind; 0: port_start() chooses
	uint16_t mtu_better; // up to this MTU a better driver would do; 0: this one is the best
	uint16_t spare_txq;  // further tx queues at the end, that no worker owns

	bool open, started, enabled, link_up, link_known, gone, resting;
	bool member; // of a bond
	bool own;    // in no section: a function's (dp_tap_open())
	uint64_t speed_bps;
	uint16_t saved_rxq; // while disabled
	void *state;        // the kind's own
};

// How a kind of port is made. One file per kind ends in one of these (port_<kind>.c).
struct dp_port_kind {
	const char
		*name; // what `leat show ports` prints as driver, unless port->driver says another
	const char *prefix; // device = "tap:x" → "tap:"; NULL: chosen otherwise
	const char *help;
	bool alone; // cannot be a member of a bond
	// What no two ports can have at the same time ("dev:eth1"), into `buf`; "": nothing.
	void (*claim)(const struct port_conf *conf, char *buf, size_t size);
	// Refuses a device text that is wrong in form. NULL: all are fine.
	int (*check)(const struct port_conf *conf, const char *path, struct err *err);
	// Makes the ethdev, sets pub.index, capabilities and driver state, and ends in port_start(). On error it has
	// cleaned up.
	int (*open)(
		struct port *port, const struct port_conf *conf, unsigned workers, struct err *err);
	void (*close)(
		struct port *port); // stops it; removes the device and what open() left behind
	// The rest may be NULL. mtu_set: NULL when the device does not need to know.
	int (*mtu_set)(struct port *port, uint16_t mtu, struct err *err);
	bool (*link)(struct port *port);            // NULL: rte_eth_link_get_nowait()
	void (*enable)(struct port *port, bool on); // administrative state
	void (*live)(struct port *port, const struct port_conf *conf); // promiscuous, keep
	void (*stats)(struct port *port, struct rte_eth_stats *stats); // NULL: rte_eth_stats_get()
	void (*show)(struct port *port, json_t *row);                  // further columns
};

extern const struct dp_port_kind port_kernel_kind, port_tap_kind, port_vhost_kind, port_memif_kind,
	port_pcap_kind, port_null_kind, port_ring_kind, port_pci_kind, port_bond_kind,
	port_vdev_kind, port_tunnel_kind;

// ---- the life of ports (port.c) --------------------------------------------------------------------------

// A port that is not open yet, with copies of `object` and `identity` (which may be NULL).
struct port *port_new(
	const char *name, const json_t *object, const json_t *identity, struct err *err);
int port_open(struct port *port, const struct port_conf *conf, unsigned workers, struct err *err);
void port_close(struct port *port); // nothing when it is not open
void port_free(struct port *port);  // closed; NULL is fine
// Takes a port from the workers and gives it back. In between, which must be short, its packets are drops.
void port_rest(struct port *port);
void port_resume(struct port *port);

// A port of the kind `tap` on an open /dev/net/tun in whatever namespace (port_tap.c): made, but not known by name here.
int port_tap_adopt(struct port *port, const struct port_conf *conf, const char *device, int tun,
	struct err *err);
void port_tap_carrier_set(struct port *port, bool on);
bool port_tap_lost(const struct port *port);

// ---- configuration (port_conf.c) -----------------------------------------------------------------------

void port_conf_decode(const char *name, const json_t *object, struct port_conf *conf);
void port_bond_decode(const json_t *bond, struct port_bond_conf *conf);
const struct dp_port_kind *port_kind_find(const struct port_conf *conf);
// The object of a bond's member: another port's, or a new one for a bare device (then *name is `member`).
// New reference.
json_t *port_member(const json_t *ports, const char *member);
// The bond that `name` is a member of, or NULL.
const char *port_master(const json_t *ports, const char *name);
// What decides whether a port can stay as it is: its object without what can change live, and its members'.
// New reference.
json_t *port_identity(const json_t *ports, const char *name, const json_t *object);
// Calls fn for everything that the port occupies alone.
void port_claims(const json_t *ports, const char *name, const json_t *object,
	void (*fn)(const char *claim, void *arg), void *arg);
// The part of a device text between its prefix and the first comma; the value of ",key=value" in it. Return buf.
// arg is NULL when there is no such key.
char *port_device_name(const struct port_conf *conf, char *buf, size_t size);
char *port_device_arg(const struct port_conf *conf, const char *key, char *buf, size_t size);
const char *port_socket(const struct port_conf *conf, char *buf, size_t size);

// ---- ethdevs (port_dev.c) --------------------------------------------------------------------------------

// Makes the virtual device `driver`_N, numbered here, with these arguments; sets vdev and pub.index.
int port_vdev_add(struct port *port, const char *driver, struct err *err, const char *args, ...)
	__attribute__((format(printf, 4, 5)));
// The same with a whole name; -EEXIST: it is taken.
int port_vdev_open(struct port *port, const char *name, const char *args, struct err *err);
// Makes an ethdev of rings: one to receive from, n_tx to send to. `name` is part of the device's name.
int port_rings_add(struct port *port, const char *name, struct rte_ring *rx,
	struct rte_ring *const *tx, unsigned n_tx, struct err *err);
// Stops, closes and removes the ethdev, if there is one.
void port_dev_remove(struct port *port);
// Sets up queues by what the device can do, the configuration and the number of workers, and starts it.
int port_start(struct port *port, const struct port_conf *conf, unsigned workers, struct err *err);
int port_vdev_room(struct err *err); // -ENOSPC: all DP_MAX_PORTS ethdevs exist
