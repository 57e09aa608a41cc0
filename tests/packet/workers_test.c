// SPDX-License-Identifier: BSD-3-Clause
// Workers as threads: their number changes under traffic and no frame is lost or overtaken; one that stands still is
// noticed; what cannot be is refused.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "tests/packet/harness.h"
#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_ring.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORTS    "\"ports\": {\"a\": {\"device\": \"ring:a\"}, \"b\": {\"device\": \"ring:b\"}}"
#define WAIT_S   20
#define INFLIGHT 64

static void use_workers(unsigned n) {
	char text[256];

	snprintf(text, sizeof(text), "{" PORTS ", \"system\": {\"workers\": %u}}", n);
	packet_config(text);
	packet_cross("a", "b");
}

// ---- patience ----------------------------------------------------------------------------------------------

#define TURNS_MAX 1000
#define STUCK_S   100

// How long something may take: WAIT_S, and then as long as some worker has not turned TURNS_MAX times more, but no
// longer than STUCK_S. On a machine with more to do than CPUs, the kernel has been seen to leave a worker asleep for
// over 20 s.
struct patience {
	uint64_t end;
	bool ended;
	json_int_t loops[DP_MAX_WORKERS]; // when it did
};

static struct patience patience_new(void) {
	return (struct patience){.end = rte_rdtsc() + WAIT_S * rte_get_tsc_hz()};
}

static bool patience_over(struct patience *p) {
	json_t *rows, *row;
	bool over = p->ended;
	size_t i;

	if (rte_rdtsc() < p->end)
		return false;
	rows = packet_show("workers");
	json_array_foreach (rows, i, row) {
		json_int_t loops = json_integer_value(json_object_get(row, "loops"));
		if (!p->ended)
			p->loops[i] = loops;
		over &= loops - p->loops[i] >= TURNS_MAX;
	}
	json_decref(rows);
	p->ended = true;
	return over || rte_rdtsc() > p->end + STUCK_S * rte_get_tsc_hz();
}

// ---- traffic -----------------------------------------------------------------------------------------------

struct flow {
	const char *from, *to;
	uint32_t sent, got;
};

static void flow_send(struct flow *f) {
	uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};

	while (f->sent - f->got < INFLIGHT) {
		memcpy(frame + 14, &f->sent, sizeof(f->sent));
		packet_send(f->from, frame, sizeof(frame));
		f->sent++;
	}
}

static void flow_take(struct flow *f) {
	uint8_t frame[PACKET_FRAME_MAX];
	uint32_t number;

	while (packet_recv(f->to, frame) >= 0) {
		memcpy(&number, frame + 14, sizeof(number));
		if (number != f->got)
			fail_msg("%s to %s: frame %u came, %u was expected", f->from, f->to, number,
				f->got);
		f->got++;
	}
}

static void flow_wait(struct flow *f, uint32_t until) {
	struct patience patience = patience_new();

	while (f->got < until) {
		packet_step(); // turns the loop when there is no thread
		flow_take(f);
		if (f->got < until && patience_over(&patience))
			fail_msg("%s to %s: %u of %u frames came", f->from, f->to, f->got, until);
	}
}

// Frames are under way both ways at every change; with one tx queue per port and more workers than that, half of them
// are handed over.
static void test_resize_under_traffic(void **) {
	static const unsigned steps[] = {2, 1, 3, 2, 0, 3, 1, 0};
	struct flow flows[] = {{.from = "a", .to = "b"}, {.from = "b", .to = "a"}};

	use_workers(1);
	for (unsigned round = 0; round < 5 * RTE_DIM(steps); round++) {
		for (unsigned i = 0; i < 200; i++) {
			for (unsigned f = 0; f < 2; f++) {
				flow_send(&flows[f]);
				flow_wait(&flows[f], flows[f].got + 1);
			}
		}
		use_workers(steps[round % RTE_DIM(steps)]);
	}
	for (unsigned f = 0; f < 2; f++)
		flow_wait(&flows[f], flows[f].sent);
	assert_true(flows[0].sent > 5000);
	assert_int_equal(packet_drops("drop_port_tx_full"), 0);
}

// ---- hand-over ---------------------------------------------------------------------------------------------------

static void use_ports(unsigned workers, bool both) {
	char text[256];

	snprintf(text, sizeof(text), "{\"ports\": {%s \"b\": {\"device\": \"ring:b\"}}, %s %u}}",
		both ? "\"a\": {\"device\": \"ring:a\"}," : "",
		"\"system\": {\"workers\":", workers);
	packet_config(text);
	if (both)
		packet_cross("a", "b");
	else
		dp_port_mode_set(dp_port_find("b"), DP_PORT_L2);
}

static void send_numbered(uint32_t number) {
	uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};

	memcpy(frame + 14, &number, sizeof(number));
	packet_send("b", frame, sizeof(frame));
}

static void expect_numbered(uint32_t wanted) {
	struct patience patience = patience_new();
	uint8_t frame[PACKET_FRAME_MAX];
	uint32_t number;

	while (packet_recv("a", frame) < 0)
		assert_false(patience_over(&patience));
	memcpy(&number, frame + 14, sizeof(number));
	assert_int_equal(number, wanted);
}

// Worker 1 hands over to worker 0 what leaves by a. What lies there when a goes must not leave by the next port.
static void test_a_port_takes_along_what_was_handed_over(void **) {
	for (uint32_t round = 0; round < 200; round++) {
		use_ports(1, true); // one transmit queue
		use_ports(2, true);
		send_numbered(round);
		expect_numbered(round);
		struct rte_ring *rx = rte_ring_lookup("ring.b.rx");
		for (unsigned i = 0; i < 32; i++)
			send_numbered(round);
		while (rte_ring_count(rx) > 0)
			rte_pause();
		use_ports(2, false);
	}
}

// ---- the watchdog ----------------------------------------------------------------------------------------------

static char events[256];

static void event_sink(const char *name, const json_t *, void *) {
	size_t len = strlen(events);

	if (strncmp(name, "worker.", 7) != 0)
		return;
	snprintf(events + len, sizeof(events) - len, "%s ", name);
}

static const char *worker_state(void) {
	static char state[16];
	json_t *rows = packet_show("workers");

	snprintf(state, sizeof(state), "%s",
		json_string_value(json_object_get(json_array_get(rows, 0), "state")));
	json_decref(rows);
	return state;
}

static void poll_for(unsigned seconds) {
	for (unsigned i = 0; i < seconds * 10; i++) {
		clock_fake_advance(NSEC_PER_SEC / 10);
		dataplane_module.poll(clock_now_ns());
	}
}

static void wait_for(const bool *flag) {
	uint64_t end = rte_rdtsc() + WAIT_S * rte_get_tsc_hz();

	while (!__atomic_load_n(flag, __ATOMIC_RELAXED) && rte_rdtsc() < end)
		usleep(100);
	assert_true(*flag);
}

static void test_stuck_worker_is_noticed(void **) {
	static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};
	uint64_t end = rte_rdtsc() + WAIT_S * rte_get_tsc_hz();

	use_workers(1);
	event_set_sink(event_sink, NULL);
	__atomic_store_n(&packet_cross_stall, true, __ATOMIC_RELAXED);
	packet_send("a", frame, sizeof(frame));
	wait_for(&packet_cross_stalled);
	poll_for(1);
	bool early = strcmp(worker_state(), "stuck") == 0;
	poll_for(3);
	bool noticed = strcmp(worker_state(), "stuck") == 0;
	__atomic_store_n(
		&packet_cross_stall, false, __ATOMIC_RELAXED); // before a failure waits for it
	assert_false(early);
	assert_true(noticed);
	assert_string_equal(events, "worker.stuck ");
	while (strcmp(worker_state(), "stuck") == 0 && rte_rdtsc() < end)
		dataplane_module.poll(clock_now_ns());
	assert_string_not_equal(worker_state(), "stuck");
	assert_string_equal(events, "worker.stuck worker.recovered ");
	event_set_sink(NULL, NULL);
	while (packet_count("b") == 0 && rte_rdtsc() < end)
		usleep(100);
	packet_expect("b", frame, sizeof(frame));
}

static json_int_t worker_loops(void) {
	json_t *rows = packet_show("workers");
	json_int_t loops = json_integer_value(json_object_get(json_array_get(rows, 0), "loops"));

	json_decref(rows);
	return loops;
}

// It naps most of the time, and turns in between.
static void test_idle_worker_is_not_stuck(void **) {
	uint64_t end = rte_rdtsc() + WAIT_S * rte_get_tsc_hz();

	use_workers(1);
	for (unsigned i = 0; i < 100; i++) {
		json_int_t before = worker_loops();
		while (worker_loops() == before && rte_rdtsc() < end)
			usleep(100);
		clock_fake_advance(NSEC_PER_SEC);
		dataplane_module.poll(clock_now_ns());
		assert_string_not_equal(worker_state(), "stuck");
	}
}

// ---- configuration -------------------------------------------------------------------------------------------

static void expect_refused(const char *system, const char *path, const char *part) {
	char text[256];

	snprintf(text, sizeof(text), "{\"system\": %s}", system);
	const char *why = packet_config_refused(text);
	if (strncmp(why, path, strlen(path)) != 0 || !strstr(why, part))
		fail_msg("%s was refused with: %s", text, why);
}

static void test_refusals(void **) {
	json_t *before = packet_show("workers"), *after;

	expect_refused("{\"workers\": 17}", "system.workers: ", "0..16");
	expect_refused("{\"workers\": 16, \"idle\": \"busy\"}", "system.workers: ", "adaptive");
	expect_refused("{\"workers\": 1, \"cpus\": [1000]}", "system.cpus: ", "CPU 1000");
	expect_refused("{\"idle\": \"lazy\"}", "system.idle: ", "adaptive");
	expect_refused("{\"burst\": 0}", "system.burst: ", "1..256");
	expect_refused("{\"wrokers\": 1}", "system: ", "workers");
	after = packet_show("workers");
	assert_int_equal(json_array_size(before), json_array_size(after));
	json_decref(before);
	json_decref(after);
}

// Without `system.log` it is as it was at the start, whatever it was in between.
static void test_log_level_comes_and_goes(void **) {
	enum log_level started = log_get_level();

	assert_int_not_equal(started, LOG_LEVEL_ERROR);
	packet_config("{\"system\": {\"log\": \"error\"}}");
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	packet_config("{\"system\": {}}");
	assert_int_equal(log_get_level(), started);
	packet_config("{\"system\": {\"log\": \"error\"}}");
	packet_config("{}");
	assert_int_equal(log_get_level(), started);
}

static int setup(void **) {
	return packet_setup(NULL);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resize_under_traffic),
		cmocka_unit_test(test_a_port_takes_along_what_was_handed_over),
		cmocka_unit_test(test_stuck_worker_is_noticed),
		cmocka_unit_test(test_idle_worker_is_not_stuck),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_log_level_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
