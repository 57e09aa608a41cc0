// SPDX-License-Identifier: BSD-3-Clause
// How far two CPUs are apart: two pinned threads hand one cache line to and fro, and the median round trip is told.
//   c2c [--cpus A,B] [--ms N] [--far-ns N]
// On virtual machines whose host moves the CPUs about, this one number decides what a two-core measurement sees: 60 to
// 121 ns when they share a cache ("near"), 260 to more than 1000 ns when they do not ("far"). FAR_NS lies between. Both
// can be measured in, not across.
//
// The median of many short batches, not a mean: a batch during which one thread was not running says nothing.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAR_NS      190.0
#define TRIPS       64
#define BATCHES_MAX 8192

struct opts {
	unsigned cpus[2], ms;
	double far_ns;
};

// Even: the first thread's turn, odd: the second's. STOP ends both.
#define STOP UINT32_MAX
static struct {
	uint32_t turn;
	char rest[124];
} ball __attribute__((aligned(128)));
static bool echo_ready;

static uint64_t now_ns(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int pin(unsigned cpu) {
	cpu_set_t set;

	if (cpu >= CPU_SETSIZE)
		return EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static uint32_t turn_wait(uint32_t last) {
	uint32_t turn;

	while ((turn = __atomic_load_n(&ball.turn, __ATOMIC_ACQUIRE)) == last)
		__builtin_ia32_pause();
	return turn;
}

static void *echo(void *arg) {
	const struct opts *opts = arg;
	uint32_t turn = 0;

	if (pin(opts->cpus[1]) != 0)
		return (void *)1;
	__atomic_store_n(&echo_ready, true, __ATOMIC_RELEASE);
	while ((turn = turn_wait(turn)) != STOP)
		__atomic_store_n(&ball.turn, ++turn, __ATOMIC_RELEASE);
	return NULL;
}

static double batch_ns(uint32_t *turn) {
	uint64_t start = now_ns();

	for (unsigned i = 0; i < TRIPS; i++) {
		__atomic_store_n(&ball.turn, *turn + 1, __ATOMIC_RELEASE);
		*turn = turn_wait(*turn + 1);
	}
	return (double)(now_ns() - start) / TRIPS;
}

static int by_value(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct opts *opts) {
	static double batches[BATCHES_MAX];
	uint64_t end = now_ns() + opts->ms * 1000000ull;
	uint32_t turn = 0;
	unsigned n = 0;

	batch_ns(&turn); // warms up
	do
		batches[n++] = batch_ns(&turn);
	while (n < BATCHES_MAX && now_ns() < end);
	__atomic_store_n(&ball.turn, STOP, __ATOMIC_RELEASE);
	qsort(batches, n, sizeof(*batches), by_value);
	printf("{\"rtt_ns\":%.1f,\"min_ns\":%.1f,\"p90_ns\":%.1f,\"batches\":%u,\"cpus\":[%u,%u],"
	       "\"state\":"
	       "\"%s\"}\n",
		batches[n / 2], batches[0], batches[n * 9 / 10], n, opts->cpus[0], opts->cpus[1],
		batches[n / 2] < opts->far_ns ? "near" : "far");
}

static bool option_parse(struct opts *opts, const char *name, const char *value) {
	char end;

	if (strcmp(name, "--cpus") == 0)
		return sscanf(value, "%u,%u%c", &opts->cpus[0], &opts->cpus[1], &end) == 2 &&
			opts->cpus[0] != opts->cpus[1];
	if (strcmp(name, "--ms") == 0)
		return sscanf(value, "%u%c", &opts->ms, &end) == 1 && opts->ms <= 10000;
	if (strcmp(name, "--far-ns") == 0)
		return sscanf(value, "%lf%c", &opts->far_ns, &end) == 1 && opts->far_ns > 0;
	return false;
}

int main(int argc, char **argv) {
	struct opts opts = {.cpus = {0, 1}, .ms = 30, .far_ns = FAR_NS};
	pthread_t thread;
	void *failed;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 >= argc || !option_parse(&opts, argv[i], argv[i + 1])) {
			fprintf(stderr, "usage: c2c [--cpus A,B] [--ms N] [--far-ns N]\n");
			return 2;
		}
	}
	if (pin(opts.cpus[0]) != 0 || pthread_create(&thread, NULL, echo, &opts) != 0) {
		fprintf(stderr, "c2c: CPU %u is not ours to use\n", opts.cpus[0]);
		return 1;
	}
	while (!__atomic_load_n(&echo_ready, __ATOMIC_ACQUIRE)) {
		if (pthread_tryjoin_np(thread, &failed) == 0) {
			fprintf(stderr, "c2c: CPU %u is not ours to use\n", opts.cpus[1]);
			return 1;
		}
		sched_yield();
	}
	measure(&opts);
	pthread_join(thread, NULL);
	return 0;
}
