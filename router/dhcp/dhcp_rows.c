// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/dhcp_conf_priv.h"
#include <string.h>

#define LIVE SCHEMA_LIVE

static const struct schema_row address = {.name = "address",
	.type = SCHEMA_ADDRESS,
	.example = "\"10.0.10.1\"",
	.help = "an IPv4 address"};
static const struct schema_row prefix_key = {
	.name = "prefix", .type = SCHEMA_PREFIX, .example = "\"10.0.10.0/24\"", .help = "a subnet"};
static const struct schema_row name_elem = {.name = "domain",
	.type = SCHEMA_STRING,
	.min = 1,
	.max = 253,
	.example = "\"example.com\"",
	.help = "a domain name"};

static int range_check(const json_t *value, const char *path, struct err *err) {
	struct dhcp_range range;

	if (dhcp_range_parse(json_string_value(value), &range) != 0)
		return err_at(err, path,
			"%s is no range; write its first and last address, "
			"\"10.0.10.100-10.0.10.199\"",
			json_string_value(value));
	return 0;
}

static const struct schema_row range_elem = {.name = "range",
	.type = SCHEMA_STRING,
	.min = 1,
	.max = 40,
	.check = range_check,
	.example = "\"10.0.10.100-10.0.10.199\"",
	.help = "first and last address, or one"};

// ---- reservations and options -------------------------------------------------------------------------------

static int hex_check(const json_t *value, const char *path, struct err *err) {
	uint8_t bytes[255];

	if (dhcp_hex_parse(json_string_value(value), bytes, sizeof(bytes)) < 0)
		return err_at(
			err, path, "%s: bytes are written \"01:0a:ff\"", json_string_value(value));
	return 0;
}

static int client_id_check(const json_t *value, const char *path, struct err *err) {
	uint8_t bytes[64];

	if (dhcp_hex_parse(json_string_value(value), bytes, sizeof(bytes)) < 2)
		return err_at(err, path,
			"a client identifier has 2 to 64 bytes, written \"01:02:00:00:00:00:09\"");
	return 0;
}

static int reservation_check(const json_t *object, const char *path, struct err *err) {
	if (!json_object_get(object, "mac") == !json_object_get(object, "client_id"))
		return err_at(err, path, "a reservation is for a `mac` or for a `client_id`");
	return 0;
}

const struct schema_row dhcp_reservation_rows[] = {
	{.name = "mac",
		.type = SCHEMA_MAC,
		SCHEMA_FIELD(struct dhcp_raw_reservation, mac),
		.flags = LIVE,
		.example = "\"02:00:00:00:00:09\"",
		.help = "client's hardware address"},
	{.name = "client_id",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_reservation, client_id),
		.flags = LIVE,
		.min = 2,
		.max = 191,
		.check = client_id_check,
		.help = "client identifier (option 61) in hex, its type first"},
	{.name = "hostname",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_reservation, hostname),
		.flags = LIVE,
		.min = 1,
		.max = 63,
		.help = "host name that it is told (option 12)"},
	{0},
};

static const struct schema_row reservation_elem = {.name = "reservation",
	.type = SCHEMA_OBJECT,
	.rows = dhcp_reservation_rows,
	.check = reservation_check,
	.help = "who always gets this address, and nobody else"};

static int option_check(const json_t *object, const char *path, struct err *err) {
	static const char *const forms[] = {"text", "hex", "addresses", "u8", "u16", "u32"};
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		n += json_object_get(object, forms[i]) != NULL;
	if (n != 1)
		return err_at(err, path,
			"an option has one value: `text`, `hex`, `addresses`, `u8`, `u16` or "
			"`u32`");
	return 0;
}

const struct schema_row dhcp_option_rows[] = {
	{.name = "text",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_option, text),
		.flags = LIVE,
		.min = 1,
		.max = 1000,
		.example = "\"http://10.0.10.1/wpad.dat\"",
		.help = "text"},
	{.name = "hex",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_option, hex),
		.flags = LIVE,
		.min = 2,
		.max = 764,
		.check = hex_check,
		.help = "bytes in hex"},
	{.name = "addresses",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct dhcp_raw_option, addresses),
		.flags = LIVE,
		.min = 1,
		.max = 32,
		.elem = &address,
		.help = "IPv4 addresses"},
	{.name = "u8",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct dhcp_raw_option, u8),
		.flags = LIVE,
		.min = 0,
		.max = 255,
		.help = "a number of one byte"},
	{.name = "u16",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct dhcp_raw_option, u16),
		.flags = LIVE,
		.min = 0,
		.max = 65535,
		.help = "a number of two bytes"},
	{.name = "u32",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct dhcp_raw_option, u32),
		.flags = LIVE,
		.min = 0,
		.max = UINT32_MAX,
		.help = "a number of four bytes"},
	{.name = "always",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct dhcp_raw_option, always),
		.flags = LIVE,
		.def = "false",
		.help = "sent to those, too, that do not ask for it (option 55)"},
	{0},
};

static const struct schema_row option_key = {
	.name = "number", .type = SCHEMA_INT, .min = 1, .max = 254, .help = "number of an option"};
static const struct schema_row option_elem = {.name = "option",
	.type = SCHEMA_OBJECT,
	.rows = dhcp_option_rows,
	.check = option_check,
	.example = "{ text = \"http://10.0.10.1/wpad.dat\" }",
	.help = "an option that has no name here"};

// ---- subnets --------------------------------------------------------------------------------------------------

const struct schema_row dhcp_subnet_rows[] = {
	{.name = "ranges",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct dhcp_raw_subnet, ranges),
		.flags = LIVE,
		.max = 64,
		.elem = &range_elem,
		.example = "{ \"10.0.10.100-10.0.10.199\" }",
		.help = "addresses that it gives away; none: reservations only"},
	{.name = "exclude",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct dhcp_raw_subnet, exclude),
		.flags = LIVE,
		.max = 256,
		.elem = &range_elem,
		.help = "and those of them that it does not"},
	{.name = "lease",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct dhcp_raw_subnet, lease_ns),
		.flags = LIVE,
		.min = 10000000000,
		.max = 31536000000000000,
		.def = "12h",
		.help = "how long an address is lent, unless the client says otherwise"},
	{.name = "lease_min",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct dhcp_raw_subnet, lease_min_ns),
		.flags = LIVE,
		.min = 10000000000,
		.max = 31536000000000000,
		.help = "at least so long, whatever the client says; left out: `lease`, or 5m when "
			"that is longer"},
	{.name = "lease_max",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct dhcp_raw_subnet, lease_max_ns),
		.flags = LIVE,
		.min = 10000000000,
		.max = 31536000000000000,
		.help = "at most so long; left out: `lease`"},
	{.name = "reservations",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct dhcp_raw_subnet, reservations),
		.flags = LIVE,
		.max = 4096,
		.key = &address,
		.elem = &reservation_elem,
		.help = "addresses that are somebody's"},
	{.name = "routers",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct dhcp_raw_subnet, routers),
		.flags = LIVE,
		.max = 8,
		.elem = &address,
		.help = "default gateways (option 3); left out: this router, or the relay; empty: "
			"none"},
	{.name = "dns",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct dhcp_raw_subnet, dns),
		.flags = LIVE,
		.min = 1,
		.max = 8,
		.elem = &address,
		.example = "{ \"10.0.10.1\" }",
		.help = "name servers (option 6)"},
	{.name = "domain",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_subnet, domain),
		.flags = LIVE,
		.min = 1,
		.max = 253,
		.help = "domain of the clients (option 15)"},
	{.name = "search",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct dhcp_raw_subnet, search),
		.flags = LIVE,
		.min = 1,
		.max = 8,
		.elem = &name_elem,
		.help = "domains in which short names are looked for (option 119)"},
	{.name = "ntp",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct dhcp_raw_subnet, ntp),
		.flags = LIVE,
		.min = 1,
		.max = 8,
		.elem = &address,
		.help = "time servers (option 42)"},
	{.name = "routes",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct dhcp_raw_subnet, routes),
		.flags = LIVE,
		.max = DHCP_CONF_ROUTES - 1,
		.key = &prefix_key,
		.elem = &address,
		.help = "routes by their next hop (option 121); the default gateway is added, as "
			"clients then heed no other option"},
	{.name = "mtu",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct dhcp_raw_subnet, mtu),
		.flags = LIVE,
		.min = 68,
		.max = 9216,
		.unit = "B",
		.help = "MTU of the clients (option 26)"},
	{.name = "tftp",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_subnet, tftp),
		.flags = LIVE,
		.min = 1,
		.max = 127,
		.help = "name or address of the TFTP server (option 66)"},
	{.name = "boot_file",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_subnet, boot_file),
		.flags = LIVE,
		.min = 1,
		.max = 127,
		.help = "file to boot from (the field `file`, and option 67)"},
	{.name = "next_server",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct dhcp_raw_subnet, next_server),
		.flags = LIVE,
		.help = "server that has it (the field `siaddr`)"},
	{.name = "options",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct dhcp_raw_subnet, options),
		.flags = LIVE,
		.max = 64,
		.key = &option_key,
		.elem = &option_elem,
		.help = "further options by number"},
	{0},
};

static const struct schema_row subnet_elem = {.name = "subnet",
	.type = SCHEMA_OBJECT,
	.rows = dhcp_subnet_rows,
	.help = "one on this interface, or one behind a relay"};

const struct schema_row dhcp_server_rows[] = {
	{.name = "subnets",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct dhcp_raw_server, subnets),
		.flags = LIVE | SCHEMA_REQUIRED,
		.min = 1,
		.max = 256,
		.key = &prefix_key,
		.elem = &subnet_elem,
		.help = "subnets that it serves"},
	{.name = "authoritative",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct dhcp_raw_server, authoritative),
		.flags = LIVE,
		.def = "true",
		.help = "clients that claim an address which is not theirs here are told so"},
	{.name = "rapid_commit",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct dhcp_raw_server, rapid_commit),
		.flags = LIVE,
		.def = "false",
		.help = "two messages instead of four for those who ask (RFC 4039)"},
	{.name = "probe",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct dhcp_raw_server, probe_ns),
		.flags = LIVE,
		.min = 0,
		.max = 2000000000,
		.def = "500ms",
		.help = "how long an address of this interface's subnet is asked for by ARP before "
			"it "
			"is offered; 0: not"},
	{.name = "rate",
		.type = SCHEMA_RATE,
		SCHEMA_FIELD(struct dhcp_raw_server, rate),
		.flags = LIVE,
		.min = 1,
		.max = 100000,
		.def = "200/s",
		.help = "messages that it looks at; of one client at most 10 per second"},
	{0},
};

// ---- relay and client -----------------------------------------------------------------------------------------

static const char *const trust_words[] = {"drop", "keep", "replace", NULL};

const struct schema_row dhcp_relay_rows[] = {
	{.name = "servers",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct dhcp_raw_relay, servers),
		.flags = LIVE | SCHEMA_REQUIRED | SCHEMA_UNIQUE,
		.min = 1,
		.max = DHCP_CONF_SERVERS,
		.elem = &address,
		.example = "{ \"10.9.0.5\" }",
		.help = "DHCP servers; each gets every request"},
	{.name = "option82",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct dhcp_raw_relay, option82),
		.flags = LIVE,
		.def = "true",
		.help = "says where the client is (RFC 3046)"},
	{.name = "circuit_id",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_relay, circuit_id),
		.flags = LIVE,
		.min = 1,
		.max = 63,
		.help = "its circuit id; left out: the interface's name"},
	{.name = "remote_id",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_relay, remote_id),
		.flags = LIVE,
		.min = 1,
		.max = 63,
		.help = "its remote id; left out: the interface's MAC address"},
	{.name = "trust",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct dhcp_raw_relay, trust),
		.flags = LIVE,
		.words = trust_words,
		.def = "drop",
		.help = "requests that bring an option 82 and do not come from a relay"},
	{.name = "hops",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct dhcp_raw_relay, hops),
		.flags = LIVE,
		.min = 1,
		.max = 16,
		.def = "4",
		.help = "relays that a request may pass"},
	{0},
};

const struct schema_row dhcp_client_rows[] = {
	{.name = "hostname",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_client, hostname),
		.flags = LIVE,
		.min = 1,
		.max = 63,
		.help = "host name that the server is told (option 12)"},
	{.name = "vendor_class",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_client, vendor_class),
		.flags = LIVE,
		.min = 1,
		.max = 63,
		.help = "vendor class (option 60)"},
	{.name = "client_id",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct dhcp_raw_client, client_id),
		.flags = LIVE,
		.min = 2,
		.max = 191,
		.check = client_id_check,
		.help = "client identifier (option 61) in hex, its type first; left out: 01 and "
			"the "
			"MAC address"},
	{.name = "default_route",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct dhcp_raw_client, default_route),
		.flags = LIVE,
		.def = "true",
		.help = "takes the default route (option 3, or in option 121)"},
	{.name = "routes",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct dhcp_raw_client, classless),
		.flags = LIVE,
		.def = "true",
		.help = "takes other routes (option 121)"},
	{.name = "mtu",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct dhcp_raw_client, mtu),
		.flags = LIVE,
		.def = "true",
		.help = "lowers the interface's MTU as the server says (option 26)"},
	{.name = "metric",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct dhcp_raw_client, metric),
		.flags = LIVE,
		.min = 0,
		.max = UINT32_MAX,
		.def = "0",
		.help = "metric of its routes; their distance is 210"},
	{0},
};

static const struct schema_row client_forms[] = {
	{.type = SCHEMA_BOOL, .help = "true: with the defaults"},
	{.type = SCHEMA_OBJECT, .rows = dhcp_client_rows, .help = "what it says and takes"},
	{0},
};

const struct schema_row dhcp_rows[] = {
	{.name = "server",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct dhcp_raw, server),
		.flags = LIVE,
		.rows = dhcp_server_rows,
		.help = "DHCP server"},
	{.name = "relay",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct dhcp_raw, relay),
		.flags = LIVE,
		.rows = dhcp_relay_rows,
		.help = "DHCP relay: what it hears goes to servers elsewhere"},
	{.name = "client",
		.type = SCHEMA_UNION,
		SCHEMA_FIELD(struct dhcp_raw, client),
		.flags = LIVE,
		.rows = client_forms,
		.example = "true",
		.help = "DHCP client: the interface gets an address from a server"},
	{0},
};
