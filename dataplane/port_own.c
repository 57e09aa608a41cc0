// SPDX-License-Identifier: BSD-3-Clause
// Ports that no section names: TAPs of network functions.
#include "dataplane/dataplane_priv.h"
#include "dataplane/port_priv.h"
#include "lib/log.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct port *taps[DP_MAX_PORTS]; // by index; control's

int dp_tap_open(const struct dp_tap *tap, struct err *err) {
	struct port_conf conf = {.name = tap->name, .enabled = true, .mtu = tap->mtu};
	struct port *port = port_new(tap->name, NULL, NULL, err);

	if (!port) {
		close(tap->tun);
		return -ENOMEM;
	}
	memcpy(&conf.mac, &tap->mac, sizeof(conf.mac));
	int rc = port_tap_adopt(port, &conf, tap->device, tap->tun, err);
	if (rc < 0) {
		port_free(port);
		return rc;
	}
	taps[port->pub.index] = port;
	log_info("ports", "port opened", "port=%s device=%s driver=%s index=%u mtu=%u", tap->name,
		port->device, port->driver, port->pub.index, port->pub.mtu);
	return port->pub.index;
}

void dp_tap_publish(unsigned index, bool on) {
	struct port *port = taps[index];

	if (!port || (dp_ports[index] != NULL) == on)
		return;
	if (on)
		dp_ports_up |= RTE_BIT32(index);
	else
		dp_ports_up &= ~RTE_BIT32(index);
	__atomic_store_n(&dp_ports[index], on ? &port->pub : NULL, __ATOMIC_RELEASE);
	dp_drops_ports_changed();
	dp_workers_ports_changed();
}

void dp_tap_mtu_set(unsigned index, uint16_t mtu) {
	if (taps[index])
		taps[index]->pub.mtu = mtu;
}

void dp_tap_carrier_set(unsigned index, bool on) {
	if (taps[index])
		port_tap_carrier_set(taps[index], on);
}

bool dp_tap_lost(unsigned index) {
	return taps[index] && port_tap_lost(taps[index]);
}

void dp_tap_close(unsigned index) {
	struct port *port = taps[index];

	if (!port)
		return;
	taps[index] = NULL;
	log_info("ports", "port closed", "port=%s", port->pub.name);
	port_close(port);
	port_free(port);
}
