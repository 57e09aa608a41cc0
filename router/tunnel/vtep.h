// SPDX-License-Identifier: BSD-3-Clause
// pure
// Which remote a station is behind: (MAC, VLAN) → remote, learnt by workers from what they receive and read by all of them.
//
// One word of 64 bits per station, eight to a cache line. The key's 60 bits are multiplied by a secret odd number, which loses nothing: the
// highest 13 bits name the line, the other 47 stand in the word, beside the remote and the time. So an entry is exact, and is read
// and written whole: no lock, no writer of its own. A full line loses its oldest entry. It is a memory, no register: who is not in it is
// flooded to, and learnt again from the answer.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VTEP_LINES    8192
#define VTEP_WAYS     8
#define VTEP_REMOTES  64
#define VTEP_TICK_NS  (UINT64_C(1) << 32) // 4.3 s
#define VTEP_TICK_MAX 500                 // that an age may be: the tick has nine bits

struct vtep_table {
	unsigned refs; // of those that own it; control's
	uint64_t mult;
	_Alignas(64) uint64_t words[VTEP_LINES][VTEP_WAYS];
};

struct vtep_table *vtep_new(uint64_t secret); // one reference; NULL: out of memory
void vtep_put(struct vtep_table *table);      // NULL is fine

static inline uint64_t vtep_key(const uint8_t mac[6], unsigned vlan) {
	uint64_t key = vlan & 0xfff;

	for (unsigned i = 0; i < 6; i++)
		key = key << 8 | mac[i];
	return key;
}

// Any thread. `now_ns`: of one clock.
void vtep_learn(struct vtep_table *table, uint64_t key, unsigned remote, uint64_t now_ns);
// -1: not there, or not seen for `age_ns`.
int vtep_find(const struct vtep_table *table, uint64_t key, uint64_t now_ns, uint64_t age_ns);
void vtep_flush(struct vtep_table *table);
// fn returns false to stop.
void vtep_foreach(const struct vtep_table *table, uint64_t now_ns,
	bool (*fn)(uint64_t key, unsigned remote, uint64_t age_ns, void *arg), void *arg);
