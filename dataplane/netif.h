// SPDX-License-Identifier: BSD-3-Clause
// A kernel network interface that a port is made of: what has to be set on it, and set back when the port goes.
// In the network namespace of the process. Control thread only.
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct netif {
	char name[IFNAMSIZ];
	int index;
	int promisc_fd; // a socket that keeps the interface promiscuous, and ends with the process; -1: none
	// as found
	uint16_t mtu;
	short flags;
	bool gro, lro, rx_vlan;
	unsigned channels; // combined queues; 0: the device has none to choose
	unsigned queues;   // as they are now
	bool channels_changed, mtu_changed;
};

// -ENODEV: there is none of that name.
int netif_open(struct netif *nif, const char *name, struct err *err);
// Sets back what the functions below have changed.
void netif_close(struct netif *nif);

int netif_mtu_set(struct netif *nif, uint16_t mtu, struct err *err);
int netif_mtu_get(const char *name); // or negative errno
// Frames have to come as they were on the wire: not merged (GRO, LRO), tags in place.
void netif_raw(struct netif *nif);
void netif_promiscuous(struct netif *nif, bool on);
int netif_up(const char *name, bool up);
int netif_channels_set(struct netif *nif, unsigned n, struct err *err);
int netif_mac_set(const char *name, const struct mac *mac);
int netif_mac_get(const char *name, struct mac *mac);
// Up, with carrier. `at_once`: asks in a way that may block for a moment, for those who cannot be a second late.
bool netif_running(const struct netif *nif, bool at_once);
bool netif_present(const struct netif *nif); // still the same interface
uint64_t netif_speed_bps(const char *name);  // 0: unknown
// The kernel's driver ("veth", "virtio_net", "ixgbe"); "" when it does not say.
const char *netif_driver(const char *name, char *buf, size_t size);
// Whether it takes TCP frames of 64 KiB to be cut, as from its own kernel: the device, or its software, makes whole ones of them.
bool netif_cuts(const char *name);
// Whether the interface is a device, not something that the kernel made up (veth, macvlan, bridge).
bool netif_is_hardware(const char *name);
