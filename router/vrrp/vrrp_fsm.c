// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/vrrp/vrrp_fsm.h"
#include "lib/clock.h"
#include <string.h>

#define CS_NS 10000000ull

const char *const vrrp_state_names[VRRP_STATES + 1] = {"init", "backup", "master", NULL};

// Section numbers are RFC 9568's. What is not listed changes nothing.
const struct vrrp_step vrrp_steps[VRRP_STATES][VRRP_EVENTS] = {
	[VRRP_INIT] =
		{
			// 6.4.1: listen first, as if a master with our own interval had just spoken
			[VRRP_START] = {VRRP_BACKUP, VRRP_ACT_UNLEARN | VRRP_ACT_TIMER},
			// 6.4.1: the addresses are the interface's own, nobody else can be master
			[VRRP_START_OWNER] = {VRRP_MASTER,
				VRRP_ACT_UNLEARN | VRRP_ACT_TAKE | VRRP_ACT_ADVERTISE},
		},
	[VRRP_BACKUP] =
		{
			[VRRP_START] = {VRRP_BACKUP, 0},
			[VRRP_START_OWNER] = {VRRP_BACKUP, 0},
			// 6.4.2: shutdown
			[VRRP_STOP] = {VRRP_INIT, VRRP_ACT_NO_TIMER},
			// 6.4.2: nobody has spoken for Master_Down_Interval
			[VRRP_DOWN] = {VRRP_MASTER,
				VRRP_ACT_UNLEARN | VRRP_ACT_TAKE | VRRP_ACT_ADVERTISE},
			// 6.4.2: the master goes; those of higher priority are quicker
			[VRRP_ZERO] = {VRRP_BACKUP, VRRP_ACT_SKEW},
			// 6.4.2: a master that we preempt is not heard, until the timer says that there is none
			[VRRP_WORSE] = {VRRP_BACKUP, 0},
			// 6.4.2: the master is there
			[VRRP_BETTER] = {VRRP_BACKUP, VRRP_ACT_LEARN | VRRP_ACT_TIMER},
			// no master: nothing to resign from, but no hurry either
			[VRRP_RESIGN] = {VRRP_BACKUP, VRRP_ACT_TIMER},
		},
	[VRRP_MASTER] =
		{
			[VRRP_START] = {VRRP_MASTER, 0},
			[VRRP_START_OWNER] = {VRRP_MASTER, 0},
			// 6.4.3: shutdown
			[VRRP_STOP] = {VRRP_INIT,
				VRRP_ACT_ZERO | VRRP_ACT_GIVE | VRRP_ACT_NO_TIMER},
			[VRRP_DOWN] = {VRRP_MASTER, 0},
			// 6.4.3: another master goes; say at once that there is one
			[VRRP_ZERO] = {VRRP_MASTER, VRRP_ACT_ASSERT},
			// 6.4.3: another one of less priority: it hears at once who is master, and so do bridges
			[VRRP_WORSE] = {VRRP_MASTER, VRRP_ACT_ASSERT},
			// 6.4.3: one of more priority, or of the same and with the greater address
			[VRRP_BETTER] = {VRRP_BACKUP,
				VRRP_ACT_GIVE | VRRP_ACT_LEARN | VRRP_ACT_TIMER},
			// shutdown and startup in one
			[VRRP_RESIGN] = {VRRP_BACKUP,
				VRRP_ACT_ZERO | VRRP_ACT_GIVE | VRRP_ACT_UNLEARN | VRRP_ACT_TIMER},
		},
};

// ---- timers -------------------------------------------------------------------------------------------------

// Section 6.1
uint64_t vrrp_skew_ns(const struct vrrp_vr *vr) {
	return (256 - vr->priority) * (vr->master_cs * CS_NS) / 256;
}

uint64_t vrrp_down_ns(const struct vrrp_vr *vr) {
	return 3 * vr->master_cs * CS_NS + vrrp_skew_ns(vr);
}

static void timer_in(struct vrrp_vr *vr, uint64_t ns) {
	timers_set(vr->timers, &vr->timer, clock_now_ns() + ns);
}

// A storm of others' advertisements makes none of ours: the regular ones come anyway.
static void assert_master(struct vrrp_vr *vr) {
	uint64_t now_ns = clock_now_ns();

	if (vr->asserted_ns != 0 && now_ns - vr->asserted_ns < vr->interval_cs * CS_NS)
		return;
	vr->asserted_ns = now_ns;
	vr->ops->insist(vr);
}

// ---- events -------------------------------------------------------------------------------------------------

static void learn(struct vrrp_vr *vr, const struct vrrp_packet *packet) {
	vr->master_cs = packet->interval_cs;
	vr->master = packet->src;
	vr->master_priority = packet->priority;
}

static void unlearn(struct vrrp_vr *vr) {
	vr->master_cs = vr->interval_cs;
	vr->master = (struct addr){0};
	vr->master_priority = 0;
	vr->inferior_ns = 0;
}

static void act(struct vrrp_vr *vr, unsigned what, const struct vrrp_packet *packet) {
	if (what & VRRP_ACT_LEARN)
		learn(vr, packet);
	if (what & VRRP_ACT_UNLEARN)
		unlearn(vr);
	if (what & VRRP_ACT_ZERO)
		vr->ops->resign(vr);
	if (what & VRRP_ACT_GIVE)
		vr->ops->give(vr);
	if (what & (VRRP_ACT_NO_TIMER | VRRP_ACT_TAKE))
		timers_stop(vr->timers, &vr->timer);
	if (what & VRRP_ACT_TIMER)
		timer_in(vr, vrrp_down_ns(vr));
	if (what & VRRP_ACT_SKEW)
		timer_in(vr, vrrp_skew_ns(vr));
	if (what & VRRP_ACT_TAKE)
		vr->ops->take(vr);
	if (what & VRRP_ACT_ADVERTISE)
		vr->ops->advertise(vr);
	if (what & VRRP_ACT_ASSERT)
		assert_master(vr);
}

static void event(struct vrrp_vr *vr, enum vrrp_event e, const struct vrrp_packet *packet) {
	const struct vrrp_step *step = &vrrp_steps[vr->state][e];
	enum vrrp_state from = vr->state;

	vr->state = step->state;
	if (from != step->state) {
		vr->since_ns = clock_now_ns();
		vr->changes += from == VRRP_MASTER || step->state == VRRP_MASTER;
	}
	act(vr, step->act, packet);
	if (from != step->state)
		vr->ops->changed(vr, from, e);
}

static void fire(struct timer *timer, uint64_t) {
	event((struct vrrp_vr *)timer, VRRP_DOWN, NULL);
}

void vrrp_vr_init(struct vrrp_vr *vr, struct timers *timers, const struct vrrp_ops *ops) {
	*vr = (struct vrrp_vr){.timer = {.fire = fire}, .timers = timers, .ops = ops};
}

void vrrp_start(struct vrrp_vr *vr) {
	event(vr, vr->priority == VRRP_OWNER ? VRRP_START_OWNER : VRRP_START, NULL);
}

void vrrp_stop(struct vrrp_vr *vr) {
	event(vr, VRRP_STOP, NULL);
}

void vrrp_resign(struct vrrp_vr *vr) {
	event(vr, VRRP_RESIGN, NULL);
}

// ---- whom a backup listens to, and whom a master --------------------------------------------------------------

// A master of less priority is preempted, but not before it was heard for preempt_delay.
static bool preempts(struct vrrp_vr *vr, const struct vrrp_packet *packet) {
	uint64_t now_ns = clock_now_ns();

	if (packet->priority >= vr->priority) {
		vr->inferior_ns = 0;
		return false;
	}
	if (vr->inferior_ns == 0)
		vr->inferior_ns = now_ns;
	return vr->preempt && now_ns - vr->inferior_ns >= vr->preempt_delay_ns;
}

static bool beats_master(const struct vrrp_vr *vr, const struct vrrp_packet *packet) {
	if (packet->priority != vr->priority)
		return packet->priority > vr->priority;
	return memcmp(packet->src.bytes, vr->source.bytes, sizeof(vr->source.bytes)) > 0;
}

void vrrp_heard(struct vrrp_vr *vr, const struct vrrp_packet *packet) {
	bool better;

	if (packet->priority == VRRP_RESIGNS) {
		event(vr, VRRP_ZERO, packet);
		return;
	}
	better = vr->state == VRRP_MASTER ? beats_master(vr, packet) : !preempts(vr, packet);
	event(vr, better ? VRRP_BETTER : VRRP_WORSE, packet);
}
