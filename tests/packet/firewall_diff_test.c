// SPDX-License-Identifier: BSD-3-Clause
// Random configurations and random packets: what the firewall does with a packet, all the way from the configuration to the wire, against a
// reader of the same configuration (firewall_reader.h). The seed is in the message: LEAT_SEED=N repeats it.
//
// Ports a, b, c are zones in, out, dmz: 172.16.N.1/24 and 2001:db8:fN::1/64, behind host .9 there lie 10.N.0.0/16 and 2001:db8:N::/48.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/firewall_reader.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULESETS 40
#define PACKETS  250
#define SETS     4

static uint64_t seed;

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

// ---- what was decided: a decider behind all others sees it --------------------------------------------------------------

static bool passed;
static uint32_t passed_rule;

static enum session_verdict witness_decide(struct session_flow *flow) {
	passed = true;
	passed_rule = flow->rule;
	return SESSION_PASS;
}

static struct session_decider witness = {
	.name = "zz_witness", .stage = SESSION_STAGE_SNAT, .decide = witness_decide};
SESSION_DECIDER(witness)

// ---- random words ---------------------------------------------------------------------------------------------------------

// Few values, so that rules and packets meet.
static void random_addr(char *buf, size_t size, bool v6) {
	unsigned net = 1 + rnd(3), mid = rnd(3), host = 1 + rnd(6);

	if (v6)
		snprintf(buf, size, "2001:db8:%u:%u::%u", net, mid, host);
	else
		snprintf(buf, size, "10.%u.%u.%u", net, mid, host);
}

static json_t *random_address_word(bool sets) {
	static const unsigned lens[2][6] = {{8, 16, 22, 24, 30, 32}, {32, 48, 62, 64, 126, 128}};
	char one[64], two[64], text[140];
	bool v6 = rnd(2);

	if (sets && rnd(3) == 0) {
		snprintf(text, sizeof(text), "@set%u", rnd(SETS));
		return json_string(text);
	}
	random_addr(one, sizeof(one), v6);
	switch (rnd(4)) {
	case 0:
		return json_string(one);
	case 1: // up to an address of the same or a higher network
		snprintf(two, sizeof(two), "%.*s%u", (int)(strlen(one) - 1), one, 9u);
		snprintf(text, sizeof(text), "%s-%s", one, two);
		return json_string(text);
	default:
		snprintf(text, sizeof(text), "%s/%u", one, lens[v6][rnd(6)]);
		return json_string(text);
	}
}

static json_t *random_port_word(bool sets) {
	char text[32];

	if (sets && rnd(4) == 0) {
		snprintf(text, sizeof(text), "@ports%u", rnd(2));
		return json_string(text);
	}
	unsigned first = 1000 * (1 + rnd(6));
	if (rnd(2))
		return json_integer(first);
	snprintf(text, sizeof(text), "%u-%u", first, rnd(9) ? first + 1000 * rnd(3) : 65535);
	return json_string(text);
}

static json_t *pick(const char *const *words, unsigned n) {
	return json_string(words[rnd(n)]);
}

static json_t *random_proto(void) {
	static const char *const words[] = {"tcp", "udp", "icmp", "icmpv6", "gre", "sctp", "17"};

	return pick(words, 7);
}

static json_t *random_zone(bool self) {
	static const char *const words[] = {"in", "out", "dmz", "self"};

	return pick(words, self ? 4 : 3);
}

// One word, or a list of them.
#define ONE_OR_SEVERAL(call)                                              \
	({                                                                \
		json_t *value_ = call;                                    \
		if (rnd(3) == 0) {                                        \
			json_t *list_ = json_array();                     \
			json_array_append_new(list_, value_);             \
			for (unsigned more_ = rnd(3); more_ > 0; more_--) \
				json_array_append_new(list_, call);       \
			value_ = list_;                                   \
		}                                                         \
		value_;                                                   \
	})

static void random_side(json_t *rule, const char *name, const char *not_name) {
	if (rnd(2))
		return;
	bool negated = rnd(4) == 0, set = negated && rnd(2);
	json_t *value;

	if (set) { // `not` is of sets or of prefixes
		char text[16];
		snprintf(text, sizeof(text), "@set%u", rnd(SETS));
		value = json_string(text);
	} else {
		value = ONE_OR_SEVERAL(random_address_word(!negated));
	}
	json_object_set_new(rule, negated ? not_name : name, value);
}

static json_t *random_rule(void) {
	static const char *const actions[] = {"accept", "drop", "reject"};
	static const char *const icmp[] = {"echo-request", "timestamp-request", "echo-reply"};
	static const char *const families[] = {"ipv4", "ipv6", "any"};
	json_t *rule = json_object();

	if (rnd(2))
		json_object_set_new(rule, "from", ONE_OR_SEVERAL(random_zone(false)));
	if (rnd(2))
		json_object_set_new(rule, "to", ONE_OR_SEVERAL(random_zone(true)));
	random_side(rule, "src", "not_src");
	random_side(rule, "dst", "not_dst");
	if (rnd(6) == 0) {
		json_object_set_new(rule, "icmp", ONE_OR_SEVERAL(pick(icmp, 3)));
	} else {
		if (rnd(2))
			json_object_set_new(rule, "proto",
				rnd(8) ? ONE_OR_SEVERAL(random_proto())
				       : json_integer((json_int_t[]){1, 6, 58, 47}[rnd(4)]));
		if (rnd(4) == 0)
			json_object_set_new(rule, "sport", ONE_OR_SEVERAL(random_port_word(true)));
		if (rnd(3) == 0)
			json_object_set_new(rule, "dport", ONE_OR_SEVERAL(random_port_word(true)));
	}
	if (rnd(6) == 0)
		json_object_set_new(rule, "family", pick(families, 3));
	if (rnd(12) == 0)
		json_object_set_new(rule, "enabled", json_false());
	json_object_set_new(rule, "action", pick(actions, 3));
	return rule;
}

// ---- a random configuration -------------------------------------------------------------------------------------------------

static json_t *list_of(json_t *(*word)(bool), unsigned n) {
	json_t *list = json_array();

	while (n-- > 0)
		json_array_append_new(list, word(false));
	return list;
}

static json_t *random_sets(void) {
	json_t *sets = json_object();
	char name[16];

	for (unsigned i = 0; i < SETS; i++) {
		snprintf(name, sizeof(name), "set%u", i);
		json_object_set_new(sets, name,
			json_pack("{s:o}", "addresses", list_of(random_address_word, rnd(6))));
	}
	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "ports%u", i);
		json_object_set_new(sets, name,
			json_pack("{s:o}", "ports", list_of(random_port_word, 1 + rnd(3))));
	}
	return sets;
}

static json_t *interface(unsigned n) {
	static const char *const zones[] = {"", "in", "out", "dmz"};
	char text[8][64];

	snprintf(text[0], 64, "%c", 'a' + n - 1);
	snprintf(text[1], 64, "02:00:00:00:0%u:01", n);
	snprintf(text[2], 64, "172.16.%u.1/24", n);
	snprintf(text[3], 64, "2001:db8:f%u::1/64", n);
	snprintf(text[4], 64, "172.16.%u.9", n);
	snprintf(text[5], 64, "2001:db8:f%u::9", n);
	snprintf(text[6], 64, "02:00:00:00:0%u:09", n);
	return json_pack("{s:s, s:s, s:s, s:b, s:[ss], s:{s:s, s:s}}", "port", text[0], "zone",
		zones[n], "mac", text[1], "dad", 0, "addresses", text[2], text[3], "neighbors",
		text[4], text[6], text[5], text[6]);
}

static json_t *routers(void) {
	json_t *interfaces = json_object(), *routes = json_object();
	char name[4], to[64], via[64];

	for (unsigned n = 1; n <= 3; n++) {
		snprintf(name, sizeof(name), "%c", 'a' + n - 1);
		json_object_set_new(interfaces, name, interface(n));
		snprintf(to, sizeof(to), "10.%u.0.0/16", n);
		snprintf(via, sizeof(via), "172.16.%u.9", n);
		json_object_set_new(routes, to, json_pack("{s:s}", "via", via));
		snprintf(to, sizeof(to), "2001:db8:%u::/48", n);
		snprintf(via, sizeof(via), "2001:db8:f%u::9", n);
		json_object_set_new(routes, to, json_pack("{s:s}", "via", via));
	}
	return json_pack("{s:{s:o, s:o}}", "r", "interfaces", interfaces, "routes", routes);
}

static json_t *random_config(void) {
	static const char *const defaults[] = {"accept", "drop", "reject"};
	json_t *rules = json_array();

	for (unsigned n = rnd(40); n > 0; n--)
		json_array_append_new(rules, random_rule());
	return json_pack("{s:{s:{s:s}, s:{s:s}, s:{s:s}}, s:o, s:o, s:{s:o, s:s}}", "ports", "a",
		"device", "ring:a", "b", "device", "ring:b", "c", "device", "ring:c", "routers",
		routers(), "sets", random_sets(), "firewall", "rules", rules, "default",
		defaults[rnd(3)]);
}

// ---- random packets -------------------------------------------------------------------------------------------------------------

struct sent {
	struct reader_packet p;
	char port; // it comes in by
	char src[64], dst[64];
	struct frame f;
};

static void random_ports(struct sent *s) {
	s->p.sport = (uint16_t)(1000 * (1 + rnd(8)));
	s->p.dport = (uint16_t)(rnd(20) ? 1000 * (1 + rnd(8)) : 65535);
	frame_ports(&s->f, s->p.sport, s->p.dport);
}

static void frame_of(struct sent *s) {
	static const uint8_t protos[] = {6, 17, 1, 47, 132, 17};
	frame_mac to = mac_router(s->port), from = mac_host(s->port, 9);
	size_t ip = 14, at = s->p.v6 ? 6 : 9;

	s->p.proto = protos[rnd(6)];
	switch (s->p.proto) {
	case 6:
		s->f = frame_syn(to, from, s->src, s->dst, 1460);
		random_ports(s);
		return;
	case 1:
		s->p.icmp_type = s->p.v6 ? 128 : rnd(2) ? 8 : 13;
		s->p.proto = s->p.v6 ? 58 : 1;
		s->f = frame_icmp(to, from, s->src, s->dst, s->p.icmp_type, 0);
		return;
	default:
		s->f = frame_udp(to, from, s->src, s->dst, 60);
		random_ports(s);
	}
	if (s->p.proto != 17) { // another protocol, of which nobody reads more than the ports
		s->f.bytes[ip + at] = s->p.proto;
		frame_sum(&s->f);
	}
}

static struct sent random_packet(void) {
	static const char *const zones[] = {"", "in", "out", "dmz"};
	struct sent s = {.p.v6 = rnd(2)};
	unsigned in = 1 + rnd(3), out;

	s.port = (char)('a' + in - 1);
	random_addr(s.src, sizeof(s.src), s.p.v6);
	do // nobody speaks to himself: that is dropped before
		random_addr(s.dst, sizeof(s.dst), s.p.v6);
	while (strcmp(s.src, s.dst) == 0);
	if (rnd(8) == 0)
		snprintf(s.dst, sizeof(s.dst), s.p.v6 ? "2001:db8:f%u::1" : "172.16.%u.1", in);
	inet_pton(s.p.v6 ? AF_INET6 : AF_INET, s.src, s.p.src);
	inet_pton(s.p.v6 ? AF_INET6 : AF_INET, s.dst, s.p.dst);
	out = s.p.v6 ? s.p.dst[5] : s.p.dst[1];
	s.p.from = zones[in];
	s.p.to = out >= 1 && out <= 3 ? zones[out] : "self";
	frame_of(&s);
	return s;
}

// ---- both opinions ----------------------------------------------------------------------------------------------------------------

static const json_t *config;

static void differ(const struct sent *s, unsigned rule, const char *what) {
	char *text = json_dumps(json_object_get(config, "firewall"), JSON_COMPACT);

	print_error(
		"%s\nsets %s\n", text, json_dumps(json_object_get(config, "sets"), JSON_COMPACT));
	fail_msg(
		"proto %u from %s (%s) port %u to %s (%s) port %u: the reader says rule %u, %s; %s",
		s->p.proto, s->src, s->p.from, s->p.sport, s->dst, s->p.to, s->p.dport, rule,
		reader_action(json_object_get(config, "firewall"), rule), what);
}

// Hits of a rule; 0 is the default.
static json_int_t hits(unsigned rule) {
	json_t *rows = packet_show("rules"), *row;
	json_int_t n = -1;
	size_t i;

	json_array_foreach (rows, i, row)
		if (json_integer_value(json_object_get(row, "rule")) == (json_int_t)rule)
			n = json_integer_value(json_object_get(row, "hits"));
	json_decref(rows);
	return n;
}

// What a port sent: 'n'othing, the packet 'f'orwarded, something 'o'ther.
static char came(char port, const struct sent *s) {
	struct frame want = s->f, got;

	if (!frame_recv(port, &got))
		return 'n';
	frame_hop(&want, mac_host(port, 9), mac_router(port));
	return got.len == want.len && memcmp(got.bytes, want.bytes, got.len) == 0 ? 'f' : 'o';
}

static void expect_accepted(const struct sent *s, unsigned rule, char out) {
	if (!passed)
		differ(s, rule, "it did not pass");
	if (passed_rule != rule)
		differ(s, rule, "another rule took it");
	if (out != 0 && came(out, s) != 'f')
		differ(s, rule, "it passed, and did not come out");
}

static void expect_refused(const struct sent *s, unsigned rule, bool told, uint64_t drops) {
	uint64_t now = packet_drops("drop_session_rule") + packet_drops("drop_session_no_rule");

	if (passed)
		differ(s, rule, "it passed");
	if (now - drops != (told ? 0 : 1))
		differ(s, rule, told ? "it was dropped" : "it was not dropped");
	for (char port = 'a'; port <= 'c'; port++) {
		char what = came(port, s);
		if (what == 'f' || (what == 'o' && !told)) // the sender is told where it is routed
			differ(s, rule, "something came out");
	}
}

static void one_packet(void) {
	struct sent s = random_packet();
	const json_t *firewall = json_object_get(config, "firewall");
	unsigned rule = reader_rule(json_object_get(config, "sets"), firewall, &s.p);
	const char *action = reader_action(firewall, rule);
	uint64_t drops = packet_drops("drop_session_rule") + packet_drops("drop_session_no_rule");
	json_int_t before = hits(rule);
	unsigned net = s.p.v6 ? s.p.dst[5] : s.p.dst[1];

	passed = false;
	frame_send(s.port, &s.f);
	if (strcmp(action, "accept") == 0)
		expect_accepted(&s, rule, strcmp(s.p.to, "self") ? (char)('a' + net - 1) : 0);
	else
		expect_refused(&s, rule, strcmp(action, "reject") == 0, drops);
	if (hits(rule) != before + 1)
		differ(&s, rule, "another rule counted it");
	frames_drain();
	packet_flush("sessions", "{}");
}

static void rules_and_packets_against_a_reader(void **) {
	const char *wanted = getenv("LEAT_SEED");

	for (unsigned n = 0; n < (wanted ? 1 : RULESETS); n++) {
		uint64_t this = wanted ? strtoull(wanted, NULL, 10) : 20261127u + n;
		seed = this;
		json_t *tree = random_config();
		char *text = json_dumps(tree, JSON_COMPACT);

		print_message("LEAT_SEED=%llu\n", (unsigned long long)this);
		config = tree;
		packet_config(text);
		free(text);
		for (unsigned t = 0; n == 0 && t < 12; t++)
			packet_advance(NSEC_PER_SEC);
		packet_advance(NSEC_PER_SEC);
		frames_drain();
		for (unsigned p = 0; p < PACKETS; p++)
			one_packet();
		json_decref(tree);
	}
}

static int setup(void **) {
	static const struct module *const modules[] = {
		&session_module, &switch_module, &router_module, &firewall_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_and_packets_against_a_reader),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
