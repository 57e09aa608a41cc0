// SPDX-License-Identifier: BSD-3-Clause
// net_leatgen: a DPDK device that makes traffic and takes it back. What a peer receives from it is built there and then by
// a profile (profile.h); what it sends to it is counted, looked at when asked, and freed. Generator, device under
// test and sink share one core, so that nothing but the work on packets is measured.
//
//   dpdk-testpmd -d libleatgen.so --vdev net_leatgen0,macs=1000,shm=/run/x --vdev net_leatgen1,side=1,macs=1000,shm=/run/x
//
// leatd loads the same file with --plugin; ports are then device = "vdev:net_leatgen0,...".
#include "bench/pktgen/leatgen.h"
#include "lib/module.h"
#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_cycles.h>
#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

#define RETA_SIZE 128
#define POOLS_MAX 16

RTE_LOG_REGISTER(leatgen_log, pmd.net.leatgen, NOTICE);
#define LOG(level, ...) rte_log(RTE_LOG_##level, leatgen_log, "net_leatgen: " __VA_ARGS__)

// ---- queues --------------------------------------------------------------------------------------------------------------

static void buffer_clear(struct rte_mempool *, void *, void *object, unsigned) {
	struct rte_mbuf *m = object;

	memset(m->buf_addr, 0, m->buf_len);
}

// Payloads are zero, and only headers are ever written. Once per pool: later its buffers are under way.
static void pool_clear(struct rte_mempool *pool) {
	static struct rte_mempool *cleared[POOLS_MAX];
	static unsigned n;

	for (unsigned i = 0; i < n; i++)
		if (cleared[i] == pool)
			return;
	rte_mempool_obj_iter(pool, buffer_clear, NULL);
	if (n < POOLS_MAX)
		cleared[n++] = pool;
}

static unsigned longest(const struct leatgen *dev) {
	unsigned len = FLOWS_HEAD;

	for (unsigned i = 0; i < dev->profile.n_sizes; i++)
		len = RTE_MAX(len, (unsigned)dev->profile.sizes[i].bytes);
	for (unsigned i = 0; i < dev->replay.n; i++)
		len = RTE_MAX(len, (unsigned)dev->replay.frames[i].len);
	return len;
}

static uint32_t ptype_of(const struct profile *p) {
	static const uint32_t l3[] = {[PROFILE_IP4] = RTE_PTYPE_L3_IPV4_EXT_UNKNOWN,
		[PROFILE_IP6] = RTE_PTYPE_L3_IPV6_EXT_UNKNOWN};
	uint32_t ether = p->vlan ? RTE_PTYPE_L2_ETHER_VLAN : RTE_PTYPE_L2_ETHER;

	if (p->l3 == PROFILE_L3_NONE || *p->pcap)
		return *p->pcap ? RTE_PTYPE_UNKNOWN : ether;
	return ether | l3[p->l3] | (p->l4 == PROFILE_TCP ? RTE_PTYPE_L4_TCP : RTE_PTYPE_L4_UDP);
}

static int leatgen_rx_setup(struct rte_eth_dev *eth, uint16_t index, uint16_t ring, unsigned,
	const struct rte_eth_rxconf *conf, struct rte_mempool *pool) {
	struct leatgen *dev = eth->data->dev_private;
	struct rx_queue *q = &dev->rx[index];
	unsigned room = rte_pktmbuf_data_room_size(pool);
	const uint64_t sums = RTE_ETH_RX_OFFLOAD_CHECKSUM;
	uint64_t offloads = conf->offloads | eth->data->dev_conf.rxmode.offloads;

	if (room < RTE_PKTMBUF_HEADROOM + longest(dev)) {
		LOG(ERR,
			"frames of %u bytes do not fit into buffers of %u; give the application "
			"larger ones, or take a smaller size=\n",
			longest(dev), room - RTE_PKTMBUF_HEADROOM);
		return -EINVAL;
	}
	pool_clear(pool);
	*q = (struct rx_queue){.dev = dev,
		.counters = &dev->counters->rx[index],
		.pool = pool,
		.ring = ring,
		.ptype = ptype_of(&dev->profile)};
	struct rte_mbuf model = {.data_off = RTE_PKTMBUF_HEADROOM,
		.refcnt = 1,
		.nb_segs = 1,
		.port = eth->data->port_id};
	memcpy(&q->rearm, RTE_PTR_ADD(&model, offsetof(struct rte_mbuf, rearm_data)),
		sizeof(q->rearm));
	if ((offloads & sums) && !*dev->profile.pcap)
		q->flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (dev->profile.hash || (offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH))
		q->flags |= RTE_MBUF_F_RX_RSS_HASH;
	eth->data->rx_queues[index] = q;
	return 0;
}

static int leatgen_tx_setup(struct rte_eth_dev *eth, uint16_t index, uint16_t, unsigned,
	const struct rte_eth_txconf *conf) {
	struct leatgen *dev = eth->data->dev_private;
	uint64_t offloads = conf->offloads | eth->data->dev_conf.txmode.offloads;

	dev->tx[index] = (struct tx_queue){.dev = dev,
		.counters = &dev->counters->tx[index],
		.fast_free = offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE};
	eth->data->tx_queues[index] = &dev->tx[index];
	return 0;
}

// ---- the device ------------------------------------------------------------------------------------------------------------

static int leatgen_configure(struct rte_eth_dev *eth) {
	struct leatgen *dev = eth->data->dev_private;

	dev->n_rx = eth->data->nb_rx_queues;
	if (dev->has_cycle && eth->data->nb_rx_queues > 1) {
		LOG(ERR, "tcp=cycle wants one queue, not %u\n", eth->data->nb_rx_queues);
		return -EINVAL;
	}
	return 0;
}

static int leatgen_start(struct rte_eth_dev *eth) {
	struct leatgen *dev = eth->data->dev_private;

	for (unsigned i = 0; i < eth->data->nb_rx_queues; i++) {
		flows_start(&dev->flows, &dev->rx[i].cursor, i, eth->data->nb_rx_queues);
		dev->rx[i].frame = i % RTE_MAX(dev->replay.n, 1u);
		dev->rx[i].idle = dev->rx[i].cursor.count == 0;
		leatgen_rx_tick(&dev->rx[i]);
		dev->rx[i].counters->clock.tid = 0; // that was not who polls
	}
	dev->counters->n_rx = eth->data->nb_rx_queues;
	dev->counters->n_tx = eth->data->nb_tx_queues;
	eth->rx_pkt_burst = dev->has_cycle ? leatgen_rx_cycle
		: *dev->profile.pcap       ? leatgen_rx_frames
					   : leatgen_rx;
	eth->data->dev_link.link_status = RTE_ETH_LINK_UP;
	for (unsigned i = 0; i < eth->data->nb_rx_queues; i++)
		eth->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	for (unsigned i = 0; i < eth->data->nb_tx_queues; i++)
		eth->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	return 0;
}

static int leatgen_stop(struct rte_eth_dev *eth) {
	eth->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
	for (unsigned i = 0; i < eth->data->nb_rx_queues; i++)
		eth->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	for (unsigned i = 0; i < eth->data->nb_tx_queues; i++)
		eth->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	return 0;
}

static struct leatgen *all;

// Ports may share a pool of buffers: each writes as far as any of them does.
static void all_add(struct leatgen *dev) {
	unsigned pieces = 0;

	dev->next = all;
	all = dev;
	for (struct leatgen *one = all; one; one = one->next)
		pieces = RTE_MAX(pieces, one->flows.pieces);
	for (struct leatgen *one = all; one; one = one->next)
		flows_widen(&one->flows, pieces);
}

static void all_del(const struct leatgen *dev) {
	struct leatgen **at = &all;

	while (*at && *at != dev)
		at = &(*at)->next;
	if (*at)
		*at = dev->next;
}

static void leatgen_free(struct leatgen *dev) {
	all_del(dev);
	flows_fini(&dev->flows);
	replay_fini(&dev->replay);
	cycle_fini(&dev->cycle);
	check_fini(&dev->check);
	free(dev->seq);
	free(dev->base);
	if (dev->shm)
		gen_port_release(dev->counters);
	else
		free(dev->counters);
	gen_shm_close(dev->shm);
	dev->seq = NULL;
	dev->counters = dev->base = NULL;
	dev->shm = NULL;
}

static int leatgen_close(struct rte_eth_dev *eth) {
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		leatgen_free(eth->data->dev_private);
	eth->data->mac_addrs = NULL; // part of the private data
	return 0;
}

static int leatgen_info(struct rte_eth_dev *eth, struct rte_eth_dev_info *info) {
	info->max_mac_addrs = 1;
	info->max_rx_pktlen = LEATGEN_MTU_MAX + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	info->max_mtu = LEATGEN_MTU_MAX;
	info->max_rx_queues = info->max_tx_queues = GEN_QUEUES;
	info->rx_desc_lim = info->tx_desc_lim =
		(struct rte_eth_desc_lim){.nb_max = 32768, .nb_min = 1, .nb_align = 1};
	info->rx_offload_capa = info->rx_queue_offload_capa = RTE_ETH_RX_OFFLOAD_CHECKSUM |
		RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_SCATTER;
	info->tx_offload_capa = info->tx_queue_offload_capa =
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	info->flow_type_rss_offloads = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;
	info->reta_size = RETA_SIZE;
	info->hash_key_size = LEATGEN_KEY_SIZE;
	return 0;
}

static const uint32_t *leatgen_ptypes(struct rte_eth_dev *) {
	static const uint32_t types[] = {RTE_PTYPE_L2_ETHER, RTE_PTYPE_L2_ETHER_VLAN,
		RTE_PTYPE_L3_IPV4_EXT_UNKNOWN, RTE_PTYPE_L3_IPV6_EXT_UNKNOWN, RTE_PTYPE_L4_UDP,
		RTE_PTYPE_L4_TCP, RTE_PTYPE_UNKNOWN};

	return types;
}

static int leatgen_link(struct rte_eth_dev *, int) {
	return 0;
}

static int leatgen_accept(struct rte_eth_dev *) {
	return 0;
}

static int leatgen_mtu(struct rte_eth_dev *, uint16_t) {
	return 0;
}

static int leatgen_mac(struct rte_eth_dev *eth, struct rte_ether_addr *mac) {
	struct leatgen *dev = eth->data->dev_private;

	dev->mac = *mac;
	return 0;
}

static int leatgen_multicast(struct rte_eth_dev *, struct rte_ether_addr *, uint32_t) {
	return 0;
}

// ---- statistics and RSS ------------------------------------------------------------------------------------------------------

static int leatgen_stats(struct rte_eth_dev *eth, struct rte_eth_stats *stats) {
	const struct leatgen *dev = eth->data->dev_private;

	for (unsigned i = 0; i < GEN_QUEUES; i++) {
		const struct gen_rx *rx = &dev->counters->rx[i], *rx0 = &dev->base->rx[i];
		const struct gen_tx *tx = &dev->counters->tx[i], *tx0 = &dev->base->tx[i];
		uint64_t in = gen_load(&rx->packets) - rx0->packets;
		uint64_t out = gen_load(&tx->packets) - tx0->packets;
		stats->ipackets += in;
		stats->opackets += out;
		stats->ibytes += gen_load(&rx->bytes) - rx0->bytes;
		stats->obytes += gen_load(&tx->bytes) - tx0->bytes;
		stats->imissed += gen_load(&rx->missed) - rx0->missed;
		stats->rx_nombuf += gen_load(&rx->no_buffer) - rx0->no_buffer;
		if (i < RTE_ETHDEV_QUEUE_STAT_CNTRS) {
			stats->q_ipackets[i] = in;
			stats->q_opackets[i] = out;
		}
	}
	return 0;
}

static int leatgen_stats_reset(struct rte_eth_dev *eth) {
	struct leatgen *dev = eth->data->dev_private;

	for (unsigned i = 0; i < GEN_QUEUES; i++) {
		struct gen_rx *rx = &dev->base->rx[i];
		struct gen_tx *tx = &dev->base->tx[i];
		rx->packets = gen_load(&dev->counters->rx[i].packets);
		rx->bytes = gen_load(&dev->counters->rx[i].bytes);
		rx->missed = gen_load(&dev->counters->rx[i].missed);
		rx->no_buffer = gen_load(&dev->counters->rx[i].no_buffer);
		tx->packets = gen_load(&dev->counters->tx[i].packets);
		tx->bytes = gen_load(&dev->counters->tx[i].bytes);
	}
	return 0;
}

// Flows go to queues by their number, whatever the table says.
static int leatgen_reta_set(
	struct rte_eth_dev *, struct rte_eth_rss_reta_entry64 *, uint16_t size) {
	return size == RETA_SIZE ? 0 : -EINVAL;
}

static int leatgen_reta_get(
	struct rte_eth_dev *eth, struct rte_eth_rss_reta_entry64 *reta, uint16_t size) {
	unsigned queues = RTE_MAX(eth->data->nb_rx_queues, 1);

	if (size != RETA_SIZE)
		return -EINVAL;
	for (unsigned i = 0; i < size; i++)
		reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			(uint16_t)(i % queues);
	return 0;
}

static int leatgen_rss_set(struct rte_eth_dev *eth, struct rte_eth_rss_conf *conf) {
	struct leatgen *dev = eth->data->dev_private;

	dev->rss = conf->rss_hf;
	if (conf->rss_key)
		memcpy(dev->key, conf->rss_key, RTE_MIN(conf->rss_key_len, LEATGEN_KEY_SIZE));
	return 0;
}

static int leatgen_rss_get(struct rte_eth_dev *eth, struct rte_eth_rss_conf *conf) {
	const struct leatgen *dev = eth->data->dev_private;

	conf->rss_hf = dev->rss;
	conf->rss_key_len = LEATGEN_KEY_SIZE;
	if (conf->rss_key)
		memcpy(conf->rss_key, dev->key, LEATGEN_KEY_SIZE);
	return 0;
}

static const struct eth_dev_ops leatgen_ops = {
	.dev_configure = leatgen_configure,
	.dev_start = leatgen_start,
	.dev_stop = leatgen_stop,
	.dev_close = leatgen_close,
	.dev_infos_get = leatgen_info,
	.dev_supported_ptypes_get = leatgen_ptypes,
	.rx_queue_setup = leatgen_rx_setup,
	.tx_queue_setup = leatgen_tx_setup,
	.link_update = leatgen_link,
	.promiscuous_enable = leatgen_accept,
	.promiscuous_disable = leatgen_accept,
	.allmulticast_enable = leatgen_accept,
	.allmulticast_disable = leatgen_accept,
	.dev_set_link_up = leatgen_accept,
	.dev_set_link_down = leatgen_accept,
	.mtu_set = leatgen_mtu,
	.mac_addr_set = leatgen_mac,
	.set_mc_addr_list = leatgen_multicast,
	.stats_get = leatgen_stats,
	.stats_reset = leatgen_stats_reset,
	.reta_update = leatgen_reta_set,
	.reta_query = leatgen_reta_get,
	.rss_hash_update = leatgen_rss_set,
	.rss_hash_conf_get = leatgen_rss_get,
};

// ---- probe -----------------------------------------------------------------------------------------------------------------

static int counters_open(struct leatgen *dev, const char *name, struct err *err) {
	dev->base = calloc(1, sizeof(*dev->base));
	if (!*dev->profile.shm)
		dev->counters = calloc(1, sizeof(*dev->counters));
	else
		dev->shm = gen_shm_open(dev->profile.shm, true, err);
	if (dev->shm)
		dev->counters = gen_port_claim(dev->shm, dev->profile.shm, name, err);
	if (!dev->counters || !dev->base)
		return err->code ? err->code : err_set(err, -ENOMEM, "out of memory");
	dev->counters->side = dev->profile.side;
	dev->counters->check = dev->profile.check;
	dev->counters->stamp = dev->profile.stamp;
	if (dev->shm)
		dev->shm->tsc_hz = rte_get_tsc_hz();
	return 0;
}

static int leatgen_make(struct leatgen *dev, const char *name, const char *args, struct err *err) {
	int rc = profile_parse(args, &dev->profile, err);

	if (rc == 0)
		rc = flows_init(&dev->flows, &dev->profile, err);
	if (rc == 0 && *dev->profile.pcap)
		rc = replay_init(&dev->replay, dev->profile.pcap, LEATGEN_MTU_MAX, err);
	if (rc < 0)
		return rc;
	dev->has_trailer = dev->profile.check || dev->profile.stamp;
	dev->has_cycle =
		dev->profile.l3 != PROFILE_L3_NONE && dev->profile.tcp == PROFILE_TCP_CYCLE;
	if (dev->has_cycle)
		rc = cycle_init(&dev->cycle, dev->profile.side, dev->profile.flows, err);
	if (rc == 0 && dev->has_trailer)
		rc = check_init(&dev->check, dev->profile.flows, err);
	if (rc == 0 && dev->has_trailer) {
		dev->seq = calloc(dev->profile.flows, sizeof(*dev->seq));
		rc = dev->seq ? 0 : err_set(err, -ENOMEM, "out of memory for flows");
	}
	return rc < 0 ? rc : counters_open(dev, name, err);
}

static void eth_make(struct rte_eth_dev *eth, struct leatgen *dev) {
	dev->mac = (struct rte_ether_addr){
		{0x02, 0x1e, 0xa7, 0, dev->profile.side, (uint8_t)eth->data->port_id}};
	eth->data->mac_addrs = &dev->mac;
	eth->data->nb_rx_queues = eth->data->nb_tx_queues = 1;
	eth->data->promiscuous = 1;
	eth->data->all_multicast = 1;
	eth->data->dev_link = (struct rte_eth_link){.link_speed = RTE_ETH_SPEED_NUM_100G,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
		.link_status = RTE_ETH_LINK_DOWN};
	eth->data->dev_flags = RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	eth->dev_ops = &leatgen_ops;
	eth->rx_pkt_burst = leatgen_rx;
	eth->tx_pkt_burst = leatgen_tx;
}

static int leatgen_probe(struct rte_vdev_device *vdev) {
	const char *name = rte_vdev_device_name(vdev), *args = rte_vdev_device_args(vdev);
	struct err err = {0};

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		LOG(ERR, "not for secondary processes\n");
		return -ENOTSUP;
	}
	struct rte_eth_dev *eth = rte_eth_vdev_allocate(vdev, sizeof(struct leatgen));
	if (!eth)
		return -ENOMEM;
	int rc = leatgen_make(eth->data->dev_private, name, args ? args : "", &err);
	if (rc < 0) {
		LOG(ERR, "%s: %s\n", name, err.msg);
		leatgen_free(eth->data->dev_private);
		rte_eth_dev_release_port(eth);
		return rc;
	}
	eth_make(eth, eth->data->dev_private);
	all_add(eth->data->dev_private);
	rte_eth_dev_probing_finish(eth);
	return 0;
}

static int leatgen_remove(struct rte_vdev_device *vdev) {
	struct rte_eth_dev *eth = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (!eth)
		return 0;
	leatgen_close(eth);
	return rte_eth_dev_release_port(eth);
}

static struct rte_vdev_driver leatgen_driver = {.probe = leatgen_probe, .remove = leatgen_remove};

RTE_PMD_REGISTER_VDEV(net_leatgen, leatgen_driver);

// leatd --plugin wants a module; that the driver is registered is all there is to it.
extern __attribute__((visibility("default"))) const struct module leat_module;
const struct module leat_module = {
	.name = "leatgen",
	.help = "a device that makes traffic, for benches: device = \"vdev:net_leatgen0,...\"",
};
