// SPDX-License-Identifier: BSD-3-Clause
// pure
// Between the rows of `dhcp` and their decoding.
#pragma once

#include "router/dhcp/dhcp_conf.h"

struct dhcp_raw {
	const json_t *server, *relay, *client;
};

struct dhcp_raw_server {
	const json_t *subnets;
	bool authoritative, rapid_commit;
	uint64_t probe_ns, rate;
};

struct dhcp_raw_subnet {
	const json_t *ranges, *exclude, *reservations, *routers, *dns, *ntp, *search, *routes,
		*options;
	uint64_t lease_ns, lease_min_ns, lease_max_ns;
	const char *domain, *tftp, *boot_file;
	struct addr next_server;
	int64_t mtu;
};

struct dhcp_raw_reservation {
	struct mac mac;
	const char *client_id, *hostname;
};

struct dhcp_raw_option {
	const char *text, *hex;
	const json_t *addresses;
	int64_t u8, u16, u32;
	bool always;
};

struct dhcp_raw_relay {
	const json_t *servers;
	bool option82;
	unsigned trust;
	int64_t hops;
	const char *circuit_id, *remote_id;
};

struct dhcp_raw_client {
	const char *hostname, *vendor_class, *client_id;
	bool default_route, classless, mtu;
	int64_t metric;
};

extern const struct schema_row dhcp_server_rows[], dhcp_subnet_rows[], dhcp_reservation_rows[],
	dhcp_option_rows[], dhcp_relay_rows[], dhcp_client_rows[];

// "10.0.10.100-10.0.10.199" or one address. 0 or -EINVAL.
int dhcp_range_parse(const char *text, struct dhcp_range *range);
// "01:02:ab" or "0102ab": the number of bytes, or -EINVAL (none, too many, no hex).
int dhcp_hex_parse(const char *text, uint8_t *bytes, size_t size);
