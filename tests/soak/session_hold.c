// SPDX-License-Identifier: BSD-3-Clause
// Ten million IPv4 sessions, held: what a session costs, what it takes to look through all of them while packets go on, to flush some and
// all, and to fill the table again. One worker, a thread that sends and receives, and this one, which is control.
//
//   session_hold [SESSIONS]      default 10,000,000; wants 2 GB and some minutes
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
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BURST       64
#define INFLIGHT    512
#define REFUSED     100000 // one in so many may find no place in the index
#define REFUSED_MAX 400    // more of them are not waited for
#define BYTES_MAX   192
#define WAIT_S      20

static uint32_t sessions = 10000000;

static double seconds(uint64_t since_tsc) {
	return (double)(rte_rdtsc() - since_tsc) / (double)rte_get_tsc_hz();
}

// ---- turns of the worker -----------------------------------------------------------------------------------------------

static struct {
	uint64_t wall_tsc,
		cpu_ns; // the longest between two turns: on the wall, and of its own time
	_Atomic bool reset;
} turns;

static struct dp_node hold_watch = {
	.name = "hold_watch", .help = "measures the worker's turns", .source = true};

static uint64_t thread_ns(void) {
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static uint16_t hold_watch_process(struct rte_graph *, struct rte_node *, void **, uint16_t) {
	static __thread uint64_t last_tsc, last_ns;
	uint64_t tsc = rte_rdtsc(), ns = thread_ns();

	if (turns.reset || last_tsc == 0) {
		turns.wall_tsc = turns.cpu_ns = 0;
		turns.reset = false;
	} else {
		turns.wall_tsc = RTE_MAX(turns.wall_tsc, tsc - last_tsc);
		turns.cpu_ns = RTE_MAX(turns.cpu_ns, ns - last_ns);
	}
	last_tsc = tsc;
	last_ns = ns;
	return 0;
}

DP_NODE(hold_watch)

static void turns_print(void) {
	printf("      the worker's longest turn: %.2f ms of its own time, %.2f ms on the wall\n",
		(double)turns.cpu_ns / 1e6,
		(double)turns.wall_tsc * 1e3 / (double)rte_get_tsc_hz());
	turns.reset = true;
}

// ---- the lab ---------------------------------------------------------------------------------------------------------

static const char lab[] =
	"local function i(port, n) local m = '02:00:00:00:0' .. n .. ':09' return { port = port, "
	"mac = '02:00:00:00:0' .. n .. ':01', dad = false, addresses = { '10.' .. n .. '.0.1/24' "
	"}, neighbors = { ['10.' .. n .. '.0.9'] = m } } end "
	"return { system = { workers = %u }, ports = { a = { device = 'ring:a' }, b = { device = "
	"'ring:b' }, c = { device = 'ring:c' } }, sessions = { max = %u, reserve = 10, timeouts = "
	"{ "
	"udp_unreplied = '7d' } }, routers = { r = { interfaces = { a = i('a', 1), b = i('b', 2) } "
	"} } }";

static void use_workers(unsigned n) {
	char text[2048];

	snprintf(text, sizeof(text), lab, n, sessions + 10);
	packet_config(text);
}

static json_int_t of_table(const char *column) {
	json_t *rows = packet_show("session_table");
	json_int_t n = json_integer_value(json_object_get(json_array_get(rows, 0), column));

	json_decref(rows);
	return n;
}

static uint64_t rss_bytes(void) {
	char line[128];
	unsigned long kb = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %lu kB", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return (uint64_t)kb * 1024;
}

// ---- traffic: session n is of source 11.0.0.0 + n ------------------------------------------------------------------------

static struct {
	struct rte_ring *rx, *tx;
	struct frame f;
	_Atomic uint64_t sent, got, begin,
		end; // sources begin .. end - 1, each once; then any of 0 .. end - 1
	_Atomic bool stop, again;
} traffic;

#define SPECIAL 64 // one in so many has another port: what a filter finds

static void put_port(struct frame *f, uint16_t sport) {
	f->bytes[34] = (uint8_t)(sport >> 8);
	f->bytes[35] = (uint8_t)sport;
}

static void feed(uint32_t n) {
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());
	uint32_t src = htonl(0x0b000000u + n);
	struct frame f = traffic.f;

	if (m == NULL)
		return;
	memcpy(f.bytes + 26, &src, 4);
	frame_sum(&f);
	put_port(&f, n % SPECIAL == 0 ? 6000 : 5000);
	f.bytes[40] = f.bytes[41] = 0; // UDP without a checksum
	memcpy(rte_pktmbuf_append(m, (uint16_t)f.len), f.bytes, f.len);
	if (rte_ring_enqueue(traffic.rx, m) != 0) {
		rte_pktmbuf_free(m);
		return;
	}
	traffic.sent++;
}

static void take(void) {
	void *m[BURST];
	unsigned n = rte_ring_dequeue_burst(traffic.tx, m, BURST, NULL);

	for (unsigned i = 0; i < n; i++)
		rte_pktmbuf_free(m[i]);
	traffic.got += n;
}

static void *feeder(void *) {
	uint64_t seed = 1;

	while (!traffic.stop) {
		take();
		if (traffic.sent - traffic.got > INFLIGHT + REFUSED_MAX) {
			sched_yield();
		} else if (traffic.begin < traffic.end) {
			uint64_t before = traffic.sent;
			feed((uint32_t)traffic.begin);
			traffic.begin += traffic.sent - before;
		} else if (traffic.again) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			feed((uint32_t)((seed >> 33) % traffic.end));
		} else {
			sched_yield();
		}
	}
	return NULL;
}

// The five buckets of a tuple may be full before the table is.
static uint64_t refused(void) {
	return packet_drops("drop_session_full");
}

static void lost(void) {
	char *drops = json_dumps(packet_show("drops"), JSON_COMPACT);

	fail_msg("%llu sent, %llu came; %u wait to come in, %u to be taken; dropped: %s",
		(unsigned long long)traffic.sent, (unsigned long long)traffic.got,
		rte_ring_count(traffic.rx), rte_ring_count(traffic.tx), drops);
}

// Nothing has come for WAIT_S: it does not come.
static void wait_for_all(void) {
	uint64_t since = rte_rdtsc(), got = traffic.got;

	while (traffic.begin < traffic.end || traffic.got + refused() < traffic.sent) {
		if (traffic.got != got)
			since = rte_rdtsc();
		got = traffic.got;
		if (seconds(since) > WAIT_S)
			lost();
		sched_yield();
	}
}

static void fill(uint32_t from, uint32_t to) {
	uint64_t since = rte_rdtsc();

	traffic.begin = from;
	traffic.end = to;
	wait_for_all();
	printf("      %u sessions begun in %.1f s, %lld refused\n", to - from, seconds(since),
		(long long)of_table("refused"));
}

static void forwarding(bool on) {
	traffic.again = on;
	if (!on)
		wait_for_all();
}

// ---- what is shown ---------------------------------------------------------------------------------------------------------

// All pages of a filter; how many rows.
static uint64_t pages(const char *filter, unsigned *turns_taken) {
	json_t *wanted = json_loads(filter, 0, NULL);
	char cursor[MODULE_CURSOR] = "";
	struct err err = {0};
	uint64_t n = 0;

	*turns_taken = 0;
	do {
		json_t *rows = json_array();
		assert_int_equal(
			module_noun_find("sessions")->page(wanted, cursor, 1000, rows, &err), 0);
		n += json_array_size(rows);
		json_decref(rows);
		(*turns_taken)++;
	} while (cursor[0] != '\0');
	json_decref(wanted);
	return n;
}

static void look_through(const char *filter, uint64_t want) {
	uint64_t since = rte_rdtsc(), before = traffic.got;
	unsigned n_turns;
	uint64_t n = pages(filter, &n_turns);

	printf("      show sessions %s: %llu rows, %u pages, %.1f s; %llu packets meanwhile\n",
		filter, (unsigned long long)n, n_turns, seconds(since),
		(unsigned long long)(traffic.got - before));
	assert_true(n <= want && n + refused() >= want);
}

static uint64_t flush(const char *text) {
	const struct module_action *flush = module_action_find("flush", "sessions");
	json_t *args = json_loads(text, 0, NULL), *result = NULL;
	struct err err = {0};
	uint64_t since = rte_rdtsc();

	if (flush->run(args, &result, &err) != 0)
		fail_msg("flush: %s", err.msg);
	uint64_t n = (uint64_t)json_integer_value(json_object_get(result, "flushed"));
	printf("      flush sessions %s: %llu in %.2f s\n", text, (unsigned long long)n,
		seconds(since));
	json_decref(result);
	json_decref(args);
	return n;
}

static void expect_nothing_lost(void) {
	forwarding(false);
	assert_int_equal(traffic.got + refused(), traffic.sent);
	turns_print();
}

// ---- all of it ------------------------------------------------------------------------------------------------------------------

static void start(pthread_t *thread) {
	use_workers(0);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
	assert_int_equal(session_enable((unsigned)dp_port_find("a"), true, NULL), 0);
	assert_int_equal(session_enable((unsigned)dp_port_find("b"), true, NULL), 0);
	use_workers(1);
	traffic.rx = rte_ring_lookup("ring.a.rx");
	traffic.tx = rte_ring_lookup("ring.b.tx");
	traffic.f = frame_udp(mac_router('a'), mac_host('a', 9), "11.0.0.0", "10.2.0.9", 60);
	assert_int_equal(pthread_create(thread, NULL, feeder, NULL), 0);
}

static void ten_million_are_held(void **) {
	uint32_t half = 1u << (31 - __builtin_clz(sessions)); // a prefix's worth
	uint64_t rss = rss_bytes();
	pthread_t thread;
	char text[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	start(&thread);
	fill(0, sessions);
	turns_print();
	uint64_t held = sessions - refused();
	assert_true(refused() <= 2 + sessions / REFUSED);
	assert_int_equal(of_table("used"), held);
	json_int_t bytes = of_table("bytes");
	printf("      %.1f bytes per session, all told; %.1f by the kernel's count\n",
		(double)bytes / sessions, (double)(rss_bytes() - rss) / sessions);
	assert_true((double)bytes / sessions < BYTES_MAX + 0.5); // the spare ones of workers
	forwarding(true);
	look_through("{\"proto\":\"tcp\"}", 0);
	look_through("{\"src\":\"11.0.1.7\"}", 1);
	look_through("{\"proto\":\"udp\",\"sport\":\"6000\"}", (sessions + SPECIAL - 1) / SPECIAL);
	expect_nothing_lost();
	traffic.end = traffic.begin = half; // who is flushed is not spoken to
	forwarding(true);
	int len = 8 + __builtin_clz(half) - 7;
	snprintf(text, sizeof(text), "{\"address\":\"%u.%u.0.0/%d\"}", 11 + (half >> 24),
		half >> 16 & 255, len > 8 ? len : 9);
	uint64_t flushed = flush(text);
	expect_nothing_lost();
	assert_true(flushed > 0);
	held = (uint64_t)of_table("used");
	assert_true(
		held + flushed <= sessions && held + flushed >= sessions - 2 - sessions / REFUSED);
	assert_int_equal(flush("{}"), held);
	turns_print();
	fill(0, sessions);
	assert_int_equal(of_table("bytes"), bytes); // what was given up was used again
	traffic.stop = true;
	pthread_join(thread, NULL);
	use_workers(0);
	assert_null(session_check());
	held = (uint64_t)of_table("used");
	assert_int_equal(flush("{}"), held);
	assert_null(session_check());
}

static int setup(void **) {
	static const struct module *const modules[] = {
		&session_module, &switch_module, &router_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	uint64_t before = rss_bytes();
	int rc = packet_teardown();

	printf("      the memory of sessions is given back: %llu MB before, %llu after\n",
		(unsigned long long)before >> 20, (unsigned long long)rss_bytes() >> 20);
	return rc < 0 || (sessions >= 1000000 && rss_bytes() > before / 2) ? -1 : 0;
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(ten_million_are_held)};

	if (argc > 1)
		sessions = (uint32_t)strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, setup, teardown);
}
