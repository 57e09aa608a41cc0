// SPDX-License-Identifier: BSD-3-Clause
// Host twins: a TAP per routed interface, in a network namespace of the config's choice, with the interface's MAC address, MTU and
// addresses (libmnl). Local sockets live there; FRR and BIRD run on it unchanged, and what they put into the kernel's
// tables comes back by netlink (netlink.h).
#pragma once

#include "dataplane/dataplane.h"
#include "router/iface.h"

extern uint16_t rtr_twin_ifaces
	[DP_MAX_PORTS]; // port of a twin → its interface; DP_NONE: no twin. Control writes.
