// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/lacp.h"
#include "lib/wire.h"
#include <errno.h>
#include <string.h>

#define SECOND_NS      1000000000ull
#define FAST_NS        SECOND_NS
#define SLOW_NS        (30 * SECOND_NS)
#define SHORT_NS       (3 * FAST_NS)
#define LONG_NS        (3 * SLOW_NS)
#define WAIT_NS        (2 * SECOND_NS) // so that links that come up together are bundled together
#define REPEATS        2
#define SUBTYPE_LACP   1
#define SUBTYPE_MARKER 2
#define TLV_ACTOR      1
#define TLV_PARTNER    2
#define TLV_COLLECTOR  3
#define MARKER_INFO    1
#define MARKER_ANSWER  2
#define INFO_BYTES     20
#define ACTOR_AT       2
#define PARTNER_AT     (ACTOR_AT + INFO_BYTES)
#define COLLECTOR_AT   (PARTNER_AT + INFO_BYTES)
// What the other side must have understood of our state before nothing is to be sent (6.4.9, update_NTT)
#define STATE_TOLD (LACP_ACTIVITY | LACP_TIMEOUT | LACP_SYNC | LACP_AGGREGATION)

// ---- on the wire -------------------------------------------------------------------------------------------

static void info_decode(const uint8_t *tlv, struct lacp_info *info) {
	info->system_priority = get16(tlv + 2);
	memcpy(info->system, tlv + 4, 6);
	info->key = get16(tlv + 10);
	info->port_priority = get16(tlv + 12);
	info->port = get16(tlv + 14);
	info->state = tlv[16];
}

static void info_encode(uint8_t *tlv, uint8_t type, const struct lacp_info *info) {
	tlv[0] = type;
	tlv[1] = INFO_BYTES;
	put16(tlv + 2, info->system_priority);
	memcpy(tlv + 4, info->system, 6);
	put16(tlv + 10, info->key);
	put16(tlv + 12, info->port_priority);
	put16(tlv + 14, info->port);
	tlv[16] = info->state;
}

static bool same_group(const struct lacp_info *a, const struct lacp_info *b) {
	return a->system_priority == b->system_priority && memcmp(a->system, b->system, 6) == 0 &&
		a->key == b->key;
}

static bool same_port(const struct lacp_info *a, const struct lacp_info *b) {
	return same_group(a, b) && a->port_priority == b->port_priority && a->port == b->port &&
		!((a->state ^ b->state) & LACP_AGGREGATION);
}

// ---- what is known of the other side ---------------------------------------------------------------------------

void lacp_init(
	struct lacp *lacp, unsigned n, const uint8_t system[static 6], uint16_t key, bool fast) {
	*lacp = (struct lacp){.n = n};
	for (unsigned i = 0; i < n; i++) {
		struct lacp_info *actor = &lacp->ports[i].actor;
		*actor = (struct lacp_info){.system_priority = 0x8000,
			.key = key,
			.port_priority = 0x8000,
			.port = i + 1,
			.state = LACP_ACTIVITY | LACP_AGGREGATION | LACP_DEFAULTED |
				(fast ? LACP_TIMEOUT : 0)};
		memcpy(actor->system, system, 6);
	}
}

static void detach(struct lacp_port *p) {
	const uint8_t attached = LACP_SYNC | LACP_COLLECTING | LACP_DISTRIBUTING;

	p->selected = p->waiting = false;
	p->ntt |= p->actor.state & attached;
	p->actor.state &= ~attached;
}

// Clause 6.4.12, EXPIRED: the other side may be back at once, and is asked to hurry.
static void expire(struct lacp_port *p, uint64_t now_ns) {
	p->partner.state &= ~LACP_SYNC;
	p->partner.state |= LACP_TIMEOUT;
	p->actor.state |= LACP_EXPIRED;
	p->current_until_ns = now_ns + SHORT_NS;
	p->ntt = true;
}

// What is assumed of nobody is ours to choose (Partner_Admin_Port_State): that it wants to hear from us soon.
static void forget(struct lacp_port *p) {
	p->partner = (struct lacp_info){.state = LACP_TIMEOUT};
	p->actor.state &= ~LACP_EXPIRED;
	p->actor.state |= LACP_DEFAULTED;
	detach(p);
}

void lacp_link(struct lacp *lacp, unsigned port, bool up, uint64_t now_ns) {
	struct lacp_port *p = &lacp->ports[port];

	if (p->up == up)
		return;
	p->up = up;
	forget(p);
	if (!up)
		return;
	expire(p, now_ns);
	p->periodic_ns = now_ns + FAST_NS;
	p->partner_fast = true;
}

int lacp_recv(struct lacp *lacp, unsigned port, const uint8_t *pdu, size_t len, uint64_t now_ns) {
	struct lacp_port *p = &lacp->ports[port];
	struct lacp_info them, us;

	if (!p->up || len < LACP_PDU_BYTES || pdu[0] != SUBTYPE_LACP ||
		pdu[ACTOR_AT] != TLV_ACTOR || pdu[ACTOR_AT + 1] != INFO_BYTES ||
		pdu[PARTNER_AT] != TLV_PARTNER || pdu[PARTNER_AT + 1] != INFO_BYTES)
		return -EINVAL;
	info_decode(pdu + ACTOR_AT, &them);
	info_decode(pdu + PARTNER_AT, &us);
	if (memcmp(them.system, p->actor.system, 6) == 0)
		return -ELOOP;
	bool known = same_port(&us, &p->actor);
	if (!same_port(&them, &p->partner))
		detach(p);
	p->ntt |= !known || ((us.state ^ p->actor.state) & STATE_TOLD);
	p->partner = them;
	if (!known) // in sync with someone else
		p->partner.state &= ~LACP_SYNC;
	p->actor.state &= ~(LACP_EXPIRED | LACP_DEFAULTED);
	p->current_until_ns = now_ns + (p->actor.state & LACP_TIMEOUT ? SHORT_NS : LONG_NS);
	return 0;
}

// ---- decisions --------------------------------------------------------------------------------------------------

static bool eligible(const struct lacp_port *p) {
	return p->up && !(p->actor.state & LACP_DEFAULTED) && (p->partner.state & LACP_AGGREGATION);
}

static unsigned group_size(const struct lacp *lacp, const struct lacp_info *group) {
	unsigned n = 0;

	for (unsigned i = 0; i < lacp->n; i++)
		n += eligible(&lacp->ports[i]) && same_group(&lacp->ports[i].partner, group);
	return n;
}

// The group that is in use stays in use; else the largest. NULL: there is none.
static const struct lacp_info *group_choose(const struct lacp *lacp) {
	const struct lacp_info *best = NULL;
	unsigned best_n = 0;

	for (unsigned i = 0; i < lacp->n; i++) {
		const struct lacp_port *p = &lacp->ports[i];
		if (eligible(p) && (p->actor.state & LACP_SYNC))
			return &p->partner;
	}
	for (unsigned i = 0; i < lacp->n; i++) {
		const struct lacp_port *p = &lacp->ports[i];
		unsigned n = eligible(p) ? group_size(lacp, &p->partner) : 0;
		if (n > best_n) {
			best = &p->partner;
			best_n = n;
		}
	}
	return best;
}

// The mux machine with coupled control (6.4.14): detached, waiting, attached, collecting and distributing.
static void mux(struct lacp_port *p, uint64_t now_ns) {
	const uint8_t carries = LACP_COLLECTING | LACP_DISTRIBUTING;
	uint8_t before = p->actor.state;

	if (!p->selected) {
		detach(p);
		return;
	}
	if (!p->waiting && !(p->actor.state & LACP_SYNC)) {
		p->waiting = true;
		p->ready_ns = now_ns + WAIT_NS;
	}
	if (p->waiting && now_ns >= p->ready_ns) {
		p->waiting = false;
		p->actor.state |= LACP_SYNC;
	}
	if ((p->actor.state & LACP_SYNC) && (p->partner.state & LACP_SYNC))
		p->actor.state |= carries;
	else
		p->actor.state &= ~carries;
	p->ntt |= p->actor.state != before;
}

static void periodic(struct lacp_port *p, uint64_t now_ns) {
	bool fast = p->partner.state & LACP_TIMEOUT;

	if (fast && !p->partner_fast)
		p->ntt = true;
	if (now_ns >= p->periodic_ns)
		p->ntt = true;
	if (now_ns >= p->periodic_ns || fast != p->partner_fast)
		p->periodic_ns = now_ns + (fast || p->repeats > 0 ? FAST_NS : SLOW_NS);
	p->partner_fast = fast;
}

// What is new is said three times, a second apart: at the slow rate a lost PDU would leave the other side without its
// news, and a link without traffic, for 30 s. The standard leaves that to chance.
static void repeat(struct lacp_port *p, uint64_t now_ns) {
	bool news = p->actor.state != p->told_state || !same_port(&p->partner, &p->told_partner) ||
		p->partner.state != p->told_partner.state;

	if (!news) {
		p->repeats -= p->repeats > 0;
		return;
	}
	p->told_state = p->actor.state;
	p->told_partner = p->partner;
	p->repeats = REPEATS;
	if (p->periodic_ns > now_ns + FAST_NS)
		p->periodic_ns = now_ns + FAST_NS;
}

void lacp_tick(struct lacp *lacp, uint64_t now_ns) {
	for (unsigned i = 0; i < lacp->n; i++) {
		struct lacp_port *p = &lacp->ports[i];
		if (!p->up || (p->actor.state & LACP_DEFAULTED && !(p->actor.state & LACP_EXPIRED)))
			continue;
		if (now_ns < p->current_until_ns)
			continue;
		if (p->actor.state & LACP_EXPIRED)
			forget(p);
		else
			expire(p, now_ns);
	}
	const struct lacp_info *group = group_choose(lacp);
	struct lacp_info chosen = group ? *group : (struct lacp_info){0};
	for (unsigned i = 0; i < lacp->n; i++) {
		struct lacp_port *p = &lacp->ports[i];
		p->selected = group && eligible(p) && same_group(&p->partner, &chosen);
		mux(p, now_ns);
		if (p->up)
			periodic(p, now_ns);
	}
}

bool lacp_carries(const struct lacp *lacp, unsigned port) {
	return lacp->ports[port].actor.state & LACP_DISTRIBUTING;
}

bool lacp_send(
	struct lacp *lacp, unsigned port, uint8_t pdu[static LACP_PDU_BYTES], uint64_t now_ns) {
	struct lacp_port *p = &lacp->ports[port];

	if (!p->up || !p->ntt || (p->sent_ns[0] && now_ns - p->sent_ns[0] < SECOND_NS))
		return false;
	p->ntt = false;
	repeat(p, now_ns);
	p->sent_ns[0] = p->sent_ns[1];
	p->sent_ns[1] = p->sent_ns[2];
	p->sent_ns[2] = now_ns;
	memset(pdu, 0, LACP_PDU_BYTES);
	pdu[0] = SUBTYPE_LACP;
	pdu[1] = 1;
	info_encode(pdu + ACTOR_AT, TLV_ACTOR, &p->actor);
	info_encode(pdu + PARTNER_AT, TLV_PARTNER, &p->partner);
	pdu[COLLECTOR_AT] = TLV_COLLECTOR;
	pdu[COLLECTOR_AT + 1] = 16;
	return true;
}

bool lacp_marker_answer(uint8_t *pdu, size_t len) {
	if (len < LACP_PDU_BYTES || pdu[0] != SUBTYPE_MARKER || pdu[2] != MARKER_INFO)
		return false;
	pdu[2] = MARKER_ANSWER;
	return true;
}
