// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/conf.h"
#include "router/dhcp/dhcp_conf_priv.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 320
#define SEC  1000000000u

int dhcp_range_parse(const char *text, struct dhcp_range *range) {
	const char *dash = strchr(text, '-');
	char first[ADDR_STRLEN];
	struct addr a, b;

	snprintf(first, sizeof(first), "%.*s", dash ? (int)(dash - text) : 45, text);
	if (addr_parse(first, &a) != 0 || addr_parse(dash ? dash + 1 : first, &b) != 0 ||
		a.family != ADDR_V4 || b.family != ADDR_V4)
		return -EINVAL;
	*range = (struct dhcp_range){dhcp_addr_host(&a), dhcp_addr_host(&b)};
	return range->first <= range->last ? 0 : -EINVAL;
}

int dhcp_hex_parse(const char *text, uint8_t *bytes, size_t size) {
	size_t n = 0;

	for (const char *c = text; *c; n++) {
		char two[3] = {c[0], c[0] ? c[1] : '\0', '\0'};

		if (!isxdigit((unsigned char)two[0]) || !isxdigit((unsigned char)two[1]) ||
			n == size)
			return -EINVAL;
		bytes[n] = (uint8_t)strtoul(two, NULL, 16);
		c += 2;
		c += (*c == ':' || *c == '-') && c[1];
	}
	return n > 0 ? (int)n : -EINVAL;
}

static void text_copy(char *to, size_t size, const char *from) {
	snprintf(to, size, "%s", from ? from : "");
}

static int no_memory(struct err *err) {
	return err_set(err, -ENOMEM, "routers: out of memory");
}

// ---- what a subnet's options are ----------------------------------------------------------------------------

static int option_add(struct dhcp_conf_subnet *subnet, unsigned code, const void *bytes, size_t len,
	bool always, struct err *err) {
	struct dhcp_conf_option *grown =
		reallocarray(subnet->options, subnet->n_options + 1, sizeof(*subnet->options));

	if (grown == NULL)
		return no_memory(err);
	subnet->options = grown;
	grown += subnet->n_options;
	*grown = (struct dhcp_conf_option){
		(uint8_t)code, always, (uint16_t)len, malloc(len ? len : 1)};
	if (grown->bytes == NULL)
		return no_memory(err);
	memcpy(grown->bytes, bytes, len);
	subnet->n_options++;
	return 0;
}

static int number_add(struct dhcp_conf_subnet *subnet, unsigned code, uint32_t value, size_t len,
	bool always, struct err *err) {
	uint8_t b[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
		(uint8_t)value};

	return option_add(subnet, code, b + 4 - len, len, always, err);
}

static int addresses_add(struct dhcp_conf_subnet *subnet, unsigned code, const json_t *list,
	bool always, const char *path, struct err *err) {
	uint8_t bytes[32 * 4];
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++) {
		struct addr addr;

		addr_parse(json_string_value(json_array_get(list, i)), &addr);
		if (addr.family != ADDR_V4)
			return err_at(err, path, "DHCPv4 has IPv4 addresses only; %s is none",
				json_string_value(json_array_get(list, i)));
		memcpy(bytes + 4 * i, addr.bytes, 4);
	}
	return n == 0 ? 0 : option_add(subnet, code, bytes, 4 * n, always, err);
}

static int text_add(
	struct dhcp_conf_subnet *subnet, unsigned code, const char *text, struct err *err) {
	return text ? option_add(subnet, code, text, strlen(text), false, err) : 0;
}

static int search_add(
	struct dhcp_conf_subnet *subnet, const json_t *list, const char *path, struct err *err) {
	uint8_t bytes[8 * 256];
	size_t len = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		size_t one = dhcp_name_encode(name, bytes + len, sizeof(bytes) - len);

		if (one == 0)
			return err_at(err, path, "search: %s is no domain name", name);
		len += one;
	}
	return len == 0 ? 0 : option_add(subnet, DHCP_OPT_SEARCH, bytes, len, false, err);
}

// RFC 3442: who gets option 121 heeds no option 3, so that the default gateway is in both.
static int routes_add(
	struct dhcp_conf_subnet *subnet, const json_t *map, const char *path, struct err *err) {
	struct dhcp_route routes[DHCP_CONF_ROUTES];
	uint8_t bytes[DHCP_CONF_ROUTES * 9];
	bool has_default = false;
	unsigned n = 0;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)map, key, value) {
		struct prefix to;
		struct addr via;

		prefix_parse(key, &to);
		addr_parse(json_string_value(value), &via);
		if (to.addr.family != ADDR_V4 || via.family != ADDR_V4)
			return err_at(err, path,
				"routes: DHCPv4 has IPv4 routes only; %s by %s is none", key,
				json_string_value(value));
		has_default |= to.len == 0;
		routes[n++] = (struct dhcp_route){prefix_network(&to), dhcp_addr_host(&via)};
	}
	if (n > 0 && !has_default && subnet->router)
		routes[n++] = (struct dhcp_route){{.addr = {.family = ADDR_V4}}, subnet->router};
	return n == 0 ? 0
		      : option_add(subnet, DHCP_OPT_ROUTES, bytes,
				dhcp_routes_encode(routes, n, bytes, sizeof(bytes)), false, err);
}

static bool is_own(unsigned code) {
	static const uint8_t own[] = {DHCP_OPT_MASK, DHCP_OPT_REQUESTED, DHCP_OPT_LEASE,
		DHCP_OPT_OVERLOAD, DHCP_OPT_TYPE, DHCP_OPT_SERVER, DHCP_OPT_WANTED, DHCP_OPT_SIZE,
		DHCP_OPT_T1, DHCP_OPT_T2, DHCP_OPT_CLIENT, DHCP_OPT_RAPID, DHCP_OPT_RELAY};

	return memchr(own, (int)code, sizeof(own)) != NULL;
}

static int custom_add(struct dhcp_conf_subnet *subnet, unsigned code, const json_t *object,
	const char *path, struct err *err) {
	struct dhcp_raw_option raw = {.u8 = -1, .u16 = -1, .u32 = -1};
	uint8_t bytes[255];

	schema_decode(dhcp_option_rows, object, &raw);
	if (is_own(code))
		return err_at(err, path, "option %u is the server's own; leave it out", code);
	for (unsigned i = 0; i < subnet->n_options; i++)
		if (subnet->options[i].code == code)
			return err_at(err, path,
				"option %u has a field of its own, which says something else; keep "
				"one",
				code);
	if (raw.text)
		return option_add(subnet, code, raw.text, strlen(raw.text), raw.always, err);
	if (raw.hex)
		return option_add(subnet, code, bytes,
			(size_t)dhcp_hex_parse(raw.hex, bytes, sizeof(bytes)), raw.always, err);
	if (raw.addresses)
		return addresses_add(subnet, code, raw.addresses, raw.always, path, err);
	return number_add(subnet, code,
		(uint32_t)(raw.u8 >= 0         ? raw.u8
				: raw.u16 >= 0 ? raw.u16
					       : raw.u32),
		raw.u8 >= 0            ? 1
			: raw.u16 >= 0 ? 2
				       : 4,
		raw.always, err);
}

static int customs_add(
	struct dhcp_conf_subnet *subnet, const json_t *map, const char *path, struct err *err) {
	const char *key;
	json_t *value;
	char at[PATH + 128];
	int rc = 0;

	json_object_foreach ((json_t *)map, key, value) {
		snprintf(at, sizeof(at), "%s.options.%s", path, key);
		rc = rc ? rc : custom_add(subnet, (unsigned)strtoul(key, NULL, 10), value, at, err);
	}
	return rc;
}

static int options_parse(struct dhcp_conf_subnet *subnet, const struct dhcp_raw_subnet *raw,
	const char *path, struct err *err) {
	int rc = addresses_add(subnet, DHCP_OPT_ROUTERS, raw->routers, false, path, err);

	if (rc == 0 && raw->routers == NULL && subnet->router)
		rc = number_add(subnet, DHCP_OPT_ROUTERS, subnet->router, 4, false, err);
	if (rc == 0)
		rc = addresses_add(subnet, DHCP_OPT_DNS, raw->dns, false, path, err);
	if (rc == 0)
		rc = text_add(subnet, DHCP_OPT_DOMAIN, raw->domain, err);
	if (rc == 0)
		rc = search_add(subnet, raw->search, path, err);
	if (rc == 0)
		rc = addresses_add(subnet, DHCP_OPT_NTP, raw->ntp, false, path, err);
	if (rc == 0)
		rc = routes_add(subnet, raw->routes, path, err);
	if (rc == 0 && raw->mtu)
		rc = number_add(subnet, DHCP_OPT_MTU, (uint32_t)raw->mtu, 2, false, err);
	if (rc == 0)
		rc = text_add(subnet, DHCP_OPT_TFTP, raw->tftp, err);
	if (rc == 0)
		rc = text_add(subnet, DHCP_OPT_BOOT_FILE, raw->boot_file, err);
	return rc ? rc : customs_add(subnet, raw->options, path, err);
}

// ---- subnets --------------------------------------------------------------------------------------------------

static bool in_subnet(const struct dhcp_conf_subnet *subnet, uint32_t addr) {
	return (addr & subnet->mask) == subnet->network;
}

// Neither the subnet itself nor its broadcast address is anybody's.
static bool is_host(const struct dhcp_conf_subnet *subnet, uint32_t addr) {
	return in_subnet(subnet, addr) &&
		(subnet->prefix.len >= 31 ||
			(addr != subnet->network && addr != (subnet->network | ~subnet->mask)));
}

static int ranges_parse(const struct dhcp_conf_subnet *subnet, const json_t *list,
	struct dhcp_range *ranges, const char *path, struct err *err) {
	char subnet_text[PREFIX_STRLEN];

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		dhcp_range_parse(text, &ranges[i]);
		if (!is_host(subnet, ranges[i].first) || !is_host(subnet, ranges[i].last))
			return err_at(err, path, "%s is not among the hosts of %s", text,
				prefix_print(&subnet->prefix, subnet_text));
	}
	return (int)json_array_size(list);
}

static int reservations_parse(
	struct dhcp_conf_subnet *subnet, const json_t *map, const char *path, struct err *err) {
	char text[PREFIX_STRLEN], at[PATH + 128];
	const char *key;
	json_t *value;

	subnet->reservations = calloc(json_object_size(map) + 1, sizeof(*subnet->reservations));
	if (subnet->reservations == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)map, key, value) {
		struct dhcp_conf_reservation *r = &subnet->reservations[subnet->n_reservations++];
		struct dhcp_raw_reservation raw = {0};
		struct addr addr;

		snprintf(at, sizeof(at), "%s.reservations[\"%s\"]", path, key);
		addr_parse(key, &addr);
		r->addr = dhcp_addr_host(&addr);
		if (addr.family != ADDR_V4 || !is_host(subnet, r->addr))
			return err_at(err, at, "it is not among the hosts of %s",
				prefix_print(&subnet->prefix, text));
		schema_decode(dhcp_reservation_rows, value, &raw);
		r->by_mac = raw.client_id == NULL;
		r->mac = raw.mac;
		if (raw.client_id)
			r->id_len = (uint8_t)dhcp_hex_parse(raw.client_id, r->id, sizeof(r->id));
		text_copy(r->hostname, sizeof(r->hostname), raw.hostname);
		for (unsigned i = 0; i + 1 < subnet->n_reservations; i++) {
			const struct dhcp_conf_reservation *o = &subnet->reservations[i];

			if (o->by_mac == r->by_mac && memcmp(&o->mac, &r->mac, 6) == 0 &&
				o->id_len == r->id_len && memcmp(o->id, r->id, r->id_len) == 0)
				return err_at(
					err, at, "that client has a reservation here already");
		}
	}
	return 0;
}

// The pool gives away neither what is reserved, nor the router's own addresses.
static int pool_parse(struct dhcp_conf_subnet *subnet, const struct rtr_conf_iface *iface,
	const struct dhcp_raw_subnet *raw, const char *path, struct err *err) {
	unsigned most = 256 + RTR_CONF_ADDRS + subnet->n_reservations;
	struct dhcp_range ranges[64], *out = calloc(most, sizeof(*out));
	char at[PATH + 128];
	int rc = -ENOMEM, n = 0, n_out = 0;

	if (out == NULL)
		return no_memory(err);
	snprintf(at, sizeof(at), "%s.ranges", path);
	n = rc = ranges_parse(subnet, raw->ranges, ranges, at, err);
	snprintf(at, sizeof(at), "%s.exclude", path);
	if (rc >= 0)
		n_out = rc = ranges_parse(subnet, raw->exclude, out, at, err);
	for (unsigned i = 0; rc >= 0 && i < subnet->n_reservations; i++)
		out[n_out++] = (struct dhcp_range){
			subnet->reservations[i].addr, subnet->reservations[i].addr};
	for (unsigned i = 0; rc >= 0 && i < iface->n_addrs; i++)
		if (iface->addrs[i].addr.family == ADDR_V4)
			out[n_out++] = (struct dhcp_range){dhcp_addr_host(&iface->addrs[i].addr),
				dhcp_addr_host(&iface->addrs[i].addr)};
	if (rc >= 0)
		rc = dhcp_pool_init(&subnet->pool, ranges, (unsigned)n, out, (unsigned)n_out);
	free(out);
	if (rc == -E2BIG)
		return err_at(err, path,
			"ranges: more than %u addresses from the first to the last", DHCP_POOL_MAX);
	return rc == -ENOMEM ? no_memory(err) : rc;
}

static int times_parse(struct dhcp_conf_subnet *subnet, const struct dhcp_raw_subnet *raw,
	const char *path, struct err *err) {
	subnet->lease_s = raw->lease_ns / SEC;
	subnet->lease_max_s = raw->lease_max_ns ? raw->lease_max_ns / SEC : subnet->lease_s;
	subnet->lease_min_s = raw->lease_min_ns ? raw->lease_min_ns / SEC
		: subnet->lease_s < 300         ? subnet->lease_s
						: 300;
	if (subnet->lease_min_s > subnet->lease_s || subnet->lease_s > subnet->lease_max_s)
		return err_at(err, path, "lease_min, lease and lease_max must rise in this order");
	return 0;
}

static int subnet_parse(struct dhcp_conf_subnet *subnet, const struct rtr_conf_iface *iface,
	const char *key, const json_t *object, const char *path, struct err *err) {
	struct dhcp_raw_subnet raw = {0};
	struct prefix given;
	int rc;

	schema_decode(dhcp_subnet_rows, object, &raw);
	prefix_parse(key, &given);
	subnet->prefix = prefix_network(&given);
	if (given.addr.family != ADDR_V4 || given.len == 0)
		return err_at(err, path, "DHCPv4 serves IPv4 subnets");
	if (addr_cmp(&given.addr, &subnet->prefix.addr) != 0)
		return err_at(err, path, "the address has bits beyond its length; clear them");
	subnet->network = dhcp_addr_host(&subnet->prefix.addr);
	subnet->mask = UINT32_MAX << (32 - given.len);
	for (unsigned i = 0; i < iface->n_addrs && subnet->router == 0; i++)
		if (prefix_contains(&subnet->prefix, &iface->addrs[i].addr))
			subnet->router = dhcp_addr_host(&iface->addrs[i].addr);
	if (json_array_size(raw.routers) > 0) {
		struct addr first;

		addr_parse(json_string_value(json_array_get(raw.routers, 0)), &first);
		subnet->router = dhcp_addr_host(&first);
	} else if (raw.routers) {
		subnet->router = 0;
	}
	subnet->router_is_relay = raw.routers == NULL && subnet->router == 0;
	if (raw.next_server.family == ADDR_V6)
		return err_at(err, path, "next_server: DHCPv4 has IPv4 addresses only");
	if (raw.next_server.family == ADDR_V4)
		subnet->next_server = dhcp_addr_host(&raw.next_server);
	text_copy(subnet->boot_file, sizeof(subnet->boot_file), raw.boot_file);
	rc = times_parse(subnet, &raw, path, err);
	if (rc == 0)
		rc = reservations_parse(subnet, raw.reservations, path, err);
	if (rc == 0)
		rc = pool_parse(subnet, iface, &raw, path, err);
	return rc < 0 ? rc : options_parse(subnet, &raw, path, err);
}

// ---- roles ----------------------------------------------------------------------------------------------------

static int server_parse(struct dhcp_conf *conf, const struct rtr_conf_iface *iface,
	const json_t *object, const char *path, struct err *err) {
	struct dhcp_raw_server raw = {0};
	struct dhcp_conf_server *server = conf->server = calloc(1, sizeof(*server));
	const char *key;
	json_t *value;
	char at[PATH + 64];

	if (server == NULL)
		return no_memory(err);
	schema_decode(dhcp_server_rows, object, &raw);
	server->authoritative = raw.authoritative;
	server->rapid_commit = raw.rapid_commit;
	server->probe_ns = raw.probe_ns;
	server->rate = bucket_limit_of(raw.rate, raw.rate / 4);
	server->subnets = calloc(json_object_size(raw.subnets) + 1, sizeof(*server->subnets));
	if (server->subnets == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)raw.subnets, key, value) {
		struct dhcp_conf_subnet *subnet = &server->subnets[server->n_subnets++];

		snprintf(at, sizeof(at), "%s.server.subnets[\"%s\"]", path, key);
		int rc = subnet_parse(subnet, iface, key, value, at, err);
		if (rc < 0)
			return rc;
		for (unsigned i = 0; i + 1 < server->n_subnets; i++)
			if (prefix_contains(&server->subnets[i].prefix, &subnet->prefix.addr) ||
				prefix_contains(&subnet->prefix, &server->subnets[i].prefix.addr))
				return err_at(err, at, "it overlaps another subnet of this server");
	}
	return 0;
}

static int relay_parse(
	struct dhcp_conf *conf, const json_t *object, const char *path, struct err *err) {
	struct dhcp_raw_relay raw = {0};
	struct dhcp_conf_relay *relay = conf->relay = calloc(1, sizeof(*relay));

	if (relay == NULL)
		return no_memory(err);
	schema_decode(dhcp_relay_rows, object, &raw);
	relay->option82 = raw.option82;
	relay->trust = raw.trust;
	relay->hops = (unsigned)raw.hops;
	text_copy(relay->circuit_id, sizeof(relay->circuit_id), raw.circuit_id);
	text_copy(relay->remote_id, sizeof(relay->remote_id), raw.remote_id);
	for (size_t i = 0; i < json_array_size(raw.servers); i++) {
		const char *text = json_string_value(json_array_get(raw.servers, i));
		struct addr addr;

		addr_parse(text, &addr);
		if (addr.family != ADDR_V4)
			return err_at(err, path,
				"relay.servers: DHCPv4 has IPv4 addresses only; %s is "
				"none",
				text);
		relay->servers[relay->n_servers++] = dhcp_addr_host(&addr);
	}
	return 0;
}

static int client_parse(struct dhcp_conf *conf, const json_t *value, struct err *err) {
	struct dhcp_raw_client raw = {.default_route = true, .classless = true, .mtu = true};
	struct dhcp_conf_client *client = conf->client = calloc(1, sizeof(*client));

	if (client == NULL)
		return no_memory(err);
	if (json_is_object(value))
		schema_decode(dhcp_client_rows, value, &raw);
	text_copy(client->hostname, sizeof(client->hostname), raw.hostname);
	text_copy(client->vendor_class, sizeof(client->vendor_class), raw.vendor_class);
	if (raw.client_id)
		client->id_len =
			(uint8_t)dhcp_hex_parse(raw.client_id, client->id, sizeof(client->id));
	client->default_route = raw.default_route;
	client->classless = raw.classless;
	client->mtu = raw.mtu;
	client->metric = (uint32_t)raw.metric;
	return 0;
}

static int roles_check(const struct dhcp_conf *conf, const struct rtr_conf_iface *iface,
	const char *path, struct err *err) {
	bool has_v4 = false;

	for (unsigned i = 0; i < iface->n_addrs; i++)
		has_v4 |= iface->addrs[i].addr.family == ADDR_V4;
	if (!!conf->server + !!conf->relay + !!conf->client > 1)
		return err_at(err, path, "an interface is server, relay or client; keep one");
	if ((conf->server || conf->relay) && !has_v4)
		return err_at(err, path,
			"a server or relay speaks from an IPv4 address; give the interface one");
	return 0;
}

int dhcp_conf_parse(struct dhcp_conf **out, const struct rtr_conf_iface *iface,
	const json_t *object, const char *path, struct err *err) {
	struct dhcp_raw raw = {0};
	struct dhcp_conf *conf = *out = object ? calloc(1, sizeof(*conf)) : NULL;
	char at[PATH];
	int rc = 0;

	if (object == NULL)
		return 0;
	if (conf == NULL)
		return no_memory(err);
	snprintf(at, sizeof(at), "%s.dhcp", path);
	schema_decode(dhcp_rows, object, &raw);
	if (raw.server)
		rc = server_parse(conf, iface, raw.server, at, err);
	if (rc == 0 && raw.relay)
		rc = relay_parse(conf, raw.relay, at, err);
	if (rc == 0 && raw.client && !json_is_false(raw.client))
		rc = client_parse(conf, raw.client, err);
	return rc ? rc : roles_check(conf, iface, at, err);
}

static void subnet_fini(struct dhcp_conf_subnet *subnet) {
	for (unsigned i = 0; i < subnet->n_options; i++)
		free(subnet->options[i].bytes);
	free(subnet->options);
	free(subnet->reservations);
	dhcp_pool_fini(&subnet->pool);
}

void dhcp_conf_free(struct dhcp_conf *conf) {
	if (conf == NULL)
		return;
	for (unsigned i = 0; conf->server && i < conf->server->n_subnets; i++)
		subnet_fini(&conf->server->subnets[i]);
	if (conf->server)
		free(conf->server->subnets);
	free(conf->server);
	free(conf->relay);
	free(conf->client);
	free(conf);
}
