// SPDX-License-Identifier: BSD-3-Clause
// Packet tests: frames in by one port, frames out by others, through the real nodes, in one thread and with a clock
// that stands still until the test moves it.
//
//   static int setup(void **) { return packet_setup(modules); }       // cmocka group set-up; teardown: packet_teardown
//   packet_config("{\"ports\":{\"a\":{\"device\":\"ring:a\"}}, ...}");   // or Lua: "return { ports = ... }"
//   packet_check(cases, n);                                           // or packet_send(), packet_step(), packet_expect()
//
// Every port of a test has device = "ring:<name of the port>", or is a bond of such. system.workers is 0 unless the configuration says
// more; then the workers are real threads, packet_step() turns nothing, and the test waits for what it expects.
#pragma once

#include "lib/module.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka.h needs the four above
#include <cmocka.h>

#define PACKET_FRAME_MAX 9300
#define PACKET_OUT_MAX   8

struct packet {
	const char *port; // NULL: none (the end of a list)
	const uint8_t *bytes;
	size_t len;
};

// One row of a table test: what comes in, and all that must come out, port by port, in order; and what must have
// been dropped ("drop_eth_input_runt"; NULL: nothing may be dropped).
struct packet_case {
	const char *name;
	struct packet in;
	struct packet out[PACKET_OUT_MAX + 1];
	const char *drop;
};

// Starts the data plane once per process (no hugepages), registers dataplane_module and `modules` (NULL-terminated).
int packet_setup(const struct module *const *modules); // 0, or negative: says why on stderr
int packet_teardown(
	void); // 0, or -1: a packet buffer was lost, or something stayed in packet_dir()
// The run dir, of this process alone: the test's own files lie there too, and it removes them.
const char *packet_dir(void);

// Applies a whole configuration: JSON when it starts with '{', else Lua. Fails the test when it is refused.
void packet_config(const char *text);
// The same, for a configuration that must be refused: returns the message ("path: text").
const char *packet_config_refused(const char *text);

// Queues one frame at a port. packet_send_chain cuts it into buffers of `seg` bytes.
void packet_send(const char *port, const void *bytes, size_t len);
void packet_send_chain(const char *port, const void *bytes, size_t len, size_t seg);
// Turns the worker's loop until every queue was polled and nothing comes any more.
void packet_step(void);
// Joins two ports: what comes from one leaves by the other. Stands in for a switch (and cannot be beside one).
void packet_cross(const char *a, const char *b);
// While the first is set, the workers that have packets for it stand still; the second: one does.
extern bool packet_cross_stall, packet_cross_stalled;
// Moves the clock, turns the loop and lets every module poll.
void packet_advance(uint64_t ns);

// For ports whose other side takes its time: turns the loop and lets modules poll until done() says so, at most 20 s
// of real time (false). Needs the real clock: clock_fake_stop().
bool packet_wait(bool (*done)(void *arg), void *arg);
// The same, until that port's link is up (or down), or until it sent a frame. Fails the test when that does not come.
void packet_wait_link(const char *port, bool up);
void packet_wait_expect(const char *port, const void *bytes, size_t len);

// The next frame that a port sent: its length, or -1. `bytes` has room for PACKET_FRAME_MAX.
int packet_recv(const char *port, uint8_t *bytes);
unsigned packet_count(const char *port);   // frames that a port sent and nobody took yet
unsigned packet_waiting(const char *port); // frames queued at a port that no worker took yet
// Fails with both dumps and a caret line when the next frame is not this one, byte for byte.
void packet_expect(const char *port, const void *bytes, size_t len);
// Fails when some port still has a frame that nobody expected.
void packet_expect_none(void);

// Packets dropped for a reason since the start, all ports together.
uint64_t packet_drops(const char *reason);
// Runs the cases one after the other.
void packet_check(const struct packet_case *cases, size_t n);

// The rows that `leat show NOUN` would print. New reference.
json_t *packet_show(const char *noun);
// A column, over all of them.
json_int_t packet_sum(const char *noun, const char *column);
// `leat flush NOUN ARGS` (a JSON object); how many were.
json_int_t packet_flush(const char *noun, const char *args);

#define PACKET_WAIT_S 60
// With workers that are threads: turns nothing, waits, fails.
#define packet_wait_for(condition)                                                          \
	do {                                                                                \
		uint64_t end = rte_rdtsc() + PACKET_WAIT_S * rte_get_tsc_hz();              \
		while (!(condition)) {                                                      \
			if (rte_rdtsc() > end)                                              \
				fail_msg("not within %d s: %s", PACKET_WAIT_S, #condition); \
			sched_yield();                                                      \
		}                                                                           \
	} while (0)

// Frames as text: "02 00 00 00 00 01  ffffffffffff 0800 ..."; returns the number of bytes.
size_t packet_hex(const char *text, uint8_t *bytes, size_t size);
