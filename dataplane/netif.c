// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/netif.h"
#include "lib/log.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(const char *name, unsigned long request, struct ifreq *ifr) {
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	int rc = ioctl(fd, request, ifr) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int ethtool(const char *name, void *command) {
	struct ifreq ifr = {.ifr_data = command};

	return ask(name, SIOCETHTOOL, &ifr);
}

static bool feature_get(const char *name, unsigned command, unsigned bits) {
	struct ethtool_value value = {.cmd = command};

	return ethtool(name, &value) == 0 && (value.data & bits);
}

static void gro_set(const char *name, bool on) {
	ethtool(name, &(struct ethtool_value){.cmd = ETHTOOL_SGRO, .data = on});
}

static void flag_set(const char *name, unsigned bit, bool on) {
	struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};

	if (ethtool(name, &value) < 0)
		return;
	value.cmd = ETHTOOL_SFLAGS;
	value.data = on ? value.data | bit : value.data & ~bit;
	ethtool(name, &value);
}

static int flags_get(const char *name, short *flags) {
	struct ifreq ifr = {0};
	int rc = ask(name, SIOCGIFFLAGS, &ifr);

	*flags = ifr.ifr_flags;
	return rc;
}

int netif_up(const char *name, bool up) {
	struct ifreq ifr = {0};
	int rc = flags_get(name, &ifr.ifr_flags);

	if (rc < 0 || !!(ifr.ifr_flags & IFF_UP) == up)
		return rc;
	ifr.ifr_flags ^= IFF_UP;
	return ask(name, SIOCSIFFLAGS, &ifr);
}

int netif_mtu_get(const char *name) {
	struct ifreq ifr = {0};
	int rc = ask(name, SIOCGIFMTU, &ifr);

	return rc < 0 ? rc : ifr.ifr_mtu;
}

static unsigned channels_get(const char *name) {
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

	if (ethtool(name, &channels) < 0 || channels.max_combined == 0)
		return 0;
	return channels.combined_count;
}

static int channels_write(const char *name, unsigned n) {
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	int rc = ethtool(name, &channels);

	if (rc < 0)
		return rc;
	channels.cmd = ETHTOOL_SCHANNELS;
	channels.combined_count = n;
	return ethtool(name, &channels);
}

int netif_open(struct netif *nif, const char *name, struct err *err) {
	struct ifreq ifr = {0};

	*nif = (struct netif){.promisc_fd = -1};
	if (strlen(name) >= IFNAMSIZ || ask(name, SIOCGIFINDEX, &ifr) < 0)
		return err_set(err, -ENODEV,
			"there is no network interface %s here; `ip link` shows those that there "
			"are",
			name);
	nif->index = ifr.ifr_ifindex;
	snprintf(nif->name, sizeof(nif->name), "%s", name);
	int mtu = netif_mtu_get(name);
	nif->mtu = mtu > 0 ? mtu : 1500;
	flags_get(name, &nif->flags);
	nif->gro = feature_get(name, ETHTOOL_GGRO, 1);
	nif->lro = feature_get(name, ETHTOOL_GFLAGS, ETH_FLAG_LRO);
	nif->rx_vlan = feature_get(name, ETHTOOL_GFLAGS, ETH_FLAG_RXVLAN);
	nif->channels = channels_get(name);
	nif->queues = nif->channels ? nif->channels : 1;
	return 0;
}

void netif_close(struct netif *nif) {
	if (nif->index == 0)
		return;
	netif_promiscuous(nif, false);
	if (netif_present(nif)) {
		if (nif->gro)
			gro_set(nif->name, true);
		if (nif->lro)
			flag_set(nif->name, ETH_FLAG_LRO, true);
		if (nif->rx_vlan)
			flag_set(nif->name, ETH_FLAG_RXVLAN, true);
		if (nif->channels_changed)
			channels_write(nif->name, nif->channels);
		if (nif->mtu_changed)
			netif_mtu_set(nif, nif->mtu, NULL);
		netif_up(nif->name, nif->flags & IFF_UP);
	}
	nif->index = 0;
}

int netif_mtu_set(struct netif *nif, uint16_t mtu, struct err *err) {
	struct ifreq ifr = {.ifr_mtu = mtu};

	if (netif_mtu_get(nif->name) == mtu)
		return 0;
	int rc = ask(nif->name, SIOCSIFMTU, &ifr);
	if (rc < 0)
		return err_set(err, rc, "the kernel refuses an MTU of %u on %s (%s)", mtu,
			nif->name, strerror(-rc));
	nif->mtu_changed = true;
	return 0;
}

void netif_raw(struct netif *nif) {
	if (nif->gro)
		gro_set(nif->name, false);
	if (nif->lro)
		flag_set(nif->name, ETH_FLAG_LRO, false);
	if (nif->rx_vlan)
		flag_set(nif->name, ETH_FLAG_RXVLAN, false);
}

void netif_promiscuous(struct netif *nif, bool on) {
	struct packet_mreq want = {.mr_ifindex = nif->index, .mr_type = PACKET_MR_PROMISC};

	if (on == (nif->promisc_fd >= 0))
		return;
	if (!on) {
		close(nif->promisc_fd);
		nif->promisc_fd = -1;
		return;
	}
	nif->promisc_fd =
		socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); // protocol 0: it receives nothing
	if (nif->promisc_fd < 0 ||
		setsockopt(nif->promisc_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &want,
			sizeof(want)) < 0)
		log_warn("ports", "not promiscuous", "device=%s why=\"%s\"", nif->name,
			strerror(errno));
}

int netif_channels_set(struct netif *nif, unsigned n, struct err *err) {
	if (nif->channels == n || (nif->channels == 0 && n == 1))
		return 0;
	int rc = nif->channels == 0 ? -EOPNOTSUPP : channels_write(nif->name, n);
	if (rc < 0)
		return err_set(
			err, rc, "%s cannot have %u queues (%s)", nif->name, n, strerror(-rc));
	nif->channels_changed = true;
	nif->queues = n;
	return 0;
}

int netif_mac_set(const char *name, const struct mac *mac) {
	struct ifreq ifr = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};

	memcpy(ifr.ifr_hwaddr.sa_data, mac->bytes, sizeof(mac->bytes));
	return ask(name, SIOCSIFHWADDR, &ifr);
}

int netif_mac_get(const char *name, struct mac *mac) {
	struct ifreq ifr = {0};
	int rc = ask(name, SIOCGIFHWADDR, &ifr);

	if (rc == 0 && ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EPROTONOSUPPORT;
	memcpy(mac->bytes, ifr.ifr_hwaddr.sa_data, sizeof(mac->bytes));
	return rc;
}

// IFF_RUNNING follows the carrier by up to a second: the kernel attends to changes once per second. ETHTOOL_GLINK reads
// the carrier itself, but waits for whoever configures interfaces at the moment, in any namespace.
bool netif_running(const struct netif *nif, bool at_once) {
	struct ethtool_value carrier = {.cmd = ETHTOOL_GLINK};
	short flags = 0;

	if (flags_get(nif->name, &flags) < 0 || !(flags & IFF_UP))
		return false;
	if (at_once && ethtool(nif->name, &carrier) == 0)
		return carrier.data;
	return flags & IFF_RUNNING;
}

bool netif_present(const struct netif *nif) {
	struct ifreq ifr = {0};

	return ask(nif->name, SIOCGIFINDEX, &ifr) == 0 && ifr.ifr_ifindex == nif->index;
}

bool netif_cuts(const char *name) {
	return feature_get(name, ETHTOOL_GTSO, 1);
}

uint64_t netif_speed_bps(const char *name) {
	struct ethtool_cmd cmd = {.cmd = ETHTOOL_GSET};

	if (ethtool(name, &cmd) < 0)
		return 0;
	uint32_t mbps = ethtool_cmd_speed(&cmd);
	return mbps == (uint32_t)SPEED_UNKNOWN ? 0 : (uint64_t)mbps * 1000000;
}

const char *netif_driver(const char *name, char *buf, size_t size) {
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	if (ethtool(name, &info) < 0)
		info.driver[0] = '\0';
	snprintf(buf, size, "%s", info.driver);
	return buf;
}

bool netif_is_hardware(const char *name) {
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/device", name);
	return access(path, F_OK) == 0;
}
