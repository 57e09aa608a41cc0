// SPDX-License-Identifier: BSD-3-Clause
// pure
// A timer wheel of three levels, 256 slots each, without memory of its own: an entry is an even number, and its links lie where
// wheel_at() says. The owner visits what is due; who is not over yet is put where it may be over next, so that a packet
// never moves a timer. One thread.
//
// Level 0 has a slot per tick, level 1 per 256, level 2 per 65536. A slot of a higher level is visited when its time begins.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_SLOTS   256
#define WHEEL_LEVELS  3
#define WHEEL_PENDING (WHEEL_LEVELS * WHEEL_SLOTS) // the lists of slots whose time has come
#define WHEEL_LISTS   (WHEEL_PENDING + WHEEL_LEVELS)
#define WHEEL_MAX     ((1u << 24) - WHEEL_SLOTS * WHEEL_SLOTS) // ticks ahead, at most

// prev of a list's first entry is the list, as list << 1 | 1; 0 ends a list, so no entry is called 0.
struct wheel_link {
	uint32_t next, prev;
};

struct wheel {
	uint32_t now; // tick up to which slots were taken
	uint32_t count;
	uint32_t lists[WHEEL_LISTS];
};

// Where an entry's links are: the user of this header defines it before any call.
static inline struct wheel_link *wheel_at(uint32_t id);

static inline void wheel_init(struct wheel *w, uint32_t now) {
	*w = (struct wheel){.now = now};
}

static inline unsigned wheel_list(const struct wheel *w, uint32_t due) {
	uint32_t ahead = due - w->now;

	if ((int32_t)ahead <= 0) // at the next tick
		ahead = 1;
	if (ahead > WHEEL_MAX)
		ahead = WHEEL_MAX;
	due = w->now + ahead;
	if (ahead < WHEEL_SLOTS)
		return due % WHEEL_SLOTS;
	if (ahead < WHEEL_SLOTS * WHEEL_SLOTS)
		return WHEEL_SLOTS + (due >> 8) % WHEEL_SLOTS;
	return 2 * WHEEL_SLOTS + (due >> 16) % WHEEL_SLOTS;
}

// `id` is on no list. It is visited at `due` or up to one slot of its level earlier.
static inline void wheel_add(struct wheel *w, uint32_t id, uint32_t due) {
	unsigned list = wheel_list(w, due);
	struct wheel_link *link = wheel_at(id);

	link->next = w->lists[list];
	link->prev = list << 1 | 1;
	if (link->next != 0)
		wheel_at(link->next)->prev = id;
	w->lists[list] = id;
	w->count++;
}

static inline void wheel_del(struct wheel *w, uint32_t id) {
	const struct wheel_link *link = wheel_at(id);

	if (link->prev & 1)
		w->lists[link->prev >> 1] = link->next;
	else
		wheel_at(link->prev)->next = link->next;
	if (link->next != 0)
		wheel_at(link->next)->prev = link->prev;
	w->count--;
}

static inline void wheel_take(struct wheel *w, unsigned level, unsigned slot) {
	unsigned from = level * WHEEL_SLOTS + slot, to = WHEEL_PENDING + level;

	w->lists[to] = w->lists[from];
	w->lists[from] = 0;
	if (w->lists[to] != 0)
		wheel_at(w->lists[to])->prev = to << 1 | 1;
}

// The next tick; what is pending was visited.
static inline void wheel_tick(struct wheel *w) {
	uint32_t now = ++w->now;

	wheel_take(w, 0, now % WHEEL_SLOTS);
	if (now % WHEEL_SLOTS == 0)
		wheel_take(w, 1, (now >> 8) % WHEEL_SLOTS);
	if (now % (WHEEL_SLOTS * WHEEL_SLOTS) == 0)
		wheel_take(w, 2, (now >> 16) % WHEEL_SLOTS);
}

#define WHEEL_VISIT 8 // what an entry costs of a budget; a tick costs 1

// An entry whose time may have come, taken off its list; 0: none up to tick `now`, or *budget is used up and the rest waits
// for the next call.
static inline uint32_t wheel_next(struct wheel *w, uint32_t now, unsigned *budget) {
	while (*budget > 0) {
		for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
			uint32_t id = w->lists[WHEEL_PENDING + level];

			if (id != 0) {
				wheel_del(w, id);
				*budget -= *budget < WHEEL_VISIT ? *budget : WHEEL_VISIT;
				return id;
			}
		}
		if ((int32_t)(now - w->now) <= 0)
			return 0;
		wheel_tick(w);
		(*budget)--;
	}
	return 0;
}
