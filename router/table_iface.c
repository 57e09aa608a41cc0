// SPDX-License-Identifier: BSD-3-Clause
#include "router/iface.h"
#include "router/ip6.h"
#include <errno.h>
#include <rte_malloc.h>
#include <string.h>

struct rtr_iface *rtr_ifaces[DP_MAX_IFACES];
struct rtr_count *rtr_counts[DP_MAX_WORKERS];
static struct rtr_count beside[DP_MAX_IFACES]; // packets that no worker saw
static struct rtr_count bases[DP_MAX_IFACES];  // what the counters read when the interface was made

bool rtr_iface_owns(const struct rtr_iface *iface, const struct addr *addr) {
	for (unsigned i = 0; i < iface->n_addrs; i++)
		if (addr_cmp(&iface->addrs[i].addr, addr) == 0)
			return true;
	return false;
}

bool rtr_iface_broadcast(const struct rtr_iface *iface, const struct addr *addr) {
	for (unsigned i = 0; i < iface->n_addrs; i++) {
		const struct prefix *p = &iface->addrs[i];
		bool all = addr->family == ADDR_V4 && p->addr.family == ADDR_V4 && p->len < 31 &&
			prefix_contains(p, addr);

		for (unsigned bit = p->len; all && bit < 32; bit++)
			all = addr->bytes[bit / 8] >> (7 - bit % 8) & 1;
		if (all)
			return true;
	}
	return false;
}

static bool link_local(const struct addr *addr) {
	return addr->family == ADDR_V6 && ip6_is_link_local(addr->bytes);
}

const struct addr *rtr_iface_source(const struct rtr_iface *iface, const struct addr *to) {
	const struct addr *first = NULL;

	for (unsigned i = 0; i < iface->n_addrs; i++) {
		const struct prefix *p = &iface->addrs[i];

		if (p->addr.family != to->family || link_local(&p->addr) != link_local(to))
			continue;
		if (prefix_contains(p, to))
			return &p->addr;
		if (first == NULL)
			first = &p->addr;
	}
	return first;
}

int rtr_iface_init(struct err *err) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		rtr_counts[w] = rte_zmalloc("rtr_counts", sizeof(struct rtr_count) * DP_MAX_IFACES,
			RTE_CACHE_LINE_SIZE);
		if (rtr_counts[w] == NULL)
			return err_set(err, -ENOMEM, "no memory for the counters of interfaces");
	}
	return 0;
}

void rtr_iface_fini(void) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		rte_free(rtr_counts[w]);
		rtr_counts[w] = NULL;
	}
}

void rtr_iface_count_add(unsigned iface, const struct rtr_count *more) {
	beside[iface].rx_packets += more->rx_packets;
	beside[iface].rx_bytes += more->rx_bytes;
	beside[iface].tx_packets += more->tx_packets;
	beside[iface].tx_bytes += more->tx_bytes;
}

const struct rtr_count *rtr_iface_count_beside(unsigned iface) {
	return &beside[iface];
}

// What a twin sends is not routed: it is not among those that left.
static struct rtr_count sum(unsigned iface) {
	struct rtr_count total = {
		.rx_packets = beside[iface].rx_packets, .rx_bytes = beside[iface].rx_bytes};

	for (unsigned w = 0; w < DP_EXPLAINER && rtr_counts[w]; w++) {
		const struct rtr_count *c = &rtr_counts[w][iface];

		total.rx_packets += __atomic_load_n(&c->rx_packets, __ATOMIC_RELAXED);
		total.rx_bytes += __atomic_load_n(&c->rx_bytes, __ATOMIC_RELAXED);
		total.tx_packets += __atomic_load_n(&c->tx_packets, __ATOMIC_RELAXED);
		total.tx_bytes += __atomic_load_n(&c->tx_bytes, __ATOMIC_RELAXED);
	}
	return total;
}

struct rtr_count rtr_iface_count(unsigned iface) {
	struct rtr_count total = sum(iface);

	total.rx_packets -= bases[iface].rx_packets;
	total.rx_bytes -= bases[iface].rx_bytes;
	total.tx_packets -= bases[iface].tx_packets;
	total.tx_bytes -= bases[iface].tx_bytes;
	return total;
}

void rtr_iface_forget(unsigned iface) {
	beside[iface] = (struct rtr_count){0};
	bases[iface] = sum(iface);
}
