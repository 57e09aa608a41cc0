// SPDX-License-Identifier: BSD-3-Clause
// Pure: blocks of a pcapng file (IETF draft-ietf-opsawg-pcapng), in host byte order, times in nanoseconds. Each
// function writes one block into `buf` and returns its length, or 0 when it does not fit.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pcapng_packet {
	uint32_t iface;         // in order of the interface blocks, from 0
	uint64_t time_ns;       // since the epoch
	uint32_t len, captured; // bytes on the wire, bytes in `data`
	bool inbound;
	const void *data;
};

size_t pcapng_section(uint8_t *buf, size_t size, const char *application);
size_t pcapng_interface(uint8_t *buf, size_t size, const char *name, uint32_t snaplen);
size_t pcapng_packet(uint8_t *buf, size_t size, const struct pcapng_packet *packet);
// How many packets the capture of an interface has lost so far.
size_t pcapng_lost(uint8_t *buf, size_t size, uint32_t iface, uint64_t time_ns, uint64_t lost);
