// SPDX-License-Identifier: BSD-3-Clause
// The rungs of the ladder for kernel interfaces, for port_kernel.c.
#pragma once

#include "dataplane/netif.h"
#include "dataplane/port_priv.h"
#include "dataplane/xdp/leat_xdp.h"

int port_packet_open(struct port *port, const struct port_conf *conf, const struct netif *nif,
	unsigned workers, struct err *err);
uint64_t port_packet_missed(struct port *port);            // frames lost since the last call
int port_packet_filter(const struct port *port, int prog); // as dp_port_packet_filter()

// A way out beside the driver for TCP frames to be cut, where the interface takes them; see port_cut.c. Before the port is published; after
// no worker has it any more.
void port_cut_open(struct port *port, const struct netif *nif);
void port_cut_close(struct port *port);                                    // none is fine
void port_cut_stats(const struct port *port, struct rte_eth_stats *stats); // adds

// What one AF_XDP port holds; see port_xdp.c.
struct xdp;

// `generic`: in the kernel's own hook instead of the driver's. `port->why` says when frames are copied.
int port_xdp_open(struct port *port, const struct port_conf *conf, const struct netif *nif,
	bool generic, unsigned workers, struct xdp **xdp, struct err *err);
void port_xdp_close(struct port *port, struct xdp *xdp);
void port_xdp_count(const struct xdp *xdp, uint64_t counts[static LEAT_XDP_COUNTERS]);
// Which addresses stay with the kernel, from now on.
void port_xdp_keep(struct xdp *xdp, const struct netif *nif, const json_t *keep);

// ---- the program and its maps (xdp_prog.c) ---------------------------------------------------------------

#define XDP_MTU_MAX \
	3498 // what fits into a buffer of one page behind the room that kernel and DPDK want

struct xdp_prog {
	int ifindex;                       // 0: nothing is attached
	uint32_t flags;                    // XDP_FLAGS_*_MODE that it is attached with
	int prog_fd;                       // the attached one
	struct leat_xdp_settings settings; // as written last
	unsigned n_blocked;                // in its block table
	int map_fds[5];                    // enum xdp_map
};

// A descriptor that DPDK's driver has opened.
struct fd_mark {
	int fd;
	bool socket;   // AF_XDP
	char link[48]; // what /proc/self/fd says that it is
};

enum xdp_map { XDP_MAP_SOCKETS, XDP_MAP_KEEP, XDP_MAP_SETTINGS, XDP_MAP_COUNTERS, XDP_MAP_BLOCK };

void xdp_prog_init(struct xdp_prog *prog);
// Looks at what is attached to the interface: our own program of a leatd that is dead is taken off; any other is in
// the way (-EEXIST). Without CAP_SYS_ADMIN the kernel does not say whose it is, and any is in the way.
int xdp_prog_clear(int ifindex, struct err *err);
// Why the kernel has refused a program since xdp_prog_clear(), in its words; "": it said nothing.
const char *xdp_prog_complaint(void);
// A file that holds the program's object, for DPDK's driver: /proc/self/fd/N of the returned fd.
int xdp_prog_file(struct err *err);
// After the driver has attached the program: finds it and its maps among the driver's fds, and moves it into the
// kernel's generic hook if wanted.
int xdp_prog_adopt(struct xdp_prog *prog, int ifindex, bool generic, const struct fd_mark *fds,
	unsigned n, struct err *err);
// Whether this kernel lets the program see the VLAN tag that a veth's sender left beside the frame (Linux 6.3).
bool xdp_prog_sees_tags(void);
void xdp_prog_detach(struct xdp_prog *prog);
void xdp_prog_free(struct xdp_prog *prog); // closes its fds
void xdp_prog_count(const struct xdp_prog *prog, uint64_t counts[static LEAT_XDP_COUNTERS]);
// A source that is dropped there, or no longer; what it has dropped of it.
struct leat_xdp_key xdp_key_of(const struct prefix *prefix);
void xdp_prog_block(struct xdp_prog *prog, const struct leat_xdp_key *key, bool on);
uint64_t xdp_prog_blocked(const struct xdp_prog *prog, const struct leat_xdp_key *key);
// Programs of all AF_XDP ports; NULL: the first, and after the last.
struct xdp_prog *port_xdp_next(const struct xdp_prog *prog);
void blocklist_fill(struct xdp_prog *prog); // blocklist.c: into a new one
void xdp_prog_keep(struct xdp_prog *prog, const struct mac *mac, bool veth, const json_t *keep);
