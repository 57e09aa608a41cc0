// SPDX-License-Identifier: BSD-3-Clause
// Time as an input. Everything that ages, times out or limits a rate asks this clock, so that a
// test can move it. Monotonic nanoseconds; wall time only for what people read.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull

uint64_t clock_now_ns(void);  // monotonic (or the fake)
uint64_t clock_wall_ns(void); // since the epoch (or the fake's base + its advance)

// Wall time at which every fake clock starts: 2026-01-01T00:00:00Z, so that a test can name it.
#define CLOCK_FAKE_WALL_NS (1767225600ull * NSEC_PER_SEC)

// From now on the clock stands still at `now_ns` and moves only by clock_fake_advance(). Tests
// only; any thread may read, one thread moves it.
void clock_fake_start(uint64_t now_ns);
void clock_fake_advance(uint64_t delta_ns);
void clock_fake_stop(void);
bool clock_is_fake(void);
