// SPDX-License-Identifier: BSD-3-Clause
// Which switches ask, under which numbers; the nodes on their ports.
#include "router/bridge/bridge_priv.h"
#include "router/frag/frag.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME 32

struct bridge_plan {
	struct bridge_ports *ports;              // to be published, then the one to be freed
	char numbers[SESSION_BRIDGES + 1][NAME]; // by number: the switch
	bool committed;
};

static struct bridge_ports none;
struct bridge_ports *bridge_ports = &none;
static char numbers[SESSION_BRIDGES + 1][NAME];

bool bridge_has(const struct session_flow *flow) {
	return flow->iface_in < DP_MAX_PORTS &&
		bridge_port(flow->iface_in)->number == flow->in.domain / SESSION_BRIDGE;
}

// ---- prepare ------------------------------------------------------------------------------------------------

static unsigned number_find(char (*in)[NAME], const char *name) {
	unsigned n = 1;

	while (n <= SESSION_BRIDGES && strcmp(in[n], name) != 0)
		n++;
	return n <= SESSION_BRIDGES ? n : 0;
}

// A switch keeps its number; a new one gets one that nobody has or had just now: its sessions are others'.
static unsigned number_give(struct bridge_plan *plan, const char *name) {
	unsigned n = number_find(numbers, name);

	for (unsigned i = 1; n == 0 && i <= SESSION_BRIDGES; i++)
		if (!numbers[i][0] && !plan->numbers[i][0])
			n = i;
	for (unsigned i = 1; n == 0 && i <= SESSION_BRIDGES; i++)
		if (!plan->numbers[i][0])
			n = i;
	if (n > 0)
		snprintf(plan->numbers[n], NAME, "%s", name);
	return n;
}

static void types_fill(struct bridge_port *port, const json_t *types) {
	json_t *type;
	size_t i;

	json_array_foreach ((json_t *)types, i, type)
		if (port->n_types < BRIDGE_TYPES)
			port->types[port->n_types++] =
				rte_cpu_to_be_16((uint16_t)json_integer_value(type));
}

static void switch_add(struct bridge_plan *plan, unsigned number, const json_t *sw) {
	struct bridge_port like = {.number = (uint16_t)number};
	const char *name;
	json_t *port;

	types_fill(&like, json_object_get(sw, "pass_ethertypes"));
	json_object_foreach (json_object_get(sw, "ports"), name, port) {
		int index = dp_port_find(name);

		if (index >= 0 && index < DP_MAX_PORTS)
			plan->ports->of[index] = like;
	}
}

// Those that have a number first, so that no newcomer takes it.
static int switches_add(struct bridge_plan *plan, const json_t *tree, bool rules, struct err *err) {
	char path[80];
	const char *name;
	json_t *sw;

	for (unsigned pass = 0; pass < 2; pass++)
		json_object_foreach (json_object_get(tree, "switches"), name, sw) {
			bool known = number_find(numbers, name) != 0;

			if (!json_is_true(json_object_get(sw, "firewall")) || known == (pass == 1))
				continue;
			snprintf(path, sizeof(path), "switches.%s.firewall", name);
			if (!rules)
				return err_at(
					err, path, "there are no rules; add a section `firewall`");
			unsigned number = number_give(plan, name);
			if (number == 0)
				return err_at(err, path,
					"%u switches ask for rules already, the most that can be",
					SESSION_BRIDGES);
			switch_add(plan, number, sw);
		}
	return 0;
}

struct bridge_plan *bridge_plan_new(const json_t *tree, bool rules, struct err *err) {
	struct bridge_plan *plan = calloc(1, sizeof(*plan));

	if (plan)
		plan->ports = calloc(1, sizeof(*plan->ports));
	if (plan == NULL || plan->ports == NULL) {
		free(plan);
		err_set(err, -ENOMEM, "switches: out of memory");
		return NULL;
	}
	if (switches_add(plan, tree, rules, err) == 0)
		return plan;
	bridge_release(plan);
	return NULL;
}

// ---- commit -------------------------------------------------------------------------------------------------

// From the end of the arc to its beginning: what comes by the first finds the others.
static void port_on(unsigned port) {
	dp_arc_enable("bridge_output", port, true, NULL);
	session_enable_bridged(port, true, NULL);
	dp_arc_enable("bridge_input", port, true, NULL);
}

void bridge_commit(struct bridge_plan *plan) {
	struct bridge_ports *old = bridge_ports;
	bool any = false;

	__atomic_store_n(&bridge_ports, plan->ports, __ATOMIC_RELEASE);
	memcpy(numbers, plan->numbers, sizeof(numbers));
	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		any |= bridge_ports->of[i].number != 0;
	frag_bridged(any);
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		if (bridge_ports->of[i].number)
			port_on(i);
		else if (old->of[i].number)
			dp_arc_enable("bridge_input", i, false, NULL);
	}
	plan->ports = old;
	plan->committed = true;
}

// Now every worker is through with what bridge_input took up.
static void ports_off(void) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		if (bridge_ports->of[i].number)
			continue;
		session_enable_bridged(i, false, NULL);
		dp_arc_enable("bridge_output", i, false, NULL);
	}
	frag_release();
}

void bridge_release(struct bridge_plan *plan) {
	if (plan == NULL)
		return;
	if (plan->committed)
		ports_off();
	if (plan->ports != &none)
		free(plan->ports);
	free(plan);
}

void bridge_fini(void) {
	struct bridge_ports *last = bridge_ports;

	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		dp_arc_enable("bridge_input", i, false, NULL);
	__atomic_store_n(&bridge_ports, &none, __ATOMIC_RELEASE);
	frag_bridged(false);
	dp_sync();
	ports_off();
	memset(numbers, 0, sizeof(numbers));
	if (last != &none)
		free(last);
}
