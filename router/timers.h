// SPDX-License-Identifier: BSD-3-Clause
// pure
// Many timers, one queue: a binary heap by time, whose nodes lie in what they belong to. Setting and stopping cost O(log n) and,
// after timers_reserve(), cannot fail. Equal times fire in no particular order. One thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t at_ns;
	size_t place; // in the heap, counted from 1; 0: not set
	void (*fire)(struct timer *timer, uint64_t now_ns);
};

struct timers { // zeroed memory is an empty one
	struct timer **heap;
	size_t n, cap;
};

int timers_reserve(struct timers *timers, size_t n); // room for n timers at once; -ENOMEM
void timers_set(struct timers *timers, struct timer *timer, uint64_t at_ns); // set or moved
void timers_stop(struct timers *timers, struct timer *timer);                // may be stopped
// Fires those that are due, earliest first, each unset before it is called; at most `max` of them. How many it was.
unsigned timers_run(struct timers *timers, uint64_t now_ns, unsigned max);
void timers_fini(struct timers *timers); // frees the heap, not the timers
