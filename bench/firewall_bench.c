// SPDX-License-Identifier: BSD-3-Clause
// The firewall's classifier alone: how long rules take to compile, what the first packet of a connection pays by the number of
// rules, and what a set of a million prefixes costs.
//
//   firewall_bench [PACKETS]
#include "firewall/classify.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SET_PREFIXES 1000000
#define WINDOWS      7

static uint64_t seed = 42;

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

// CPU time: others on the machine do not count.
static double now_ms(void) {
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct prefix random_prefix(unsigned len) {
	struct prefix p = {.addr.family = ADDR_V4, .len = (uint8_t)len};

	for (unsigned i = 0; i < 4; i++)
		p.addr.bytes[i] = (uint8_t)rnd(256);
	p.addr.bytes[0] = (uint8_t)(1 + rnd(222));
	return prefix_network(&p);
}

// Rules as people have them: hosts and subnets on either side, a service, two zones; one in ten for all sources.
struct ruleset {
	struct fw_match *rules;
	struct prefix *prefixes;
	struct fw_range *ports;
	uint8_t *zones;
	uint32_t n;
};

static const uint8_t tcp_udp[] = {6, 17};

static struct ruleset ruleset_new(uint32_t n) {
	struct ruleset r = {calloc(n, sizeof(*r.rules)), calloc(2 * n, sizeof(*r.prefixes)),
		calloc(n, sizeof(*r.ports)), calloc(2 * n, 1), n};

	for (uint32_t i = 0; i < n; i++) {
		r.prefixes[2 * i] = random_prefix(rnd(2) ? 24 : 16 + rnd(17));
		r.prefixes[2 * i + 1] = random_prefix(rnd(2) ? 32 : 24);
		r.ports[i].first = r.ports[i].last = (uint16_t)(rnd(2) ? 443 : 1 + rnd(10000));
		r.zones[2 * i] = (uint8_t)rnd(4);
		r.zones[2 * i + 1] = (uint8_t)rnd(4);
		r.rules[i] = (struct fw_match){
			.src = {.prefixes = &r.prefixes[2 * i], .n_prefixes = rnd(10) != 0},
			.dst = {.prefixes = &r.prefixes[2 * i + 1], .n_prefixes = 1},
			.dports = &r.ports[i],
			.n_dports = 1,
			.protos = &tcp_udp[rnd(2)],
			.n_protos = 1,
			.from = &r.zones[2 * i],
			.n_from = 1,
			.to = &r.zones[2 * i + 1],
			.n_to = 1};
	}
	return r;
}

static void ruleset_free(struct ruleset *r) {
	free(r->rules);
	free(r->prefixes);
	free(r->ports);
	free(r->zones);
}

// Half of the packets meet the rule that they were made for, or one before it; half meet none.
static struct fw_key *keys_new(const struct ruleset *r, uint32_t n) {
	struct fw_key *keys = calloc(n, sizeof(*keys));

	for (uint32_t i = 0; i < n; i++) {
		uint32_t rule = rnd(r->n);
		struct prefix any = random_prefix(32);

		memcpy(keys[i].src,
			r->rules[rule].src.n_prefixes ? r->prefixes[2 * rule].addr.bytes
						      : any.addr.bytes,
			4);
		memcpy(keys[i].dst, r->prefixes[2 * rule + 1].addr.bytes, 4);
		keys[i].proto = r->rules[rule].protos[0];
		keys[i].sport = (uint16_t)(1024 + rnd(60000));
		keys[i].dport = r->ports[rule].first;
		keys[i].from = r->zones[2 * rule];
		keys[i].to = (uint8_t)(rnd(2) ? r->zones[2 * rule + 1] : 9);
	}
	return keys;
}

static int cmp(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double ns_per_look_up(
	const struct fw_rules *rules, const struct fw_key *keys, uint32_t n, uint32_t *met) {
	double windows[WINDOWS];

	for (unsigned w = 0; w < WINDOWS; w++) {
		double start = now_ms();

		*met = 0;
		for (uint32_t i = 0; i < n; i++)
			*met += fw_rules_first(rules, &keys[i]) != FW_NONE;
		windows[w] = (now_ms() - start) * 1e6 / n;
	}
	qsort(windows, WINDOWS, sizeof(windows[0]), cmp);
	return windows[WINDOWS / 2];
}

static int curve(uint32_t packets) {
	static const uint32_t sizes[] = {10, 100, 1000, 10000, FW_RULES};
	struct err err = {0};

	printf("%8s %12s %12s %16s %8s\n", "rules", "compile ms", "memory MiB", "ns/packet", "met");
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ruleset r = ruleset_new(sizes[i]);
		struct fw_key *keys = keys_new(&r, packets);
		double start = now_ms();
		struct fw_rules *rules = fw_rules_new(r.rules, r.n, NULL, &err);
		double took = now_ms() - start;
		uint32_t met;

		if (rules == NULL) {
			fprintf(stderr, "firewall_bench: %s\n", err.msg);
			return 1;
		}
		double ns = ns_per_look_up(rules, keys, packets, &met);
		printf("%8u %12.1f %12.1f %16.0f %7.0f%%\n", r.n, took,
			(double)fw_rules_bytes(rules) / (1 << 20), ns, 100.0 * met / packets);
		fw_rules_free(rules);
		free(keys);
		ruleset_free(&r);
	}
	return 0;
}

static int million(void) {
	static const struct fw_addrs_ops ops = {0};
	struct fw_addrs *a = fw_addrs_new(SET_PREFIXES, &ops);
	struct prefix *prefixes = calloc(SET_PREFIXES, sizeof(*prefixes));
	double start;
	uint32_t n = 0;

	if (a == NULL || prefixes == NULL)
		return 1;
	while (n < SET_PREFIXES) {
		prefixes[n] = random_prefix(rnd(2) ? 32 : 24);
		n++;
	}
	start = now_ms();
	for (n = 0; n < SET_PREFIXES; n++)
		fw_addrs_add(a, &prefixes[n], 1);
	printf("a set of %u prefixes: %.0f ms, %.0f MiB\n", fw_addrs_count(a), now_ms() - start,
		(double)fw_addrs_bytes(a) / (1 << 20));
	start = now_ms();
	for (n = 0; n < SET_PREFIXES; n += 10)
		fw_addrs_del(a, &prefixes[n], 1);
	for (n = 0; n < SET_PREFIXES; n += 10)
		fw_addrs_add(a, &prefixes[n], 1);
	printf("an edit of it: %.2f us\n", (now_ms() - start) * 1e3 / (2.0 * SET_PREFIXES / 10));
	free(prefixes);
	fw_addrs_free(a);
	return 0;
}

int main(int argc, char **argv) {
	uint32_t packets = argc > 1 ? (uint32_t)atoi(argv[1]) : 100000;

	return curve(packets > 0 ? packets : 100000) | million();
}
