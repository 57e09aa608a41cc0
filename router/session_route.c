// SPDX-License-Identifier: BSD-3-Clause
// The router's say on a session's first packet (dataplane/session/session.h): where is its destination? The look-up is that of
// ip_lookup, policy rules and leaking included; what has no way is left to ip_lookup, which answers.
#include "dataplane/session/session.h"
#include "router/fib/way.h"
#include "router/ip_priv.h"
#include "router/policy.h"
#include <stdio.h>
#include <string.h>

static uint32_t slot_of(const struct session_flow *flow) {
	const struct rtr_iface *iface = rtr_iface(flow->iface_in);
	struct addr dst = {.family = flow->out.v6 ? ADDR_V6 : ADDR_V4};
	uint16_t first = flow->in.domain;
	uint32_t slot, vrf;

	memcpy(dst.bytes, flow->out.dst, flow->out.v6 ? 16 : 4);
	slot = way_look_up(first, &dst);
	if (iface && iface->has_policy && flow->m && rtr_nhs[slot].kind != RTR_NH_LOCAL &&
		policy_judge(iface, flow->m, &first, &slot) && first != DP_NONE)
		slot = way_look_up(first, &dst);
	vrf = first;
	return way_follow(slot, &vrf, &dst, flow->m ? ip_flow_hash(flow->m) : 0);
}

static enum session_verdict route_decide(struct session_flow *flow) {
	// One that lives goes where it went; what this box sends has been routed already.
	if (flow->again || flow->iface_out != DP_NONE)
		return SESSION_PASS;
	const struct rtr_nh *nh = &rtr_nhs[slot_of(flow)];
	switch (__atomic_load_n(&nh->kind, __ATOMIC_ACQUIRE)) {
	case RTR_NH_LOCAL:
		return SESSION_PASS;
	case RTR_NH_VRF:
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
