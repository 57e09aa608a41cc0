// SPDX-License-Identifier: BSD-3-Clause
// What every kind of port needs of an ethdev: made, configured, started, removed.
#include "dataplane/port_priv.h"
#include "lib/log.h"
#include <errno.h>
#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_DEFAULT 1024

int port_vdev_room(struct err *err) {
	unsigned n = rte_eth_dev_count_total();

	if (n < DP_MAX_PORTS)
		return 0;
	return err_set(err, -ENOSPC,
		"there are %u ports already, bond members included, and %u is the limit; remove "
		"one first",
		n, DP_MAX_PORTS);
}

int port_vdev_open(struct port *port, const char *name, const char *args, struct err *err) {
	int rc = port_vdev_room(err);

	if (rc < 0)
		return rc;
	if (rte_eth_dev_get_port_by_name(name, &port->pub.index) == 0)
		return err_set(
			err, -EEXIST, "there is a device %s already; take another number", name);
	rc = rte_eal_hotplug_add("vdev", name, args);
	if (rc == 0)
		rc = rte_eth_dev_get_port_by_name(name, &port->pub.index);
	if (rc < 0)
		return err_set(err, rc,
			"no driver makes %s of \"%s\" (%s); the log says why, unless there is "
			"none of this name",
			name, args, rte_strerror(-rc));
	snprintf(port->vdev, sizeof(port->vdev), "%s", name);
	port->open = true;
	return 0;
}

int port_vdev_add(struct port *port, const char *driver, struct err *err, const char *fmt, ...) {
	static unsigned serial;
	char args[512], name[RTE_ETH_NAME_MAX_LEN];
	uint16_t taken;
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	if (len >= (int)sizeof(args))
		return err_set(err, -ENAMETOOLONG, "the device's text is too long");
	do
		snprintf(name, sizeof(name), "%s_%u", driver, serial++);
	while (rte_eth_dev_get_port_by_name(name, &taken) == 0); // by a port with a name of its own
	return port_vdev_open(port, name, args, err);
}

int port_rings_add(struct port *port, const char *name, struct rte_ring *rx,
	struct rte_ring *const *tx, unsigned n_tx, struct err *err) {
	int rc = port_vdev_room(err);

	if (rc < 0)
		return rc;
	int id = rte_eth_from_rings(name, &rx, 1, tx, n_tx, SOCKET_ID_ANY);
	if (id < 0)
		return err_set(err, -rte_errno, "DPDK makes no port of the rings (%s)",
			rte_strerror(rte_errno));
	snprintf(port->vdev, sizeof(port->vdev), "net_ring_%s", name);
	port->pub.index = id;
	port->open = true;
	return 0;
}

void port_dev_remove(struct port *port) {
	struct rte_device *device = NULL;
	struct rte_eth_dev_info info;

	if (!port->open)
		return;
	if (rte_eth_dev_info_get(port->pub.index, &info) == 0)
		device = info.device;
	if (port->started)
		rte_eth_dev_stop(port->pub.index);
	rte_eth_dev_close(port->pub.index);
	if (port->vdev[0])
		rte_eal_hotplug_remove("vdev", port->vdev);
	else if (device)
		rte_dev_remove(device);
	port->open = port->started = false;
	port->vdev[0] = '\0';
}

static uint16_t queues_limit(uint16_t wanted, uint16_t limit) {
	wanted = RTE_MIN(wanted, (uint16_t)PORT_QUEUES_MAX);
	return limit ? RTE_MIN(wanted, limit) : wanted;
}

static void queues_choose(struct port *port, const struct port_conf *conf, unsigned workers,
	const struct rte_eth_dev_info *info) {
	uint16_t wanted = conf->queues ? conf->queues : workers;

	port->pub.n_rxq = queues_limit(port->n_rxq ? port->n_rxq : wanted, info->max_rx_queues);
	port->pub.n_txq = queues_limit(port->n_txq ? port->n_txq : wanted, info->max_tx_queues);
}

static struct rte_eth_conf eth_conf(const struct port *port, const struct port_conf *conf,
	const struct rte_eth_dev_info *info) {
	const uint64_t rss = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
	struct rte_eth_conf eth = {
		.txmode.offloads = port->pub.tx_offloads & info->tx_offload_capa};

	if (port->pub.n_rxq > 1 && (info->flow_type_rss_offloads & rss)) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		eth.rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & rss;
	}
	if (port->kind->mtu_set == NULL || port->kind == &port_kernel_kind)
		return eth; // for the others the MTU is no matter of DPDK's
	eth.rxmode.mtu = conf->mtu;
	eth.rxmode.offloads |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	return eth;
}

static int queues_setup(struct port *port, const struct port_conf *conf) {
	struct rte_mempool *pool = port->pool ? port->pool : dp_pool();
	uint16_t usual = port->ring ? port->ring : RING_DEFAULT;
	uint16_t rx = conf->rx_ring && !port->ring ? conf->rx_ring : usual;
	uint16_t tx = conf->tx_ring && !port->ring ? conf->tx_ring : usual;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->pub.index, &rx, &tx);

	for (uint16_t q = 0; rc == 0 && q < port->pub.n_txq + port->spare_txq; q++)
		rc = rte_eth_tx_queue_setup(port->pub.index, q, tx, SOCKET_ID_ANY, NULL);
	for (uint16_t q = 0; rc == 0 && q < port->pub.n_rxq; q++)
		rc = rte_eth_rx_queue_setup(port->pub.index, q, rx, SOCKET_ID_ANY, NULL, pool);
	return rc;
}

static void mac_choose(struct port *port, const struct port_conf *conf) {
	struct rte_ether_addr mac;

	memcpy(&mac, &conf->mac, sizeof(mac));
	if (!rte_is_zero_ether_addr(&mac))
		rte_eth_dev_default_mac_addr_set(port->pub.index, &mac);
	else
		rte_eth_macaddr_get(port->pub.index, &mac);
	if (rte_is_zero_ether_addr(&mac))
		rte_eth_random_addr(mac.addr_bytes);
	port->pub.mac = mac;
}

int port_start(struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port->pub.index, &info);

	if (rc == 0) {
		queues_choose(port, conf, workers, &info);
		struct rte_eth_conf eth = eth_conf(port, conf, &info);
		rc = rte_eth_dev_configure(
			port->pub.index, port->pub.n_rxq, port->pub.n_txq + port->spare_txq, &eth);
	}
	if (rc == 0)
		rc = queues_setup(port, conf);
	if (rc == 0)
		rc = rte_eth_dev_start(port->pub.index);
	if (rc < 0)
		return err_set(err, rc, "the device cannot be set up with %u + %u queues (%s)",
			port->pub.n_rxq, port->pub.n_txq, rte_strerror(-rc));
	port->started = true;
	if (conf->promiscuous && port->kind != &port_kernel_kind)
		rte_eth_promiscuous_enable(port->pub.index);
	mac_choose(port, conf);
	return 0;
}
