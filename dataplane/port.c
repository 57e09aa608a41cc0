// SPDX-License-Identifier: BSD-3-Clause
// The life of ports: what a transaction on the section `ports` does, and how they are watched.
//
// prepare opens what is new, beside what runs. A port whose device a new one needs (its options changed, or another
// port takes the device over) cannot stay open for that: it is taken from the workers and closed first, and opened
// again, at the same index, when the transaction is aborted. So a change of a device's identity, and nothing else,
// can cost a pause of that one port although the transaction fails in the end.
#include "dataplane/port_priv.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/vec.h"
#include <errno.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINK_EVERY_NS (20 * NSEC_PER_MSEC)
#define MAX_LISTENERS 8

struct dp_port *dp_ports[DP_MAX_PORTS];
volatile uint32_t dp_ports_up;

// One port of a transaction.
struct step {
	enum step_kind { STEP_ADD, STEP_LIVE, STEP_DEL } kind;
	struct port *port;    // LIVE, DEL: the running one
	const json_t *object; // ADD, LIVE: what it is to become
	json_t *identity;     // of `object`
	bool displaced;       // DEL: closed in prepare, for another that needs its device
	bool mtu_raised;      // LIVE: in prepare
};

struct dp_ports_plan {
	const json_t *ports;
	unsigned workers;
	VEC(struct step) steps;
};

static struct dp_ports_plan *staged; // the transaction under way
static void (*listeners[MAX_LISTENERS])(unsigned port, bool up);
static unsigned n_listeners;
static uint64_t link_seen_ns;

static struct port *port_at(unsigned index) {
	return index < DP_MAX_PORTS ? (struct port *)dp_ports[index] : NULL;
}

static struct port *port_running(const char *name) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		if (dp_ports[i] && strcmp(dp_ports[i]->name, name) == 0)
			return port_at(i);
	}
	return NULL;
}

int dp_port_find(const char *name) {
	for (size_t i = 0; staged && i < staged->steps.n; i++) {
		const struct step *step = &staged->steps.items[i];
		if (step->kind == STEP_ADD && step->port && step->port->open &&
			strcmp(step->port->pub.name, name) == 0)
			return step->port->pub.index;
	}
	const struct port *port = port_running(name);
	return port ? port->pub.index : -ENOENT;
}

static const struct port *port_staged(unsigned index) {
	for (size_t i = 0; staged && i < staged->steps.n; i++) {
		const struct step *step = &staged->steps.items[i];
		if (step->kind == STEP_ADD && step->port && step->port->open &&
			step->port->pub.index == index)
			return step->port;
	}
	return NULL;
}

int dp_port_info(unsigned index, struct dp_port_info *info) {
	const struct port *port = port_staged(index);

	if (!port)
		port = port_at(index);
	if (!port)
		return -ENOENT;
	*info = (struct dp_port_info){
		.name = port->pub.name,
		.index = port->pub.index,
		.mtu = port->pub.mtu,
		.link_up = dp_ports_up >> index & 1,
		.speed_bps = port->speed_bps,
		.mac = port->pub.mac,
	};
	return 0;
}

void dp_port_mode_set(unsigned port, enum dp_port_mode mode) {
	if (port < DP_MAX_PORTS && dp_ports[port])
		__atomic_store_n(&dp_ports[port]->mode, mode, __ATOMIC_RELAXED);
}

void dp_port_on_link(void (*changed)(unsigned port, bool up)) {
	if (n_listeners < MAX_LISTENERS)
		listeners[n_listeners++] = changed;
}

// ---- one port ---------------------------------------------------------------------------------------------

void port_free(struct port *port) {
	if (!port)
		return;
	json_decref(port->conf);
	json_decref(port->identity);
	free(port);
}

void port_close(struct port *port) {
	if (!port->open)
		return;
	dp_ports_up &= ~RTE_BIT32(port->pub.index);
	port->kind->close(port);
	port->open = false;
}

void port_rest(struct port *port) {
	if (port->pub.index >= DP_MAX_PORTS || dp_ports[port->pub.index] != &port->pub)
		return;
	port->resting = true;
	__atomic_store_n(&dp_ports[port->pub.index], NULL, __ATOMIC_RELEASE);
	dp_workers_ports_changed();
	dp_sync();
}

void port_resume(struct port *port) {
	if (!port->resting)
		return;
	port->resting = false;
	__atomic_store_n(&dp_ports[port->pub.index], &port->pub, __ATOMIC_RELEASE);
	dp_workers_ports_changed();
}

static void device_name(struct port *port, const struct port_conf *conf) {
	char socket[PORT_DEVICE_LEN];

	if (conf->device)
		snprintf(port->device, sizeof(port->device), "%s", conf->device);
	else if (conf->vhost_user)
		snprintf(port->device, sizeof(port->device), "%s",
			port_socket(conf, socket, sizeof(socket)));
	else
		snprintf(port->device, sizeof(port->device), "bond");
}

// Of a disabled port no queue is polled, and its link counts as down.
static void port_enable(struct port *port, bool on) {
	if (port->enabled == on)
		return;
	port->enabled = on;
	if (on)
		port->pub.n_rxq = port->saved_rxq;
	else
		port->saved_rxq = port->pub.n_rxq;
	if (!on)
		port->pub.n_rxq = 0;
	if (port->kind->enable)
		port->kind->enable(port, on);
}

int port_open(struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	struct err why = {0};

	port->kind = port_kind_find(conf);
	port->driver = port->kind->name;
	port->enabled = true;
	port->gone = port->link_known = false;
	device_name(port, conf);
	port->pub.mtu = conf->mtu;
	int rc = port->kind->open(port, conf, workers, &why);
	if (rc < 0) {
		port->open = false;
		char path[64];
		snprintf(path, sizeof(path), "ports.%s", conf->name);
		err_at(err, path, "%s", why.msg);
		return rc;
	}
	port->open = true;
	if (port->mtu_max && conf->mtu > port->mtu_max) {
		port_close(port);
		return err_set(err, -EINVAL, "ports.%s: %s can do an MTU of at most %u; lower mtu",
			conf->name, port->driver, port->mtu_max);
	}
	port_enable(port, conf->enabled);
	log_info("ports", "port opened",
		"port=%s device=%s driver=%s index=%u queues=%u/%u mtu=%u why=\"%s\"",
		port->pub.name, port->device, port->driver, port->pub.index, port->pub.n_rxq,
		port->pub.n_txq, port->pub.mtu, port->why);
	return 0;
}

struct port *port_new(
	const char *name, const json_t *object, const json_t *identity, struct err *err) {
	struct port *port = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(struct port), RTE_CACHE_LINE_SIZE));

	if (!port) {
		err_set(err, -ENOMEM, "out of memory for port %s", name);
		return NULL;
	}
	memset(port, 0, sizeof(*port));
	snprintf(port->pub.name, sizeof(port->pub.name), "%s", name);
	port->conf = json_deep_copy(object);
	port->identity = json_deep_copy(identity);
	port->pub.index = DP_NONE;
	return port;
}

// ---- what is to be done ------------------------------------------------------------------------------------

static int step_add(struct dp_ports_plan *plan, struct step step, struct err *err) {
	if (vec_add(&plan->steps, step) < 0) {
		json_decref(step.identity);
		return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

// A live change that needs another driver (a jumbo MTU on AF_XDP, or the end of one) is none.
static bool can_live(const struct port *port, const json_t *object) {
	uint16_t mtu = jx_int(object, "mtu", 1500);

	return !port->gone && (!port->mtu_max || mtu <= port->mtu_max) &&
		(!port->mtu_better || mtu > port->mtu_better);
}

static int steps_for_new(struct dp_ports_plan *plan, struct err *err) {
	const char *name;
	json_t *object;

	json_object_foreach ((json_t *)(uintptr_t)plan->ports, name, object) {
		if (port_master(plan->ports, name))
			continue;
		struct step step = {.kind = STEP_ADD, .object = object};
		step.identity = port_identity(plan->ports, name, object);
		struct port *running = port_running(name);
		if (running && json_equal(running->identity, step.identity) &&
			can_live(running, object)) {
			if (json_equal(running->conf, object)) {
				json_decref(step.identity);
				continue;
			}
			step.kind = STEP_LIVE;
			step.port = running;
		} else {
			step.port = port_new(name, object, step.identity, err);
			if (!step.port) {
				json_decref(step.identity);
				return -ENOMEM;
			}
		}
		int rc = step_add(plan, step, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool stays(const struct dp_ports_plan *plan, const struct port *port) {
	const json_t *object = json_object_get(plan->ports, port->pub.name);

	if (!object || port_master(plan->ports, port->pub.name))
		return false;
	for (size_t i = 0; i < plan->steps.n; i++) {
		const struct step *step = &plan->steps.items[i];
		if (step->kind == STEP_ADD && strcmp(step->port->pub.name, port->pub.name) == 0)
			return false;
	}
	return true;
}

static int steps_for_old(struct dp_ports_plan *plan, struct err *err) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		struct port *port = port_at(i);
		if (!port || port->own || stays(plan, port))
			continue;
		int rc = step_add(plan, (struct step){.kind = STEP_DEL, .port = port}, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

// ---- devices that change hands -------------------------------------------------------------------------------

static void claim_collect(const char *claim, void *arg) {
	json_object_set_new(arg, claim, json_true());
}

static void claim_search(const char *claim, void *arg) {
	json_t **wanted = arg;

	if (*wanted && json_object_get(*wanted, claim))
		*wanted = NULL; // found
}

// The members of a running bond are in its identity, whatever became of them in the new tree.
static bool claims_any(const struct port *port, json_t *wanted) {
	json_t *search = wanted;

	port_claims(json_object_get(port->identity, "members"), port->pub.name, port->conf,
		claim_search, &search);
	return search == NULL;
}

static void displace(struct dp_ports_plan *plan) {
	json_t *wanted = json_object();
	bool any = false;

	for (size_t i = 0; i < plan->steps.n; i++) {
		struct step *step = &plan->steps.items[i];
		if (step->kind == STEP_ADD)
			port_claims(plan->ports, step->port->pub.name, step->object, claim_collect,
				wanted);
	}
	for (size_t i = 0; i < plan->steps.n; i++) {
		struct step *step = &plan->steps.items[i];
		if (step->kind != STEP_DEL || !claims_any(step->port, wanted))
			continue;
		step->displaced = any = true;
		dp_ports_up &= ~RTE_BIT32(step->port->pub.index);
		__atomic_store_n(&dp_ports[step->port->pub.index], NULL, __ATOMIC_RELEASE);
	}
	json_decref(wanted);
	if (!any)
		return;
	dp_workers_ports_changed();
	dp_sync();
	for (size_t i = 0; i < plan->steps.n; i++) {
		if (plan->steps.items[i].displaced)
			port_close(plan->steps.items[i].port);
	}
}

static void link_read(struct port *port, bool *up) {
	struct rte_eth_link link = {0};

	*up = false;
	if (rte_eth_link_get_nowait(port->pub.index, &link) < 0)
		return;
	if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		port->speed_bps = (uint64_t)link.link_speed * 1000000;
	*up = port->kind->link ? port->kind->link(port) : link.link_status == RTE_ETH_LINK_UP;
	*up = *up && port->enabled;
}

static void publish(struct port *port) {
	bool up;

	link_read(port, &up);
	if (up)
		dp_ports_up |= RTE_BIT32(port->pub.index);
	__atomic_store_n(&dp_ports[port->pub.index], &port->pub, __ATOMIC_RELEASE);
}

// Takes ethdevs until the next free one has the wanted index. Returns how many were taken, into `fill`.
static unsigned slots_fill(unsigned index, struct port *fill) {
	unsigned n = 0;

	while (n < DP_MAX_PORTS) {
		struct port *port = &fill[n];
		*port = (struct port){0};
		if (port_vdev_add(port, "net_null", NULL, "size=64") < 0)
			break;
		if (port->pub.index >= index) {
			port_dev_remove(port);
			break;
		}
		n++;
	}
	return n;
}

static void reopen(struct dp_ports_plan *plan, struct port *port) {
	static struct port fill[DP_MAX_PORTS];
	unsigned index = port->pub.index, mode = port->pub.mode;
	unsigned filled = slots_fill(index, fill);
	struct port_conf conf;
	struct err err = {0};

	port_conf_decode(port->pub.name, port->conf, &conf);
	port->pub.n_rxq = port->pub.n_txq = 0;
	int rc = port_open(port, &conf, plan->workers, &err);
	while (filled-- > 0)
		port_dev_remove(&fill[filled]);
	if (rc == 0 && port->pub.index == index) {
		port->pub.mode = mode;
		publish(port);
		return;
	}
	log_error("ports", "port lost: it could not be opened again after a change was refused",
		"port=%s why=\"%s\"", port->pub.name, err.msg);
	event_emit("port.lost", json_pack("{s:s, s:s}", "port", port->pub.name, "why", err.msg));
	if (rc == 0)
		port_close(port);
	port_free(port);
}

// ---- the transaction --------------------------------------------------------------------------------------------

static void plan_free(struct dp_ports_plan *plan) {
	staged = NULL;
	for (size_t i = 0; i < plan->steps.n; i++)
		json_decref(plan->steps.items[i].identity);
	vec_fini(&plan->steps);
	free(plan);
}

// A larger MTU comes before the commit, a smaller one after it: packets in between fit in either.
static int live_prepare(struct step *step, struct err *err) {
	struct port *port = step->port;
	uint16_t mtu = jx_int(step->object, "mtu", 1500);

	if (mtu <= port->pub.mtu || !port->kind->mtu_set)
		return 0;
	struct err why = {0};
	int rc = port->kind->mtu_set(port, mtu, &why);
	if (rc < 0) {
		char path[64];
		snprintf(path, sizeof(path), "ports.%s.mtu", port->pub.name);
		err_at(err, path, "%s", why.msg);
		return rc;
	}
	step->mtu_raised = true;
	return 0;
}

static int plan_open(struct dp_ports_plan *plan, struct err *err) {
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->steps.n; i++) {
		struct step *step = &plan->steps.items[i];
		if (step->kind == STEP_LIVE)
			rc = live_prepare(step, err);
		if (step->kind != STEP_ADD)
			continue;
		struct port_conf conf;
		const char *name = json_string_value(json_object_get(step->identity, "name"));
		port_conf_decode(name, step->object, &conf);
		rc = port_open(step->port, &conf, plan->workers, err);
	}
	return rc;
}

int dp_ports_prepare(const json_t *, const json_t *new_ports, unsigned workers,
	struct dp_ports_plan **out, struct err *err) {
	struct dp_ports_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return err_set(err, -ENOMEM, "out of memory");
	plan->ports = new_ports;
	plan->workers = workers;
	staged = plan;
	int rc = steps_for_new(plan, err);
	if (rc == 0)
		rc = steps_for_old(plan, err);
	if (rc == 0) {
		displace(plan);
		rc = plan_open(plan, err);
	}
	if (rc < 0) {
		dp_ports_abort(plan);
		return rc;
	}
	*out = plan;
	return 0;
}

static void live_commit(struct step *step) {
	struct port *port = step->port;
	struct port_conf conf;

	port_conf_decode(port->pub.name, step->object, &conf);
	port->pub.mtu = conf.mtu;
	port_enable(port, conf.enabled);
	if (port->kind->live)
		port->kind->live(port, &conf);
}

void dp_ports_commit(struct dp_ports_plan *plan) {
	for (size_t i = 0; i < plan->steps.n; i++) {
		struct step *step = &plan->steps.items[i];
		if (step->kind == STEP_DEL && !step->displaced) {
			dp_ports_up &= ~RTE_BIT32(step->port->pub.index);
			__atomic_store_n(&dp_ports[step->port->pub.index], NULL, __ATOMIC_RELEASE);
		}
	}
	for (size_t i = 0; i < plan->steps.n; i++) {
		struct step *step = &plan->steps.items[i];
		if (step->kind == STEP_ADD)
			publish(step->port);
		if (step->kind == STEP_LIVE)
			live_commit(step);
	}
	staged = NULL;
}

static void live_release(struct step *step) {
	struct port *port = step->port;
	struct err err = {0};

	if (!step->mtu_raised && port->kind->mtu_set &&
		jx_int(port->conf, "mtu", 0) != port->pub.mtu &&
		port->kind->mtu_set(port, port->pub.mtu, &err) < 0)
		log_warn("ports", "the device keeps its larger MTU", "port=%s why=\"%s\"",
			port->pub.name, err.msg);
	json_decref(port->conf);
	port->conf = json_deep_copy(step->object);
}

void dp_ports_release(struct dp_ports_plan *plan) {
	for (size_t i = 0; i < plan->steps.n; i++) {
		struct step *step = &plan->steps.items[i];
		if (step->kind == STEP_LIVE)
			live_release(step);
		if (step->kind != STEP_DEL)
			continue;
		log_info("ports", "port closed", "port=%s", step->port->pub.name);
		port_close(step->port);
		port_free(step->port);
	}
	plan_free(plan);
}

static void live_abort(struct step *step) {
	if (step->mtu_raised)
		step->port->kind->mtu_set(step->port, step->port->pub.mtu, NULL);
}

void dp_ports_abort(struct dp_ports_plan *plan) {
	bool reopened = false;

	staged = NULL;
	for (size_t i = plan->steps.n; i-- > 0;) {
		struct step *step = &plan->steps.items[i];
		if (step->kind == STEP_LIVE)
			live_abort(step);
		if (step->kind != STEP_ADD)
			continue;
		port_close(step->port);
		port_free(step->port);
	}
	for (size_t i = 0; i < plan->steps.n; i++) { // lowest index first, as their order is
		if (!plan->steps.items[i].displaced)
			continue;
		reopen(plan, plan->steps.items[i].port);
		reopened = true;
	}
	if (reopened)
		dp_workers_ports_changed();
	plan_free(plan);
}

void dp_ports_fini(void) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		struct port *port = port_at(i);
		if (!port)
			continue;
		dp_ports[i] = NULL;
		port_close(port);
		port_free(port);
	}
	dp_ports_up = 0;
	n_listeners = 0;
}

// ---- link state ---------------------------------------------------------------------------------------------------

static void link_changed(struct port *port, bool up) {
	unsigned index = port->pub.index;

	if (up)
		dp_ports_up |= RTE_BIT32(index);
	else
		dp_ports_up &= ~RTE_BIT32(index);
	port->link_up = up;
	port->link_known = true;
	for (unsigned i = 0; i < n_listeners; i++)
		listeners[i](index, up);
	log_info("ports", up ? "link up" : "link down", "port=%s", port->pub.name);
	event_emit("port.link", json_pack("{s:s, s:b}", "port", port->pub.name, "up", up));
}

void dp_ports_poll(uint64_t now_ns) {
	if (now_ns - link_seen_ns < LINK_EVERY_NS && now_ns >= link_seen_ns)
		return;
	link_seen_ns = now_ns;
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		struct port *port = port_at(i);
		bool up;
		if (!port)
			continue;
		link_read(port, &up);
		if (up != port->link_up || !port->link_known)
			link_changed(port, up);
	}
}
