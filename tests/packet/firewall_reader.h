// SPDX-License-Identifier: BSD-3-Clause
// What the sections `sets` and `firewall` say of a connection, read as a person reads them: word by word, rule by rule, with nothing of
// the firewall's own code.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct reader_packet {
	bool v6;
	uint8_t src[16], dst[16];
	uint8_t proto;
	uint16_t sport, dport;
	unsigned icmp_type;
	const char *from, *to; // zones; "self": this box, "": none
};

// 1 for the first rule that takes it, and so on; 0: none.
unsigned reader_rule(
	const json_t *sets, const json_t *firewall, const struct reader_packet *packet);
// "accept", "drop" or "reject": what that rule says, or the default.
const char *reader_action(const json_t *firewall, unsigned rule);
