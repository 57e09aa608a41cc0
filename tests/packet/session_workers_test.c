// SPDX-License-Identifier: BSD-3-Clause
// Sessions and workers that are threads: a session belongs to the worker that made it, packets that reach another one are handed over,
// and the number of workers changes under traffic without a session noticing.
//
// Ports a (10.1.0.1/24, 2001:db8:1::1/64) and b (10.2.0.1/24, 2001:db8:2::1/64), host .9 on each. With two workers each has one of them.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include "tests/packet/session_check.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define FLOWS    64 // half of them IPv6; a quarter TCP
#define INFLIGHT 256
#define MOVING   "drop_session_moving"

// ---- the lab ---------------------------------------------------------------------------------------------------------

static void use_workers(unsigned n) {
	static const char lab[] =
		"local function i(port, n) local m = '02:00:00:00:0' .. n .. ':09' return { port = "
		"port, mac = '02:00:00:00:0' .. n .. ':01', dad = false, addresses = { '10.' .. n "
		".. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors = { ['10.' .. n .. "
		"'.0.9'] = m, ['2001:db8:' .. n .. '::9'] = m } } end "
		"return { system = { workers = %u }, ports = { a = { device = 'ring:a' }, b = { "
		"device = 'ring:b' }, c = { device = 'ring:c' } }, sessions = { max = 1000, "
		"reserve = 10 }, "
		"routers = { r = { interfaces = { a = i('a', 1), b = i('b', 2) } } } }";
	char text[2048];

	snprintf(text, sizeof(text), lab, n);
	packet_config(text);
}

// Without threads: what interfaces say at first is said.
static void start(void) {
	static bool enabled;

	use_workers(0);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	if (!enabled) {
		assert_int_equal(session_enable((unsigned)dp_port_find("a"), true, NULL), 0);
		assert_int_equal(session_enable((unsigned)dp_port_find("b"), true, NULL), 0);
	}
	enabled = true;
	while (packet_count("a") > 0 || packet_count("b") > 0)
		frames_drain();
}

static void end(void) {
	use_workers(0);
	assert_null(session_check());
	packet_flush("sessions", "{}");
	assert_int_equal(packet_sum("session_table", "used"), 0);
	assert_null(session_check());
}

// ---- flows -----------------------------------------------------------------------------------------------------------

enum { SYN = 2, ACK = 16 };

static bool is_tcp(unsigned flow) {
	return flow % 4 == 0;
}

// TCP: as it is said in an open connection in which nobody says anything.
static struct frame packet_of(unsigned flow, char from, unsigned flags) {
	static const char *const ends[2][2] = {
		{"10.1.0.9", "10.2.0.9"}, {"2001:db8:1::9", "2001:db8:2::9"}};
	const char *const *e = ends[flow / 4 % 2];
	bool back = from == 'b';
	uint16_t client = (uint16_t)(2000 + flow), server = 80;
	struct frame f;

	if (!is_tcp(flow)) {
		f = frame_udp(mac_router(from), mac_host(from, 9), e[back], e[!back], 60);
	} else {
		f = frame_syn(mac_router(from), mac_host(from, 9), e[back], e[!back], 1460);
		uint8_t *tcp = f.bytes + 14 + (f.bytes[14] >> 4 == 6 ? 40 : 20);
		uint32_t seq = htonl(1000u + !(flags & SYN)), ack = htonl(flags & ACK ? 1001 : 0);
		memcpy(tcp + 4, &seq, 4);
		memcpy(tcp + 8, &ack, 4);
		tcp[13] = (uint8_t)flags;
	}
	frame_ports(&f, back ? server : client, back ? client : server);
	return f;
}

static void one_way(char from, char to, unsigned flags) {
	const char port[] = {to, '\0'};

	for (unsigned flow = 0; flow < FLOWS; flow++)
		if (flags == 0 || is_tcp(flow)) {
			struct frame f = packet_of(flow, from, flags ? flags : ACK);
			packet_send((const char[]){from, '\0'}, f.bytes, f.len);
		}
	packet_wait_for(packet_count(port) == (flags ? FLOWS / 4 : FLOWS));
	frames_drain();
}

// Each flow has been heard both ways.
static void open_all(void) {
	one_way('a', 'b', SYN);
	one_way('b', 'a', SYN | ACK);
	one_way('a', 'b', 0);
	one_way('b', 'a', 0);
}

static void expect_all_open(json_int_t begun) {
	json_t *rows = packet_show("sessions"), *row;
	size_t i;

	assert_int_equal(json_array_size(rows), FLOWS);
	json_array_foreach (rows, i, row) {
		const char *state = json_string_value(json_object_get(row, "state"));
		assert_true(strcmp(state, "udp") == 0 || strcmp(state, "established") == 0);
	}
	json_decref(rows);
	assert_int_equal(packet_sum("session_table", "begun"), begun);
}

static unsigned owners_seen(void) {
	json_t *rows = packet_show("sessions"), *row;
	unsigned mask = 0;
	size_t i;

	json_array_foreach (rows, i, row)
		mask |= 1u << json_integer_value(json_object_get(row, "worker"));
	json_decref(rows);
	return mask;
}

static void answers_are_handed_over(void **) {
	start();
	json_int_t begun = packet_sum("session_table", "begun") + FLOWS;
	use_workers(2);
	open_all();
	expect_all_open(begun);
	assert_int_equal(__builtin_popcount(owners_seen()), 1); // of the worker that has port a
	for (unsigned n = 0; n < 20; n++) {
		one_way('b', 'a', 0);
		one_way('a', 'b', 0);
	}
	expect_all_open(begun);
	assert_int_equal(packet_drops(MOVING), 0);
	end();
}

// ---- traffic, from a thread of its own -----------------------------------------------------------------------------------

static struct {
	struct rte_ring *rx[2], *tx[2];
	struct frame frames[2][FLOWS];
	_Atomic uint64_t sent, got;
	_Atomic bool stop;
} traffic;

static struct rte_ring *ring(const char *format, char port) {
	char name[32];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, sizeof(name), format, (const char[]){port, '\0'});
#pragma GCC diagnostic pop
	return rte_ring_lookup(name);
}

static void feed(unsigned way, unsigned flow) {
	const struct frame *f = &traffic.frames[way][flow];
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());

	if (m == NULL)
		return;
	memcpy(rte_pktmbuf_append(m, (uint16_t)f->len), f->bytes, f->len);
	if (rte_ring_enqueue(traffic.rx[way], m) == 0)
		traffic.sent++;
	else
		rte_pktmbuf_free(m);
}

static bool take(void) {
	unsigned n = 0;
	void *m;

	for (unsigned way = 0; way < 2; way++)
		for (; rte_ring_dequeue(traffic.tx[way], &m) == 0; n++)
			rte_pktmbuf_free(m);
	traffic.got += n;
	return n > 0;
}

// What does not come within a moment is thought lost: the test counts at the end.
static void *feeder(void *) {
	uint64_t patience = rte_get_tsc_hz() / 20, last = rte_rdtsc();
	uint64_t forgotten = 0;

	for (unsigned n = 0; !traffic.stop; n++) {
		if (take())
			last = rte_rdtsc();
		uint64_t out = traffic.sent - traffic.got;
		if (rte_rdtsc() - last > patience || forgotten > out) // or some came after all
			forgotten = out;
		if (out < INFLIGHT + forgotten)
			feed(n % 2, n / 2 % FLOWS);
		else
			sched_yield();
	}
	return NULL;
}

static void traffic_start(pthread_t *thread) {
	for (unsigned way = 0; way < 2; way++) {
		traffic.rx[way] = ring("ring.%s.rx", "ab"[way]);
		traffic.tx[way] = ring("ring.%s.tx", "ab"[way]);
		for (unsigned flow = 0; flow < FLOWS; flow++)
			traffic.frames[way][flow] = packet_of(flow, "ab"[way], ACK);
	}
	traffic.stop = false;
	traffic.sent = traffic.got = 0;
	assert_int_equal(pthread_create(thread, NULL, feeder, NULL), 0);
}

// All that was sent has come out, or was dropped because its session was changing hands; by how many.
static uint64_t traffic_stop(pthread_t thread, uint64_t moving_before) {
	traffic.stop = true;
	pthread_join(thread, NULL);
	packet_wait_for(
		(take(), traffic.got + packet_drops(MOVING) - moving_before >= traffic.sent));
	assert_int_equal(traffic.got + packet_drops(MOVING) - moving_before, traffic.sent);
	return packet_drops(MOVING) - moving_before;
}

static uint64_t all_drops(void) {
	json_t *rows = packet_show("drops"), *row;
	uint64_t n = 0;
	size_t i;

	json_array_foreach (rows, i, row)
		n += (uint64_t)json_integer_value(json_object_get(row, "packets"));
	json_decref(rows);
	return n;
}

static void the_number_of_workers_changes(void **) {
	static const unsigned steps[] = {1, 2, 3, 1, 3, 2};
	uint64_t moving = packet_drops(MOVING), drops = all_drops();
	pthread_t thread;

	start();
	json_int_t begun = packet_sum("session_table", "begun") + FLOWS;
	use_workers(2);
	open_all();
	traffic_start(&thread);
	for (unsigned n = 0; n < 24; n++) {
		uint64_t before = traffic.got;
		packet_wait_for(traffic.got > before + 500);
		use_workers(steps[n % RTE_DIM(steps)]);
	}
	uint64_t lost = traffic_stop(thread, moving);
	print_message("# %llu packets, %llu of them while their session changed hands\n",
		(unsigned long long)traffic.sent, (unsigned long long)lost);
	assert_int_equal(all_drops() - drops, lost); // none for another reason
	expect_all_open(begun);
	one_way('b', 'a', 0);
	one_way('a', 'b', 0);
	end();
}

// Sessions of workers that are gone end in their time, and by order.
static void sessions_of_gone_workers_end(void **) {
	start();
	use_workers(2);
	for (unsigned way = 0; way < 2; way++) // both have some
		for (unsigned n = 0; n < 50; n++) {
			struct frame f = packet_of(1 + 4 * way, "ab"[way], 0);
			frame_ports(&f, (uint16_t)(3000 + n), 9);
			packet_send((const char[]){"ab"[way], '\0'}, f.bytes, f.len);
		}
	packet_wait_for(packet_count("a") == 50 && packet_count("b") == 50);
	frames_drain();
	assert_int_equal(owners_seen(), 3);
	use_workers(1);
	assert_int_equal(packet_sum("session_table", "used"), 100);
	use_workers(0);
	for (unsigned s = 0; s < 125; s++)
		packet_advance(NSEC_PER_SEC);
	assert_int_equal(packet_sum("session_table", "used"), 0);
	end();
}

static int setup(void **) {
	static const struct module *const modules[] = {
		&session_module, &switch_module, &router_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_handed_over),
		cmocka_unit_test(the_number_of_workers_changes),
		cmocka_unit_test(sessions_of_gone_workers_end),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
