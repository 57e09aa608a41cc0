// SPDX-License-Identifier: BSD-3-Clause
// Interfaces that are not ports: numbers above the ports', for the arcs' tables. Control only.
#include "dataplane/dataplane.h"
#include <errno.h>

static bool in_use[DP_MAX_IFACES];

int dp_iface_new(const char *name, struct err *err) {
	for (unsigned i = DP_MAX_PORTS; i < DP_MAX_IFACES; i++) {
		if (in_use[i])
			continue;
		in_use[i] = true;
		return (int)i;
	}
	return err_set(err, -ENOSPC, "no number is left for interface %s; at most %d", name,
		DP_MAX_IFACES - DP_MAX_PORTS);
}

void dp_iface_free(unsigned iface) {
	if (iface >= DP_MAX_PORTS && iface < DP_MAX_IFACES)
		in_use[iface] = false;
}
