// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/ra/ra_send.h"
#include "lib/clock.h"
#include "lib/hash.h"

#define INITIAL      3                     // MAX_INITIAL_RTR_ADVERTISEMENTS
#define INITIAL_NS   (16 * NSEC_PER_SEC)   // MAX_INITIAL_RTR_ADVERT_INTERVAL
#define MIN_DELAY_NS (3 * NSEC_PER_SEC)    // MIN_DELAY_BETWEEN_RAS
#define RA_DELAY_NS  (500 * NSEC_PER_MSEC) // MAX_RA_DELAY_TIME

static uint64_t random_ns(const struct ra_sender *s, uint64_t range_ns) {
	return hash_below(range_ns, s->random());
}

static void fire(struct timer *timer, uint64_t) {
	struct ra_sender *s = (struct ra_sender *)timer;
	uint64_t least_ns = s->interval_ns / 3, in_ns;

	in_ns = least_ns + random_ns(s, s->interval_ns - least_ns);
	if (++s->initial < INITIAL && in_ns > INITIAL_NS)
		in_ns = INITIAL_NS;
	s->last_ns = clock_now_ns();
	timers_set(s->timers, &s->timer, s->last_ns + in_ns);
	s->send(s);
}

void ra_sender_init(struct ra_sender *s, struct timers *timers, void (*send)(struct ra_sender *s),
	uint32_t (*random)(void)) {
	*s = (struct ra_sender){
		.timer = {.fire = fire}, .timers = timers, .send = send, .random = random};
}

// Not sooner than MIN_DELAY_NS after the last one, whatever the reason.
static void send_at(struct ra_sender *s, uint64_t at_ns) {
	if (s->last_ns != 0 && at_ns < s->last_ns + MIN_DELAY_NS)
		at_ns = s->last_ns + MIN_DELAY_NS;
	if (s->timer.place == 0 || at_ns < s->timer.at_ns)
		timers_set(s->timers, &s->timer, at_ns);
}

void ra_sender_start(struct ra_sender *s) {
	s->on = true;
	s->initial = 0;
	send_at(s, clock_now_ns());
}

void ra_sender_stop(struct ra_sender *s) {
	s->on = false;
	timers_stop(s->timers, &s->timer);
}

void ra_sender_solicited(struct ra_sender *s) {
	if (s->on)
		send_at(s, clock_now_ns() + random_ns(s, RA_DELAY_NS));
}

// Fields that a router need not say are compared when both say them.
static bool differ(uint32_t a, uint32_t b) {
	return a != 0 && b != 0 && a != b;
}

const char *ra_differs(const struct nd_router *ours, const struct nd_router *theirs) {
	if (differ(ours->hop_limit, theirs->hop_limit))
		return "hop limit";
	if (ours->managed != theirs->managed || ours->other != theirs->other)
		return "managed and other flags";
	if (differ(ours->reachable_ms, theirs->reachable_ms) ||
		differ(ours->retrans_ms, theirs->retrans_ms))
		return "reachable and retransmission times";
	if (differ(ours->mtu, theirs->mtu))
		return "MTU";
	for (unsigned i = 0; i < ours->n_prefixes; i++) {
		const struct nd_prefix *a = &ours->prefixes[i];

		for (unsigned j = 0; j < theirs->n_prefixes; j++) {
			const struct nd_prefix *b = &theirs->prefixes[j];

			if (a->prefix.len == b->prefix.len &&
				addr_cmp(&a->prefix.addr, &b->prefix.addr) == 0 &&
				(a->valid_s != b->valid_s || a->preferred_s != b->preferred_s))
				return "lifetimes of a prefix";
		}
	}
	return NULL;
}
