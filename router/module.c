// SPDX-License-Identifier: BSD-3-Clause
#include "router/dhcp/dhcp.h"
#include "router/dynamic.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/file/routefile.h"
#include "router/frag/frag.h"
#include "router/host/netlink.h"
#include "router/host/shortcut/shortcut.h"
#include "router/host/twin.h"
#include "router/neigh/neigh.h"
#include "router/punt.h"
#include "router/ra/ra.h"
#include "router/router.h"
#include "router/router_priv.h"
#include "router/tunnel/tunnel.h"
#include "router/vrrp/vrrp.h"

#define AUDIT_EVERY_NS 20000000u
#define AUDIT_PREFIXES 512 // some 100 us

static int init(struct err *err) {
	int rc = rtr_iface_init(err);

	twins_init();
	if (rc == 0)
		rc = punt_init(err);
	if (rc == 0)
		rc = nexthop_init(err);
	if (rc == 0)
		rc = neigh_init(err);
	if (rc == 0)
		rc = frag_init(err);
	dynamic_init();
	if (rc == 0)
		rc = shortcuts_init(err);
	if (rc == 0)
		rc = vrrp_init(err);
	if (rc == 0)
		rc = dhcp_init(err);
	if (rc == 0)
		rc = ra_init(err);
	if (rc == 0)
		dp_port_on_link(rtr_link_changed);
	return rc;
}

static void fini(void) {
	dhcp_stop();
	rtr_commit_fini();
	dhcp_fini();
	netlink_fini();
	shortcuts_fini();
	frag_fini();
	neigh_fini();
	dynamic_fini();
	ra_fini();
	vrrp_fini();
	punt_fini();
	nexthop_fini();
	rtr_iface_fini();
}

// The tables take turns; a full one is gone through in about a minute.
static void audit(uint64_t now_ns) {
	static uint64_t next_ns;
	static unsigned vrf;

	if (now_ns < next_ns)
		return;
	next_ns = now_ns + AUDIT_EVERY_NS;
	for (unsigned i = 0; i < RTR_MAX_VRFS; i++) {
		vrf = (vrf + 1) % RTR_MAX_VRFS;
		if (rtr_vrfs[vrf] == NULL)
			continue;
		rib_audit(rtr_vrfs[vrf], AUDIT_PREFIXES);
		break;
	}
}

static void poll(uint64_t now_ns) {
	punt_poll(now_ns);
	neigh_poll(now_ns);
	dynamic_poll();
	vrrp_poll(now_ns);
	dhcp_poll(now_ns);
	ra_poll(now_ns);
	twins_poll(now_ns);
	shortcuts_poll(now_ns);
	frag_poll(now_ns);
	netlink_poll(now_ns);
	routefile_poll(now_ns);
	tunnels_poll(now_ns);
	audit(now_ns);
	nexthop_collect();
}

static const char *const after[] = {"dataplane", "switch", NULL};
static const char *const reads[] = {"ports", "switches", NULL};

const struct module router_module = {
	.name = "router",
	.help = "dual-stack routing",
	.after = after,
	.reads = reads,
	.sections = rtr_sections,
	.nouns = rtr_nouns,
	.actions = rtr_actions,
	.init = init,
	.fini = fini,
	.check = rtr_check,
	.prepare = rtr_prepare,
	.commit = rtr_commit,
	.release = rtr_release,
	.abort = rtr_abort,
	.poll = poll,
};
