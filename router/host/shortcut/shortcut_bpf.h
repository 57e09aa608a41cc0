// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// What the programs of a short cut share with way.c.
#pragma once

#include <linux/types.h>

#define SHORTCUT_FLOWS 1024

enum { SHORTCUT_IN, SHORTCUT_OUT, SHORTCUT_WAYS };

// A TCP connection of this box. Addresses as in IPv6, IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
struct shortcut_key {
	__u8 local[16], remote[16];
	__be16 local_port, remote_port;
};

struct shortcut_flow {
	__u64 packets[SHORTCUT_WAYS], bytes[SHORTCUT_WAYS]; // of IP
	__u8 mac[6]; // of the routed interface: frames for others are not for it
	__u8 pad[2];
};

// Written into the object before it is loaded: the kernel's indexes of the interfaces. No pair: outer and inner are 0.
struct shortcut_links {
	__u32 port, outer, inner, twin;
};

#define SHORTCUT_LINKS ".rodata.links"
