// SPDX-License-Identifier: BSD-3-Clause
#include "bench/bench_routes.h"
#include "dataplane/dataplane.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOPS  16
#define FEW   1000 // routes each way, without a table
#define FLOWS 65536
#define MAC   "02:00:00:00:01:00"

static char few_folder[] = "/tmp/leat-bench-XXXXXX";

// ---- configuration ------------------------------------------------------------------------------------------

static void neighbor(char *text, size_t size, bool v6, unsigned side, unsigned hop) {
	if (v6)
		snprintf(text, size, "2001:2:0:%x::%x", side, 2 + hop);
	else
		snprintf(text, size, "198.18.%u.%u", side, 2 + hop);
}

static json_t *neighbors(unsigned side) {
	json_t *found = json_object();

	for (unsigned i = 0; i < 2 * HOPS; i++) {
		char address[64], mac[32];

		neighbor(address, sizeof(address), i / HOPS, side, i % HOPS);
		snprintf(mac, sizeof(mac), "02:00:00:00:%02x:%02x", 2 + side, i % HOPS);
		json_object_set_new(found, address, json_string(mac));
	}
	return found;
}

static json_t *interface(const char *port, unsigned side) {
	char v4[24], v6[24];

	snprintf(v4, sizeof(v4), "198.18.%u.1/24", side);
	snprintf(v6, sizeof(v6), "2001:2:0:%u::1/64", side);
	return json_pack("{s:s, s:s, s:s, s:b, s:[s, s], s:o}", "port", port, "zone", port, "mac",
		MAC, "dad", 0, "addresses", v4, v6, "neighbors", neighbors(side));
}

json_t *bench_routes_config(const struct bench_opts *) {
	return json_pack("{s:{s:{s:i, s:i}, s:{s:o, s:o}}}", "r", "limits", "routes4", 1100000,
		"routes6", 300000, "interfaces", "a", interface("a", 0), "b", interface("b", 1));
}

void bench_routes_profile(char *text, size_t size, const struct bench_opts *opts, bool side) {
	bool v6 = opts->family == 6;

	snprintf(text, size,
		"l3=ip%u,flows=%u,size=%u,side=%d,dst_mac=" MAC ",src=%s,dst=%s,dst_list=%s/to-%d",
		opts->family,
		opts->table              ? 1u << 20
			: opts->firewall ? FEW
					 : FLOWS,
		v6 ? 66 : opts->size, side, v6 ? "2001:2:0:8000::/64" : "10.0.0.0/12",
		v6 ? "2001:2:0:8001::/64" : "10.16.0.0/12", opts->table ? opts->table : few_folder,
		side);
}

// ---- few routes ------------------------------------------------------------------------------------------------

// /24s and /48s here and there, and an address in each.
static void few_route(struct prefix *prefix, bool v6, bool side, unsigned n) {
	uint32_t spread = (2 * n + side) * 2654435761u;

	*prefix = (struct prefix){.addr.family = v6 ? ADDR_V6 : ADDR_V4, .len = v6 ? 48 : 24};
	memcpy(prefix->addr.bytes + 1, &spread, v6 ? 4 : 2);
	prefix->addr.bytes[0] = v6 ? 0x20 : 16 + (spread >> 16) % 100;
}

static int few_list_write(bool v6, bool side, struct err *err) {
	char text[128];

	snprintf(text, sizeof(text), "%s/to-%d", few_folder, side);
	FILE *file = fopen(text, "we");
	if (file == NULL)
		return err_set(err, -errno, "%s: %s", text, strerror(errno));
	for (unsigned n = 0; n < FEW; n++) {
		struct prefix prefix;

		few_route(&prefix, v6, side, n * 7919 % FEW);
		prefix.addr.bytes[v6 ? 15 : 3] = (uint8_t)(1 + n % 254);
		fprintf(file, "%s\n", addr_print(&prefix.addr, text));
	}
	fclose(file);
	return 0;
}

// Lists of destinations are files, also these.
int bench_routes_start(const struct bench_opts *opts, struct err *err) {
	int rc = 0;

	if (opts->table != NULL)
		return 0;
	if (mkdtemp(few_folder) == NULL)
		return err_set(err, -errno, "%s: %s", few_folder, strerror(errno));
	for (unsigned side = 0; rc == 0 && side < 2; side++)
		rc = few_list_write(opts->family == 6, side, err);
	return rc;
}

void bench_routes_started(void) {
	char text[64];

	for (unsigned side = 0; side < 2; side++) {
		snprintf(text, sizeof(text), "%s/to-%u", few_folder, side);
		unlink(text);
	}
	rmdir(few_folder);
}

// ---- routes ---------------------------------------------------------------------------------------------------

static int route_add(struct prefix *prefix, bool side, unsigned n, struct err *err) {
	char via[64];
	struct rtr_path path = {.iface = (uint16_t)dp_port_find(side ? "a" : "b"), .weight = 1};

	neighbor(via, sizeof(via), prefix->addr.family == ADDR_V6, !side, n % HOPS);
	addr_parse(via, &path.gateway);
	int64_t slot = nexthop_get(0, &path, 1, err);
	if (slot < 0)
		return (int)slot;
	const struct rtr_route route = {
		.prefix = *prefix, .source = RTR_SRC_STATIC, .distance = 1, .slot = (uint32_t)slot};
	return rib_set(rtr_vrfs[0], &route, err);
}

static int file_load(const char *folder, bool side, struct err *err) {
	char line[128];
	int rc = 0;

	snprintf(line, sizeof(line), "%s/routes-%d", folder, side);
	FILE *file = fopen(line, "re");
	if (file == NULL)
		return err_set(err, -errno, "%s: %s", line, strerror(errno));
	for (unsigned n = 0; rc == 0 && fgets(line, sizeof(line), file); n++) {
		struct prefix prefix;

		line[strcspn(line, "\n")] = '\0';
		rc = prefix_parse(line, &prefix);
		rc = rc == 0 ? route_add(&prefix, side, n, err)
			     : err_set(err, rc, "\"%s\" is no prefix", line);
	}
	fclose(file);
	return rc;
}

static int few_load(bool v6, bool side, struct err *err) {
	int rc = 0;

	for (unsigned n = 0; rc == 0 && n < FEW; n++) {
		struct prefix prefix;

		few_route(&prefix, v6, side, n);
		rc = route_add(&prefix, side, n, err);
	}
	return rc;
}

int bench_routes_load(const struct bench_opts *opts, struct err *err) {
	int rc = 0;

	if (rtr_vrfs[0] == NULL)
		return err_set(err, -ENOENT, "there is no router");
	for (unsigned side = 0; rc == 0 && side < 2; side++)
		rc = opts->table ? file_load(opts->table, side, err)
				 : few_load(opts->family == 6, side, err);
	nexthop_collect();
	return rc;
}
