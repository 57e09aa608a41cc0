// SPDX-License-Identifier: BSD-3-Clause
// The transaction: a policy is built aside and swapped in; sessions are judged anew by it.
#include "dataplane/session/helper.h"
#include "firewall/firewall_priv.h"
#include "firewall/nat/nat.h"
#include "firewall/policy.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "router/bridge/bridge.h"
#include "router/frag/frag.h"
#include "router/iface.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct plan {
	struct fw_policy *policy; // to be published, then the one to be freed
	struct bridge_plan *bridges;
	const json_t *tree; // until the commit
};

static bool enabled[DP_MAX_IFACES]; // interfaces whose packets meet sessions, by us

static bool same_sets(const struct change *change) {
	return !change_touches(change, "sets") &&
		!change_touches(change, "firewall.country_database");
}

int fw_prepare(const struct change *change, void **out, struct err *err) {
	struct plan *plan = calloc(1, sizeof(*plan));

	if (plan == NULL)
		return err_set(err, -ENOMEM, "firewall: out of memory");
	plan->tree = change->new;
	bool there = json_object_get(change->new, "firewall") != NULL;
	plan->bridges = bridge_plan_new(change->new, there, err);
	if (plan->bridges && there)
		plan->policy = fw_policy_new(
			change, dp_workers_planned(change->new), fw_policy, same_sets(change), err);
	int rc = plan->policy && plan->policy->conf.n_helped > 0 ? session_helpers_init(err) : 0;
	if (plan->bridges == NULL || (there && plan->policy == NULL) || rc < 0) {
		fw_release(plan);
		return err->code;
	}
	*out = plan;
	return 0;
}

// Every routed interface, with a zone or without: what none has asked for is denied, too.
static void enable_all(bool on) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		struct err err = {0};
		bool wanted = on && rtr_ifaces[i] != NULL;

		if (wanted == enabled[i])
			continue;
		frag_want(i, FRAG_USER_STATEFUL, wanted);
		if (session_enable(i, wanted, &err) != 0)
			log_error("firewall", "an interface is not protected",
				"interface=%s why=\"%s\"",
				rtr_ifaces[i] ? rtr_ifaces[i]->name : "-", err.msg);
		else
			enabled[i] = wanted;
	}
}

void fw_commit(void *arg) {
	struct plan *plan = arg;
	struct fw_policy *old = fw_policy;

	if (plan->policy) {
		time_t wall = (time_t)(clock_wall_ns() / NSEC_PER_SEC);
		fw_policy_adopt(plan->policy, old, plan->tree);
		fw_policy_time(plan->policy, wall);
		atomic_store(&fw_moment_now, fw_moment_pack(wall));
	}
	nat_commit(
		plan->policy ? plan->policy->nat : NULL, plan->policy ? plan->policy->zones : NULL);
	__atomic_store_n(&fw_policy, plan->policy, __ATOMIC_RELEASE);
	enable_all(plan->policy != NULL);
	bridge_commit(plan->bridges);
	plan->policy = old;
	session_policy_changed();
}

static void watch_attacks(struct fw_policy *p, uint64_t now_ns) {
	bool begins;

	for (uint32_t i = 0; i < p->n; i++) {
		if (!fw_cookies_news(&p->rules[i].cookies, now_ns, &begins))
			continue;
		unsigned long long cookies = fw_policy_hits(p, i).cookies;
		log_warn("firewall", begins ? "a SYN flood: cookies" : "the SYN flood is over",
			"rule=%u name=\"%s\" cookies=%llu", i + 1, p->conf.rules[i].name, cookies);
		event_emit("firewall.syn-attack",
			json_pack("{s:i, s:s, s:s, s:I}", "rule", (int)i + 1, "name",
				p->conf.rules[i].name, "state", begins ? "begin" : "end", "cookies",
				(json_int_t)cookies));
	}
}

// Schedules are looked at once a second; what they end is found by the sweep.
void fw_poll(uint64_t now_ns) {
	static uint64_t next_ns;

	nat_poll(now_ns);
	fw_lua_poll(now_ns);
	if (fw_policy == NULL || now_ns < next_ns)
		return;
	next_ns = now_ns + NSEC_PER_SEC;
	watch_attacks(fw_policy, now_ns);
	time_t wall = (time_t)(clock_wall_ns() / NSEC_PER_SEC);
	atomic_store(&fw_moment_now, fw_moment_pack(wall));
	if (fw_policy_time(fw_policy, wall))
		session_policy_changed();
}

void fw_release(void *arg) {
	struct plan *plan = arg;

	bridge_release(plan->bridges);
	fw_policy_free(plan->policy);
	free(plan);
}

void fw_fini(void) {
	struct fw_policy *last = fw_policy;

	bridge_fini();
	__atomic_store_n(&fw_policy, NULL, __ATOMIC_RELEASE);
	nat_fini(); // waits until no worker is in either
	fw_policy_free(last);
	sources_fini(&fw_sources);
	fw_lua_fini();
}

// ---- what its author should know --------------------------------------------------------------------------------

#define NOTES_MAX    10 // of a kind
#define FORESEE_TIME (2 * NSEC_PER_SEC)

static void note_shadows(const struct fw_policy *p, json_t *notes) {
	unsigned n = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		const struct fw_conf_rule *rule = &p->conf.rules[i];

		if (p->shadows[i] == FW_NONE || ++n > NOTES_MAX)
			continue;
		json_array_append_new(notes,
			json_sprintf("firewall.rules[%u]%s%s never decides: rule %u takes all that "
				     "it would",
				i + 1, rule->name[0] ? " " : "", rule->name, p->shadows[i] + 1));
	}
	if (n > NOTES_MAX)
		json_array_append_new(notes,
			json_sprintf("%u more rules never decide; `leat show rules` names them",
				n - NOTES_MAX));
}

struct foresight {
	struct fw_policy *policy;
	json_t *notes;
	uint64_t ending;
};

static bool foresee(struct session_flow *flow, void *arg) {
	struct foresight *f = arg;
	char text[SESSION_FLOW_TEXT], why[FW_NAME + 20] = "no rule takes it";

	flow->again = flow->dry = true;
	if (fw_policy_judge(f->policy, flow) != SESSION_DROP)
		return true;
	if (f->ending++ >= NOTES_MAX)
		return true;
	if (flow->rule > 0)
		snprintf(why, sizeof(why), "rule %u %s", flow->rule,
			f->policy->conf.rules[flow->rule - 1].name);
	json_array_append_new(
		f->notes, json_sprintf("would end: %s (%s)", session_flow_print(flow, text), why));
	return true;
}

// Zones of the interfaces that there are, as the new tree has them.
static void note_ending(struct fw_policy *p, const json_t *tree, json_t *notes) {
	struct foresight f = {.policy = p, .notes = notes};

	fw_policy_zones(p, tree);
	fw_policy_time(p, (time_t)(clock_wall_ns() / NSEC_PER_SEC));
	bool all = session_foreach(foresee, &f, clock_now_ns() + FORESEE_TIME);

	if (f.ending > 0 || !all)
		json_array_append_new(notes,
			json_sprintf("the rules would end %s%llu sessions", all ? "" : "at least ",
				(unsigned long long)f.ending));
}

void fw_note(const void *arg, bool dry, json_t *notes) {
	const struct plan *plan = arg;

	if (plan->policy == NULL)
		return;
	note_shadows(plan->policy, notes);
	if (dry)
		note_ending(plan->policy, plan->tree, notes);
}

int fw_check(const struct change *change, json_t *notes, struct err *err) {
	bool there = json_object_get(change->new, "firewall") != NULL;
	struct bridge_plan *bridges = bridge_plan_new(change->new, there, err);
	struct fw_policy *p;

	if (bridges == NULL)
		return err->code;
	bridge_release(bridges);
	if (!there)
		return 0;
	p = fw_policy_new(change, 1, NULL, false, err);
	if (p == NULL)
		return err->code;
	note_shadows(p, notes);
	fw_policy_free(p);
	return 0;
}
