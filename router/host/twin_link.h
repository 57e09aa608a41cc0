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
// A veth pair: `name` in the socket's namespace, `peer` in that of the file `peer_netns`. Both take the longest frames, and are down.
// 0, -EEXIST, ...; twin_link_del() of either end is the end of both.
int twin_link_pair(int rtnl, const char *name, const char *peer, int peer_netns);
int twin_link_del(int rtnl, const char *name);
bool twin_link_is_up(int rtnl, int index); // false also: it is gone

// A BPF program (sched_cls, direct action) sees what the interface receives, or sends. *made: the place for it (clsact) was made as well.
int twin_link_filter(int rtnl, int index, bool receives, int prog, bool *made);
// Takes it off, and with `made` the place, unless others use it by now. -ENOENT: there was none.
int twin_link_unfilter(int rtnl, int index, bool receives, bool made);
bool twin_link_has_filter(int rtnl, int index, bool receives); // ours
// Whether what the interface sends is shaped, dropped or changed by anybody: other filters, or a queueing discipline that does more than
// to queue.
bool twin_link_is_shaped(int rtnl, int index);
// `on`: set or renewed, without duplicate address detection, which the router does; else removed.
int twin_link_addr(int rtnl, int index, const struct prefix *addr, bool on);
