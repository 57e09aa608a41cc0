// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/lua/conn.h"
#include "lib/clock.h"
#include <string.h>

_Atomic uint64_t fw_moment_now;

const char *const fw_policy_words[] = {
	[FW_ACCEPT] = "accept", [FW_DROP] = "drop", [FW_REJECT] = "reject", NULL};

// ---- time ---------------------------------------------------------------------------------------------------

uint64_t fw_moment_pack(time_t wall) {
	struct tm local;

	localtime_r(&wall, &local);
	return (uint64_t)wall << 24 | (uint64_t)local.tm_wday << 20 |
		(uint64_t)local.tm_hour << 12 | (uint64_t)local.tm_min << 6 |
		(uint64_t)(local.tm_sec % 60);
}

struct fw_moment fw_moment_read(uint64_t word) {
	return (struct fw_moment){.time_s = (int64_t)(word >> 24),
		.weekday = word >> 20 & 15,
		.hour = word >> 12 & 63,
		.minute = word >> 6 & 63,
		.second = word & 63};
}

// ---- fields -------------------------------------------------------------------------------------------------

#define CONN const struct fw_conn *conn = object

static bool is_icmp(const struct fw_conn *conn) {
	return conn->key->proto == (conn->key->v6 ? 58 : 1);
}

static void give_addr(struct script_frame *frame, const uint8_t *bytes, bool v6) {
	struct addr addr = {.family = v6 ? ADDR_V6 : ADDR_V4};
	char text[ADDR_STRLEN];

	memcpy(addr.bytes, bytes, v6 ? 16 : 4);
	script_give_text(frame, addr_print(&addr, text));
}

static void src_get(struct script_frame *frame, const void *object) {
	CONN;
	give_addr(frame, conn->key->src, conn->key->v6);
}

static void dst_get(struct script_frame *frame, const void *object) {
	CONN;
	give_addr(frame, conn->key->dst, conn->key->v6);
}

static void asked_dst_get(struct script_frame *frame, const void *object) {
	CONN;
	give_addr(frame, conn->asked_dst, conn->key->v6);
}

static void give_port(struct script_frame *frame, const struct fw_conn *conn, uint16_t port) {
	if (fw_has_ports(conn->key->proto))
		script_give_integer(frame, port);
	else
		script_give_text(frame, NULL);
}

static void sport_get(struct script_frame *frame, const void *object) {
	CONN;
	give_port(frame, conn, conn->key->sport);
}

static void dport_get(struct script_frame *frame, const void *object) {
	CONN;
	give_port(frame, conn, conn->key->dport);
}

static void asked_dport_get(struct script_frame *frame, const void *object) {
	CONN;
	give_port(frame, conn, conn->asked_dport);
}

static void family_get(struct script_frame *frame, const void *object) {
	CONN;
	script_give_text(frame, conn->key->v6 ? "ipv6" : "ipv4");
}

static void proto_get(struct script_frame *frame, const void *object) {
	CONN;
	char number[4];

	script_give_text(frame, fw_proto_print(conn->key->proto, number));
}

static void icmp_type_get(struct script_frame *frame, const void *object) {
	CONN;
	if (is_icmp(conn))
		script_give_integer(frame, conn->key->dport >> 8);
	else
		script_give_text(frame, NULL);
}

static void give_zone(struct script_frame *frame, const struct fw_conn *conn, unsigned zone) {
	script_give_text(frame, zone == 0 ? NULL : fw_conf_zone_name(conn->conf, zone));
}

static void from_get(struct script_frame *frame, const void *object) {
	CONN;
	give_zone(frame, conn, conn->key->from);
}

static void to_get(struct script_frame *frame, const void *object) {
	CONN;
	give_zone(frame, conn, conn->key->to);
}

static void weekday_get(struct script_frame *frame, const void *object) {
	CONN;
	script_give_text(frame, fw_day_words[conn->moment.weekday % 7]);
}

static void hour_get(struct script_frame *frame, const void *object) {
	CONN;
	script_give_integer(frame, conn->moment.hour);
}

static void minute_get(struct script_frame *frame, const void *object) {
	CONN;
	script_give_integer(frame, conn->moment.minute);
}

static void time_get(struct script_frame *frame, const void *object) {
	CONN;
	script_give_integer(frame, conn->moment.time_s);
}

// ---- countries ----------------------------------------------------------------------------------------------

static void give_country(
	struct script_frame *frame, const struct fw_conn *conn, const uint8_t *addr) {
	char iso[3];

	if (conn->countries == NULL)
		script_fail(frame,
			"there are no countries: `firewall.country_database` does not say where "
			"they are");
	script_give_text(
		frame, fw_countries_find(conn->countries, addr, conn->key->v6, iso) ? iso : NULL);
}

static void country_get(struct script_frame *frame, const void *object) {
	CONN;
	give_country(frame, conn, conn->key->src);
}

static void dst_country_get(struct script_frame *frame, const void *object) {
	CONN;
	give_country(frame, conn, conn->key->dst);
}

// ---- sets, schedules ----------------------------------------------------------------------------------------

static const struct fw_conf_set *set_arg(struct script_frame *frame, const struct fw_conn *conn) {
	size_t len;
	const char *name = script_arg_text(frame, 1, &len);
	const struct fw_conf_set *set = fw_conf_set_named(conn->conf, name);

	if (set == NULL)
		script_fail(frame, "there is no set \"%.31s\"; name it in `sets`", name);
	return set;
}

static bool has(const struct fw_conn *conn, const uint8_t *addr, uint32_t label) {
	uint32_t n,
		class = fw_addrs_class(
			fw_addrs_fib(conn->sets, conn->key->v6), conn->key->v6, addr);
	const uint32_t *labels = fw_addrs_labels(conn->sets, class, &n);

	for (uint32_t i = 0; i < n; i++)
		if (labels[i] == label)
			return true;
	return false;
}

static void give_in(struct script_frame *frame, const struct fw_conn *conn, const uint8_t *addr) {
	const struct fw_conf_set *set = set_arg(frame, conn);

	if (set->ports.n > 0)
		script_fail(frame, "\"%s\" is a set of ports, not of addresses", set->name);
	script_give_bool(frame, conn->sets && has(conn, addr, (uint32_t)(set - conn->conf->sets)));
}

static void src_in_get(struct script_frame *frame, const void *object) {
	CONN;
	give_in(frame, conn, conn->key->src);
}

static void dst_in_get(struct script_frame *frame, const void *object) {
	CONN;
	give_in(frame, conn, conn->key->dst);
}

static void dport_in_get(struct script_frame *frame, const void *object) {
	CONN;
	const struct fw_conf_set *set = set_arg(frame, conn);
	bool found = false;

	if (set->ports.n == 0 && set->prefixes.n > 0)
		script_fail(frame, "\"%s\" is a set of addresses, not of ports", set->name);
	for (size_t i = 0; i < set->ports.n && !found && fw_has_ports(conn->key->proto); i++)
		found = set->ports.items[i].first <= conn->key->dport &&
			set->ports.items[i].last >= conn->key->dport;
	script_give_bool(frame, found);
}

static void during_get(struct script_frame *frame, const void *object) {
	CONN;
	size_t len;
	const char *name = script_arg_text(frame, 1, &len);

	for (unsigned i = 0; i < conn->conf->n_schedules; i++)
		if (strcmp(conn->conf->schedule_names[i], name) == 0) {
			script_give_bool(frame, conn->schedules == NULL || conn->schedules[i]);
			return;
		}
	script_fail(
		frame, "there is no schedule \"%.31s\"; describe it in `firewall.schedules`", name);
}

// ---- counters -----------------------------------------------------------------------------------------------

static void count_get(struct script_frame *frame, const void *object) {
	CONN;
	size_t len;
	const char *key = script_arg_text(frame, 1, &len);
	int64_t seconds = script_arg_integer(frame, 2);
	uint32_t n;

	if (seconds < 1 || seconds > COUNTER_SECONDS_MAX)
		script_fail(frame, "count: %lld seconds are out of range 1..%d", (long long)seconds,
			COUNTER_SECONDS_MAX);
	if (conn->counters == NULL || conn->counting == FW_COUNT_NEVER) {
		script_give_integer(frame, conn->first);
		return;
	}
	n = counters_add(conn->counters, key, len, (uint32_t)seconds, conn->now_ns,
		conn->counting == FW_COUNT_LOOK);
	if (n == COUNTER_FULL)
		script_fail(frame, "count: as many keys are counted as can be");
	script_give_integer(frame, n);
}

static const struct script_member members[] = {
	{"src", "string", NULL, "source address, as it came: \"10.0.10.9\", \"2001:db8::9\"",
		src_get},
	{"dst", "string", NULL, "destination, as NAT will make it", dst_get},
	{"sport", "integer?", NULL, "source port; nil: the protocol has none", sport_get},
	{"dport", "integer?", NULL, "destination port, as NAT will make it", dport_get},
	{"asked_dst", "string", NULL, "destination, as it came", asked_dst_get},
	{"asked_dport", "integer?", NULL, "destination port, as it came", asked_dport_get},
	{"family", "\"ipv4\"|\"ipv6\"", NULL, "of its addresses", family_get},
	{"proto", "string", NULL,
		"protocol by name (\"tcp\", \"udp\", \"icmp\", \"icmpv6\", ...), or its number as "
		"text",
		proto_get},
	{"icmp_type", "integer?", NULL, "of a connection that is a query of ICMP", icmp_type_get},
	{"from", "string?", NULL, "zone that it comes from; \"self\" is this box, nil: none",
		from_get},
	{"to", "string?", NULL, "zone that it goes to", to_get},
	{"country", "string?", NULL,
		"of its source, by `firewall.country_database`: \"DE\"; nil: unknown", country_get},
	{"dst_country", "string?", NULL, "of its destination", dst_country_get},
	{"weekday", "\"mon\"|\"tue\"|\"wed\"|\"thu\"|\"fri\"|\"sat\"|\"sun\"", NULL,
		"today, in local time", weekday_get},
	{"hour", "integer", NULL, "0..23, in local time", hour_get},
	{"minute", "integer", NULL, "0..59", minute_get},
	{"time", "integer", NULL, "seconds since 1970 (UTC)", time_get},
	{"src_in", "boolean", "set: string", "whether the source is in a set of addresses",
		src_in_get},
	{"dst_in", "boolean", "set: string", "whether the destination is in a set of addresses",
		dst_in_get},
	{"dport_in", "boolean", "set: string", "whether the destination port is in a set of ports",
		dport_in_get},
	{"during", "boolean", "schedule: string", "whether a schedule is on", during_get},
	{"count", "integer", "key: string, seconds: integer",
		"connections with this key in the last so many seconds, this one included; it is "
		"counted with it",
		count_get},
	{0},
};

const struct script_class fw_conn_class = {
	"conn", "a new connection, as it is given to `firewall.rules[].policy`", members};

int fw_conn_ask(struct script *fork, int policy, const struct fw_conn *conn, uint64_t instructions,
	struct err *err) {
	return script_ask(fork, policy, &fw_conn_class, conn, instructions, fw_policy_words, err);
}
