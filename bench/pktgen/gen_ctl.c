// SPDX-License-Identifier: BSD-3-Clause
// Reads and steers a generator through its shared file. Prints one JSON object.
//
//   gen_ctl SHM init                         makes the file
//   gen_ctl SHM window [--ms N]              what happened during N ms (500)
//   gen_ctl SHM show                         what happened since the start or the last reset
//   gen_ctl SHM set [pause=0|1] [rate=PPS|profile]      rate: per port; 0: unlimited
//   gen_ctl SHM reset                        `show` counts from here
#include "bench/pktgen/shm.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX (2 * GEN_PORTS * GEN_QUEUES)
#define NSEC        1000000000ull

static int fail(const char *text) {
	fprintf(stderr, "gen_ctl: %s\n", text);
	return 1;
}

// ---- samples -------------------------------------------------------------------------------------------------

// All counters of one moment. Latencies of all ports are one histogram.
struct sample {
	struct gen_rx rx[GEN_PORTS][GEN_QUEUES];
	struct gen_tx tx[GEN_PORTS][GEN_QUEUES];
	uint64_t ns;
};

static uint64_t now_ns(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC + (uint64_t)t.tv_nsec;
}

static struct gen_clock clock_read(const struct gen_clock *from) {
	struct gen_clock copy;
	uint32_t seq;

	do {
		seq = __atomic_load_n(&from->clock_seq, __ATOMIC_ACQUIRE);
		copy.tid = __atomic_load_n(&from->tid, __ATOMIC_RELAXED);
		copy.cpu_ns = gen_load(&from->cpu_ns);
		copy.tsc = gen_load(&from->tsc);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((seq & 1) || __atomic_load_n(&from->clock_seq, __ATOMIC_RELAXED) != seq);
	copy.clock_seq = seq;
	return copy;
}

static void base_take(const struct gen_shm *shm, struct sample *s) {
	for (unsigned p = 0; p < GEN_PORTS; p++) {
		memcpy(s->rx[p], shm->base[p].rx, sizeof(s->rx[p]));
		memcpy(s->tx[p], shm->base[p].tx, sizeof(s->tx[p]));
	}
}

static void rx_read(struct gen_rx *to, const struct gen_rx *from) {
	to->packets = gen_load(&from->packets);
	to->bytes = gen_load(&from->bytes);
	to->polls = gen_load(&from->polls);
	to->missed = gen_load(&from->missed);
	to->no_buffer = gen_load(&from->no_buffer);
	to->clock = clock_read(&from->clock);
}

static void tx_read(struct gen_tx *to, const struct gen_tx *from) {
	to->packets = gen_load(&from->packets);
	to->bytes = gen_load(&from->bytes);
	to->bad = gen_load(&from->bad);
	to->reordered = gen_load(&from->reordered);
	to->duplicated = gen_load(&from->duplicated);
	to->foreign = gen_load(&from->foreign);
	to->lost = __atomic_load_n(&from->lost, __ATOMIC_RELAXED);
	to->opened = gen_load(&from->opened);
	to->established = gen_load(&from->established);
	to->closed = gen_load(&from->closed);
	to->aborted = gen_load(&from->aborted);
	to->clock = clock_read(&from->clock);
}

// Counters first and at once, histograms, which take their time, after them.
static void sample_take(const struct gen_shm *shm, struct sample *s) {
	s->ns = now_ns();
	for (unsigned p = 0; p < GEN_PORTS; p++) {
		for (unsigned q = 0; q < shm->ports[p].n_tx && q < GEN_QUEUES; q++)
			tx_read(&s->tx[p][q], &shm->ports[p].tx[q]);
		for (unsigned q = 0; q < shm->ports[p].n_rx && q < GEN_QUEUES; q++)
			rx_read(&s->rx[p][q], &shm->ports[p].rx[q]);
	}
	for (unsigned p = 0; p < GEN_PORTS; p++)
		for (unsigned q = 0; q < shm->ports[p].n_tx && q < GEN_QUEUES; q++)
			if (shm->ports[p].stamp)
				hist_copy(&s->tx[p][q].latency, &shm->ports[p].tx[q].latency);
}

// ---- sums ------------------------------------------------------------------------------------------------------

struct sums {
	uint64_t packets, bytes, generated, generated_bytes, polls, missed, no_buffer;
	uint64_t bad, reordered, duplicated, foreign, opened, established, closed, aborted;
	int64_t lost;
};

static void sums_rx(struct sums *s, const struct gen_rx *a, const struct gen_rx *b) {
	s->generated += b->packets - a->packets;
	s->generated_bytes += b->bytes - a->bytes;
	s->polls += b->polls - a->polls;
	s->missed += b->missed - a->missed;
	s->no_buffer += b->no_buffer - a->no_buffer;
}

static void sums_tx(struct sums *s, const struct gen_tx *a, const struct gen_tx *b) {
	s->packets += b->packets - a->packets;
	s->bytes += b->bytes - a->bytes;
	s->bad += b->bad - a->bad;
	s->reordered += b->reordered - a->reordered;
	s->duplicated += b->duplicated - a->duplicated;
	s->foreign += b->foreign - a->foreign;
	s->lost += b->lost - a->lost;
	s->opened += b->opened - a->opened;
	s->established += b->established - a->established;
	s->closed += b->closed - a->closed;
	s->aborted += b->aborted - a->aborted;
}

static struct sums port_sums(const struct sample *a, const struct sample *b, unsigned p) {
	struct sums s = {0};

	for (unsigned q = 0; q < GEN_QUEUES; q++) {
		sums_rx(&s, &a->rx[p][q], &b->rx[p][q]);
		sums_tx(&s, &a->tx[p][q], &b->tx[p][q]);
	}
	return s;
}

// ---- threads ----------------------------------------------------------------------------------------------------

// A thread polls several queues, each of which tells its clock: the pair that spans the longest time counts.
struct thread {
	int32_t tid;
	double cpu_ns, tsc;
};

struct threads {
	struct thread list[THREADS_MAX];
	unsigned n;
};

static void threads_add(
	struct threads *threads, const struct gen_clock *a, const struct gen_clock *b) {
	double cpu_ns = (double)(b->cpu_ns - a->cpu_ns), tsc = (double)(b->tsc - a->tsc);
	unsigned i = 0;

	if (b->tid == 0 || a->tid != b->tid || b->tsc <= a->tsc)
		return;
	while (i < threads->n && threads->list[i].tid != b->tid)
		i++;
	if (i == threads->n)
		threads->list[threads->n++] = (struct thread){.tid = b->tid};
	if (tsc > threads->list[i].tsc)
		threads->list[i] = (struct thread){b->tid, cpu_ns, tsc};
}

static struct threads threads_of(const struct sample *a, const struct sample *b) {
	struct threads threads = {.n = 0};

	for (unsigned p = 0; p < GEN_PORTS; p++)
		for (unsigned q = 0; q < GEN_QUEUES; q++) {
			threads_add(&threads, &a->rx[p][q].clock, &b->rx[p][q].clock);
			threads_add(&threads, &a->tx[p][q].clock, &b->tx[p][q].clock);
		}
	return threads;
}

// How much of a core the threads had, summed: 1.0 for one that was never interrupted.
static double threads_share(const struct threads *threads, double tsc_hz) {
	double share = 0;

	for (unsigned i = 0; i < threads->n; i++)
		share += threads->list[i].cpu_ns / (threads->list[i].tsc / tsc_hz * 1e9);
	return share;
}

// ---- JSON ---------------------------------------------------------------------------------------------------------

static void set(json_t *object, const char *key, uint64_t value) {
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *sums_json(const struct sums *s) {
	json_t *object = json_object();

	set(object, "packets", s->packets);
	set(object, "bytes", s->bytes);
	set(object, "generated", s->generated);
	set(object, "generated_bytes", s->generated_bytes);
	set(object, "polls", s->polls);
	set(object, "missed", s->missed);
	set(object, "no_buffer", s->no_buffer);
	set(object, "bad", s->bad);
	set(object, "reordered", s->reordered);
	set(object, "duplicated", s->duplicated);
	set(object, "foreign", s->foreign);
	set(object, "lost", (uint64_t)s->lost);
	if (s->opened || s->established || s->closed || s->aborted)
		json_object_set_new(object, "sessions",
			json_pack("{s:I, s:I, s:I, s:I}", "opened", (json_int_t)s->opened,
				"established", (json_int_t)s->established, "closed",
				(json_int_t)s->closed, "aborted", (json_int_t)s->aborted));
	return object;
}

static json_t *latency_json(const struct gen_shm *shm, struct sample *a, struct sample *b) {
	static struct hist sum;
	static const struct {
		const char *key;
		double share;
	} wanted[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
	json_t *object = json_object();

	for (unsigned p = 0; p < GEN_PORTS; p++)
		for (unsigned q = 0; shm->ports[p].stamp && q < GEN_QUEUES; q++) {
			hist_subtract(&b->tx[p][q].latency, &a->tx[p][q].latency);
			hist_merge(&sum, &b->tx[p][q].latency);
		}
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		json_object_set_new(object, wanted[i].key,
			json_integer((json_int_t)((double)hist_percentile(&sum, wanted[i].share) *
				1e9 / (double)shm->tsc_hz)));
	set(object, "samples", hist_total(&sum));
	if (hist_total(&sum) > 0)
		return object;
	json_decref(object);
	return json_null();
}

static void sums_sum(struct sums *all, const struct sums *one) {
	const uint64_t *from = (const uint64_t *)one;
	uint64_t *to = (uint64_t *)all;

	for (unsigned i = 0; i < sizeof(*all) / sizeof(*to); i++)
		to[i] += from[i]; // all are 64-bit counters
}

static json_t *ports_json(const struct gen_shm *shm, const struct sample *a, const struct sample *b,
	struct sums *all) {
	json_t *ports = json_array();

	for (unsigned p = 0; p < GEN_PORTS; p++) {
		struct sums s = port_sums(a, b, p);
		if (shm->ports[p].name[0] == '\0')
			continue;
		sums_sum(all, &s);
		json_t *port = sums_json(&s);
		json_object_set_new(port, "name", json_string(shm->ports[p].name));
		set(port, "side", shm->ports[p].side);
		set(port, "rx_queues", shm->ports[p].n_rx);
		set(port, "tx_queues", shm->ports[p].n_tx);
		json_object_set_new(port, "here", json_boolean(shm->ports[p].pid != 0));
		json_array_append_new(ports, port);
	}
	return ports;
}

// Rates and cycles: what was given to the sinks, and what the polling threads spent meanwhile.
static json_t *report(const struct gen_shm *shm, struct sample *a, struct sample *b) {
	double hz = (double)shm->tsc_hz, ns = (double)(b->ns - a->ns);
	struct threads threads = threads_of(a, b);
	struct sums all = {0};
	json_t *ports = ports_json(shm, a, b, &all), *object = sums_json(&all);
	double share = threads.n ? threads_share(&threads, hz) : 0;

	json_object_set_new(object, "ms", json_real(ns / 1e6));
	json_object_set_new(object, "mpps", json_real((double)all.packets / ns * 1e3));
	json_object_set_new(object, "cpu_share", json_real(threads.n ? share / threads.n : 0));
	set(object, "threads", threads.n);
	json_object_set_new(object, "cycles",
		all.packets && threads.n ? json_real(share * hz * ns / 1e9 / (double)all.packets)
					 : json_null());
	json_object_set_new(object, "missing",
		json_integer((json_int_t)all.generated - (json_int_t)all.packets));
	json_object_set_new(object, "tsc_mhz", json_real(hz / 1e6));
	set(object, "pause", shm->pause);
	json_object_set_new(object, "latency_ns", latency_json(shm, a, b));
	json_object_set_new(object, "ports", ports);
	return object;
}

// ---- commands -------------------------------------------------------------------------------------------------------

static int print(json_t *object) {
	int rc = json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(8));

	putchar('\n');
	json_decref(object);
	return rc == 0 && fflush(stdout) == 0 ? 0 : fail("cannot write the answer");
}

static struct sample first, last; // large

static int window(struct gen_shm *shm, int argc, char **argv) {
	unsigned long ms =
		argc == 2 && strcmp(argv[0], "--ms") == 0 ? strtoul(argv[1], NULL, 10) : 500;
	struct timespec length = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	if ((argc != 0 && argc != 2) || ms < 1 || ms > 3600000)
		return fail("window [--ms 1..3600000]");
	if (shm->tsc_hz == 0)
		return fail("no port was opened yet");
	sample_take(shm, &first);
	while (nanosleep(&length, &length) < 0 && errno == EINTR)
		;
	sample_take(shm, &last);
	return print(report(shm, &first, &last));
}

static int show(struct gen_shm *shm) {
	struct sums all = {0};

	base_take(shm, &first);
	sample_take(shm, &last);
	json_t *ports = ports_json(shm, &first, &last, &all), *object = sums_json(&all);
	json_object_set_new(object, "missing",
		json_integer((json_int_t)all.generated - (json_int_t)all.packets));
	set(object, "pause", shm->pause);
	json_object_set_new(
		object, "latency_ns", shm->tsc_hz ? latency_json(shm, &first, &last) : json_null());
	json_object_set_new(object, "ports", ports);
	return print(object);
}

static int controls(struct gen_shm *shm, int argc, char **argv) {
	for (int i = 0; i < argc; i++) {
		char *end;
		const char *value = strchr(argv[i], '=');
		unsigned long long n = value ? strtoull(value + 1, &end, 10) : 0;
		if (value && strcmp(argv[i], "rate=profile") == 0)
			__atomic_store_n(&shm->rate_pps, GEN_RATE_UNSET, __ATOMIC_RELAXED);
		else if (!value || end == value + 1 || *end != '\0')
			return fail("set [pause=0|1] [rate=PPS|profile]");
		else if (strncmp(argv[i], "pause=", 6) == 0 && n <= 1)
			__atomic_store_n(&shm->pause, (uint32_t)n, __ATOMIC_RELAXED);
		else if (strncmp(argv[i], "rate=", 5) == 0)
			__atomic_store_n(&shm->rate_pps, n, __ATOMIC_RELAXED);
		else
			return fail("set [pause=0|1] [rate=PPS|profile]");
	}
	json_t *object = json_pack("{s:i}", "pause", (int)shm->pause);
	json_object_set_new(object, "rate",
		shm->rate_pps == GEN_RATE_UNSET ? json_null()
						: json_integer((json_int_t)shm->rate_pps));
	return print(object);
}

// What is shown later counts from here.
static int reset(struct gen_shm *shm) {
	sample_take(shm, &last);
	for (unsigned p = 0; p < GEN_PORTS; p++) {
		memcpy(shm->base[p].rx, last.rx[p], sizeof(last.rx[p]));
		memcpy(shm->base[p].tx, last.tx[p], sizeof(last.tx[p]));
	}
	return show(shm);
}

static int usage(void) {
	fputs("usage: gen_ctl SHM init | window [--ms N] | show | reset |\n"
	      "               set [pause=0|1] [rate=PPS|profile]\n",
		stderr);
	return 2;
}

int main(int argc, char **argv) {
	const char *verb = argc > 2 ? argv[2] : "";
	struct err err = {0};
	char text[1100];

	if (argc < 3)
		return usage();
	struct gen_shm *shm = gen_shm_open(argv[1], strcmp(verb, "init") == 0, &err);
	if (!shm)
		return fail(err_print(&err, text, sizeof(text)));
	if (strcmp(verb, "init") == 0)
		return print(json_pack("{s:s}", "shm", argv[1]));
	if (strcmp(verb, "window") == 0)
		return window(shm, argc - 3, argv + 3);
	if (strcmp(verb, "show") == 0 && argc == 3)
		return show(shm);
	if (strcmp(verb, "set") == 0)
		return controls(shm, argc - 3, argv + 3);
	if (strcmp(verb, "reset") == 0 && argc == 3)
		return reset(shm);
	return usage();
}
