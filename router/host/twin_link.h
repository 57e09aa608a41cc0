// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// A kernel interface set up by rtnetlink, in the namespace that the socket is of. Each call is one request and waits for its answer.
#pragma once

#include "lib/addr.h"

int twin_link_index(int rtnl, const char *name); // negative errno
// NULL and 0: left as they are.
int twin_link_set(int rtnl, int index, const struct mac *mac, unsigned mtu);
int twin_link_up(int rtnl, int index, bool arp); // arp: there are neighbours to ask
// The kernel makes no link-local address of its own: the router says which there are. Nothing when it has no IPv6.
void twin_link_no_autoconf(int rtnl, int index);
// `on`: set or renewed, without duplicate address detection, which the router does; else removed.
int twin_link_addr(int rtnl, int index, const struct prefix *addr, bool on);
