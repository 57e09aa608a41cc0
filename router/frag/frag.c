// SPDX-License-Identifier: BSD-3-Clause
// Where the nodes are on: packets for this box on every routed interface; others where somebody wants it, and then every way out.
#include "router/frag/join.h"

static bool routed[DP_MAX_IFACES], wanted[DP_MAX_IFACES][FRAG_USERS], bridged;

static bool anybody(unsigned iface) {
	bool any = false;

	for (unsigned user = 0; user < FRAG_USERS; user++)
		any |= wanted[iface][user];
	return any;
}

static void update(void) {
	bool any = false;

	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		any |= routed[i] && anybody(i);
	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (routed[i])
			dp_arc_enable("ip_refrag", i, any, NULL);
}

void frag_want(unsigned iface, enum frag_user user, bool on) {
	wanted[iface][user] = on;
	dp_arc_enable("ip_reass", iface, anybody(iface), NULL);
	update();
}

void frag_bridged(bool on) {
	bridged = on;
	if (on)
		join_enable(true);
}

void frag_release(void) {
	bool any = bridged;

	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		any |= routed[i];
	if (!any)
		join_enable(false);
}

void frag_iface(unsigned iface, bool on) {
	routed[iface] = on;
	if (on)
		join_enable(true);
	dp_arc_enable("ip_local", iface, on, NULL);
	if (!on) {
		dp_arc_enable("ip_refrag", iface, false, NULL);
		for (unsigned user = 0; user < FRAG_USERS; user++)
			wanted[iface][user] = false;
		dp_arc_enable("ip_reass", iface, false, NULL);
	}
	update();
}
