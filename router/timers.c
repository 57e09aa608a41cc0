// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/timers.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int timers_reserve(struct timers *timers, size_t n) {
	size_t cap = timers->cap ? timers->cap : 64;
	struct timer **heap;

	while (cap < n)
		cap *= 2;
	if (cap == timers->cap)
		return 0;
	heap = reallocarray(timers->heap, cap, sizeof(*heap));
	if (heap == NULL)
		return -ENOMEM;
	timers->heap = heap;
	timers->cap = cap;
	return 0;
}

static void put(struct timers *timers, struct timer *timer, size_t i) {
	timers->heap[i] = timer;
	timer->place = i + 1;
}

static void rise(struct timers *timers, struct timer *timer, size_t i) {
	while (i > 0 && timers->heap[(i - 1) / 2]->at_ns > timer->at_ns) {
		put(timers, timers->heap[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	put(timers, timer, i);
}

static void sink(struct timers *timers, struct timer *timer, size_t i) {
	for (;;) {
		size_t child = i * 2 + 1;

		if (child + 1 < timers->n &&
			timers->heap[child + 1]->at_ns < timers->heap[child]->at_ns)
			child++;
		if (child >= timers->n || timers->heap[child]->at_ns >= timer->at_ns)
			break;
		put(timers, timers->heap[child], i);
		i = child;
	}
	put(timers, timer, i);
}

void timers_set(struct timers *timers, struct timer *timer, uint64_t at_ns) {
	timers_stop(timers, timer);
	assert(timers->n < timers->cap);
	timer->at_ns = at_ns;
	rise(timers, timer, timers->n++);
}

void timers_stop(struct timers *timers, struct timer *timer) {
	size_t i = timer->place - 1;
	struct timer *last;

	if (timer->place == 0)
		return;
	timer->place = 0;
	last = timers->heap[--timers->n];
	if (last == timer)
		return;
	if (i > 0 && timers->heap[(i - 1) / 2]->at_ns > last->at_ns)
		rise(timers, last, i);
	else
		sink(timers, last, i);
}

unsigned timers_run(struct timers *timers, uint64_t now_ns, unsigned max) {
	unsigned fired = 0;

	while (fired < max && timers->n > 0 && timers->heap[0]->at_ns <= now_ns) {
		struct timer *timer = timers->heap[0];

		timers_stop(timers, timer);
		timer->fire(timer, now_ns);
		fired++;
	}
	return fired;
}

void timers_fini(struct timers *timers) {
	free(timers->heap);
	*timers = (struct timers){0};
}
