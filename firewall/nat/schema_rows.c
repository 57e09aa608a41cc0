// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/nat/conf_priv.h"
#include "router/nat64/xlat.h"
#include <errno.h>
#include <string.h>

static const char *const mapping_words[] = {"endpoint-independent", "overload", NULL};
static const char *const filtering_words[] = {"address-and-port", "endpoint-independent", NULL};

// ---- words --------------------------------------------------------------------------------------------------

static const struct schema_row pool_elem = {.name = "address",
	.type = SCHEMA_STRING,
	.min = 1,
	.max = 100,
	.check = fw_address_check,
	.example = "\"192.0.2.16-192.0.2.31\"",
	.help = "address, prefix or range"};
static const struct schema_row pool_forms[] = {
	{.type = SCHEMA_STRING,
		.min = 1,
		.max = 100,
		.check = fw_address_check,
		.help = "address, prefix or range"},
	{.type = SCHEMA_LIST, .elem = &pool_elem, .min = 1, .max = 1000, .help = "several"},
	{0},
};

int nat_target_check(const json_t *value, const char *path, struct err *err) {
	const char *text = json_string_value(value);
	struct nat_target target;
	int rc = nat_target_parse(text, &target);

	if (rc == -ERANGE)
		return err_at(err, path, "\"%s\" ends before it begins; turn the two around", text);
	return rc == 0 ? 0
		       : err_at(err, path,
				 "\"%s\" is no address with or without ports (\"10.0.20.10\", "
				 "\"10.0.20.10:8080\", \"[2001:db8::10]:8080-8099\")",
				 text);
}

static int ports_check(const json_t *value, const char *path, struct err *err) {
	const char *text = json_string_value(value);
	struct fw_range range;

	if (fw_ports_parse(text, &range) != 0 || range.first == 0)
		return err_at(err, path, "\"%s\" is no range of ports (\"1024-65535\")", text);
	return 0;
}

const struct schema_row nat_static_rows[] = {
	{.name = "external",
		.type = SCHEMA_PREFIX,
		.flags = SCHEMA_LIVE | SCHEMA_REQUIRED,
		.example = "\"192.0.2.64/28\"",
		.help = "how those inside are known outside"},
	{.name = "internal",
		.type = SCHEMA_PREFIX,
		.flags = SCHEMA_LIVE | SCHEMA_REQUIRED,
		.example = "\"10.0.30.0/28\"",
		.help = "who they are; a prefix of the same length"},
	{0},
};

static int prefix_check(const json_t *value, const char *path, struct err *err) {
	struct prefix prefix;

	prefix_parse(json_string_value(value), &prefix);
	if (prefix.addr.family == ADDR_V6 && xlat_prefix_ok(prefix.len) &&
		prefix.addr.bytes[8] == 0)
		return 0;
	return err_at(err, path,
		"an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits is wanted, with bits 64 to 71 "
		"zero "
		"(RFC 6052)");
}

const struct schema_row nat_64_rows[] = {
	{.name = "prefix",
		.type = SCHEMA_PREFIX,
		SCHEMA_FIELD(struct nat_raw64, prefix),
		.flags = SCHEMA_LIVE,
		.def = "64:ff9b::/96",
		.check = prefix_check,
		.help = "IPv6 addresses that stand for IPv4 ones; 64:ff9b::/96 for public ones "
			"only"},
	{.name = "pool",
		.type = SCHEMA_UNION,
		SCHEMA_FIELD(struct nat_raw64, pool),
		.flags = SCHEMA_LIVE,
		.rows = pool_forms,
		.example = "\"192.0.2.16-192.0.2.31\"",
		.help = "who they are outside; left out: the address of the interface that they "
			"leave "
			"by"},
	{0},
};

// ---- a rule -------------------------------------------------------------------------------------------------

static bool has(const json_t *rule, const char *key) {
	return json_object_get(rule, key) != NULL;
}

static int kind_check(const json_t *rule, const char *path, struct err *err) {
	unsigned n = has(rule, "masquerade") + has(rule, "snat") + has(rule, "dnat") +
		has(rule, "static") + has(rule, "nat64");

	if (n == 1)
		return 0;
	return err_at(err, path,
		n == 0 ? "give `masquerade`, `snat`, `dnat`, `static` or `nat64`: what becomes of "
			 "its "
			 "addresses (masquerade = false: the source stays)"
		       : "`masquerade`, `snat`, `dnat`, `static` and `nat64` exclude each other; "
			 "make two "
			 "rules");
}

static int nat_rule_check(const json_t *rule, const char *path, struct err *err) {
	static const char *const words[] = {
		"src", "dst", "not_src", "not_dst", "proto", "sport", "dport", "family", NULL};
	bool source = has(rule, "snat") || has(rule, "static") || has(rule, "nat64") ||
		json_is_true(json_object_get(rule, "masquerade"));

	if (kind_check(rule, path, err) != 0)
		return -EINVAL;
	if (has(rule, "src") && has(rule, "not_src"))
		return err_at(err, path, "give `src` or `not_src`; two rules can ask for both");
	if (has(rule, "dst") && has(rule, "not_dst"))
		return err_at(err, path, "give `dst` or `not_dst`; two rules can ask for both");
	if (source && !has(rule, "to"))
		return err_at(err, path, "`to` is missing: the zone that its packets leave by");
	if (has(rule, "nat64") && (has(rule, "dst") || has(rule, "not_dst")))
		return err_at(err, path,
			"`nat64` says itself which destinations; remove `%s`, or drop them by a "
			"rule",
			has(rule, "dst") ? "dst" : "not_dst");
	for (unsigned i = 0; has(rule, "static") && words[i]; i++)
		if (has(rule, words[i]) && strcmp(words[i], "family") != 0)
			return err_at(err, path,
				"`static` says itself which addresses; remove `%s`", words[i]);
	return 0;
}

#define WORD(field, forms, sample, text)                                                        \
	{                                                                                       \
		.name = #field, .type = SCHEMA_UNION, SCHEMA_FIELD(struct nat_raw, rule.field), \
		.flags = SCHEMA_LIVE, .rows = forms, .example = sample, .help = text            \
	}

static const char *const family_words[] = {"any", "ipv4", "ipv6", NULL};

const struct schema_row nat_rows[] = {
	{.name = "name",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct nat_raw, rule.name),
		.flags = SCHEMA_LIVE,
		.example = "\"out\"",
		.help = "what it is called in `leat show nat`"},
	WORD(from, fw_zone_forms, "\"staff\"", "zones that a connection comes from; left out: any"),
	WORD(to, fw_zone_forms, "\"internet\"",
		"zones that it goes to; of dnat: zones whose own addresses it was sent to"),
	WORD(src, fw_side_forms, "\"10.0.0.0/8\"", "sources; left out: any"),
	WORD(dst, fw_side_forms, "\"192.0.2.2\"",
		"destinations; left out: any, of dnat those that are this box's own"),
	WORD(not_src, fw_side_forms, "\"@public\"", "any source but these"),
	WORD(not_dst, fw_side_forms, "\"@branches\"", "any destination but these"),
	WORD(proto, fw_proto_forms, "\"tcp\"", "protocols; left out: any"),
	WORD(sport, fw_port_forms, "\"1024-65535\"", "source ports"),
	WORD(dport, fw_port_forms, "{ 80, 443 }", "destination ports"),
	{.name = "family",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct nat_raw, rule.family),
		.flags = SCHEMA_LIVE,
		.words = family_words,
		.def = "any",
		.help = "only IPv4, or only IPv6"},
	{.name = "enabled",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct nat_raw, rule.enabled),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "false: as if it were not there"},
	{.name = "masquerade",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct nat_raw, masquerade),
		.flags = SCHEMA_LIVE,
		.example = "true",
		.help = "the source becomes the address of the interface that it leaves by; false: "
			"it stays, whatever later rules say"},
	{.name = "snat",
		.type = SCHEMA_UNION,
		SCHEMA_FIELD(struct nat_raw, snat),
		.flags = SCHEMA_LIVE,
		.rows = pool_forms,
		.example = "\"192.0.2.16-192.0.2.31\"",
		.help = "the source becomes one of these; who is inside keeps the same one"},
	{.name = "dnat",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct nat_raw, dnat),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 64,
		.check = nat_target_check,
		.example = "\"10.0.20.10:8080\"",
		.help = "the destination becomes this; a range of ports stands for that of "
			"`dport`"},
	{.name = "static",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct nat_raw, fixed),
		.flags = SCHEMA_LIVE,
		.rows = nat_static_rows,
		.help = "one for one, both ways; IPv6 prefixes up to /64 without a change of "
			"checksums (NPTv6)"},
	{.name = "nat64",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct nat_raw, nat64),
		.flags = SCHEMA_LIVE,
		.rows = nat_64_rows,
		.example = "{ prefix = \"64:ff9b::/96\" }",
		.help = "IPv6 hosts reach IPv4 ones by addresses of a prefix (RFC 6146)"},
	{.name = "mapping",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct nat_raw, mapping),
		.flags = SCHEMA_LIVE,
		.words = mapping_words,
		.def = "endpoint-independent",
		.help = "overload: when no port is left, one is shared by connections to different "
			"destinations"},
	{.name = "filtering",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct nat_raw, filtering),
		.flags = SCHEMA_LIVE,
		.words = filtering_words,
		.def = "address-and-port",
		.help = "endpoint-independent: a port that is mapped is reached by anybody, "
			"whatever the rules say"},
	{.name = "ports",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct nat_raw, ports),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 11,
		.check = ports_check,
		.example = "\"1024-65535\"",
		.help = "ports to give; left out: well-known ones for well-known ones, else 1024 "
			"to 65535"},
	{.name = "block",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct nat_raw, block),
		.flags = SCHEMA_LIVE,
		.min = 64,
		.max = 16384,
		.example = "512",
		.help = "a source gets ports in blocks of this size, and each block is logged "
			"once; left out: no blocks"},
	{.name = "blocks",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct nat_raw, blocks),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 1024,
		.def = "4",
		.help = "blocks of one source at most"},
	{.name = "hairpin",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct nat_raw, hairpin),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "those inside reach each other by external addresses"},
	{0},
};

const struct schema_row nat_rule_row = {.name = "nat rule",
	.type = SCHEMA_OBJECT,
	.rows = nat_rows,
	.check = nat_rule_check,
	.help = "the first that takes a connection decides"};
