// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The ports of one external IPv4 address: who has which, inside. README.md says how they are found without a lock.
//
// A port is one word: address and port inside, and how many sessions use it; 0: free. Any thread claims and releases. Ports are in
// host order; of ICMP they are identifiers.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NAT_PORTS    65536
#define NAT_STEP     64    // places that are looked at together
#define NAT_LOOKS    8192  // places that an endpoint may be put at, beside its own port
#define NAT_SESSIONS 65535 // of one port

enum nat_class { NAT_TCP, NAT_UDP, NAT_ICMP, NAT_CLASSES, NAT_NO_CLASS = NAT_CLASSES };

enum nat_class nat_class_of(uint8_t proto);

// How an address is used. All zero: RFC 4787's recommendations, filtering by address and port.
struct nat_options {
	uint16_t first, last; // ports; 0, 0: as the port inside, 1..1023 or 1024..65535
	uint16_t block;       // ports in a block; 0: no blocks
	uint16_t blocks;      // of one source at most
	bool overload;        // rather share a port than refuse
	bool open;    // endpoint-independent filtering: anybody may send to a port that is mapped
	bool hairpin; // those inside reach each other by it
	bool unused;  // so that two are compared byte by byte
};

_Static_assert(sizeof(struct nat_options) == 12, "nothing between");

struct nat_endpoint {
	uint32_t addr; // as on the wire
	uint16_t port;
};

struct nat_use {
	_Atomic uint32_t used;    // ports that are not free
	_Atomic uint64_t refused; // connections for which there was none
	// Steps from where an endpoint would be put to where it was, at most: since the start | since control looked last << 32.
	_Atomic uint64_t reach;
};

struct nat_space {
	uint32_t addr; // as on the wire
	uint16_t id;   // the caller's
	struct nat_options options;
	uint64_t outside[4]; // zones, a bit each: theirs are not those inside; the caller's
	uint64_t secret;
	_Atomic uint64_t *words;  // [NAT_CLASSES][NAT_PORTS]
	_Atomic uint64_t *blocks; // owner | ports in use << 32; NULL: none
	unsigned n_blocks;
	struct nat_use use[NAT_CLASSES];
	// A block changes hands; called by the worker that does it. May be NULL.
	void (*on_block)(const struct nat_space *space, unsigned block, uint32_t addr, bool taken);
};

// Memory is reserved, not touched. NULL: out of it.
struct nat_space *nat_space_new(uint32_t addr, const struct nat_options *options, uint64_t secret);
void nat_space_free(struct nat_space *space); // NULL is fine
uint32_t nat_space_size(
	const struct nat_space *space, enum nat_class class); // ports that it may give
// Control, now and then: endpoints look no further than they must. `sync` returns when no worker is in what it began before. false: there
// was nothing to do.
bool nat_space_tidy(struct nat_space *space, void (*sync)(void));

// Whether a port cannot be used for this connection: another one has the answer's tuple.
typedef bool (*nat_taken_fn)(uint16_t port, const void *arg);

// A port for a connection of `from`: its own when it has one. `dry`: none is taken. -1: none is left.
int nat_claim(struct nat_space *space, enum nat_class class, struct nat_endpoint from,
	nat_taken_fn taken, const void *arg, bool dry);
// One session less on it.
void nat_release(struct nat_space *space, enum nat_class class, uint16_t port);
// Who has it. false: nobody.
bool nat_owner(const struct nat_space *space, enum nat_class class, uint16_t port,
	struct nat_endpoint *owner);
// The same, and one session more on it.
bool nat_enter(
	struct nat_space *space, enum nat_class class, uint16_t port, struct nat_endpoint *owner);
// First port of a block.
static inline uint16_t nat_block_first(const struct nat_space *space, unsigned block) {
	return (uint16_t)(space->options.first + block * space->options.block);
}
