// SPDX-License-Identifier: BSD-3-Clause
// Frames of any kind through the real graph: two switches with every kind of port, a mirror, storm control, small
// limits. Nothing may crash, and no packet buffer may be lost.
//
// The input is a list of frames: one byte for the port and what else to do, two for the length, the frame.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "switch/switch.h"
#include <rte_mempool.h>
#include <rte_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS     8
#define FRAME_MAX 2048 // what one buffer holds

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
	"{\"system\": {\"workers\": 0}, \"ports\": {"
	"  \"a\": {\"device\": \"ring:a\"}, \"b\": {\"device\": \"ring:b\"}, \"c\": {\"device\": "
	"\"ring:c\"},"
	"  \"d\": {\"device\": \"ring:d\"}, \"e\": {\"device\": \"ring:e\"}, \"f\": {\"device\": "
	"\"ring:f\"},"
	"  \"g\": {\"device\": \"ring:g\"}, \"h\": {\"device\": \"ring:h\"}},"
	" \"switches\": {"
	"  \"s\": {\"mac_limit\": 16, \"ageing\": \"1s\", \"ports\": {"
	"    \"a\": {\"access\": 10, \"isolated\": true}, \"b\": {\"trunk\": [10, 20, 100], "
	"\"native\": 20},"
	"    \"c\": {\"qinq\": {\"outer\": 100}, \"mac_limit\": 3},"
	"    \"d\": {\"access\": 10, \"isolated\": true, \"storm\": {\"broadcast\": \"50/s\", "
	"\"unknown\": \"0/s\"}}},"
	"    \"static\": {\"02:00:00:00:00:01\": {\"port\": \"a\", \"vlan\": 10}},"
	"    \"mirror\": {\"m\": {\"from\": [\"a\", \"b\"], \"direction\": \"both\", \"to\": "
	"\"h\", \"vlan\": 9}}},"
	"  \"t\": {\"service_ethertype\": 33024, \"ports\": {\"e\": {\"qinq\": {\"outer\": 5}},"
	"    \"f\": {\"trunk\": [5, 6]}, \"g\": {\"learning\": false}}}}}";

static const char names[] = "abcdefgh";
static struct rte_ring *rx[PORTS], *tx[PORTS];
static struct rte_mempool *pool;
static json_t *running; // resolved

static void die(const char *what, const struct err *err) {
	fprintf(stderr, "frame_fuzz: %s: %s\n", what, err == NULL ? "" : err->msg);
	abort();
}

static void modules_start(struct err *err) {
	const struct module *const *list;
	size_t n;

	if (module_add(&dataplane_module, err) != 0 || module_add(&switch_module, err) != 0 ||
		module_sort(err) != 0)
		die("modules", err);
	list = module_list(&n);
	for (size_t i = 0; i < n; i++)
		if (list[i]->init != NULL && list[i]->init(err) != 0)
			die(list[i]->name, err);
}

static void configure(struct err *err) {
	json_t *tree = json_loads(config, 0, NULL), *nothing = json_object();
	struct change change = {.old = nothing};

	if (tree == NULL || schema_validate(module_sections(), tree, &running, err) != 0)
		die("configuration", err);
	change.new = running;
	if (module_apply(&change, &(struct module_hooks){.sync = dp_sync}, err) != 0)
		die("configuration", err);
	json_decref(tree);
	json_decref(nothing);
}

// A ring port's two ends; `way`: 'r' or 't'.
static struct rte_ring *ring_of(char way, char port) {
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "ring.%c.%cx", port, way);
	ring = rte_ring_lookup(name);
	if (ring == NULL)
		die(name, NULL);
	return ring;
}

int LLVMFuzzerInitialize(int *, char ***) {
	const struct dp_start_opts opts = {
		.memory_mb = 128, .no_huge = true, .quiet = true, .run_dir = "/tmp"};
	struct err err = {0};

	clock_fake_start(NSEC_PER_SEC);
	log_set_level(LOG_LEVEL_ERROR);
	if (dp_start(&opts, &err) != 0)
		die("data plane", &err);
	modules_start(&err);
	configure(&err);
	for (unsigned i = 0; i < PORTS; i++) {
		rx[i] = ring_of('r', names[i]);
		tx[i] = ring_of('t', names[i]);
	}
	pool = rte_mempool_lookup("leat");
	if (pool == NULL)
		die("no packet buffers", NULL);
	return 0;
}

// Cut into two buffers when the byte says so: a header may lie across them.
static struct rte_mbuf *frame_make(const uint8_t *bytes, size_t len, size_t first) {
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *rest;

	if (m == NULL)
		die("no buffer left", NULL);
	if (first >= len) {
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
		return m;
	}
	rest = rte_pktmbuf_alloc(pool);
	if (rest == NULL)
		die("no buffer left", NULL);
	memcpy(rte_pktmbuf_append(m, (uint16_t)first), bytes, first);
	memcpy(rte_pktmbuf_append(rest, (uint16_t)(len - first)), bytes + first, len - first);
	if (rte_pktmbuf_chain(m, rest) != 0)
		die("chain", NULL);
	return m;
}

static void drain(void) {
	void *m;

	for (unsigned i = 0; i < PORTS; i++)
		while (rte_ring_dequeue(tx[i], &m) == 0) {
			__rte_mbuf_sanity_check(m, 1);
			rte_pktmbuf_free(m);
		}
}

static void turn(bool poll) {
	clock_fake_advance(50 * NSEC_PER_MSEC);
	dp_step();
	dp_step();
	if (poll) {
		dataplane_module.poll(clock_now_ns());
		switch_module.poll(clock_now_ns());
	}
	drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	unsigned before = rte_mempool_in_use_count(pool);

	while (size >= 3) {
		unsigned port = data[0] % PORTS, first = data[0] & 0x40 ? data[0] >> 3 & 7 : 14;
		size_t len = ((size_t)data[1] << 8 | data[2]) % FRAME_MAX;

		data += 3;
		size -= 3;
		len = len < size ? len : size;
		if (rte_ring_enqueue(rx[port],
			    frame_make(data, len, data[-3] & 0x80 ? first + 1 : len)) != 0)
			die("ring full", NULL);
		data += len;
		size -= len;
		turn(data[-1] & 1);
	}
	turn(true);
	if (rte_mempool_in_use_count(pool) != before)
		die("packet buffers were lost", NULL);
	return 0;
}
