// SPDX-License-Identifier: BSD-3-Clause
// Receive offload in software, for an egress that takes TCP frames to be cut (a TAP): the segments of a flow that follow each other in a burst
// become one frame with its request, from which cutting makes the same segments again, byte for byte (but for PSH inside of it, and the ids
// of IPv4 packets that may not be fragmented, which mean nothing: RFC 6864). A write into a kernel costs the same for 48 KB as for 1500 B.
//
// What is merged: Ethernet, IPv4 without options or IPv6 without extension headers, TCP with nothing but ACK and PSH, in order, with equal
// headers, windows and options; of a right checksum, or of one that its sender left to a device. Everything else passes, in its place.
#pragma once

#include <rte_mbuf.h>
#include <stdint.h>

#define MERGE_SEGS 32 // buffers of a frame, at most

// node. Merges within pkts[0..n), in place; returns how many are left. A frame keeps its place, and flows their order.
uint16_t dp_merge(struct rte_mbuf **pkts, uint16_t n);
