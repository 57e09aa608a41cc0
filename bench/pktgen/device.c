// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/device.h"
#include <errno.h>
#include <fcntl.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RETRY_MS    200
#define ZERO_COPY_S 2
#define FILES_MAX   16

// ---- the files of DPDK's memory --------------------------------------------------------------------------------

// memif's zero-copy clients close the file of the memory once they are connected, as if it were theirs; then the next one
// of this process hands its peer whatever has that number now. So the files are kept, and put back under their numbers.
static struct { int fd, copy; } files[FILES_MAX];
static unsigned n_files;

static int file_keep(const struct rte_memseg_list *, const struct rte_memseg *segment, void *) {
	int fd = rte_memseg_get_fd_thread_unsafe(segment);

	for (unsigned i = 0; i < n_files; i++) {
		if (files[i].fd == fd)
			return 0;
	}
	if (fd < 0 || n_files == FILES_MAX)
		return 0;
	files[n_files].fd = fd;
	files[n_files].copy = fcntl(fd, F_DUPFD_CLOEXEC, fd);
	n_files += files[n_files].copy >= 0;
	return 0;
}

static void files_restore(void) {
	for (unsigned i = 0; i < n_files; i++) {
		if (fcntl(files[i].fd, F_GETFD) >= 0)
			continue;
		int fd = fcntl(files[i].copy, F_DUPFD_CLOEXEC, files[i].fd);
		if (fd >= 0 && fd != files[i].fd)
			close(fd); // somebody was quicker
	}
}

static bool link_up(const struct device *device) {
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(device->id, &link) == 0 &&
		link.link_status == RTE_ETH_LINK_UP;
}

// One after the other: while one of them connects, the file is in danger.
static void zero_copy_wait(const struct device *device) {
	uint64_t end = rte_get_tsc_cycles() + rte_get_tsc_hz() * ZERO_COPY_S;

	while (!link_up(device) && rte_get_tsc_cycles() < end)
		usleep(1000);
	files_restore();
}

// ---- devices ---------------------------------------------------------------------------------------------------

static int start(struct device *device, const struct device_opts *opts, struct err *err) {
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	uint16_t rx = opts->ring, tx = opts->ring;
	int rc = rte_eth_dev_info_get(device->id, &info);

	if (rc == 0) {
		conf.rxmode.mtu =
			RTE_MIN((uint16_t)(opts->longest - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN),
				info.max_mtu);
		conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
		rc = rte_eth_dev_configure(device->id, 1, 1, &conf);
	}
	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(device->id, &rx, &tx);
	if (rc == 0)
		rc = rte_eth_rx_queue_setup(
			device->id, 0, rx, rte_eth_dev_socket_id(device->id), NULL, opts->pool);
	if (rc == 0)
		rc = rte_eth_tx_queue_setup(
			device->id, 0, tx, rte_eth_dev_socket_id(device->id), NULL);
	if (rc == 0)
		rc = rte_eth_dev_start(device->id);
	if (rc < 0)
		return err_set(err, rc, "%s does not start (%s)", device->name, rte_strerror(-rc));
	rte_eth_promiscuous_enable(device->id); // what cannot, receives everything anyway
	return 0;
}

int device_open(
	struct device *device, const char *args, const struct device_opts *opts, struct err *err) {
	*device = (struct device){0};
	snprintf(device->args, sizeof(device->args), "%s", args);
	snprintf(device->name, sizeof(device->name), "%.*s", (int)strcspn(args, ","), args);
	if (rte_eth_dev_get_port_by_name(device->name, &device->id) != 0) {
		int rc = rte_dev_probe(args);
		if (rc < 0 || rte_eth_dev_get_port_by_name(device->name, &device->id) != 0)
			return err_set(err, rc < 0 ? rc : -ENODEV,
				"there is no device by '%s' (%s); is its peer listening?", args,
				rte_strerror(rc < 0 ? -rc : ENODEV));
	}
	device->open = true;
	// As a client this driver does not call again; as a server it waits by itself.
	device->again =
		strncmp(args, "net_virtio_user", 15) == 0 && strstr(args, "server=1") == NULL;
	bool zero_copy = strstr(args, "zero-copy=yes") != NULL;
	if (zero_copy)
		rte_memseg_walk(file_keep, NULL);
	int rc = start(device, opts, err);
	if (rc < 0)
		device_close(device);
	else if (zero_copy)
		zero_copy_wait(device);
	return rc;
}

void device_close(struct device *device) {
	struct rte_eth_dev_info info;

	if (!device->open)
		return;
	device->open = device->up = false;
	if (rte_eth_dev_info_get(device->id, &info) != 0)
		return;
	rte_eth_dev_stop(device->id);
	rte_eth_dev_close(device->id);
	rte_dev_remove(info.device);
}

// Whether the peer's socket is there: DPDK would complain at length, every time.
static bool peer_listens(const char *args) {
	const char *path = strstr(args, "path=");
	char socket[sizeof(((struct device *)NULL)->args)];

	if (path == NULL)
		return false;
	path += strlen("path=");
	snprintf(socket, sizeof(socket), "%.*s", (int)strcspn(path, ","), path);
	return access(socket, W_OK) == 0;
}

static void reopen(struct device *device, const struct device_opts *opts) {
	struct device fresh;
	struct err err = {0};

	if (rte_get_tsc_cycles() < device->retry_at)
		return;
	device->retry_at = rte_get_tsc_cycles() + rte_get_tsc_hz() * RETRY_MS / 1000;
	device_close(device);
	if (!peer_listens(device->args))
		return;
	if (device_open(&fresh, device->args, opts, &err) == 0)
		*device = fresh;
	else
		fprintf(stderr, "leat-pktgen: %s\n", err.msg);
}

bool device_check(struct device *device, const struct device_opts *opts) {
	files_restore();
	device->up = device->open && link_up(device);
	if (!device->up && device->again)
		reopen(device, opts);
	return device->up;
}
