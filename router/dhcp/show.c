// SPDX-License-Identifier: BSD-3-Clause
// DHCP as people and programs see it.
#include "lib/clock.h"
#include "router/dhcp/uplink.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool wanted(const json_t *filter, const char *name, const char *value) {
	const char *want = json_string_value(json_object_get(filter, name));

	return want == NULL || strcasecmp(want, value) == 0;
}

static int append(json_t *rows, json_t *row, struct err *err) {
	if (row != NULL && json_array_append_new(rows, row) == 0)
		return 0;
	return err_set(err, -ENOMEM, "out of memory");
}

static char *host_print(uint32_t host, char text[static ADDR_STRLEN]) {
	struct addr addr = dhcp_addr(host);

	if (host == 0)
		snprintf(text, ADDR_STRLEN, "-");
	else
		addr_print(&addr, text);
	return text;
}

static const char *iface_name(unsigned index) {
	const struct rtr_iface *iface = rtr_iface(index);

	return iface ? iface->name : "-";
}

static int64_t left_s(uint64_t at_ns) {
	uint64_t now_ns = clock_now_ns();

	return at_ns > now_ns ? (int64_t)((at_ns - now_ns) / NSEC_PER_SEC) : 0;
}

// ---- leases ---------------------------------------------------------------------------------------------------

static const char *const state_words[] = {
	"probing", "offered", "bound", "expired", "declined", NULL};

const struct schema_row dhcp_lease_columns[] = {
	{.name = "address", .type = SCHEMA_ADDRESS, .flags = SCHEMA_KEY, .help = "lent address"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "state", .type = SCHEMA_ENUM, .words = state_words, .help = "what it is"},
	{.name = "mac", .type = SCHEMA_MAC, .help = "its client's hardware address"},
	{.name = "hostname", .type = SCHEMA_STRING, .help = "what the client calls itself"},
	{.name = "left", .type = SCHEMA_INT, .unit = "s", .help = "until it is over"},
	{.name = "interface", .type = SCHEMA_NAME, .help = "interface by which it was asked for"},
	{.name = "client_id",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_WIDE,
		.help = "client identifier, in hex; of a client without: 0, type, hardware "
			"address"},
	{0},
};

struct walk {
	const json_t *filter;
	const struct dhcp_router *router;
	json_t *rows;
	size_t limit;
	struct err *err;
	int rc;
};

static bool lease_row(struct dhcp_lease *lease, void *arg) {
	struct walk *w = arg;
	char addr[ADDR_STRLEN], mac[MAC_STRLEN], id[2 * DHCP_ID_MAX + 1] = "";

	host_print(lease->addr, addr);
	if (!wanted(w->filter, "address", addr) ||
		!wanted(w->filter, "state", state_words[lease->state]) ||
		(!wanted(w->filter, "key", addr) && !wanted(w->filter, "key", w->router->name)))
		return true;
	for (unsigned i = 0; i < lease->id.len; i++)
		snprintf(id + 2 * i, 3, "%02x", lease->id.bytes[i]);
	w->rc = append(w->rows,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s}", "address", addr, "router",
			w->router->name, "state", state_words[lease->state], "mac",
			mac_print(&lease->mac, mac), "hostname",
			lease->hostname[0] ? lease->hostname : "-", "left",
			(json_int_t)left_s(lease->expires_ns), "interface",
			iface_name(lease->iface), "client_id", id),
		w->err);
	return w->rc == 0 && json_array_size(w->rows) < w->limit;
}

int dhcp_leases_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	struct walk w = {.filter = filter, .rows = rows, .limit = limit, .err = err};

	for (struct dhcp_router *r = dhcp_routers; r && w.rc == 0; r = r->next) {
		w.router = r;
		if (wanted(filter, "router", r->name) && json_array_size(rows) < limit)
			dhcp_leases_foreach(&r->realm.leases, lease_row, &w);
	}
	return w.rc;
}

// ---- servers --------------------------------------------------------------------------------------------------

const struct schema_row dhcp_server_columns[] = {
	{.name = "interface", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "interface"},
	{.name = "subnet", .type = SCHEMA_PREFIX, .flags = SCHEMA_KEY, .help = "subnet"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "addresses",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "addresses of its pool"},
	{.name = "free",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "of these, never lent or forgotten"},
	{.name = "refused",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "clients for which no address was left"},
	{.name = "discovers",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "DISCOVERs of the interface"},
	{.name = "requests",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "REQUESTs of the interface"},
	{.name = "offers", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "OFFERs sent"},
	{.name = "acks", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "ACKs sent"},
	{.name = "naks", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "NAKs sent"},
	{.name = "conflicts",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "addresses at which somebody was found"},
	{.name = "limited",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "messages beyond the rate"},
	{.name = "malformed",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "messages that make no sense"},
	{.name = "no_subnet",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "messages for a subnet that it does not serve"},
	{0},
};

static json_t *subnet_row(const struct rtr_iface *iface, const struct dhcp_conf_server *server,
	const struct dhcp_conf_subnet *subnet) {
	const struct dhcp_server_stats *s = &server->stats;
	char text[PREFIX_STRLEN];

	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:I}",
		"interface", iface->name, "subnet", prefix_print(&subnet->prefix, text), "router",
		iface->router, "addresses", (json_int_t)subnet->pool.usable, "free",
		(json_int_t)subnet->pool.free, "refused", (json_int_t)subnet->refused, "discovers",
		(json_int_t)s->received[DHCP_DISCOVER], "requests",
		(json_int_t)s->received[DHCP_REQUEST], "offers", (json_int_t)s->sent[DHCP_OFFER],
		"acks", (json_int_t)s->sent[DHCP_ACK], "naks", (json_int_t)s->sent[DHCP_NAK],
		"conflicts", (json_int_t)s->conflicts, "limited", (json_int_t)s->limited,
		"malformed", (json_int_t)s->malformed, "no_subnet", (json_int_t)s->no_subnet);
}

int dhcp_servers_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	int rc = 0;

	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct dhcp_conf_server *server =
			dhcp_by_iface[i] ? dhcp_by_iface[i]->server : NULL;

		if (server == NULL || !wanted(filter, "interface", iface_name(i)))
			continue;
		for (unsigned s = 0; rc == 0 && s < server->n_subnets; s++)
			if (json_array_size(rows) < limit)
				rc = append(rows,
					subnet_row(rtr_ifaces[i], server, &server->subnets[s]),
					err);
	}
	return rc;
}

// ---- relays ---------------------------------------------------------------------------------------------------

const struct schema_row dhcp_relay_columns[] = {
	{.name = "interface", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "interface"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "servers", .type = SCHEMA_STRING, .help = "where requests go"},
	{.name = "requests",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "requests passed on"},
	{.name = "replies",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "replies passed back"},
	{.name = "untrusted",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "requests with an option 82 that nobody should have put there"},
	{.name = "hops",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "requests that passed too many relays"},
	{.name = "unknown",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "replies of none of its servers"},
	{.name = "malformed",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "messages that make no sense"},
	{0},
};

static json_t *relay_row(const struct rtr_iface *iface, const struct dhcp_conf_relay *relay) {
	char text[DHCP_CONF_SERVERS * ADDR_STRLEN] = "", addr[ADDR_STRLEN];
	size_t n = 0;

	for (unsigned i = 0; i < relay->n_servers && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "",
			host_print(relay->servers[i], addr));
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "interface", iface->name,
		"router", iface->router, "servers", text, "requests",
		(json_int_t)relay->stats.requests, "replies", (json_int_t)relay->stats.replies,
		"untrusted", (json_int_t)relay->stats.untrusted, "hops",
		(json_int_t)relay->stats.hops, "unknown", (json_int_t)relay->stats.unknown,
		"malformed", (json_int_t)relay->stats.malformed);
}

int dhcp_relays_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < DP_MAX_IFACES && json_array_size(rows) < limit; i++)
		if (dhcp_by_iface[i] && dhcp_by_iface[i]->relay &&
			wanted(filter, "interface", iface_name(i)))
			rc = append(rows, relay_row(rtr_ifaces[i], dhcp_by_iface[i]->relay), err);
	return rc;
}

// ---- clients --------------------------------------------------------------------------------------------------

static const char *const client_words[] = {"down", "init", "selecting", "requesting", "rebooting",
	"checking", "bound", "renewing", "rebinding", "waiting", NULL};

const struct schema_row dhcp_client_columns[] = {
	{.name = "interface", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "interface"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "state",
		.type = SCHEMA_ENUM,
		.flags = SCHEMA_GAUGE,
		.words = client_words,
		.help = "as in RFC 2131 section 4.4; checking: asks by ARP whether somebody is "
			"there"},
	{.name = "address", .type = SCHEMA_STRING, .help = "address in use"},
	{.name = "server", .type = SCHEMA_STRING, .help = "who gave it"},
	{.name = "gateway", .type = SCHEMA_STRING, .help = "default gateway"},
	{.name = "dns", .type = SCHEMA_STRING, .help = "name servers that it was told"},
	{.name = "ntp", .type = SCHEMA_STRING, .help = "time servers that it was told"},
	{.name = "domain", .type = SCHEMA_STRING, .flags = SCHEMA_WIDE, .help = "domain"},
	{.name = "routes",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE,
		.help = "routes that it was told, the default one included"},
	{.name = "left",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.unit = "s",
		.help = "until the lease is over"},
	{.name = "next",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE,
		.unit = "s",
		.help = "until something is sent"},
	{.name = "sent",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "messages sent"},
	{.name = "received",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "messages received"},
	{0},
};

static char *hosts_print(const uint32_t *hosts, unsigned n, char *text, size_t size) {
	size_t at = 0;
	char addr[ADDR_STRLEN];

	snprintf(text, size, "-");
	for (unsigned i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(
			text + at, size - at, "%s%s", i ? " " : "", host_print(hosts[i], addr));
	return text;
}

static json_int_t total(const uint64_t *counts) {
	uint64_t sum = 0;

	for (unsigned i = 0; i < 9; i++)
		sum += counts[i];
	return (json_int_t)sum;
}

static json_t *client_row(const struct uplink *u) {
	static const struct dhcp_client_lease none;
	const struct dhcp_client *c = &u->client;
	const struct dhcp_client_lease *l = c->in_use ? &c->lease : &none;
	char addr[ADDR_STRLEN], address[PREFIX_STRLEN] = "-", server[ADDR_STRLEN],
				gateway[ADDR_STRLEN], dns[4 * ADDR_STRLEN], ntp[4 * ADDR_STRLEN];
	uint32_t via = 0;

	if (l->addr)
		snprintf(address, sizeof(address), "%s/%d", host_print(l->addr, addr),
			__builtin_popcount(l->mask));
	for (unsigned i = 0; i < l->n_routes; i++)
		via = l->routes[i].to.len == 0 ? l->routes[i].via : via;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I}",
		"interface", u->name, "router", u->router, "state",
		dhcp_client_state_name(c->state), "address", address, "server",
		host_print(l->server, server), "gateway", host_print(via, gateway), "dns",
		hosts_print(l->dns, l->n_dns, dns, sizeof(dns)), "ntp",
		hosts_print(l->ntp, l->n_ntp, ntp, sizeof(ntp)), "domain",
		l->domain[0] ? l->domain : "-", "routes", (int)l->n_routes, "left",
		(json_int_t)(l->addr ? left_s(l->got_ns + l->lease_s * NSEC_PER_SEC) : 0), "next",
		(json_int_t)left_s(c->next_ns), "sent", total(c->stats.sent), "received",
		total(c->stats.received));
}

int dhcp_clients_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	int rc = 0;

	for (struct uplink *u = uplinks; u && rc == 0 && json_array_size(rows) < limit; u = u->next)
		if (wanted(filter, "interface", u->name) && wanted(filter, "router", u->router))
			rc = append(rows, client_row(u), err);
	return rc;
}

// ---- actions --------------------------------------------------------------------------------------------------

const struct schema_row dhcp_flush_args[] = {
	{.name = "address",
		.type = SCHEMA_ADDRESS,
		.example = "\"10.0.10.100\"",
		.help = "only this one"},
	{.name = "router", .type = SCHEMA_NAME, .help = "only those of this router"},
	{0},
};

struct flush {
	uint32_t addr; // 0: all
	unsigned n;
};

static bool lease_flush(struct dhcp_lease *lease, void *arg) {
	struct flush *flush = arg;

	if (flush->addr && flush->addr != lease->addr)
		return true;
	store_forget(lease);
	dhcp_lease_del(lease);
	flush->n++;
	return true;
}

int dhcp_flush(const json_t *args, json_t **result, struct err *err) {
	const char *text = json_string_value(json_object_get(args, "address"));
	struct flush flush = {0};
	struct addr addr;

	if (text) {
		addr_parse(text, &addr);
		if (addr.family != ADDR_V4)
			return err_set(err, -EINVAL, "DHCPv4 leases are of IPv4 addresses");
		flush.addr = dhcp_addr_host(&addr);
	}
	for (struct dhcp_router *r = dhcp_routers; r; r = r->next)
		if (wanted(args, "router", r->name))
			dhcp_leases_foreach(&r->realm.leases, lease_flush, &flush);
	*result = json_pack("{s:i}", "flushed", (int)flush.n);
	return 0;
}

const struct schema_row dhcp_renew_args[] = {
	{.name = "interface", .type = SCHEMA_NAME, .help = "only the client of this interface"},
	{0},
};

int dhcp_renew(const json_t *args, json_t **result, struct err *) {
	unsigned n = 0;

	for (struct uplink *u = uplinks; u; u = u->next)
		if (wanted(args, "interface", u->name)) {
			dhcp_client_renew(&u->client);
			n++;
		}
	*result = json_pack("{s:i}", "asked", (int)n);
	return 0;
}
