// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The words of rules and sets, read: addresses and ranges of them, ports, protocols, ICMP types.
#pragma once

#include "firewall/classify.h"
#include "lib/vec.h"

typedef VEC(struct prefix) fw_prefixes;
typedef VEC(struct fw_range) fw_ranges;

// "192.0.2.1", "2001:db8::/32", "10.0.0.1-10.0.0.9": as prefixes, behind those that are there. 0, -EINVAL: no such thing, -ERANGE: it ends
// before it begins, -ENOMEM.
int fw_addresses_parse(const char *text, fw_prefixes *to);
// "80", "8000-8099". 0, -EINVAL, -ERANGE.
int fw_ports_parse(const char *text, struct fw_range *range);
// "tcp", "icmp" (both families'), "47". How many numbers were written to `protos` (at most 2); -EINVAL.
int fw_proto_parse(const char *text, uint8_t protos[static 2]);
// The name that rules use, or the number in `number`.
const char *fw_proto_print(uint8_t proto, char number[static 4]);
// "echo-request", for both families. A range whose `first` is above its `last`: the family has no such type. 0, -EINVAL.
int fw_icmp_parse(const char *text, struct fw_range *v4, struct fw_range *v6);
extern const char fw_icmp_words[]; // all of them, for messages
