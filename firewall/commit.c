// SPDX-License-Identifier: BSD-3-Clause
// The transaction: a policy is built aside and swapped in; sessions are judged anew by it.
#include "dataplane/session/session.h"
#include "firewall/firewall_priv.h"
#include "firewall/nat/nat.h"
#include "firewall/policy.h"
#include "lib/log.h"
#include "router/frag/frag.h"
#include "router/iface.h"
#include <errno.h>
#include <stdlib.h>

struct plan {
	struct fw_policy *policy; // to be published, then the one to be freed
};

static bool enabled[DP_MAX_IFACES]; // interfaces whose packets meet sessions, by us

int fw_prepare(const struct change *change, void **out, struct err *err) {
	struct plan *plan = calloc(1, sizeof(*plan));

	if (plan == NULL)
		return err_set(err, -ENOMEM, "firewall: out of memory");
	if (json_object_get(change->new, "firewall") != NULL) {
		plan->policy =
			fw_policy_new(change->new, fw_policy, !change_touches(change, "sets"), err);
		if (plan->policy == NULL) {
			free(plan);
			return err->code;
		}
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

static void report(const struct fw_policy *p) {
	for (uint32_t i = 0; i < p->n; i++)
		if (p->shadows[i] != FW_NONE)
			log_warn("firewall", "a rule never decides",
				"rule=%u name=\"%s\" because=\"rule %u takes all that it would\"",
				i + 1, p->conf.rules[i].name, p->shadows[i] + 1);
}

void fw_commit(void *arg) {
	struct plan *plan = arg;
	struct fw_policy *old = fw_policy;

	if (plan->policy) {
		fw_policy_adopt(plan->policy, old);
		report(plan->policy);
	}
	nat_commit(
		plan->policy ? plan->policy->nat : NULL, plan->policy ? plan->policy->zones : NULL);
	__atomic_store_n(&fw_policy, plan->policy, __ATOMIC_RELEASE);
	enable_all(plan->policy != NULL);
	plan->policy = old;
	session_policy_changed();
}

void fw_release(void *arg) {
	struct plan *plan = arg;

	fw_policy_free(plan->policy);
	free(plan);
}

void fw_fini(void) {
	struct fw_policy *last = fw_policy;

	__atomic_store_n(&fw_policy, NULL, __ATOMIC_RELEASE);
	nat_fini(); // waits until no worker is in either
	fw_policy_free(last);
}
