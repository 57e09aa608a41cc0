// SPDX-License-Identifier: BSD-3-Clause
// Sockets and TAPs in other network namespaces (/run/netns/NAME, as `ip netns` makes them).
//
// Entering a namespace takes CAP_SYS_ADMIN, which the daemon gives up at its start. A child process that was forked before
// keeps it, and does one thing: it is told a name, goes in, opens what was asked for, and hands the descriptor over. It ends
// with the daemon, however that ends. Control thread only.
#pragma once

#include "lib/err.h"

#define NETNS_NAME 64 // of a namespace

enum netns_what {
	NETNS_ROUTE, // a socket of NETLINK_ROUTE
	NETNS_TUN,   // /dev/net/tun: an interface made of it is in that namespace
	NETNS_WHATS,
};

// Forks the child: before capabilities are dropped and before there are threads. 0 or negative errno.
int netns_start(struct err *err);
void netns_stop(void);
// A descriptor in namespace `name`; "" is the process's own, for which no child is needed. Negative errno: there is no such namespace
// (-ENOENT), it is none (-EINVAL), or the child is gone (-EPIPE).
int netns_open(const char *name, enum netns_what what, struct err *err);
