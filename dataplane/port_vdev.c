// SPDX-License-Identifier: BSD-3-Clause
// device = "vdev:NAME[,key=value...]": a virtual device of any driver that DPDK has loaded, its own (net_virtio_user0) or
// one that came as a plugin (`leatd --plugin`), with that driver's arguments. For benches and drivers that have no kind
// of their own: what a driver does with its arguments is its business, and nothing is put right here.
#include "dataplane/port_priv.h"
#include <errno.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <string.h>

static void vdev_claim(const struct port_conf *conf, char *buf, size_t size) {
	char name[PORT_DEVICE_LEN];

	snprintf(buf, size, "vdev:%s", port_device_name(conf, name, sizeof(name)));
}

// DPDK finds the driver by the beginning of the name.
static int vdev_check(const struct port_conf *conf, const char *path, struct err *err) {
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	char name[PORT_DEVICE_LEN];
	size_t len;

	port_device_name(conf, name, sizeof(name));
	len = strspn(name, letters);
	if (name[len] != '\0' || len > 39 || strncmp(name, "net_", 4) != 0 || len < 5)
		return err_at(err, path,
			"device: %s is no name of a virtual device: \"net_\", the driver and a "
			"number, "
			"like net_virtio_user0; 39 characters at most",
			name);
	return 0;
}

static int vdev_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	const char *comma = strchr(conf->device, ',');
	struct rte_eth_dev_info info;
	char name[PORT_DEVICE_LEN];

	port_device_name(conf, name, sizeof(name));
	if (strncmp(name, "net_virtio_user", 15) == 0 && !dp_eal.shareable)
		return err_set(err, -ENOMEM,
			"%s wants memory that it can show its peer: restart leatd with this "
			"configuration, or set up hugepages",
			name);
	int rc = port_vdev_open(port, name, comma ? comma + 1 : "", err);
	if (rc < 0)
		return rc;
	rc = rte_eth_dev_info_get(port->pub.index, &info);
	if (rc == 0) {
		port->pub.tx_offloads = info.tx_offload_capa &
			(RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
				RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO);
		port->pub.tx_prepare = true;
		port->mtu_max = RTE_MIN(info.max_mtu, DP_MTU_MAX);
		port->driver = info.driver_name;
		rc = port_start(port, conf, workers, err);
	} else {
		err_set(err, rc, "%s does not say what it can do (%s)", name, rte_strerror(-rc));
	}
	if (rc < 0)
		port_dev_remove(port);
	return rc;
}

static int vdev_mtu_set(struct port *port, uint16_t mtu, struct err *err) {
	int rc = rte_eth_dev_set_mtu(port->pub.index, mtu);

	if (rc == 0 || rc == -ENOTSUP) // a driver that has no MTU takes any
		return 0;
	return err_set(err, rc, "the driver %s refuses an MTU of %u while it runs (%s)",
		port->driver, mtu, rte_strerror(-rc));
}

static void vdev_live(struct port *port, const struct port_conf *conf) {
	if (conf->promiscuous)
		rte_eth_promiscuous_enable(port->pub.index);
	else
		rte_eth_promiscuous_disable(port->pub.index);
}

const struct dp_port_kind port_vdev_kind = {
	.name = "vdev",
	.prefix = "vdev:",
	.help = "a virtual device of a driver of DPDK's, or of a plugin",
	.claim = vdev_claim,
	.check = vdev_check,
	.open = vdev_open,
	.close = port_dev_remove,
	.mtu_set = vdev_mtu_set,
	.live = vdev_live,
};
