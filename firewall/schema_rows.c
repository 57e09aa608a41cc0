// SPDX-License-Identifier: BSD-3-Clause
#include "firewall/conf_priv.h"
#include "firewall/lua/conn.h"
#include "firewall/nat/conf.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const fw_action_words[] = {"accept", "drop", "reject", NULL};
static const char *const helper_words[] = {"none", "ftp", NULL};
static const char *const family_words[] = {"any", "ipv4", "ipv6", NULL};

// ---- words --------------------------------------------------------------------------------------------------

int fw_address_check(const json_t *value, const char *path, struct err *err) {
	fw_prefixes prefixes = {0};
	const char *text = json_string_value(value);
	int rc = fw_addresses_parse(text, &prefixes);

	vec_fini(&prefixes);
	if (rc == -ERANGE)
		return err_at(err, path, "\"%s\" ends before it begins; turn the two around", text);
	return rc == 0 ? 0
		       : err_at(err, path,
				 "\"%s\" is no address, prefix or range (\"192.0.2.0/24\", "
				 "\"2001:db8::1\", \"10.0.0.1-10.0.0.9\")",
				 text);
}

static int side_check(const json_t *value, const char *path, struct err *err) {
	return json_string_value(value)[0] == '@' ? 0 : fw_address_check(value, path, err);
}

static int port_check(const json_t *value, const char *path, struct err *err) {
	const char *text = json_string_value(value);
	struct fw_range range;
	int rc = text[0] == '@' ? 0 : fw_ports_parse(text, &range);

	if (rc == -ERANGE)
		return err_at(err, path, "\"%s\" ends before it begins; turn the two around", text);
	return rc == 0
		? 0
		: err_at(err, path,
			  "\"%s\" is no port (80), range (\"8000-8099\") or set (\"@web\")", text);
}

static int proto_check(const json_t *value, const char *path, struct err *err) {
	uint8_t protos[2];

	return fw_proto_parse(json_string_value(value), protos) > 0
		? 0
		: err_at(err, path,
			  "\"%s\" is no protocol; give tcp, udp, icmp, icmpv6, igmp, ipip, dccp, "
			  "gre, "
			  "esp, ah, ospf, pim, vrrp, sctp, udplite, or its number",
			  json_string_value(value));
}

static int icmp_check(const json_t *value, const char *path, struct err *err) {
	struct fw_range v4, v6;

	return fw_icmp_parse(json_string_value(value), &v4, &v6) == 0
		? 0
		: err_at(err, path, "\"%s\" is no ICMP type; there are: %s",
			  json_string_value(value), fw_icmp_words);
}

// One word or a list of them.
#define WORDS(id, text, fn, sample)                                                       \
	static const struct schema_row id##_elem = {.name = #id,                          \
		.type = SCHEMA_STRING,                                                    \
		.min = 1,                                                                 \
		.max = 100,                                                               \
		.check = fn,                                                              \
		.example = sample,                                                        \
		.help = text};                                                            \
	const struct schema_row fw_##id##_forms[] = {                                     \
		{.type = SCHEMA_STRING, .min = 1, .max = 100, .check = fn, .help = text}, \
		{.type = SCHEMA_LIST,                                                     \
			.elem = &id##_elem,                                               \
			.min = 1,                                                         \
			.max = FW_TERMS,                                                  \
			.help = "several"},                                               \
		{0},                                                                      \
	}

WORDS(side, "address, prefix, range, or a set by \"@\" and its name", side_check,
	"\"10.0.20.0/24\"");
WORDS(icmp_word, "ICMP type by name", icmp_check, "\"echo-request\"");

static const struct schema_row port_elem_forms[] = {
	{.type = SCHEMA_INT, .min = 0, .max = 65535, .help = "a port"},
	{.type = SCHEMA_STRING,
		.min = 1,
		.max = 40,
		.check = port_check,
		.help = "a range \"8000-8099\", or a set by \"@\" and its name"},
	{0},
};
static const struct schema_row port_elem = {.name = "port",
	.type = SCHEMA_UNION,
	.rows = port_elem_forms,
	.example = "443",
	.help = "port, range or set"};
const struct schema_row fw_port_forms[] = {
	{.type = SCHEMA_INT, .min = 0, .max = 65535, .help = "a port"},
	{.type = SCHEMA_STRING,
		.min = 1,
		.max = 40,
		.check = port_check,
		.help = "a range \"8000-8099\", or a set by \"@\" and its name"},
	{.type = SCHEMA_LIST, .elem = &port_elem, .min = 1, .max = FW_TERMS, .help = "several"},
	{0},
};

static const struct schema_row zone_elem = {
	.name = "zone", .type = SCHEMA_NAME, .example = "\"staff\"", .help = "a zone"};
const struct schema_row fw_zone_forms[] = {
	{.type = SCHEMA_STRING, .min = 1, .max = 31, .help = "a zone; \"self\" is this box"},
	{.type = SCHEMA_LIST, .elem = &zone_elem, .min = 1, .max = 254, .help = "several"},
	{0},
};

static const struct schema_row proto_elem = {.name = "proto",
	.type = SCHEMA_STRING,
	.min = 1,
	.max = 10,
	.check = proto_check,
	.example = "\"tcp\"",
	.help = "protocol by name, or its number as text"};
const struct schema_row fw_proto_forms[] = {
	{.type = SCHEMA_INT, .min = 0, .max = 255, .help = "protocol by number"},
	{.type = SCHEMA_STRING, .min = 1, .max = 10, .check = proto_check, .help = "by name"},
	{.type = SCHEMA_LIST, .elem = &proto_elem, .min = 1, .max = 256, .help = "several"},
	{0},
};

// ---- sets ---------------------------------------------------------------------------------------------------

static const struct schema_row address_elem = {.name = "address",
	.type = SCHEMA_STRING,
	.min = 1,
	.max = 100,
	.check = fw_address_check,
	.example = "\"192.0.2.0/24\"",
	.help = "address, prefix or range"};

static int country_check(const json_t *value, const char *path, struct err *err) {
	const char *iso = json_string_value(value);

	return strlen(iso) == 2 && iso[0] >= 'A' && iso[0] <= 'Z' && iso[1] >= 'A' && iso[1] <= 'Z'
		? 0
		: err_at(err, path, "\"%s\" is no country; write two capital letters, as \"DE\"",
			  iso);
}

static const struct schema_row country_elem = {.name = "country",
	.type = SCHEMA_STRING,
	.check = country_check,
	.example = "\"DE\"",
	.help = "country (ISO 3166-1, two letters)"};

const struct schema_row fw_set_rows[] = {
	{.name = "addresses",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct fw_raw_set, addresses),
		.flags = SCHEMA_LIVE,
		.elem = &address_elem,
		.max = 1000000,
		.example = "{ \"192.0.2.0/24\", \"2001:db8::1\" }",
		.help = "addresses, prefixes and ranges of both families"},
	{.name = "countries",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct fw_raw_set, countries),
		.flags = SCHEMA_LIVE,
		.elem = &country_elem,
		.max = 250,
		.example = "{ \"DE\", \"FR\" }",
		.help = "all addresses of countries, by `firewall.country_database`"},
	{.name = "ports",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct fw_raw_set, ports),
		.flags = SCHEMA_LIVE,
		.elem = &port_elem,
		.max = FW_TERMS,
		.help = "ports and ranges"},
	{0},
};

static int set_check(const json_t *object, const char *path, struct err *err) {
	bool addresses =
		json_object_get(object, "addresses") || json_object_get(object, "countries");

	if (addresses && json_object_get(object, "ports"))
		return err_at(err, path, "a set is of addresses or of `ports`; make two of it");
	if (!addresses && !json_object_get(object, "ports"))
		return err_at(err, path,
			"a set needs `addresses`, `countries` or `ports`; {} is an empty list");
	return 0;
}

static const struct schema_row set_elem = {.name = "set",
	.type = SCHEMA_OBJECT,
	.rows = fw_set_rows,
	.check = set_check,
	.help = "a named set, for rules"};

// ---- rules --------------------------------------------------------------------------------------------------

static bool is_tcp(const json_t *word) {
	return json_is_string(word) ? strcmp(json_string_value(word), "tcp") == 0 ||
			strcmp(json_string_value(word), "6") == 0
				    : json_integer_value(word) == 6;
}

static bool may_be_tcp(const json_t *rule) {
	const json_t *proto = json_object_get(rule, "proto");

	if (!json_is_array(proto))
		return proto == NULL ? json_object_get(rule, "icmp") == NULL : is_tcp(proto);
	for (size_t i = 0; i < json_array_size(proto); i++)
		if (is_tcp(json_array_get(proto, i)))
			return true;
	return false;
}

static bool is_only_tcp(const json_t *rule) {
	const json_t *proto = json_object_get(rule, "proto");

	if (!json_is_array(proto))
		return proto && is_tcp(proto);
	for (size_t i = 0; i < json_array_size(proto); i++)
		if (!is_tcp(json_array_get(proto, i)))
			return false;
	return json_array_size(proto) > 0;
}

static int helper_check(const json_t *rule, const char *path, struct err *err) {
	const char *helper = json_string_value(json_object_get(rule, "helper"));
	const char *action = json_string_value(json_object_get(rule, "action"));

	if (helper == NULL || strcmp(helper, "none") == 0)
		return 0;
	if (action && strcmp(action, "accept") != 0)
		return err_at(
			err, path, "`helper` is for connections that are accepted; remove it");
	return is_only_tcp(rule) ? 0
				 : err_at(err, path,
					   "helper: \"ftp\" reads TCP; add proto = \"tcp\" (and "
					   "dport = 21)");
}

static int cookies_check(const json_t *rule, const char *path, struct err *err) {
	if (json_object_get(rule, "syn_cookies") == NULL)
		return 0;
	const char *action = json_string_value(json_object_get(rule, "action"));
	if (action && strcmp(action, "accept") != 0)
		return err_at(
			err, path, "`syn_cookies` is for connections that are accepted; remove it");
	return may_be_tcp(rule)
		? 0
		: err_at(err, path,
			  "`syn_cookies` is for TCP, which this rule never takes; remove it");
}

static int rule_check(const json_t *rule, const char *path, struct err *err) {
	bool icmp = json_object_get(rule, "icmp") != NULL;
	const json_t *action = json_object_get(rule, "action");

	if (action && json_object_get(rule, "policy"))
		return err_at(
			err, path, "`policy` says what becomes of a connection; remove `action`");
	if (action == NULL && json_object_get(rule, "policy") == NULL) {
		char at[300];

		snprintf(at, sizeof(at), "%s.action", path);
		return err_at(err, at,
			"is missing; write \"accept\", \"drop\" or \"reject\", or ask a function: "
			"`policy`");
	}
	if (json_object_get(rule, "src") && json_object_get(rule, "not_src"))
		return err_at(err, path, "give `src` or `not_src`; two rules can ask for both");
	if (json_object_get(rule, "dst") && json_object_get(rule, "not_dst"))
		return err_at(err, path, "give `dst` or `not_dst`; two rules can ask for both");
	if (icmp && (json_object_get(rule, "sport") || json_object_get(rule, "dport")))
		return err_at(err, path, "`icmp` and ports do not go together; make two rules");
	if (json_object_get(rule, "block") && action &&
		strcmp(json_string_value(action), "accept") == 0)
		return err_at(
			err, path, "`block` is for those who are dropped or rejected; remove it");
	if (icmp && json_object_get(rule, "proto"))
		return err_at(err, path, "`icmp` says the protocol; remove `proto`");
	int rc = helper_check(rule, path, err);
	return rc ? rc : cookies_check(rule, path, err);
}

#define UNION_ROW(field, forms, sample, text)                                                  \
	{                                                                                      \
		.name = #field, .type = SCHEMA_UNION, SCHEMA_FIELD(struct fw_raw_rule, field), \
		.flags = SCHEMA_LIVE, .rows = forms, .example = sample, .help = text           \
	}

const struct schema_row fw_rule_rows[] = {
	{.name = "name",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct fw_raw_rule, name),
		.flags = SCHEMA_LIVE,
		.example = "\"web\"",
		.help = "what it is called in `leat show rules`, records and tests"},
	UNION_ROW(from, fw_zone_forms, "\"staff\"",
		"zones that a connection comes from; left out: any"),
	UNION_ROW(to, fw_zone_forms, "\"internet\"", "zones that it goes to; left out: any"),
	UNION_ROW(src, fw_side_forms, "\"10.0.0.0/8\"", "sources; left out: any"),
	UNION_ROW(dst, fw_side_forms, "\"@servers\"", "destinations; left out: any"),
	UNION_ROW(not_src, fw_side_forms, "\"@admins\"", "any source but these"),
	UNION_ROW(not_dst, fw_side_forms, "\"@servers\"", "any destination but these"),
	UNION_ROW(proto, fw_proto_forms, "\"tcp\"", "protocols; left out: any"),
	UNION_ROW(sport, fw_port_forms, "\"1024-65535\"", "source ports"),
	UNION_ROW(dport, fw_port_forms, "{ 80, 443 }", "destination ports"),
	UNION_ROW(icmp, fw_icmp_word_forms, "\"echo-request\"",
		"ICMP types, of both families by one name"),
	{.name = "family",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct fw_raw_rule, family),
		.flags = SCHEMA_LIVE,
		.words = family_words,
		.def = "any",
		.help = "only IPv4, or only IPv6"},
	{.name = "action",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct fw_raw_rule, action),
		.flags = SCHEMA_LIVE,
		.words = fw_action_words,
		.example = "\"accept\"",
		.help = "accept; drop without a word; reject with a TCP reset or an ICMP error"},
	{.name = "policy",
		.type = SCHEMA_FUNCTION,
		SCHEMA_FIELD(struct fw_raw_rule, policy),
		.flags = SCHEMA_LIVE,
		.words = fw_policy_words,
		.arg = &fw_conn_class,
		.help = "instead of `action`: a function that is asked what becomes of a new "
			"connection; nil: the next rules"},
	{.name = "helper",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct fw_raw_rule, helper),
		.flags = SCHEMA_LIVE,
		.words = helper_words,
		.def = "none",
		.help = "who reads along in its connections: ftp, so that the connections for data "
			"that they speak of pass, through NAT as well"},
	{.name = "rate",
		.type = SCHEMA_RATE,
		SCHEMA_FIELD(struct fw_raw_rule, rate),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 1000000000,
		.example = "\"100/s\"",
		.help = "takes no more connections than this; what is beyond goes on to the next "
			"rules"},
	{.name = "rate_per_source",
		.type = SCHEMA_RATE,
		SCHEMA_FIELD(struct fw_raw_rule, rate_per_source),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 1000000,
		.example = "\"10/s\"",
		.help = "the same for each source alone: an IPv4 address or an IPv6 /64"},
	{.name = "connections_per_source",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct fw_raw_rule, connections_per_source),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 16000000,
		.example = "100",
		.help = "takes no connection of a source that has so many by this rule; what is "
			"beyond goes on "
			"to the next rules"},
	{.name = "syn_cookies",
		.type = SCHEMA_RATE,
		SCHEMA_FIELD(struct fw_raw_rule, syn_cookies),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 1000000000,
		.example = "\"1000/s\"",
		.help = "while more TCP connections begin than this, SYNs are answered with "
			"cookies, and only senders that bring theirs back take anything; \"0/s\": "
			"always"},
	{.name = "block",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct fw_raw_rule, block_ns),
		.flags = SCHEMA_LIVE,
		.min = 1000000000,
		.max = 365ll * 86400 * 1000000000,
		.example = "\"10m\"",
		.help = "the source is dropped in the driver for so long: `leat show blocks`"},
	{.name = "log",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct fw_raw_rule, log),
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "start and end of its connections are recorded"},
	{.name = "schedule",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct fw_raw_rule, schedule),
		.flags = SCHEMA_LIVE,
		.example = "\"office\"",
		.help = "when it is on, of `firewall.schedules`; connections that it let through "
			"end with it"},
	{.name = "enabled",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct fw_raw_rule, enabled),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "false: as if it were not there"},
	{0},
};

static const struct schema_row rule_elem = {.name = "rule",
	.type = SCHEMA_OBJECT,
	.rows = fw_rule_rows,
	.check = rule_check,
	.help = "the first that takes a connection decides"};

// ---- tests --------------------------------------------------------------------------------------------------

static int at_check(const json_t *value, const char *path, struct err *err) {
	const char *text = json_string_value(value);
	unsigned day = 0;

	while (fw_day_words[day] && strncmp(text, fw_day_words[day], 3) != 0)
		day++;
	return fw_day_words[day] && text[3] == ' ' && fw_time_parse(text + 4) >= 0 &&
			fw_time_parse(text + 4) < 24 * 60
		? 0
		: err_at(err, path, "\"%s\" is no time of the week; write \"mon 08:30\"", text);
}

const struct schema_row fw_test_rows[] = {
	{.name = "from",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct fw_raw_test, from),
		.flags = SCHEMA_LIVE | SCHEMA_REQUIRED,
		.example = "\"internet\"",
		.help = "zone that the packet comes from"},
	{.name = "to",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct fw_raw_test, to),
		.flags = SCHEMA_LIVE,
		.help = "zone that it goes to; left out: where the configured routes lead"},
	{.name = "src",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct fw_raw_test, src),
		.flags = SCHEMA_LIVE | SCHEMA_REQUIRED,
		.example = "\"198.51.100.9\"",
		.help = "source"},
	{.name = "dst",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct fw_raw_test, dst),
		.flags = SCHEMA_LIVE | SCHEMA_REQUIRED,
		.example = "\"10.0.10.5\"",
		.help = "destination"},
	{.name = "proto",
		.type = SCHEMA_UNION,
		SCHEMA_FIELD(struct fw_raw_test, proto),
		.flags = SCHEMA_LIVE,
		.rows = fw_proto_forms,
		.example = "\"tcp\"",
		.help = "protocol; tcp when left out, icmp with `icmp`"},
	{.name = "sport",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct fw_raw_test, sport),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 65535,
		.def = "40000",
		.help = "source port"},
	{.name = "dport",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct fw_raw_test, dport),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 65535,
		.example = "22",
		.help = "destination port"},
	{.name = "icmp",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct fw_raw_test, icmp),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 40,
		.check = icmp_check,
		.help = "ICMP type by name"},
	{.name = "expect",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct fw_raw_test, expect),
		.flags = SCHEMA_LIVE | SCHEMA_REQUIRED,
		.words = fw_action_words,
		.example = "\"drop\"",
		.help = "what must become of it, or the change is refused"},
	{.name = "at",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct fw_raw_test, at),
		.flags = SCHEMA_LIVE,
		.min = 9,
		.max = 9,
		.def = "mon 12:00",
		.check = at_check,
		.help = "when, for policies; schedules count as on"},
	{.name = "rule",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct fw_raw_test, rule),
		.flags = SCHEMA_LIVE,
		.help = "the rule that must decide"},
	{.name = "translated",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct fw_raw_test, translated),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 64,
		.check = nat_target_check,
		.example = "\"10.0.20.10:8080\"",
		.help = "where NAT must send it; without a port: to any"},
	{0},
};

static const struct schema_row test_elem = {.name = "test",
	.type = SCHEMA_OBJECT,
	.rows = fw_test_rows,
	.help = "a packet, and what must become of it"};

static const struct schema_row schedule_elem = {.name = "schedule",
	.type = SCHEMA_OBJECT,
	.rows = fw_schedule_rows,
	.help = "a part of the week"};

const struct schema_row fw_firewall_rows[] = {
	{.name = "default",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct fw_raw_firewall, def),
		.flags = SCHEMA_LIVE,
		.words = fw_action_words,
		.def = "drop",
		.help = "what becomes of a connection that no rule takes"},
	{.name = "rules",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct fw_raw_firewall, rules),
		.flags = SCHEMA_LIVE,
		.max = FW_RULES,
		.elem = &rule_elem,
		.help = "in order: the first that takes a new connection decides"},
	{.name = "nat",
		.type = SCHEMA_LIST,
		.flags = SCHEMA_LIVE,
		.max = NAT_RULES,
		.elem = &nat_rule_row,
		.help = "in order: the first that takes a new connection says what becomes of its "
			"addresses"},
	{.name = "country_database",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct fw_raw_firewall, country_database),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 4095,
		.example = "\"/var/lib/GeoIP/GeoLite2-Country.mmdb\"",
		.help = "file in the MaxMind DB format, for the `countries` of sets; read when one "
			"of both changes"},
	{.name = "policy_instructions",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct fw_raw_firewall, policy_instructions),
		.flags = SCHEMA_LIVE,
		.min = 100,
		.max = 1000000,
		.def = "10000",
		.help = "what the `policy` of a rule may use for one connection, in instructions "
			"of "
			"Lua; one that uses more has failed, and the connection is dropped"},
	{.name = "schedules",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct fw_raw_firewall, schedules),
		.flags = SCHEMA_LIVE,
		.max = 256,
		.elem = &schedule_elem,
		.help = "times of the week, for rules; `tests` see their rules as on"},
	{.name = "tests",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct fw_raw_firewall, tests),
		.flags = SCHEMA_LIVE,
		.max = 10000,
		.elem = &test_elem,
		.help = "assertions: a change that breaks one is refused"},
	{0},
};

const struct schema_row fw_sections[] = {
	{.name = "sets",
		.type = SCHEMA_MAP,
		.flags = SCHEMA_LIVE,
		.max = 4096,
		.elem = &set_elem,
		.help = "named sets of addresses or ports"},
	{.name = "firewall",
		.type = SCHEMA_OBJECT,
		.flags = SCHEMA_LIVE,
		.rows = fw_firewall_rows,
		.help = "which connections may be; without it all are"},
	{0},
};
