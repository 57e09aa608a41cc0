// SPDX-License-Identifier: BSD-3-Clause
// Pure: a ring of records of different sizes, one writer thread and one reader thread, no lock. A record that does
// not fit is lost and counted: the writer never waits.
//
// Records are 8-byte aligned and contiguous; a record that would wrap begins again at the start of the memory.
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct record_ring {
	size_t size;                                      // bytes, a power of two
	_Atomic size_t head;                              // written so far: the writer's
	size_t reserved;                                  // what commit adds
	_Atomic size_t tail __attribute__((aligned(64))); // read so far: the reader's
	_Atomic uint64_t lost;
	uint8_t data[] __attribute__((aligned(64)));
};

// `size` is rounded up to a power of two. NULL: out of memory.
struct record_ring *record_ring_new(size_t size);
void record_ring_free(struct record_ring *ring); // NULL is fine

// Writer: room for `len` bytes (at most size / 4), or NULL: lost. Visible to the reader after commit.
void *record_ring_reserve(struct record_ring *ring, size_t len);
void record_ring_commit(struct record_ring *ring);

// Reader: the oldest record and its length, or NULL; it stays until release.
const void *record_ring_peek(struct record_ring *ring, size_t *len);
void record_ring_release(struct record_ring *ring);
