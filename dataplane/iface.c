// SPDX-License-Identifier: BSD-3-Clause
// Interfaces that are not ports: numbers above the ports', for the arcs' tables. Control only.
#include "dataplane/dataplane.h"
#include <errno.h>
#include <stdio.h>

static char names[DP_MAX_IFACES][32]; // "": free

int dp_iface_new(const char *name, struct err *err) {
	for (unsigned i = DP_MAX_PORTS; i < DP_MAX_IFACES; i++) {
		if (names[i][0])
			continue;
		snprintf(names[i], sizeof(names[i]), "%s", name);
		return (int)i;
	}
	return err_set(err, -ENOSPC, "no number is left for interface %s; at most %d", name,
		DP_MAX_IFACES - DP_MAX_PORTS);
}

void dp_iface_free(unsigned iface) {
	if (iface >= DP_MAX_PORTS && iface < DP_MAX_IFACES)
		names[iface][0] = '\0';
}

const char *dp_iface_name(unsigned iface) {
	struct dp_port_info port;

	if (iface < DP_MAX_PORTS)
		return dp_port_info(iface, &port) == 0 ? port.name : "-";
	return iface < DP_MAX_IFACES && names[iface][0] ? names[iface] : "-";
}
