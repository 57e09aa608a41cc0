// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// Which TCP connection a frame belongs to, as the kernel's programs see it (shortcut.bpf.c).
#pragma once

#include "lib/addr.h"
#include "router/host/shortcut/shortcut_bpf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The connection of an Ethernet frame without a tag, whose first `len` bytes are at hand; `out`: this box sends it. false: it is no TCP,
// opens or ends a connection, has IP options or extension headers, is a fragment, or is cut off.
bool shortcut_key_read(const uint8_t *frame, size_t len, bool out, struct shortcut_key *key);

// Whether a connection that moved so much within a second stays: what is slow is no burden, and what is many short frames may be a
// flood, which leatd keeps to its share.
bool shortcut_is_bulk(uint64_t packets, uint64_t bytes);

// An address of a key.
struct addr shortcut_addr(const uint8_t addr[static 16]);

#define SHORTCUT_END_STRLEN 56
// "10.0.0.1:80", "[2001:db8::1]:80". Returns buf.
char *shortcut_end_print(
	const uint8_t addr[static 16], uint16_t port_be, char buf[static SHORTCUT_END_STRLEN]);
