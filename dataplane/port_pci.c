// SPDX-License-Identifier: BSD-3-Clause
// device = "0000:03:00.0": a NIC that a driver of DPDK drives. The kernel must have let go of it (vfio-pci, or
// uio_pci_generic where there is no IOMMU), except where the two share it (mlx4, mlx5, mana).
#include "dataplane/port_priv.h"
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <rte_bus_pci.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_vfio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PCI_SYSFS "/sys/bus/pci/devices"

// Canonical, as sysfs and DPDK name it.
static void pci_name(const struct port_conf *conf, char *buf, size_t size) {
	struct rte_pci_addr addr = {0};

	rte_pci_addr_parse(conf->device, &addr);
	rte_pci_device_name(&addr, buf, size);
}

static void pci_claim(const struct port_conf *conf, char *buf, size_t size) {
	char name[PCI_PRI_STR_SIZE];

	pci_name(conf, name, sizeof(name));
	snprintf(buf, size, "pci:%s", name);
}

// Kernel driver, "" when there is none.
static void pci_driver(const char *name, char *buf, size_t size) {
	char path[96], target[256];

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/driver", name);
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	target[RTE_MAX(len, 0)] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(buf, size, "%s", slash ? slash + 1 : "");
}

// The network interface that the kernel makes of it, "" when there is none.
static void pci_netif(const char *name, char *buf, size_t size) {
	static const char *const places[] = {"net", "virtio*/net"};
	char pattern[96];

	*buf = '\0';
	for (unsigned i = 0; i < RTE_DIM(places) && *buf == '\0'; i++) {
		glob_t found;
		snprintf(pattern, sizeof(pattern), PCI_SYSFS "/%s/%s/*", name, places[i]);
		if (glob(pattern, 0, NULL, &found) == 0)
			snprintf(buf, size, "%s", strrchr(found.gl_pathv[0], '/') + 1);
		globfree(&found);
	}
}

static bool has_iommu(const char *name) {
	char path[96];

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/iommu_group", name);
	return access(path, F_OK) == 0;
}

// Debian's kernel has vfio-pci only for devices behind an IOMMU.
static const char *driver_wanted(const char *name) {
	return has_iommu(name) ? "vfio-pci" : "uio_pci_generic";
}

// A uio driver maps no memory for the device, which then wants physical addresses; EAL chose at its start whether it
// gets those.
static int addresses_check(const char *name, const char *driver, struct err *err) {
	if (strstr(driver, "uio") == NULL || rte_eal_iova_mode() == RTE_IOVA_PA)
		return 0;
	if (has_iommu(name))
		return err_set(err, -EINVAL,
			"%s is bound to %s, which leaves the IOMMU unused; bind it to vfio-pci: "
			"`dpdk-devbind.py --bind=vfio-pci %s`",
			name, driver, name);
	return err_set(err, -EINVAL,
		"%s has no IOMMU and wants hugepages, and leatd runs without (%s); set "
		"vm.nr_hugepages to at least %u and start leatd again",
		name, *dp_eal.why_no_huge ? dp_eal.why_no_huge : "no physical addresses",
		dp_eal.memory_mb / 2 + 1);
}

static int driver_check(const char *name, struct err *err) {
	static const char *const usable[] = {"vfio-pci", "igb_uio", "uio_pci_generic", "mlx4_core",
		"mlx5_core", "mana", "uio_hv_generic"};
	char driver[64], netif[NAME_MAX + 1], path[96];

	snprintf(path, sizeof(path), PCI_SYSFS "/%s", name);
	if (access(path, F_OK) < 0)
		return err_set(
			err, -ENODEV, "there is no PCI device %s; `lspci -D` lists them", name);
	pci_driver(name, driver, sizeof(driver));
	for (unsigned i = 0; i < RTE_DIM(usable); i++) {
		if (strcmp(driver, usable[i]) == 0)
			return addresses_check(name, driver, err);
	}
	pci_netif(name, netif, sizeof(netif));
	if (*netif)
		return err_set(err, -EBUSY,
			"%s is the kernel's %s (driver %s); use device = \"%s\", or give it to "
			"DPDK: `dpdk-devbind.py --bind=%s %s`",
			name, netif, driver, netif, driver_wanted(name), name);
	return err_set(err, -EBUSY, "%s %s%s; give it to DPDK: `dpdk-devbind.py --bind=%s %s`",
		name, *driver ? "belongs to the kernel driver " : "has no driver", driver,
		driver_wanted(name), name);
}

static void capabilities(struct port *port, const struct rte_eth_dev_info *info) {
	port->pub.tx_offloads = info->tx_offload_capa &
		(RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
			RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO);
	port->pub.tx_prepare = true;
	port->mtu_max = RTE_MIN(info->max_mtu, DP_MTU_MAX);
	port->driver = info->driver_name;
}

static int pci_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	struct rte_eth_dev_info info;
	char name[PCI_PRI_STR_SIZE];

	pci_name(conf, name, sizeof(name));
	int rc = port_vdev_room(err);
	if (rc == 0)
		rc = driver_check(name, err);
	if (rc < 0)
		return rc;
	if (!rte_vfio_is_enabled("vfio"))
		rte_vfio_enable("vfio"); // the module may have been loaded after EAL's start
	rc = rte_eal_hotplug_add("pci", name, "");
	if (rc == 0)
		rc = rte_eth_dev_get_port_by_name(name, &port->pub.index);
	if (rc == 0)
		rc = rte_eth_dev_info_get(port->pub.index, &info);
	if (rc < 0) {
		rte_eal_hotplug_remove("pci", name);
		return err_set(err, rc,
			"DPDK does not take %s (%s); the log says why, unless no driver of DPDK's "
			"is for it",
			name, rte_strerror(-rc));
	}
	port->open = true;
	capabilities(port, &info);
	rc = port_start(port, conf, workers, err);
	if (rc < 0)
		port_dev_remove(port);
	return rc;
}

static int pci_mtu_set(struct port *port, uint16_t mtu, struct err *err) {
	int rc = rte_eth_dev_set_mtu(port->pub.index, mtu);

	if (rc == 0)
		return 0;
	return err_set(
		err, rc, "the NIC refuses an MTU of %u while it runs (%s)", mtu, rte_strerror(-rc));
}

static void pci_enable(struct port *port, bool on) {
	if (on)
		rte_eth_dev_set_link_up(port->pub.index);
	else
		rte_eth_dev_set_link_down(port->pub.index);
}

static void pci_live(struct port *port, const struct port_conf *conf) {
	if (conf->promiscuous)
		rte_eth_promiscuous_enable(port->pub.index);
	else
		rte_eth_promiscuous_disable(port->pub.index);
}

const struct dp_port_kind port_pci_kind = {
	.name = "pci",
	.help = "a NIC on the PCI bus",
	.claim = pci_claim,
	.open = pci_open,
	.close = port_dev_remove,
	.mtu_set = pci_mtu_set,
	.enable = pci_enable,
	.live = pci_live,
};
