// SPDX-License-Identifier: BSD-3-Clause
// From the configuration of an interface to what nodes read.
#include "lib/hash.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/ip6.h"
#include "router/router_priv.h"
#include "router/tunnel/tunnel.h"
#include "switch/switch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MTU_VLAN 1500

// The interface of this VLAN that runs already keeps its index.
static int vlan_index(const struct rtr_conf_iface *conf, struct err *err) {
	int sw = sw_find(conf->sw);

	for (unsigned i = DP_MAX_PORTS; sw >= 0 && i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_ifaces[i];

		if (iface && iface->sw == sw && iface->vlan == conf->vlan)
			return (int)i;
	}
	return dp_iface_new(conf->name, err);
}

// A locally administered address that stays the same from start to start: of the names.
static struct rte_ether_addr mac_made(const char *router, const char *name) {
	struct rte_ether_addr mac;
	char text[2 * RTR_NAME + 2];

	snprintf(text, sizeof(text), "%s/%s", router, name);
	uint64_t hash = hash_text(text);
	memcpy(mac.addr_bytes, &hash, sizeof(mac.addr_bytes));
	mac.addr_bytes[0] = (uint8_t)((mac.addr_bytes[0] & 0xfc) | 0x02);
	return mac;
}

static int place_port(struct rtr_iface *iface, const struct rtr_conf_iface *conf, struct err *err) {
	struct dp_port_info info;
	int index = dp_port_find(conf->port);

	if (index < 0 || dp_port_info((unsigned)index, &info) != 0)
		return err_set(err, -ENOENT, "there is no port %s", conf->port);
	iface->index = iface->port = (uint16_t)index;
	iface->mtu = info.mtu;
	iface->mac = info.mac;
	if (conf->mtu > info.mtu)
		return err_set(err, -EINVAL,
			"mtu %u is more than port %s carries (%u); raise the port's first",
			conf->mtu, conf->port, info.mtu);
	return 0;
}

static int place_vlan(struct rtr_iface *iface, const char *router,
	const struct rtr_conf_iface *conf, struct err *err) {
	int index = vlan_index(conf, err);

	if (index < 0)
		return index;
	iface->index = (uint16_t)index;
	iface->port = DP_NONE;
	iface->vlan = (uint16_t)conf->vlan;
	iface->mtu = MTU_VLAN;
	iface->mac = mac_made(router, conf->name);
	return 0;
}

static int place_tunnel(struct rtr_iface *iface, const char *router,
	const struct rtr_conf_iface *conf, struct err *err) {
	int index = -1;

	for (unsigned i = DP_MAX_PORTS; index < 0 && i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *old = rtr_ifaces[i];

		if (old && old->tunnel && strcmp(old->name, conf->name) == 0 &&
			strcmp(old->router, router) == 0)
			index = (int)i;
	}
	iface->mtu = DP_MTU_MAX; // as the underlay allows
	iface->mtu_said[RTR_FROM_TUNNEL] = tunnel_mtu_first(&conf->tunnel);
	if (index < 0)
		index = dp_iface_new(conf->name, err);
	if (index < 0)
		return index;
	iface->index = (uint16_t)index;
	iface->port = DP_NONE;
	iface->tunnel = true;
	iface->mac = mac_made(router, conf->name); // for those who want one: a host twin
	return 0;
}

static int place(struct rtr_iface *iface, const char *router, const struct rtr_conf_iface *conf,
	struct err *err) {
	if (conf->tunnel.type != TUNNEL_NONE)
		return place_tunnel(iface, router, conf, err);
	return conf->port[0] ? place_port(iface, conf, err) : place_vlan(iface, router, conf, err);
}

// RFC 4291 appendix A: the MAC address with its universal bit turned over, and ff:fe in the middle.
static struct prefix link_local_of(const struct rte_ether_addr *mac) {
	const uint8_t *b = mac->addr_bytes;
	struct prefix p = {.addr = {.family = ADDR_V6}, .len = 64};
	const uint8_t id[8] = {b[0] ^ 2, b[1], b[2], 0xff, 0xfe, b[3], b[4], b[5]};

	p.addr.bytes[0] = 0xfe;
	p.addr.bytes[1] = 0x80;
	memcpy(p.addr.bytes + 8, id, sizeof(id));
	return p;
}

static void addresses(struct rtr_iface *iface, const struct rtr_conf_iface *conf) {
	bool has_link_local = false;

	for (unsigned i = 0; i < conf->n_addrs; i++) {
		const struct prefix *p = &conf->addrs[i];

		iface->addrs[iface->n_addrs++] = *p;
		has_link_local |= p->addr.family == ADDR_V6 && ip6_is_link_local(p->addr.bytes);
	}
	if (conf->ipv6 && !has_link_local)
		iface->addrs[iface->n_addrs++] = link_local_of(&iface->mac);
}

static uint16_t mss_of(int mss, unsigned mtu, unsigned headers) {
	return (uint16_t)(mss < 0 ? mtu - headers : (unsigned)mss);
}

void rtr_iface_mtu_apply(struct rtr_iface *iface, const struct rtr_conf_iface *conf) {
	iface->mtu = iface->mtu_said[RTR_FROM_CONF];
	for (unsigned i = 0; i < RTR_FROM_COUNT; i++)
		if (iface->mtu_said[i] != 0)
			iface->mtu = RTE_MIN(iface->mtu, iface->mtu_said[i]);
	iface->mss4 = mss_of(conf->mss, iface->mtu, 40);
	iface->mss6 = mss_of(conf->mss, iface->mtu, 60);
}

unsigned rtr_own_routes(const struct prefix *addr, struct rtr_own_route routes[static 3]) {
	bool v4 = addr->addr.family == ADDR_V4;
	uint8_t host = v4 ? 32 : 128;
	struct prefix last = {addr->addr, host};
	unsigned n = 0;

	if (!v4 && ip6_is_link_local(addr->addr.bytes))
		return 0;
	routes[n++] = (struct rtr_own_route){last, RTR_SRC_LOCAL};
	if (addr->len < host)
		routes[n++] = (struct rtr_own_route){prefix_network(addr), RTR_SRC_CONNECTED};
	if (!v4 || addr->len >= 31)
		return n;
	for (unsigned bit = addr->len; bit < 32; bit++)
		last.addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	routes[n++] = (struct rtr_own_route){last, RTR_SRC_LOCAL};
	return n;
}

int64_t rtr_own_slot(
	const struct rtr_iface *iface, const struct rtr_own_route *route, struct err *err) {
	struct rtr_path path = {.iface = iface->index, .weight = 1};

	return route->source == RTR_SRC_LOCAL ? nexthop_special_get(RTR_NH_LOCAL, iface->vrf, err)
					      : nexthop_get(iface->vrf, &path, 1, err);
}

struct rtr_iface *rtr_iface_build(const struct rtr_conf *router, const struct rtr_conf_iface *conf,
	uint16_t vrf, struct err *err) {
	struct rtr_iface *iface = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*iface));
	int rc;

	if (iface == NULL) {
		err_set(err, -ENOMEM, "routers: out of memory");
		return NULL;
	}
	memset(iface, 0, sizeof(*iface));
	rc = place(iface, router->name, conf, err);
	if (rc < 0) {
		free(iface);
		return NULL;
	}
	iface->vrf = vrf;
	iface->sw = DP_NONE;
	iface->twin = DP_NONE;
	iface->shortcut = conf->twin_shortcut;
	iface->mtu_said[RTR_FROM_CONF] = conf->mtu ? (uint16_t)conf->mtu : iface->mtu;
	static const struct mac none;
	if (memcmp(&conf->mac, &none, sizeof(none)) != 0)
		memcpy(&iface->mac, &conf->mac, sizeof(iface->mac));
	iface->urpf = (uint8_t)conf->urpf;
	iface->dscp = conf->dscp < 0 ? 255 : (uint8_t)conf->dscp;
	rtr_iface_mtu_apply(iface, conf);
	iface->has_policy = router->n_rules > 0;
	iface->proxy_arp = conf->proxy_arp;
	iface->proxy_nd = conf->proxy_nd;
	addresses(iface, conf);
	snprintf(iface->name, sizeof(iface->name), "%s", conf->name);
	snprintf(iface->router, sizeof(iface->router), "%s", router->name);
	snprintf(iface->zone, sizeof(iface->zone), "%s", conf->zone);
	return iface;
}
