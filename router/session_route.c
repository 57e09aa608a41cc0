// SPDX-License-Identifier: BSD-3-Clause
// The router's say on a session's first packet (dataplane/session/session.h): where is its destination? The look-up is that of
// ip_lookup, policy rules and leaking included; what has no way is left to ip_lookup, which answers.
#include "dataplane/session/session.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/ip_priv.h"
#include "router/policy.h"
#include <stdio.h>
#include <string.h>

#define LEAKS 3 // look-ups: as many as ip_lookup makes

static uint32_t look_up(uint16_t vrf, const struct session_flow *flow) {
	struct addr dst = {.family = flow->out.v6 ? ADDR_V6 : ADDR_V4};

	if (vrf >= RTR_MAX_VRFS || rtr_vrfs[vrf] == NULL)
		return 0;
	memcpy(dst.bytes, flow->out.dst, flow->out.v6 ? 16 : 4);
	return rib_lookup_fib(rtr_vrfs[vrf], &dst);
}

static uint32_t first_slot(const struct session_flow *flow) {
	const struct rtr_iface *iface = rtr_iface(flow->iface_in);
	uint16_t vrf = flow->in.domain;
	uint32_t slot = look_up(vrf, flow);

	if (iface && iface->has_policy && flow->m && rtr_nhs[slot].kind != RTR_NH_LOCAL &&
		policy_judge(iface, flow->m, &vrf, &slot) && vrf != DP_NONE)
		slot = look_up(vrf, flow);
	return slot;
}

static enum session_verdict route_decide(struct session_flow *flow) {
	uint32_t slot;

	// One that lives goes where it went; what this box sends has been routed already.
	if (flow->again || flow->iface_out != DP_NONE)
		return SESSION_PASS;
	slot = first_slot(flow);
	for (unsigned i = 0; i < LEAKS; i++) {
		const struct rtr_nh *nh =
			&rtr_nhs[rtr_nh_pick(slot, flow->m ? ip_flow_hash(flow->m) : 0)];

		switch (__atomic_load_n(&nh->kind, __ATOMIC_ACQUIRE)) {
		case RTR_NH_LOCAL:
			flow->iface_out = DP_NONE;
			return SESSION_PASS;
		case RTR_NH_VRF:
			slot = look_up(nh->vrf, flow);
			break;
		case RTR_NH_NONE:
		case RTR_NH_BLACKHOLE:
		case RTR_NH_UNREACHABLE:
		case RTR_NH_PROHIBIT:
			return SESSION_ASIDE;
		default:
			flow->iface_out = nh->iface;
			return SESSION_PASS;
		}
	}
	return SESSION_ASIDE;
}

static void route_say(const struct session_flow *flow, char *buf, size_t size) {
	const struct rtr_iface *out = rtr_iface(flow->iface_out);

	snprintf(buf, size, out ? "it leaves by %s" : "for this box, or nowhere",
		out ? out->name : "");
}

static struct session_decider rtr_route_decider = {
	.name = "rtr_route",
	.stage = SESSION_STAGE_ROUTE,
	.decide = route_decide,
	.say = route_say,
};
SESSION_DECIDER(rtr_route_decider)
