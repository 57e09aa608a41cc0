// SPDX-License-Identifier: BSD-3-Clause
// device = "eth1": a kernel network interface, by the best way in that works:
//
//   af_xdp-native  our XDP program runs in the driver and hands frames to sockets; without a copy where it can
//   af_xdp-copy    the program runs in the kernel's generic hook; frames are copied. Of hardware only, unless forced
//   af_packet      a packet socket; the kernel sees all frames as well
#include "dataplane/port_kernel.h"
#include "dataplane/hostio.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kernel {
	struct netif nif;
	struct xdp *xdp; // NULL: a packet socket
	uint64_t missed;
};

struct rung {
	enum port_driver driver;
	const char *name;
};

static const struct rung rungs[] = {
	{PORT_DRIVER_XDP_NATIVE, "af_xdp-native"},
	{PORT_DRIVER_XDP_COPY, "af_xdp-copy"},
	{PORT_DRIVER_AF_PACKET, "af_packet"},
};

static void kernel_claim(const struct port_conf *conf, char *buf, size_t size) {
	snprintf(buf, size, "dev:%s", conf->device);
}

static int kernel_check(const struct port_conf *conf, const char *path, struct err *err) {
	bool forced_xdp =
		conf->driver == PORT_DRIVER_XDP_NATIVE || conf->driver == PORT_DRIVER_XDP_COPY;

	if (forced_xdp && conf->mtu > XDP_MTU_MAX)
		return err_at(err, path,
			"mtu: %d does not fit into a buffer of AF_XDP; at most %d does, or let "
			"driver be auto",
			(int)conf->mtu, XDP_MTU_MAX);
	if (strlen(conf->device) < IFNAMSIZ && !strpbrk(conf->device, ":/, "))
		return 0;
	return err_at(err, path,
		"device: %s is no network interface, PCI address (0000:03:00.0), or one of tap: "
		"memif: pcap: null: ring: vdev:",
		conf->device);
}

static int rung_open(struct port *port, const struct port_conf *conf, enum port_driver driver,
	unsigned workers, struct err *err) {
	struct kernel *kernel = port->state;

	*port->why = '\0';
	port->pool = NULL;
	port->ring = port->n_rxq = port->n_txq = port->mtu_max = 0;
	if (driver == PORT_DRIVER_AF_PACKET)
		return port_packet_open(port, conf, &kernel->nif, workers, err);
	int rc = port_xdp_open(port, conf, &kernel->nif, driver == PORT_DRIVER_XDP_COPY, workers,
		&kernel->xdp, err);
	if (rc == 0)
		port_xdp_keep(kernel->xdp, &kernel->nif, conf->keep);
	return rc;
}

static void why_add(char *why, const char *name, const char *reason) {
	size_t len = strlen(why);

	snprintf(why + len, PORT_WHY_LEN - len, "%s%s: %.160s", len ? "; " : "", name, reason);
}

// The reasons why the rungs above did not do are kept for people to read.
static int ladder(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	char why[PORT_WHY_LEN] = "";
	int rc = -ENODEV;

	for (unsigned i = 0; i < RTE_DIM(rungs); i++) {
		struct err reason = {0};
		if (conf->driver != PORT_DRIVER_AUTO && conf->driver != rungs[i].driver)
			continue;
		rc = rung_open(port, conf, rungs[i].driver, workers, &reason);
		if (rc == 0) {
			port->driver = rungs[i].name;
			if (*why)
				snprintf(port->why, sizeof(port->why), "%s", why);
			return 0;
		}
		if (rc == -EMSGSIZE)
			port->mtu_better = XDP_MTU_MAX;
		why_add(why, rungs[i].name, reason.msg);
	}
	return err_set(err, rc, "%s: no driver works: %s", conf->device, why);
}

static void kernel_close(struct port *port) {
	struct kernel *kernel = port->state;

	if (kernel->xdp)
		port_xdp_close(port, kernel->xdp);
	else
		hostio_close(port);
	netif_close(&kernel->nif);
	free(kernel);
	port->state = NULL;
}

static int kernel_setup(struct kernel *kernel, const struct port_conf *conf, struct err *err) {
	int rc = 0;

	if (conf->queues)
		rc = netif_channels_set(&kernel->nif, conf->queues, err);
	netif_raw(&kernel->nif);
	if (rc == 0)
		rc = netif_mtu_set(&kernel->nif, conf->mtu, err);
	if (rc == 0)
		rc = netif_up(kernel->nif.name, conf->enabled);
	netif_promiscuous(&kernel->nif, conf->promiscuous);
	return rc;
}

static int kernel_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	static const struct mac none;
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	struct mac mac;

	if (!kernel)
		return err_set(err, -ENOMEM, "out of memory");
	port->state = kernel;
	int rc = netif_open(&kernel->nif, conf->device, err);
	if (rc == 0 && netif_mac_get(conf->device, &mac) < 0)
		rc = err_set(err, -EPROTONOSUPPORT, "%s is no Ethernet interface", conf->device);
	if (rc == 0)
		rc = kernel_setup(kernel, conf, err);
	if (rc == 0)
		rc = ladder(port, conf, workers, err);
	if (rc < 0) {
		netif_close(&kernel->nif);
		free(kernel);
		port->state = NULL;
		return rc;
	}
	if (memcmp(&conf->mac, &none, sizeof(none)) == 0)
		memcpy(&port->pub.mac, &mac, sizeof(mac));
	port->speed_bps = netif_speed_bps(conf->device);
	return 0;
}

static int kernel_mtu_set(struct port *port, uint16_t mtu, struct err *err) {
	struct kernel *kernel = port->state;

	return netif_mtu_set(&kernel->nif, mtu, err);
}

static bool kernel_link(struct port *port) {
	struct kernel *kernel = port->state;
	bool present = netif_present(&kernel->nif);

	if (!present && !port->gone)
		snprintf(port->why, sizeof(port->why), "the kernel interface has disappeared");
	port->gone |= !present;
	return !port->gone && netif_running(&kernel->nif, port->member);
}

static void kernel_enable(struct port *port, bool on) {
	struct kernel *kernel = port->state;

	netif_up(kernel->nif.name, on);
}

static void kernel_live(struct port *port, const struct port_conf *conf) {
	struct kernel *kernel = port->state;

	netif_promiscuous(&kernel->nif, conf->promiscuous);
	if (kernel->xdp)
		port_xdp_keep(kernel->xdp, &kernel->nif, conf->keep);
}

static void kernel_stats(struct port *port, struct rte_eth_stats *stats) {
	struct kernel *kernel = port->state;

	if (kernel->xdp) {
		uint64_t counts[LEAT_XDP_COUNTERS];
		port_xdp_count(kernel->xdp, counts);
		rte_eth_stats_get(port->pub.index, stats);
		port_cut_stats(port, stats);
		stats->ierrors += counts[LEAT_XDP_BROKEN];
		return;
	}
	hostio_stats(port, stats);
	kernel->missed += port_packet_missed(port);
	stats->imissed = kernel->missed;
}

static void kernel_show(struct port *port, json_t *row) {
	static const char *const names[LEAT_XDP_COUNTERS] = {[LEAT_XDP_STEERED] = "xdp_steered",
		[LEAT_XDP_KEPT] = "xdp_kept",
		[LEAT_XDP_PASSED] = "xdp_passed",
		[LEAT_XDP_BLOCKED] = "xdp_blocked"};
	const struct kernel *kernel = port->state;
	uint64_t counts[LEAT_XDP_COUNTERS];

	if (!kernel->xdp)
		return;
	port_xdp_count(kernel->xdp, counts);
	for (unsigned c = 0; c < LEAT_XDP_COUNTERS; c++) {
		if (names[c])
			json_object_set_new(row, names[c], json_integer((json_int_t)counts[c]));
	}
}

// ---- what its packet socket takes ------------------------------------------------------------------------------

static const struct kernel *packet_kernel(unsigned index) {
	const struct port *port = index < DP_MAX_PORTS ? (struct port *)dp_ports[index] : NULL;
	const struct kernel *kernel = port && port->kind == &port_kernel_kind ? port->state : NULL;

	return kernel && !kernel->xdp && !port->gone ? kernel : NULL;
}

int dp_port_packet_index(unsigned port) {
	const struct kernel *kernel = packet_kernel(port);

	return kernel ? kernel->nif.index : -EOPNOTSUPP;
}

int dp_port_packet_filter(unsigned port, int prog) {
	return packet_kernel(port) ? port_packet_filter((const struct port *)dp_ports[port], prog)
				   : -EOPNOTSUPP;
}

const struct dp_port_kind port_kernel_kind = {
	.name = "kernel",
	.help = "a kernel network interface",
	.claim = kernel_claim,
	.check = kernel_check,
	.open = kernel_open,
	.close = kernel_close,
	.mtu_set = kernel_mtu_set,
	.link = kernel_link,
	.enable = kernel_enable,
	.live = kernel_live,
	.stats = kernel_stats,
	.show = kernel_show,
};
