// SPDX-License-Identifier: BSD-3-Clause
// Pure: the headers of a frame in one line, for people:
//   02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 10 IPv4 10.0.0.1:53 > 10.0.0.2:4242 UDP
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FRAME_STRLEN 256

// `len`: bytes at hand, which may be any number: what is cut off is not printed. Returns buf.
char *frame_print(const uint8_t *frame, size_t len, char *buf, size_t size);
