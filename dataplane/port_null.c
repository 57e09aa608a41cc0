// SPDX-License-Identifier: BSD-3-Clause
// device = "null:NAME[,size=N]": takes every frame, and receives endless frames of zeros (net_null). For benches.
#include "dataplane/port_priv.h"
#include <errno.h>
#include <stdlib.h>

static int null_size(const struct port_conf *conf) {
	char text[16];
	int size = port_device_arg(conf, "size", text, sizeof(text)) ? atoi(text) : 64;

	return size >= 14 && size <= 1500 ? size : -EINVAL;
}

static int null_check(const struct port_conf *conf, const char *path, struct err *err) {
	if (null_size(conf) < 0)
		return err_at(err, path, "device: size must be 14..1500");
	return 0;
}

static int null_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	int rc = port_vdev_add(port, "net_null", err, "size=%d", null_size(conf));

	if (rc < 0)
		return rc;
	port->pub.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	rc = port_start(port, conf, workers, err);
	if (rc < 0)
		port_dev_remove(port);
	return rc;
}

const struct dp_port_kind port_null_kind = {
	.name = "null",
	.prefix = "null:",
	.help = "discards what it is sent, and receives zeros",
	.check = null_check,
	.open = null_open,
	.close = port_dev_remove,
};
