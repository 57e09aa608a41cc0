// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/harness.h"
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "lib/script.h"
#include <rte_ring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_STEPS 10000
#define WAIT_NS   (20 * NSEC_PER_SEC)

static json_t *running; // resolved
static struct script *script;
static char dir[] = "/tmp/leat-packet-XXXXXX";

// ---- start ----------------------------------------------------------------------------------------------

static int start_failed(const struct err *err) {
	char buf[sizeof(struct err)];

	fprintf(stderr, "packet_setup: %s\n", err_print(err, buf, sizeof(buf)));
	return -1;
}

const char *packet_dir(void) {
	return dir;
}

int packet_setup(const struct module *const *modules) {
	struct dp_start_opts opts = {.memory_mb = 128,
		.no_huge = true,
		.memory_file = true,
		.quiet = true,
		.run_dir = dir};
	struct err err = {0};
	size_t n;

	if (!mkdtemp(dir)) {
		perror("packet_setup: no run dir");
		return -1;
	}
	clock_fake_start(NSEC_PER_SEC);
	running = json_object();
	if (dp_start(&opts, &err) < 0 || module_add(&dataplane_module, &err) < 0)
		return start_failed(&err);
	for (; modules && *modules; modules++) {
		if (module_add(*modules, &err) < 0)
			return start_failed(&err);
	}
	if (module_sort(&err) < 0)
		return start_failed(&err);
	const struct module *const *list = module_list(&n);
	for (size_t i = 0; i < n; i++) {
		if (list[i]->init && list[i]->init(&err) < 0)
			return start_failed(&err);
	}
	return 0;
}

int packet_teardown(void) {
	packet_config("{}"); // ports give their buffers back
	unsigned used = rte_mempool_in_use_count(dp_pool());

	size_t n;
	const struct module *const *list = module_list(&n);
	while (n-- > 0) {
		if (list[n]->fini)
			list[n]->fini();
	}
	dp_stop();
	module_reset();
	script_free(script);
	script = NULL;
	json_decref(running);
	running = NULL;
	bool left = rmdir(dir) < 0;
	if (used > 0)
		fprintf(stderr, "packet_teardown: %u packet buffers were lost\n", used);
	if (left)
		perror("packet_teardown: the run dir stays");
	return used > 0 || left ? -1 : 0;
}

// ---- configuration ----------------------------------------------------------------------------------------

static json_t *config_read(const char *text, struct script **functions, struct err *err) {
	json_error_t where;
	json_t *tree = NULL;

	if (*text == '{') {
		tree = json_loads(text, 0, &where);
		if (!tree)
			err_set(err, -EINVAL, "%d:%d: %s", where.line, where.column, where.text);
		return tree;
	}
	json_t *bundle = json_pack("{s:s, s:{s:s}}", "main", "test.lua", "files", "test.lua", text);
	script_run(bundle, NULL, functions, &tree, err);
	json_decref(bundle);
	return tree;
}

static int config_apply(const char *text, struct err *err) {
	struct script *functions = NULL;
	json_t *resolved = NULL, *tree = config_read(text, &functions, err);

	if (!tree)
		return err->code;
	if (!json_object_get(tree, "system"))
		json_object_set_new(tree, "system", json_object());
	if (!schema_get(tree, "system.workers"))
		schema_put(tree, "system.workers", json_integer(0), NULL);
	int rc = schema_validate(module_sections(), tree, &resolved, err);
	json_decref(tree);
	if (rc == 0) {
		struct change change = {.old = running, .new = resolved, .script = functions};
		rc = module_apply(&change, &(struct module_hooks){.sync = dp_sync}, err);
	}
	if (rc < 0) {
		json_decref(resolved);
		script_free(functions);
		return rc;
	}
	json_decref(running);
	script_free(script);
	running = resolved;
	script = functions;
	return 0;
}

void packet_config(const char *text) {
	struct err err = {0};
	char buf[sizeof(err)];

	if (config_apply(text, &err) < 0)
		fail_msg("the configuration was refused: %s", err_print(&err, buf, sizeof(buf)));
}

const char *packet_config_refused(const char *text) {
	static char buf[sizeof(struct err)];
	struct err err = {0};

	if (config_apply(text, &err) == 0)
		fail_msg("the configuration was not refused: %s", text);
	return err_print(&err, buf, sizeof(buf));
}

// ---- frames -------------------------------------------------------------------------------------------------

static struct rte_ring *ring_find(const char *format, const char *port) {
	char name[RTE_RING_NAMESIZE];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, sizeof(name), format, port);
#pragma GCC diagnostic pop
	struct rte_ring *ring = rte_ring_lookup(name);
	if (!ring)
		fail_msg("port %s has no ring %s: device must be \"ring:%s\"", port, name, port);
	return ring;
}

static struct rte_mbuf *chain_make(const uint8_t *bytes, size_t len, size_t seg) {
	struct rte_mbuf *head = NULL, *last = NULL;

	for (size_t at = 0; at < len || !head; at += seg) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());
		size_t n = RTE_MIN(seg, len - at);
		assert_non_null(m);
		if (n > 0)
			memcpy(rte_pktmbuf_append(m, n), bytes + at, n);
		if (!head) {
			head = last = m;
			continue;
		}
		last->next = m;
		last = m;
		head->nb_segs++;
		head->pkt_len += n;
	}
	return head;
}

void packet_send_chain(const char *port, const void *bytes, size_t len, size_t seg) {
	struct rte_mbuf *m = chain_make(bytes, len, seg);

	if (rte_ring_enqueue(ring_find(DP_RING_RX_NAME, port), m) < 0) {
		rte_pktmbuf_free(m);
		fail_msg("the receive ring of port %s is full", port);
	}
}

void packet_send(const char *port, const void *bytes, size_t len) {
	packet_send_chain(port, bytes, len, RTE_MBUF_DEFAULT_DATAROOM);
}

static bool is_ring(const json_t *conf) {
	const char *device = json_string_value(json_object_get(conf, "device"));

	return device && strncmp(device, "ring:", 5) == 0;
}

static bool frames_wait(void) {
	const char *port;
	json_t *conf;

	json_object_foreach (json_object_get(running, "ports"), port, conf) {
		if (is_ring(conf) && rte_ring_count(ring_find(DP_RING_RX_NAME, port)) > 0)
			return true;
	}
	return false;
}

void packet_step(void) {
	unsigned steps = 0;

	if (json_integer_value(schema_get(running, "system.workers")) > 0)
		return;
	do
		dp_step();
	while (frames_wait() && ++steps < MAX_STEPS);
	assert_true(steps < MAX_STEPS);
	dp_step(); // what a node has queued for the next turn
}

static void modules_poll(void) {
	size_t n;
	const struct module *const *list = module_list(&n);

	for (size_t i = 0; i < n; i++) {
		if (list[i]->poll)
			list[i]->poll(clock_now_ns());
	}
}

void packet_advance(uint64_t ns) {
	clock_fake_advance(ns);
	packet_step();
	modules_poll();
}

bool packet_wait(bool (*done)(void *arg), void *arg) {
	uint64_t start = clock_now_ns();

	assert_false(clock_is_fake());
	while (!done(arg)) {
		if (clock_now_ns() - start > WAIT_NS)
			return false;
		packet_step();
		modules_poll();
		sched_yield(); // to the thread that the other side lives on
	}
	return true;
}

struct link_wait {
	const char *port, *state;
};

static bool link_is(void *arg) {
	const struct link_wait *wait = arg;
	json_t *rows = packet_show("ports"), *row;
	bool is = false;
	size_t i;

	json_array_foreach (rows, i, row) {
		if (strcmp(json_string_value(json_object_get(row, "name")), wait->port) == 0)
			is = strcmp(json_string_value(json_object_get(row, "state")),
				     wait->state) == 0;
	}
	json_decref(rows);
	return is;
}

void packet_wait_link(const char *port, bool up) {
	struct link_wait wait = {port, up ? "up" : "down"};

	if (!packet_wait(link_is, &wait))
		fail_msg("the link of port %s does not go %s", port, wait.state);
}

static bool has_sent(void *arg) {
	return packet_count(arg) > 0;
}

void packet_wait_expect(const char *port, const void *bytes, size_t len) {
	packet_wait(has_sent, (void *)(uintptr_t)port);
	packet_expect(port, bytes, len);
}

int packet_recv(const char *port, uint8_t *bytes) {
	void *obj;

	if (rte_ring_dequeue(ring_find(DP_RING_TX_NAME, port), &obj) < 0)
		return -1;
	struct rte_mbuf *m = obj;
	int len = (int)RTE_MIN(m->pkt_len, (uint32_t)PACKET_FRAME_MAX);
	const void *data = rte_pktmbuf_read(m, 0, len, bytes);
	if (data && data != bytes)
		memcpy(bytes, data, len);
	rte_pktmbuf_free(m);
	return len;
}

unsigned packet_count(const char *port) {
	return rte_ring_count(ring_find(DP_RING_TX_NAME, port));
}

unsigned packet_waiting(const char *port) {
	return rte_ring_count(ring_find(DP_RING_RX_NAME, port));
}

// 16 bytes per line; a second line shows what was wanted where they differ.
static void dump_line(const char *mark, const uint8_t *bytes, size_t len, size_t from) {
	char line[128];
	size_t at = 0;

	for (size_t i = from; i < from + 16 && i < len; i++)
		at += snprintf(line + at, sizeof(line) - at, " %02x", bytes[i]);
	print_error("  %s %04zx %s\n", mark, from, at ? line : " (nothing)");
}

static void dump_difference(const uint8_t *got, size_t got_len, const uint8_t *want, size_t len) {
	size_t longest = RTE_MAX(got_len, len);

	print_error("  %zu bytes came, %zu were expected\n", got_len, len);
	for (size_t from = 0; from < longest; from += 16) {
		size_t a = from < got_len ? RTE_MIN(got_len - from, (size_t)16) : 0;
		size_t b = from < len ? RTE_MIN(len - from, (size_t)16) : 0;
		if (a == b && memcmp(got + from, want + from, a) == 0) {
			dump_line(" ", got, got_len, from);
			continue;
		}
		dump_line("+", got, got_len, from);
		dump_line("-", want, len, from);
	}
}

void packet_expect(const char *port, const void *bytes, size_t len) {
	uint8_t got[PACKET_FRAME_MAX];
	int n = packet_recv(port, got);

	if (n < 0)
		fail_msg("port %s sent nothing, a frame of %zu bytes was expected", port, len);
	if ((size_t)n == len && memcmp(got, bytes, len) == 0)
		return;
	print_error("port %s sent another frame (+ came, - expected):\n", port);
	dump_difference(got, n, bytes, len);
	fail_msg("port %s: wrong frame", port);
}

void packet_expect_none(void) {
	uint8_t got[PACKET_FRAME_MAX];
	const char *port;
	json_t *conf;
	int n;

	json_object_foreach (json_object_get(running, "ports"), port, conf) {
		n = is_ring(conf) ? packet_recv(port, got) : -1;
		if (n < 0)
			continue;
		dump_difference(got, n, NULL, 0);
		fail_msg("port %s sent a frame that nobody expected", port);
	}
}

// ---- faces ----------------------------------------------------------------------------------------------------

json_t *packet_show(const char *noun) {
	const struct module_noun *found = module_noun_find(noun);
	json_t *rows = json_array(), *filter = json_object();
	struct err err = {0};

	assert_non_null(found);
	if (found->page) {
		char cursor[MODULE_CURSOR] = "";

		do
			assert_int_equal(found->page(filter, cursor, 100000, rows, &err), 0);
		while (cursor[0]);
	} else {
		assert_int_equal(found->show(filter, 100000, rows, &err), 0);
	}
	json_decref(filter);
	return rows;
}

// NULL: all reasons together.
static uint64_t drops_sum(const char *reason) {
	json_t *rows = packet_show("drops"), *row;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach (rows, i, row) {
		const char *name = json_string_value(json_object_get(row, "drop"));
		if (!reason || strcmp(name, reason) == 0)
			sum += json_integer_value(json_object_get(row, "packets"));
	}
	json_decref(rows);
	return sum;
}

json_int_t packet_sum(const char *noun, const char *column) {
	json_t *rows = packet_show(noun), *row;
	json_int_t sum = 0;
	size_t i;

	json_array_foreach (rows, i, row)
		sum += json_integer_value(json_object_get(row, column));
	json_decref(rows);
	return sum;
}

json_int_t packet_flush(const char *noun, const char *args) {
	const struct module_action *action = module_action_find("flush", noun);
	json_t *given = json_loads(args, 0, NULL), *result = NULL;
	struct err err = {0};

	assert_non_null(action);
	assert_int_equal(action->run(given, &result, &err), 0);
	json_int_t n = json_integer_value(json_object_get(result, "flushed"));
	json_decref(result);
	json_decref(given);
	return n;
}

uint64_t packet_drops(const char *reason) {
	return drops_sum(reason);
}

static void case_run(const struct packet_case *c) {
	uint64_t all = drops_sum(NULL), named = c->drop ? drops_sum(c->drop) : 0;
	unsigned dropped = c->drop ? 1 : 0;

	packet_send(c->in.port, c->in.bytes, c->in.len);
	packet_step();
	for (const struct packet *out = c->out; out->port; out++)
		packet_expect(out->port, out->bytes, out->len);
	packet_expect_none();
	if (c->drop)
		assert_int_equal(drops_sum(c->drop), named + 1);
	assert_int_equal(drops_sum(NULL), all + dropped);
}

void packet_check(const struct packet_case *cases, size_t n) {
	for (size_t i = 0; i < n; i++) {
		print_message("case: %s\n", cases[i].name);
		case_run(&cases[i]);
	}
}

size_t packet_hex(const char *text, uint8_t *bytes, size_t size) {
	size_t n = 0;
	unsigned byte;

	while (*text) {
		if (*text == ' ' || *text == '\n' || *text == '\t') {
			text++;
			continue;
		}
		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		assert_true(n < size);
		bytes[n++] = (uint8_t)byte;
		text += 2;
	}
	return n;
}
