// SPDX-License-Identifier: BSD-3-Clause
#include "lib/clock.h"
#include <stdatomic.h>
#include <time.h>

static atomic_bool fake;
static _Atomic uint64_t fake_now_ns;
static _Atomic uint64_t fake_wall_ns;

static uint64_t clock_read_ns(clockid_t id) {
	struct timespec ts;
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_now_ns(void) {
	if (atomic_load_explicit(&fake, memory_order_acquire))
		return atomic_load_explicit(&fake_now_ns, memory_order_acquire);
	return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void) {
	if (atomic_load_explicit(&fake, memory_order_acquire))
		return atomic_load_explicit(&fake_wall_ns, memory_order_acquire);
	return clock_read_ns(CLOCK_REALTIME);
}

void clock_fake_start(uint64_t now_ns) {
	atomic_store(&fake_now_ns, now_ns);
	atomic_store(&fake_wall_ns, CLOCK_FAKE_WALL_NS);
	atomic_store(&fake, true);
}

void clock_fake_advance(uint64_t delta_ns) {
	atomic_fetch_add(&fake_wall_ns, delta_ns);
	atomic_fetch_add(&fake_now_ns, delta_ns);
}

void clock_fake_stop(void) {
	atomic_store(&fake, false);
}

bool clock_is_fake(void) {
	return atomic_load(&fake);
}
