// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/firewall_reader.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef bool (*word_fn)(const json_t *sets, const json_t *word, const struct reader_packet *p);

// A word or a list of words, one of which must take it.
static bool any_word(
	const json_t *sets, const json_t *value, const struct reader_packet *p, word_fn takes) {
	size_t i;
	json_t *word;

	if (!json_is_array(value))
		return takes(sets, value, p);
	json_array_foreach ((json_t *)value, i, word)
		if (takes(sets, word, p))
			return true;
	return false;
}

static const json_t *set_of(const json_t *sets, const json_t *word, const char *what) {
	return json_object_get(json_object_get(sets, json_string_value(word) + 1), what);
}

// ---- addresses ------------------------------------------------------------------------------------------------------

static bool read_addr(const char *text, size_t len, bool v6, uint8_t *bytes) {
	char buf[64];

	snprintf(buf, sizeof(buf), "%.*s", (int)len, text ? text : "");
	return inet_pton(v6 ? AF_INET6 : AF_INET, buf, bytes) == 1;
}

static bool in_prefix(const uint8_t *addr, const uint8_t *net, unsigned len) {
	for (unsigned bit = 0; bit < len; bit++)
		if ((addr[bit / 8] ^ net[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static bool holds(const char *text, bool v6, const uint8_t *addr) {
	const char *slash = strchr(text, '/'), *dash = strchr(text, '-');
	size_t size = v6 ? 16 : 4, head = strcspn(text, "/-");
	uint8_t first[16], last[16];

	if (!read_addr(text, head, v6, first))
		return false; // of the other family
	if (dash)
		return read_addr(dash + 1, strlen(dash + 1), v6, last) &&
			memcmp(addr, first, size) >= 0 && memcmp(addr, last, size) <= 0;
	return in_prefix(addr, first, slash ? (unsigned)atoi(slash + 1) : (unsigned)size * 8);
}

static bool word_holds(const json_t *sets, const json_t *word, const struct reader_packet *p,
	const uint8_t *addr) {
	size_t i;
	json_t *member;

	if (json_string_value(word)[0] != '@')
		return holds(json_string_value(word), p->v6, addr);
	json_array_foreach ((json_t *)set_of(sets, word, "addresses"), i, member)
		if (holds(json_string_value(member), p->v6, addr))
			return true;
	return false;
}

static bool src_word(const json_t *sets, const json_t *word, const struct reader_packet *p) {
	return word_holds(sets, word, p, p->src);
}

static bool dst_word(const json_t *sets, const json_t *word, const struct reader_packet *p) {
	return word_holds(sets, word, p, p->dst);
}

// ---- ports ----------------------------------------------------------------------------------------------------------

static bool has_ports(unsigned proto) {
	return proto == 6 || proto == 17 || proto == 132;
}

static bool in_range(const json_t *sets, const json_t *word, unsigned port) {
	const char *text = json_string_value(word);
	unsigned first, last;
	size_t i;
	json_t *member;

	if (json_is_integer(word))
		return json_integer_value(word) == port;
	if (text[0] == '@') {
		json_array_foreach ((json_t *)set_of(sets, word, "ports"), i, member)
			if (in_range(sets, member, port))
				return true;
		return false;
	}
	if (sscanf(text, "%u-%u", &first, &last) == 2)
		return port >= first && port <= last;
	return port == first;
}

static bool sport_word(const json_t *sets, const json_t *word, const struct reader_packet *p) {
	return has_ports(p->proto) && in_range(sets, word, p->sport);
}

static bool dport_word(const json_t *sets, const json_t *word, const struct reader_packet *p) {
	return has_ports(p->proto) && in_range(sets, word, p->dport);
}

// ---- protocols, ICMP, zones -------------------------------------------------------------------------------------------

static bool proto_word(const json_t *, const json_t *word, const struct reader_packet *p) {
	static const struct {
		const char *word;
		uint8_t one, other;
	} words[] = {{"tcp", 6, 6}, {"udp", 17, 17}, {"icmp", 1, 58}, {"icmpv6", 58, 58},
		{"gre", 47, 47}, {"sctp", 132, 132}};
	const char *text = json_string_value(word);

	if (json_is_integer(word))
		return json_integer_value(word) == p->proto;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, text) == 0)
			return p->proto == words[i].one || p->proto == words[i].other;
	return atoi(text) == p->proto;
}

static bool icmp_word(const json_t *, const json_t *word, const struct reader_packet *p) {
	const char *text = json_string_value(word);

	if (p->proto != (p->v6 ? 58 : 1))
		return false;
	if (strcmp(text, "echo-request") == 0)
		return p->icmp_type == (p->v6 ? 128 : 8);
	if (strcmp(text, "timestamp-request") == 0)
		return !p->v6 && p->icmp_type == 13;
	return false; // what begins no connection
}

static bool from_word(const json_t *, const json_t *word, const struct reader_packet *p) {
	return strcmp(json_string_value(word), p->from) == 0;
}

static bool to_word(const json_t *, const json_t *word, const struct reader_packet *p) {
	return strcmp(json_string_value(word), p->to) == 0;
}

// ---- rules --------------------------------------------------------------------------------------------------------------

static bool family_takes(const json_t *rule, const struct reader_packet *p) {
	const char *family = json_string_value(json_object_get(rule, "family"));

	return family == NULL || strcmp(family, p->v6 ? "ipv4" : "ipv6") != 0;
}

static bool rule_takes(const json_t *sets, const json_t *rule, const struct reader_packet *p) {
	static const struct {
		const char *field;
		word_fn takes;
		bool wanted;
	} fields[] = {{"from", from_word, true}, {"to", to_word, true}, {"src", src_word, true},
		{"dst", dst_word, true}, {"not_src", src_word, false}, {"not_dst", dst_word, false},
		{"proto", proto_word, true}, {"sport", sport_word, true},
		{"dport", dport_word, true}, {"icmp", icmp_word, true}};

	if (json_is_false(json_object_get(rule, "enabled")) || !family_takes(rule, p))
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const json_t *value = json_object_get(rule, fields[i].field);

		if (value && any_word(sets, value, p, fields[i].takes) != fields[i].wanted)
			return false;
	}
	return true;
}

unsigned reader_rule(const json_t *sets, const json_t *firewall, const struct reader_packet *p) {
	size_t i;
	json_t *rule;

	json_array_foreach (json_object_get(firewall, "rules"), i, rule)
		if (rule_takes(sets, rule, p))
			return (unsigned)i + 1;
	return 0;
}

const char *reader_action(const json_t *firewall, unsigned rule) {
	const json_t *from =
		rule > 0 ? json_array_get(json_object_get(firewall, "rules"), rule - 1) : firewall;
	const char *action =
		json_string_value(json_object_get(from, rule > 0 ? "action" : "default"));

	return action ? action : "drop";
}
