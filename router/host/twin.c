// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/twin.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "lib/netns.h"
#include "router/host/shortcut/shortcut.h"
#include "router/host/twin_link.h"
#include "router/tunnel/tunnel.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_NS NSEC_PER_SEC // twins that are gone are looked for so often

struct twin {
	char netns[NETNS_NAME];
	char name[RTR_CONF_DEVICE];
	uint16_t port;
	int rtnl;  // a socket in its namespace
	int index; // of the interface
	// as the kernel was told
	struct mac mac;
	unsigned mtu;
	struct prefix addrs[RTR_IFACE_ADDRS];
	unsigned n_addrs;
	bool fresh; // made by the transaction under way
	bool gone;  // withdrawn by it
	bool lost;  // somebody else has deleted it
};

uint16_t rtr_twin_ifaces[DP_MAX_PORTS];
static struct twin *twins[DP_MAX_PORTS]; // by port

void twins_init(void) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		rtr_twin_ifaces[i] = DP_NONE;
}

// Under whatever name.
static bool is_here(const char *netns) {
	char path[NETNS_NAME + 16];
	struct stat own, other;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	return *netns == '\0' ||
		(stat("/proc/self/ns/net", &own) == 0 && stat(path, &other) == 0 &&
			own.st_dev == other.st_dev && own.st_ino == other.st_ino);
}

struct twin_ends twin_ends(unsigned port) {
	const struct twin *twin = twins[port];
	struct twin_ends ends = {
		.rtnl = twin->rtnl, .index = twin->index, .here = is_here(twin->netns)};

	snprintf(ends.identity, sizeof(ends.identity), "%s/%s", twin->netns, twin->name);
	return ends;
}

static void twin_free(struct twin *twin) {
	shortcut_close(twin->port);
	twins[twin->port] = NULL;
	dp_tap_close(twin->port);
	close(twin->rtnl);
	free(twin);
}

// ---- what the kernel is told ----------------------------------------------------------------------------------

static bool has(const struct prefix *addrs, unsigned n, const struct prefix *addr) {
	for (unsigned i = 0; i < n; i++)
		if (addrs[i].len == addr->len && addr_cmp(&addrs[i].addr, &addr->addr) == 0)
			return true;
	return false;
}

// Of a namespace without IPv6 the twin has IPv4 only; that is no reason to refuse the rest.
static void addr_failed(const struct twin *twin, const struct prefix *addr, int rc) {
	char text[PREFIX_STRLEN];

	log_warn("router", "the kernel refuses an address of a host twin",
		"twin=%s namespace=%s address=%s why=\"%s%s\"", twin->name, twin->netns,
		prefix_print(addr, text), strerror(-rc),
		addr->addr.family == ADDR_V6 &&
				(rc == -EACCES || rc == -EPERM || rc == -EAFNOSUPPORT)
			? "; IPv6 is disabled there (sysctl net.ipv6.conf)"
			: "");
}

// What goes before what comes: with an IPv4 address the kernel removes those of the same subnet that came after it.
static void addrs_tell(struct twin *twin, const struct rtr_iface *iface) {
	bool changed = false;

	for (unsigned i = 0; i < twin->n_addrs; i++) {
		if (has(iface->addrs, iface->n_addrs, &twin->addrs[i]))
			continue;
		twin_link_addr(twin->rtnl, twin->index, &twin->addrs[i], false);
		changed = true;
	}
	for (unsigned i = 0; i < iface->n_addrs; i++) {
		if (!changed && has(twin->addrs, twin->n_addrs, &iface->addrs[i]))
			continue;
		int rc = twin_link_addr(twin->rtnl, twin->index, &iface->addrs[i], true);
		if (rc < 0)
			addr_failed(twin, &iface->addrs[i], rc);
	}
	memcpy(twin->addrs, iface->addrs, sizeof(twin->addrs));
	twin->n_addrs = iface->n_addrs;
}

static int twin_tell(struct twin *twin, const struct rtr_iface *iface) {
	struct mac mac;
	int rc = 0;

	memcpy(&mac, &iface->mac, sizeof(mac));
	if (iface->mtu != twin->mtu || memcmp(&mac, &twin->mac, sizeof(mac)) != 0)
		rc = twin_link_set(twin->rtnl, twin->index, &mac, iface->mtu);
	if (rc < 0)
		return rc;
	twin->mac = mac;
	twin->mtu = iface->mtu;
	dp_tap_mtu_set(twin->port, iface->mtu);
	addrs_tell(twin, iface);
	return 0;
}

// ---- the transaction ------------------------------------------------------------------------------------------

static struct twin *twin_find(const struct rtr_conf_iface *conf) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		struct twin *twin = twins[i];

		if (twin && !twin->lost && strcmp(twin->netns, conf->twin_netns) == 0 &&
			strcmp(twin->name, conf->twin_name) == 0)
			return twin;
	}
	return NULL;
}

static int twin_open(struct twin *twin, const struct rtr_iface *iface, struct err *err) {
	char name[2 * RTR_NAME + 2];
	int tun = netns_open(twin->netns, NETNS_TUN, err);

	if (tun < 0)
		return tun;
	twin->rtnl = netns_open(twin->netns, NETNS_ROUTE, err);
	if (twin->rtnl < 0) {
		close(tun);
		return twin->rtnl;
	}
	snprintf(name, sizeof(name), "%.13s/%.17s", iface->router, iface->name);
	int port = dp_tap_open(&(struct dp_tap){.name = name,
				       .device = twin->name,
				       .tun = tun,
				       .mtu = iface->mtu,
				       .mac = iface->mac},
		err);
	if (port < 0) {
		close(twin->rtnl);
		return port;
	}
	twin->port = (uint16_t)port;
	twins[port] = twin;
	return 0;
}

static int twin_set_up(struct twin *twin, const struct rtr_iface *iface, struct err *err) {
	int rc = twin->index = twin_link_index(twin->rtnl, twin->name);

	if (rc > 0) {
		twin_link_no_autoconf(twin->rtnl, twin->index);
		rc = twin_tell(twin, iface);
	}
	if (rc < 0)
		return err_set(err, rc, "the kernel refuses the host twin %s (%s)", twin->name,
			strerror(-rc));
	return 0;
}

int twin_prepare(struct rtr_iface *iface, const struct rtr_conf_iface *conf, struct err *err) {
	struct twin *twin = conf->has_twin ? twin_find(conf) : NULL;

	iface->twin = twin ? twin->port : DP_NONE;
	if (twin || !conf->has_twin)
		return 0;
	twin = calloc(1, sizeof(*twin));
	if (twin == NULL)
		return err_set(err, -ENOMEM, "routers: out of memory");
	snprintf(twin->netns, sizeof(twin->netns), "%s", conf->twin_netns);
	snprintf(twin->name, sizeof(twin->name), "%s", conf->twin_name);
	twin->fresh = true;
	int rc = twin_open(twin, iface, err);
	if (rc < 0) {
		free(twin);
		return rc;
	}
	rc = twin_set_up(twin, iface, err);
	if (rc < 0) {
		twin_free(twin);
		return rc;
	}
	iface->twin = twin->port;
	return 0;
}

static const struct rtr_iface *iface_of(const struct twin *twin) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (rtr_ifaces[i] && rtr_ifaces[i]->twin == twin->port)
			return rtr_ifaces[i];
	return NULL;
}

static bool link_of(const struct rtr_iface *iface) {
	struct dp_port_info info;

	if (iface->tunnel)
		return tunnel_up(iface->index);
	return iface->port == DP_NONE || (dp_port_info(iface->port, &info) == 0 && info.link_up);
}

static void withdraw(struct twin *twin) {
	twin->gone = true;
	rtr_twin_ifaces[twin->port] = DP_NONE;
	dp_tap_publish(twin->port, false);
	dp_arc_enable("twin_input", twin->port, false, NULL);
}

static void commit(struct twin *twin, const struct rtr_iface *iface) {
	int rc = twin_tell(twin, iface);

	if (rc == 0)
		rc = twin_link_up(twin->rtnl, twin->index, !iface->tunnel);
	if (rc < 0)
		log_error("router", "the kernel refuses to change a host twin",
			"twin=%s namespace=%s why=\"%s\"", twin->name, twin->netns, strerror(-rc));
	rtr_twin_ifaces[twin->port] = iface->index;
	dp_arc_enable("twin_input", twin->port, true, NULL);
	dp_tap_publish(twin->port, true);
	dp_port_mode_set(twin->port, DP_PORT_L3);
	if (twin->fresh)
		shortcut_clear(twin->port);
	twin->fresh = false;
	dp_tap_carrier_set(twin->port, link_of(iface));
}

void twins_commit(void) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		const struct rtr_iface *iface = twins[i] ? iface_of(twins[i]) : NULL;

		if (iface)
			commit(twins[i], iface);
		else if (twins[i])
			withdraw(twins[i]);
	}
}

void twins_release(void) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		if (twins[i] && twins[i]->gone)
			twin_free(twins[i]);
}

void twins_abort(void) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		if (twins[i] && twins[i]->fresh)
			twin_free(twins[i]);
}

// ---- while it runs --------------------------------------------------------------------------------------------

void twin_changed(const struct rtr_iface *iface) {
	struct twin *twin = iface->twin != DP_NONE ? twins[iface->twin] : NULL;
	int rc = twin && !twin->lost ? twin_tell(twin, iface) : 0;

	if (twin)
		shortcut_flush(twin->port);
	if (rc < 0)
		log_error("router", "the kernel refuses to change a host twin",
			"twin=%s namespace=%s why=\"%s\"", twin->name, twin->netns, strerror(-rc));
}

void twin_link(const struct rtr_iface *iface, bool up) {
	if (iface->twin != DP_NONE)
		dp_tap_carrier_set(iface->twin, up);
}

void twins_poll(uint64_t now_ns) {
	static uint64_t next_ns;

	if (now_ns < next_ns)
		return;
	next_ns = now_ns + LOOK_NS;
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		struct twin *twin = twins[i];

		if (twin == NULL || twin->lost || !dp_tap_lost(twin->port))
			continue;
		twin->lost = true;
		shortcut_close(i);
		log_error("router", "host twin lost: somebody has deleted it; apply again",
			"twin=%s namespace=%s", twin->name, twin->netns);
		event_emit("router.twin-lost",
			json_pack("{s:s, s:s}", "twin", twin->name, "namespace", twin->netns));
	}
}

// ---- for those who hear the kernel ----------------------------------------------------------------------------

static const struct rtr_iface *iface_in(const struct twin *twin, const char *netns) {
	return twin && strcmp(twin->netns, netns) == 0 ? rtr_iface(rtr_twin_ifaces[twin->port])
						       : NULL;
}

const struct rtr_iface *twin_iface(const char *netns, int index) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		if (twins[i] && twins[i]->index == index && iface_in(twins[i], netns))
			return iface_in(twins[i], netns);
	return NULL;
}

bool twin_in_vrf(const char *netns, unsigned vrf) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		const struct rtr_iface *iface = iface_in(twins[i], netns);

		if (iface && iface->vrf == vrf)
			return true;
	}
	return false;
}

int twin_vrf(const char *netns) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		if (iface_in(twins[i], netns))
			return iface_in(twins[i], netns)->vrf;
	return -ENOENT;
}

void twins_foreach_netns(void (*fn)(const char *netns, void *arg), void *arg) {
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		bool first = twins[i] && !twins[i]->gone;

		for (unsigned j = 0; first && j < i; j++)
			first = twins[j] == NULL || twins[j]->gone ||
				strcmp(twins[j]->netns, twins[i]->netns) != 0;
		if (first)
			fn(twins[i]->netns, arg);
	}
}
