// SPDX-License-Identifier: BSD-3-Clause
// VRRP as bytes, and a virtual router that hears what they say: two bytes choose a step, the rest of it is a packet. The router is in one
// state at a time, takes and gives in turns, and waits for its master whenever it is a backup.
#include "lib/clock.h"
#include "router/vrrp/vrrp_fsm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool holds;

static void check(bool good, const char *what) {
	if (good)
		return;
	fprintf(stderr, "vrrp_fuzz: %s\n", what);
	abort();
}

static void take(struct vrrp_vr *) {
	check(!holds, "taken twice");
	holds = true;
}

static void give(struct vrrp_vr *) {
	check(holds, "given twice");
	holds = false;
}

static void speak(struct vrrp_vr *vr) {
	check(vr->state == VRRP_MASTER, "advertised by no master");
}

static void resign(struct vrrp_vr *) {
	check(holds, "resigned from nothing");
}

static void changed(struct vrrp_vr *vr, enum vrrp_state from, enum vrrp_event) {
	check(vr->state != from, "changed to the same");
}

static const struct vrrp_ops ops = {take, give, speak, speak, resign, changed};

// What is understood is made again; that is understood as well, and the same.
static void both_ways(const struct vrrp_packet *packet) {
	uint8_t frame[VRRP_FRAME_MAX];
	struct vrrp_packet again;
	size_t n;

	check(packet->n_addrs <= VRRP_ADDRS && packet->n_addrs <= packet->count, "too many");
	for (unsigned pseudo = 0; pseudo < 2; pseudo++) {
		n = vrrp_encode(packet, pseudo, frame);
		check(n <= sizeof(frame), "too long");
		check(vrrp_decode(frame + 14, n - 14, &again) == VRRP_OK,
			"what was made is refused");
		check(again.vrid == packet->vrid && again.priority == packet->priority &&
				again.interval_cs == packet->interval_cs &&
				again.n_addrs == packet->n_addrs &&
				memcmp(again.addrs, packet->addrs, sizeof(again.addrs)) == 0,
			"changed on its way");
	}
}

// Checksums are hard to guess: the fuzzer's packet is also read as a message that is right.
static void made(const uint8_t *data, size_t size, struct vrrp_packet *packet) {
	*packet = (struct vrrp_packet){.src = {.family = ADDR_V4, .bytes = {10, 0, 0, 1}},
		.vrid = 7,
		.count = 1,
		.n_addrs = 1,
		.interval_cs = 1,
		.addrs = {{.family = ADDR_V4, .bytes = {10, 0, 0, 9}}}};
	if (size < 4)
		return;
	packet->src.bytes[3] = data[0];
	packet->priority = data[1];
	packet->interval_cs = (uint16_t)(1 + (data[2] << 8 | data[3]) % VRRP_CS_MAX);
}

static void step(struct vrrp_vr *vr, unsigned kind, const uint8_t *data, size_t size) {
	struct vrrp_packet packet;

	switch (kind % 8) {
	case 0:
		vrrp_start(vr);
		break;
	case 1:
		vrrp_stop(vr);
		break;
	case 2:
		vrrp_resign(vr);
		break;
	case 3:
		vr->priority = (uint8_t)(size ? data[0] | 1 : 1);
		vr->preempt = size > 1 && data[1] & 1;
		break;
	case 4:
		clock_fake_advance(size ? data[0] * 10 * NSEC_PER_MSEC : 0);
		timers_run(vr->timers, clock_now_ns(), 10);
		break;
	case 5:
		if (vrrp_decode(data, size, &packet) == VRRP_OK) {
			both_ways(&packet);
			vrrp_heard(vr, &packet);
		}
		break;
	default:
		made(data, size, &packet);
		vrrp_heard(vr, &packet);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct timers timers = {0};
	struct vrrp_packet packet;
	struct vrrp_vr vr;

	clock_fake_start(NSEC_PER_SEC);
	check(timers_reserve(&timers, 1) == 0, "memory");
	if (vrrp_decode(data, size, &packet) == VRRP_OK)
		both_ways(&packet);
	holds = false;
	vrrp_vr_init(&vr, &timers, &ops);
	vr.source = (struct addr){ADDR_V4, {10, 0, 0, 2}};
	vr.priority = 100;
	vr.interval_cs = 10;
	while (size >= 2) {
		size_t len = data[1] < size - 2 ? data[1] : size - 2;

		step(&vr, data[0], data + 2, len);
		check(holds == (vr.state == VRRP_MASTER), "a master without its addresses");
		check((vr.timer.place != 0) == (vr.state == VRRP_BACKUP),
			"who waits, and for whom");
		data += 2 + len;
		size -= 2 + len;
	}
	vrrp_stop(&vr);
	check(!holds && vr.timer.place == 0, "something is left");
	timers_fini(&timers);
	return 0;
}
