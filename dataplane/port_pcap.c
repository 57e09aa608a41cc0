// SPDX-License-Identifier: BSD-3-Clause
// device = "pcap:IN[,OUT]": receives the frames of one capture file, once, and writes what it is sent to another.
// Either may be left out ("pcap:IN", "pcap:,OUT"). File access happens on the worker: for the lab, not for speed.
#include "dataplane/port_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct files {
	char in[PORT_DEVICE_LEN], out[PORT_DEVICE_LEN];
};

static void files_read(const struct port_conf *conf, struct files *files) {
	const char *text = strchr(conf->device, ':') + 1, *comma = strchr(text, ',');

	snprintf(files->in, sizeof(files->in), "%.*s", (int)strcspn(text, ","), text);
	snprintf(files->out, sizeof(files->out), "%s", comma ? comma + 1 : "");
}

static void pcap_claim(const struct port_conf *conf, char *buf, size_t size) {
	struct files files;

	files_read(conf, &files);
	if (*files.out)
		snprintf(buf, size, "file:%s", files.out);
}

static int pcap_check(const struct port_conf *conf, const char *path, struct err *err) {
	struct files files;

	files_read(conf, &files);
	if (!*files.in && !*files.out)
		return err_at(
			err, path, "device: which file? write pcap:IN, pcap:IN,OUT or pcap:,OUT");
	if ((*files.in && *files.in != '/') || (*files.out && *files.out != '/'))
		return err_at(err, path, "device: %s is no absolute path",
			*files.in && *files.in != '/' ? files.in : files.out);
	if (strpbrk(files.in, "[]\"'") || strpbrk(files.out, ",[]\"'"))
		return err_at(
			err, path, "device: a file's name holds a character that DPDK cannot take");
	if (strcmp(files.in, files.out) == 0)
		return err_at(err, path, "device: IN and OUT are the same file");
	return 0;
}

// The driver of DPDK says no more than that it failed.
static int in_check(const char *in, struct err *err) {
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(in, why);

	if (!pcap)
		return err_set(err, -EINVAL, "%s cannot be read as a capture: %s", in, why);
	int link = pcap_datalink(pcap);
	pcap_close(pcap);
	if (link == DLT_EN10MB)
		return 0;
	return err_set(err, -EPROTONOSUPPORT, "%s holds no Ethernet frames but %s", in,
		pcap_datalink_val_to_name(link) ? pcap_datalink_val_to_name(link)
						: "something else");
}

static int out_check(const char *out, struct err *err) {
	int fd = open(out, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return err_set(err, -errno, "%s cannot be written (%s)", out, strerror(errno));
	close(fd);
	return 0;
}

static int pcap_port_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	struct files files;
	int rc = 0;

	files_read(conf, &files);
	if (*files.in)
		rc = in_check(files.in, err);
	if (rc == 0 && *files.out)
		rc = out_check(files.out, err);
	if (rc < 0)
		return rc;
	port->n_rxq = port->n_txq = 1;
	port->pub.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	rc = port_vdev_add(port, "net_pcap", err, "%s%s%s%s%s", *files.in ? "rx_pcap=" : "",
		files.in, *files.in && *files.out ? "," : "", *files.out ? "tx_pcap=" : "",
		files.out);
	if (rc == 0)
		rc = port_start(port, conf, workers, err);
	if (rc < 0)
		port_dev_remove(port);
	port->pub.n_rxq = 0; // not yet
	return rc;
}

// The file is read once, so nothing of it must be lost while nobody has taken the port into use.
static bool pcap_link(struct port *port) {
	if (port->enabled && port->pub.n_rxq == 0 && port->pub.mode != DP_PORT_UNUSED) {
		port->pub.n_rxq = 1;
		dp_workers_ports_changed();
		dp_sync();
	}
	return true;
}

const struct dp_port_kind port_pcap_kind = {
	.name = "pcap",
	.prefix = "pcap:",
	.help = "frames of a capture file, and to one",
	.alone = true,
	.claim = pcap_claim,
	.check = pcap_check,
	.open = pcap_port_open,
	.close = port_dev_remove,
	.link = pcap_link,
};
