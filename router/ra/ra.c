// SPDX-License-Identifier: BSD-3-Clause
#include "router/ra/ra.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "router/ip_priv.h"
#include "router/neigh/neigh.h"
#include "router/punt.h"
#include "router/ra/ra_conf.h"
#include "router/ra/ra_send.h"
#include "router/ra/ra_uplink.h"
#include "router/router_priv.h"
#include "router/vrrp/vrrp.h"
#include <errno.h>
#include <rte_random.h>
#include <stdlib.h>
#include <string.h>

#define VALID_S     2592000 // of the interface's own prefixes: RFC 4861 section 6.2.1
#define PREFERRED_S 604800
#define TOLD_NS     (60 * NSEC_PER_SEC) // what others say otherwise is told so often, at most

struct ra {
	struct ra_sender sender; // first: what its operations get is this
	uint16_t iface;
	struct ra_conf conf; // a copy: it outlives the configuration by one commit
	uint64_t sent, solicited, differing, told_ns;
};

static struct ra *ras[DP_MAX_IFACES];
static struct timers timers;
static size_t n_ras;

// ---- what is said -------------------------------------------------------------------------------------------

static void prefixes_fill(struct nd_router *said, const struct rtr_iface *iface) {
	for (unsigned i = 0; i < iface->n_addrs && said->n_prefixes < ND_PREFIXES; i++) {
		const struct prefix *p = &iface->addrs[i];
		bool known = false;

		if (p->addr.family != ADDR_V6 || ip6_is_link_local(p->addr.bytes) ||
			iface->from[i] == RTR_FROM_VRRP)
			continue;
		struct prefix network = prefix_network(p);
		for (unsigned k = 0; k < said->n_prefixes; k++)
			known |= addr_cmp(&said->prefixes[k].prefix.addr, &network.addr) == 0;
		if (!known)
			said->prefixes[said->n_prefixes++] = (struct nd_prefix){.prefix = network,
				.on_link = true,
				.autonomous = p->len == 64, // RFC 4862: what hosts can use
				.valid_s = VALID_S,
				.preferred_s = PREFERRED_S};
	}
}

// The source: the interface's link-local address, or the virtual router's while we are its master (RFC 9568 section 8.2.3).
static bool source_of(const struct rtr_iface *iface, struct addr *from, struct mac *mac) {
	bool master;

	if (vrrp_advertiser(iface->index, from, mac, &master))
		return master;
	memcpy(mac->bytes, iface->mac.addr_bytes, sizeof(mac->bytes));
	for (unsigned i = 0; i < iface->n_addrs; i++) {
		*from = iface->addrs[i].addr;
		if (from->family == ADDR_V6 && ip6_is_link_local(from->bytes))
			return neigh_address_usable(iface->index, from);
	}
	return false;
}

static void say(struct ra *ra, bool final) {
	const struct rtr_iface *iface = rtr_iface(ra->iface);
	struct nd nd = {.type = ND_RA, .dst = nd_all_nodes, .has_mac = true, .ra = ra->conf.said};
	uint8_t frame[ND_FRAME_MAX];

	if (iface == NULL || !source_of(iface, &nd.src, &nd.mac))
		return;
	if (ra->conf.own_prefixes)
		prefixes_fill(&nd.ra, iface);
	if (final)
		nd.ra.lifetime_s = 0;
	size_t len = nd_encode(&nd, &nd.mac, NULL, frame);
	struct rte_mbuf *m = len ? rte_pktmbuf_alloc(dp_pool()) : NULL;
	char *at = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (at == NULL) { // the next one follows
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(at, frame, len);
	punt_frame(ra->iface, m);
	ra->sent++;
}

static void advertise(struct ra_sender *s) {
	say((struct ra *)s, false);
}

static uint32_t random_word(void) {
	return (uint32_t)rte_rand();
}

// ---- what comes in ------------------------------------------------------------------------------------------

static void compare(struct ra *ra, const struct rtr_iface *iface, const struct nd *nd) {
	struct nd_router ours = ra->conf.said;
	uint64_t now_ns = clock_now_ns();
	char text[ADDR_STRLEN];
	const char *what;

	if (ra->conf.own_prefixes)
		prefixes_fill(&ours, iface);
	what = ra_differs(&ours, &nd->ra);
	if (what == NULL)
		return;
	ra->differing++;
	if (ra->told_ns != 0 && now_ns - ra->told_ns < TOLD_NS)
		return;
	ra->told_ns = now_ns;
	addr_print(&nd->src, text);
	log_warn("router", "another router advertises otherwise than we do",
		"interface=%s router=%s what=\"%s\"", iface->name, text, what);
	event_emit("router.ra-differs",
		json_pack(
			"{s:s, s:s, s:s}", "interface", iface->name, "router", text, "what", what));
}

static void receive(struct rte_mbuf *m) {
	uint16_t index = dp_meta(m)->iface;
	const struct rtr_iface *iface = rtr_iface(index);
	struct ra *ra = iface ? ras[index] : NULL;
	uint32_t len = m->pkt_len - RTE_ETHER_HDR_LEN;
	uint8_t buf[2048];
	const uint8_t *ip = NULL;
	struct nd nd;

	if (iface && (m->nb_segs == 1 || len <= sizeof(buf)))
		ip = rte_pktmbuf_read(m, RTE_ETHER_HDR_LEN, len, buf);
	// icmp_local has summed it
	if (ip && nd_decode(ip, len, true, &nd) == ND_OK && !rtr_iface_owns(iface, &nd.src)) {
		if (nd.type == ND_RA)
			ra_uplink_receive(index, &nd);
		if (ra && nd.type == ND_RS) {
			ra->solicited++;
			ra_sender_solicited(&ra->sender);
		} else if (ra && nd.type == ND_RA) {
			compare(ra, iface, &nd);
		}
	}
	rte_pktmbuf_free(m);
}

// ---- while it runs ------------------------------------------------------------------------------------------

static bool is_up(const struct rtr_iface *iface) {
	struct dp_port_info info;

	return iface->port == DP_NONE || (dp_port_info(iface->port, &info) == 0 && info.link_up);
}

void ra_poll(uint64_t now_ns) {
	for (unsigned i = 0; n_ras > 0 && i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = ras[i] ? rtr_iface(i) : NULL;
		struct addr from;
		struct mac mac;

		if (iface == NULL)
			continue;
		bool on = is_up(iface) && source_of(iface, &from, &mac);
		if (on && !ras[i]->sender.on)
			ra_sender_start(&ras[i]->sender);
		else if (!on && ras[i]->sender.on)
			ra_sender_stop(&ras[i]->sender);
	}
	timers_run(&timers, now_ns, DP_MAX_IFACES);
	ra_uplink_poll(now_ns);
}

// ---- the transaction ----------------------------------------------------------------------------------------

static void ra_del(struct ra *ra) {
	ra_sender_stop(&ra->sender);
	ras[ra->iface] = NULL;
	n_ras--;
	free(ra);
}

// Section 6.2.5: it ceases to advertise. What a virtual router said stays true by its next master.
void ra_leaving(const struct rtr_conf_all *next) {
	bool said = false;

	for (unsigned i = 0; n_ras > 0 && i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = ras[i] ? rtr_iface(i) : NULL;
		const struct rtr_conf *router = iface ? rtr_conf_find(next, iface->router) : NULL;
		const struct rtr_conf_iface *to =
			router ? rtr_conf_iface(router, iface->name) : NULL;
		struct addr from;
		struct mac mac;
		bool master;

		if (ras[i] == NULL || (to && to->ra))
			continue;
		if (ras[i]->sender.on && !vrrp_advertiser((uint16_t)i, &from, &mac, &master)) {
			say(ras[i], true);
			said = true;
		}
		ra_del(ras[i]);
	}
	if (said)
		punt_flush();
}

static void apply(unsigned index, const struct ra_conf *conf) {
	struct ra *ra = ras[index];

	if (ra == NULL) {
		ra = timers_reserve(&timers, n_ras + 1) == 0 ? calloc(1, sizeof(*ra)) : NULL;
		if (ra == NULL) {
			log_error("router", "out of memory: no advertisements", "index=%u", index);
			return;
		}
		ra_sender_init(&ra->sender, &timers, advertise, random_word);
		ra->iface = (uint16_t)index;
		ras[index] = ra;
		n_ras++;
	} else if (memcmp(&ra->conf, conf, sizeof(*conf)) == 0) {
		return;
	}
	ra->conf = *conf;
	ra->sender.interval_ns = conf->interval_ns;
	if (ra->sender.on)
		ra_sender_start(&ra->sender);
}

void ra_commit(void) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_ifaces[i];
		const struct rtr_conf *router =
			iface ? rtr_conf_find(&rtr_running, iface->router) : NULL;
		const struct rtr_conf_iface *conf =
			router ? rtr_conf_iface(router, iface->name) : NULL;

		if (conf && conf->ra)
			apply(i, conf->ra);
		else if (ras[i])
			ra_del(ras[i]); // its number is another interface's now
	}
	ra_uplink_commit();
}

int ra_init(struct err *) {
	punt_handler(PUNT_RA, receive);
	ra_uplink_init();
	return 0;
}

void ra_fini(void) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (ras[i])
			ra_del(ras[i]);
	timers_fini(&timers);
	ra_uplink_fini();
}

// ---- leat show ra -------------------------------------------------------------------------------------------

const struct schema_row ra_columns[] = {
	{.name = "interface", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "interface"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "advertises",
		.type = SCHEMA_BOOL,
		.help = "false: no link or address yet, or the virtual router's master does"},
	{.name = "lifetime",
		.type = SCHEMA_INT,
		.unit = "s",
		.help = "as default router; 0: it is none"},
	{.name = "sent",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "advertisements sent"},
	{.name = "solicited",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "solicitations received"},
	{.name = "differing",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "advertisements of other routers that say otherwise"},
	{0},
};

int ra_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	for (unsigned i = 0; i < DP_MAX_IFACES && json_array_size(rows) < limit; i++) {
		const struct rtr_iface *iface = ras[i] ? rtr_iface(i) : NULL;

		if (iface == NULL)
			continue;
		json_t *row = json_pack("{s:s, s:s, s:b, s:i, s:I, s:I, s:I}", "interface",
			iface->name, "router", iface->router, "advertises", (int)ras[i]->sender.on,
			"lifetime", (int)ras[i]->conf.said.lifetime_s, "sent",
			(json_int_t)ras[i]->sent, "solicited", (json_int_t)ras[i]->solicited,
			"differing", (json_int_t)ras[i]->differing);
		if (json_array_append_new(rows, row) != 0)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}
