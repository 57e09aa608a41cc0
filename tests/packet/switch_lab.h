// SPDX-License-Identifier: BSD-3-Clause
// What the packet tests of the switch share: eight ports of rings, a to h, and frames with tags as text.
//
// `tags`: "88a8.0064,8100.200a", type and TCI of each, outermost first; "-" or "": none. 46 bytes of payload follow.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define LAB_ALL 0xffffffffffff // broadcast

extern const char lab_ports[]; // Lua that makes `p`, the section ports with all eight
extern const char lab_plain[]; // a switch s with the ports a, b and c

// Writes a frame into `buf`, which has room for 128 bytes; returns its length.
size_t lab_frame(uint8_t *buf, uint64_t dst, uint64_t src, const char *tags);
void lab_send(const char *port, uint64_t dst, uint64_t src, const char *tags);
// Fails the test when the next frame that the port sent is another.
void lab_expect(const char *port, uint64_t dst, uint64_t src, const char *tags);
// Throws away what all ports sent.
void lab_drain(void);
// The station `mac` sends from `port`; what that floods is of no interest.
void lab_learn(const char *port, uint64_t mac, const char *tags);

// `switches`: the section in Lua. What was known stays where the change does not touch it.
void lab_reconfig(const char *switches);
// The same from nothing. A worker tells of a station again after 67 ms at the earliest, also when it was forgotten.
void lab_config(const char *switches);

// Stations known to all switches; `value`: only those whose column has it.
unsigned lab_stations(const char *column, const char *value);
// The sum of a column, over the rows of `noun` whose `key` is `value`.
json_int_t lab_counter(const char *noun, const char *key, const char *value, const char *column);
