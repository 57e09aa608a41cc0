// SPDX-License-Identifier: BSD-3-Clause
// A segment that may not pass becomes the reset that its sender gets (RFC 9293 section 3.10.7.1).
#pragma once

#include <rte_mbuf.h>
#include <stdbool.h>

// node: IP and TCP headers are written anew, MAC addresses are not touched; TTL ICMP_TTL. False, and the segment is as it was: it is a
// reset itself, or cannot be read.
bool tcp_reset_make(struct rte_mbuf *m);
