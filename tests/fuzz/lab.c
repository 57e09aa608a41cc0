// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/lab.h"
#include "lib/clock.h"
#include "lib/log.h"
#include <rte_mempool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *running; // resolved

_Noreturn void lab_die(const char *what, const struct err *err) {
	fprintf(stderr, "fuzz: %s: %s\n", what, err == NULL ? "" : err->msg);
	abort();
}

static void modules_start(const struct module *const *modules, struct err *err) {
	const struct module *const *list;
	size_t n;

	for (; *modules; modules++)
		if (module_add(*modules, err) != 0)
			lab_die("modules", err);
	if (module_sort(err) != 0)
		lab_die("modules", err);
	list = module_list(&n);
	for (size_t i = 0; i < n; i++)
		if (list[i]->init != NULL && list[i]->init(err) != 0)
			lab_die(list[i]->name, err);
}

static void configure(const char *config, struct err *err) {
	json_t *nothing = json_object(), *tree;
	struct change change = {.old = nothing};
	char *text = strdup(config);

	for (char *c = text; c && *c; c++)
		*c = *c == '\'' ? '"' : *c;
	tree = text ? json_loads(text, 0, NULL) : NULL;
	free(text);
	if (tree == NULL || schema_validate(module_sections(), tree, &running, err) != 0)
		lab_die("configuration", err);
	change.new = running;
	if (module_apply(&change, &(struct module_hooks){.sync = dp_sync}, err) != 0)
		lab_die("configuration", err);
	json_decref(tree);
	json_decref(nothing);
}

// What next hops own lies where no leak detector looks.
static void stop(void) {
	size_t n;
	const struct module *const *list = module_list(&n);

	while (n-- > 0)
		if (list[n]->fini)
			list[n]->fini();
	dp_stop();
	json_decref(running);
}

void lab_start(const struct module *const *modules, const char *config) {
	const struct dp_start_opts opts = {
		.memory_mb = 128, .no_huge = true, .quiet = true, .run_dir = "/tmp"};
	struct err err = {0};

	clock_fake_start(NSEC_PER_SEC);
	log_set_level(LOG_LEVEL_ERROR);
	if (dp_start(&opts, &err) != 0)
		lab_die("data plane", &err);
	modules_start(modules, &err);
	configure(config, &err);
	atexit(stop);
}

struct rte_ring *lab_ring(char way, char port) {
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "ring.%c.%cx", port, way);
	ring = rte_ring_lookup(name);
	if (ring == NULL)
		lab_die(name, NULL);
	return ring;
}

static struct rte_mbuf *buffer(const uint8_t *bytes, size_t len) {
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());

	if (m == NULL)
		lab_die("no buffer left", NULL);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	return m;
}

struct rte_mbuf *lab_frame(const uint8_t *bytes, size_t len, size_t first) {
	struct rte_mbuf *m = buffer(bytes, first < len ? first : len);

	if (first < len && rte_pktmbuf_chain(m, buffer(bytes + first, len - first)) != 0)
		lab_die("chain", NULL);
	return m;
}

unsigned lab_in_use(void) {
	return rte_mempool_in_use_count(dp_pool());
}
