// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/words.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

// ---- addresses ----------------------------------------------------------------------------------------------

static unsigned bits_of(const struct addr *addr) {
	return addr->family == ADDR_V4 ? 32 : 128;
}

// The last address of a prefix.
static struct addr end_of(const struct prefix *prefix) {
	struct addr last = prefix->addr;

	for (unsigned bit = prefix->len; bit < bits_of(&last); bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return last;
}

// The address after it. false: there is none.
static bool step(struct addr *addr) {
	for (int i = (int)bits_of(addr) / 8 - 1; i >= 0; i--)
		if (++addr->bytes[i] != 0)
			return true;
	return false;
}

// The largest prefix that begins at `first` and does not go beyond `last`, again and again: at most 2 per bit.
static int range_add(struct addr first, const struct addr *last, fw_prefixes *to) {
	struct addr end;

	do {
		struct prefix p = {first, (uint8_t)bits_of(&first)};

		while (p.len > 0) {
			struct prefix wider = {first, (uint8_t)(p.len - 1)};
			struct prefix net = prefix_network(&wider);

			end = end_of(&wider);
			if (addr_cmp(&net.addr, &first) != 0 || addr_cmp(&end, last) > 0)
				break;
			p = wider;
		}
		if (vec_add(to, p) != 0)
			return -ENOMEM;
		end = end_of(&p);
		first = end;
	} while (addr_cmp(&end, last) < 0 && step(&first));
	return 0;
}

int fw_addresses_parse(const char *text, fw_prefixes *to) {
	const char *dash = strchr(text, '-');
	char head[ADDR_STRLEN];
	struct addr first, last;
	struct prefix prefix;

	if (dash == NULL) {
		if (prefix_parse(text, &prefix) != 0)
			return -EINVAL;
		prefix = prefix_network(&prefix);
		return vec_add(to, prefix);
	}
	if ((size_t)(dash - text) >= sizeof(head))
		return -EINVAL;
	snprintf(head, sizeof(head), "%.*s", (int)(dash - text), text);
	if (addr_parse(head, &first) != 0 || addr_parse(dash + 1, &last) != 0 ||
		first.family != last.family)
		return -EINVAL;
	if (addr_cmp(&first, &last) > 0)
		return -ERANGE;
	return range_add(first, &last, to);
}

// ---- ports --------------------------------------------------------------------------------------------------

static bool number(const char *text, size_t len, unsigned max, unsigned *value) {
	*value = 0;
	if (len == 0 || len > 5 || strspn(text, "0123456789") < len)
		return false;
	for (size_t i = 0; i < len; i++)
		*value = *value * 10 + (unsigned)(text[i] - '0');
	return *value <= max;
}

int fw_ports_parse(const char *text, struct fw_range *range) {
	size_t head = strcspn(text, "-");
	unsigned first, last;

	if (!number(text, head, UINT16_MAX, &first))
		return -EINVAL;
	last = first;
	if (text[head] && !number(text + head + 1, strlen(text + head + 1), UINT16_MAX, &last))
		return -EINVAL;
	*range = (struct fw_range){(uint16_t)first, (uint16_t)last};
	return first <= last ? 0 : -ERANGE;
}

// ---- protocols (IANA's names) ---------------------------------------------------------------------------------

static const struct proto_word {
	const char *word;
	uint8_t v4, v6;
} proto_words[] = {
	{"tcp", 6, 6},
	{"udp", 17, 17},
	{"icmp", 1, 58},
	{"icmpv6", 58, 58},
	{"igmp", 2, 2},
	{"ipip", 4, 4},
	{"dccp", 33, 33},
	{"gre", 47, 47},
	{"esp", 50, 50},
	{"ah", 51, 51},
	{"ospf", 89, 89},
	{"pim", 103, 103},
	{"vrrp", 112, 112},
	{"sctp", 132, 132},
	{"udplite", 136, 136},
};

int fw_proto_parse(const char *text, uint8_t protos[static 2]) {
	unsigned value;

	for (size_t i = 0; i < sizeof(proto_words) / sizeof(proto_words[0]); i++) {
		if (strcmp(text, proto_words[i].word) != 0)
			continue;
		protos[0] = proto_words[i].v4;
		protos[1] = proto_words[i].v6;
		return protos[0] == protos[1] ? 1 : 2;
	}
	if (!number(text, strlen(text), UINT8_MAX, &value))
		return -EINVAL;
	protos[0] = (uint8_t)value;
	return 1;
}

const char *fw_proto_print(uint8_t proto, char number[static 4]) {
	for (size_t i = 0; i < sizeof(proto_words) / sizeof(proto_words[0]); i++)
		if (proto_words[i].v4 == proto)
			return proto_words[i].word;
	snprintf(number, 4, "%u", proto);
	return number;
}

// ---- ICMP types (RFC 792, 4443) ---------------------------------------------------------------------------------

#define TYPE(t) \
	{ (t) << 8, (t) << 8 | 0xff }
#define CODE(t, c) \
	{ (t) << 8 | (c), (t) << 8 | (c) }
#define NO \
	{ 1, 0 }

static const struct icmp_word {
	const char *word;
	struct fw_range v4, v6;
} icmp_words[] = {
	{"echo-request", TYPE(8), TYPE(128)},
	{"echo-reply", TYPE(0), TYPE(129)},
	{"unreachable", TYPE(3), TYPE(1)},
	{"too-big", CODE(3, 4), TYPE(2)},
	{"time-exceeded", TYPE(11), TYPE(3)},
	{"parameter-problem", TYPE(12), TYPE(4)},
	{"redirect", TYPE(5), TYPE(137)},
	{"timestamp-request", TYPE(13), NO},
	{"timestamp-reply", TYPE(14), NO},
	{"router-solicitation", TYPE(10), TYPE(133)},
	{"router-advertisement", TYPE(9), TYPE(134)},
	{"neighbor-solicitation", NO, TYPE(135)},
	{"neighbor-advertisement", NO, TYPE(136)},
};

const char fw_icmp_words[] =
	"echo-request, echo-reply, unreachable, too-big, time-exceeded, parameter-problem, "
	"redirect, "
	"timestamp-request, timestamp-reply, router-solicitation, router-advertisement, "
	"neighbor-solicitation, neighbor-advertisement";

int fw_icmp_parse(const char *text, struct fw_range *v4, struct fw_range *v6) {
	for (size_t i = 0; i < sizeof(icmp_words) / sizeof(icmp_words[0]); i++) {
		if (strcmp(text, icmp_words[i].word) != 0)
			continue;
		*v4 = icmp_words[i].v4;
		*v6 = icmp_words[i].v6;
		return 0;
	}
	return -EINVAL;
}
