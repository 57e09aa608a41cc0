// SPDX-License-Identifier: BSD-3-Clause
// pure
// The states of a virtual router (RFC 9568 section 6.4) as one table, and its timers. What RFC 9568 calls Active is the master here,
// as in everybody's configuration.
//
// Regular advertisements are none of its timers: a worker sends them (table_vrrp.h), so that a master stays one while the control
// thread is busy. Control thread only.
#pragma once

#include "router/timers.h"
#include "router/vrrp/vrrp_wire.h"

enum vrrp_state { VRRP_INIT, VRRP_BACKUP, VRRP_MASTER, VRRP_STATES };

enum vrrp_event {
	VRRP_START,       // the interface is up, its address usable
	VRRP_START_OWNER, // the same, and the addresses are the interface's own
	VRRP_STOP,        // the link is lost, or the configuration has it no more
	VRRP_DOWN,        // the master was silent for too long
	VRRP_ZERO,        // an advertisement of priority 0: its sender resigns
	VRRP_WORSE,       // one that does not count against us
	VRRP_BETTER,      // one that does
	VRRP_RESIGN,      // somebody wants another master
	VRRP_EVENTS,
};

// What a transition does.
enum {
	VRRP_ACT_TAKE = 1,       // the virtual MAC address and the addresses are ours
	VRRP_ACT_GIVE = 2,       // they are no more
	VRRP_ACT_ADVERTISE = 4,  // once, now
	VRRP_ACT_ASSERT = 8,     // tell another master who is it, at most once per interval
	VRRP_ACT_ZERO = 16,      // one of priority 0
	VRRP_ACT_TIMER = 32,     // the master may be silent for Master_Down_Interval
	VRRP_ACT_SKEW = 64,      // for Skew_Time only
	VRRP_ACT_LEARN = 128,    // the interval is the master's
	VRRP_ACT_UNLEARN = 256,  // the interval is our own
	VRRP_ACT_NO_TIMER = 512, // nobody is waited for
};

struct vrrp_step {
	uint8_t state;
	uint16_t act;
};

extern const struct vrrp_step vrrp_steps[VRRP_STATES][VRRP_EVENTS];
extern const char *const vrrp_state_names[VRRP_STATES + 1];

struct vrrp_vr {
	struct timer timer; // first: Master_Down_Timer
	const struct vrrp_ops *ops;
	struct timers *timers;
	// as configured; may be changed at any time
	struct addr source;   // its family is the virtual router's
	uint8_t priority;     // as it is at the moment
	uint16_t interval_cs; // Advertisement_Interval
	bool preempt;
	uint64_t preempt_delay_ns;
	// as it is
	uint8_t state;
	uint16_t master_cs; // Active_Adver_Interval
	struct addr master; // who it is; ADDR_NONE: not known
	uint8_t master_priority;
	uint64_t since_ns;    // in this state
	uint64_t inferior_ns; // since when a master of less priority is heard; 0: none is
	uint64_t asserted_ns; // last VRRP_ACT_ASSERT
	uint64_t changes;     // into and out of VRRP_MASTER
};

// The outside, so that tests see what is done.
struct vrrp_ops {
	void (*take)(struct vrrp_vr *vr);
	void (*give)(struct vrrp_vr *vr);
	void (*advertise)(struct vrrp_vr *vr);
	void (*insist)(struct vrrp_vr *vr); // advertises, and announces the addresses again
	void (*resign)(struct vrrp_vr *vr); // priority 0
	void (*changed)(struct vrrp_vr *vr, enum vrrp_state from, enum vrrp_event why);
};

// `timers` has room for one more.
void vrrp_vr_init(struct vrrp_vr *vr, struct timers *timers, const struct vrrp_ops *ops);
void vrrp_start(struct vrrp_vr *vr); // START, or START_OWNER at priority 255
void vrrp_stop(struct vrrp_vr *vr);
void vrrp_resign(struct vrrp_vr *vr); // gives the mastership up; whoever is next may have it
void vrrp_heard(struct vrrp_vr *vr, const struct vrrp_packet *packet);

uint64_t vrrp_skew_ns(const struct vrrp_vr *vr);
uint64_t vrrp_down_ns(const struct vrrp_vr *vr); // Master_Down_Interval
