// SPDX-License-Identifier: BSD-3-Clause
// Which DHCP ports control wants to hear on an interface. Control writes, a byte at a time; the node reads.
#pragma once

#include "dataplane/dataplane.h"

enum { DHCP_PORT_SERVER = 1, DHCP_PORT_CLIENT = 2 };

extern uint8_t dhcp_ports[DP_MAX_IFACES];
