// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/xdp_run.h"
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define REPEAT_MAX (1 << 20)
#define SLICE_NS   1000000ull
#define LATE_MAX \
	1024 // packets; what fell behind by more is not caught up with: that would be a burst
#define LATE_SHARE 0.01
#define SETTLE_MS  20 // without a frame at the sink: none is on its way any more
#define SETTLE_MAX 500

struct sample {
	uint64_t tsc, wall_ns, cpu_ns, late;
	struct xdp_gen_counters counters;
};

static volatile sig_atomic_t expired;

static void on_alarm(int) {
	expired = 1;
}

void xdp_run_init(void) {
	struct sigaction action = {.sa_handler = on_alarm};

	sigaction(SIGALRM, &action, NULL);
}

// Again every millisecond: the first one may come before the kernel has begun to run the program.
static void alarm_set(unsigned ms) {
	struct itimerval timer = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000},
		.it_interval = {.tv_usec = 1000}};

	if (ms == 0)
		timer = (struct itimerval){0};
	expired = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

static uint64_t clock_ns(clockid_t clock) {
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// ---- sending ---------------------------------------------------------------------------------------------------

int xdp_run_repeat(struct xdp_run *run, unsigned packets, struct err *err) {
	static uint8_t frame[XDP_RUN_FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = run->frame_len,
		.repeat = (int)packets, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		.batch_size = run->batch);
	int rc = bpf_prog_test_run_opts(run->program, &opts);

	if (rc < 0 && rc != -EINTR)
		return err_set(err, rc, "BPF_PROG_RUN failed (%s)", strerror(-rc));
	return 0;
}

static int run_free(struct xdp_run *run, double ms, struct err *err) {
	int rc = 0;

	alarm_set((unsigned)ms);
	while (rc == 0 && !expired)
		rc = xdp_run_repeat(run, REPEAT_MAX, err);
	alarm_set(0);
	return rc;
}

static int run_paced(struct xdp_run *run, double ms, double rate, struct err *err) {
	uint64_t begin = clock_ns(CLOCK_MONOTONIC), now = begin, end = begin + (uint64_t)(ms * 1e6);
	uint64_t sent = 0;
	int rc = 0;

	for (uint64_t next = begin; rc == 0 && now < end; now = clock_ns(CLOCK_MONOTONIC)) {
		uint64_t behind = (uint64_t)(rate * (double)(now - begin) / 1e9) - sent;
		if (behind > LATE_MAX) {
			run->late += behind - LATE_MAX;
			sent += behind - LATE_MAX;
			behind = LATE_MAX;
		}
		if (behind > 0)
			rc = xdp_run_repeat(run, (unsigned)behind, err);
		sent += behind;
		for (next += SLICE_NS; next < now;)
			next += SLICE_NS;
		struct timespec at = {(time_t)(next / 1000000000), (long)(next % 1000000000)};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	return rc;
}

int xdp_run_for(struct xdp_run *run, double ms, double rate, struct err *err) {
	if (ms < 1)
		return 0;
	return rate > 0 ? run_paced(run, ms, rate, err) : run_free(run, ms, err);
}

// ---- what it cost ----------------------------------------------------------------------------------------------

// CPU time of all threads of a process.
static uint64_t process_ns(int pid) {
	char path[64];
	struct dirent *entry;
	uint64_t sum = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		unsigned long long ns;
		char file[sizeof(path) + 280];
		snprintf(file, sizeof(file), "%s/%s/schedstat", path, entry->d_name);
		FILE *f = fopen(file, "re");
		if (f && fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return sum;
}

static struct xdp_gen_counters counters_read(const struct xdp_run *run) {
	return *(volatile struct xdp_gen_counters *)run->counters;
}

static void sample_take(const struct xdp_run *run, struct sample *sample) {
	sample->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < run->n_pids; i++)
		sample->cpu_ns += process_ns(run->pids[i]);
	sample->wall_ns = clock_ns(CLOCK_MONOTONIC);
	sample->tsc = __rdtsc();
	sample->late = run->late;
	sample->counters = counters_read(run);
}

// What is on its way reaches the sink, or is lost.
static void settle(const struct xdp_run *run, const struct xdp_gen_counters *since) {
	uint64_t last = 0;

	for (unsigned ms = 0, quiet = 0; ms < SETTLE_MAX && quiet < SETTLE_MS; ms++, quiet++) {
		struct xdp_gen_counters now = counters_read(run);
		if (now.sunk - since->sunk >= now.generated - since->generated)
			return;
		if (now.sunk != last)
			quiet = 0;
		last = now.sunk;
		usleep(1000);
	}
}

int xdp_run_window(
	struct xdp_run *run, double ms, double rate, struct xdp_window *window, struct err *err) {
	struct sample a, b;

	sample_take(run, &a);
	int rc = xdp_run_for(run, ms, rate, err);
	sample_take(run, &b);
	settle(run, &a.counters);
	struct xdp_gen_counters end = counters_read(run);
	double wall_ns = (double)(b.wall_ns - a.wall_ns);
	*window = (struct xdp_window){.ms = wall_ns / 1e6,
		.cpu_ms = (double)(b.cpu_ns - a.cpu_ns) / 1e6,
		.tsc_mhz = (double)(b.tsc - a.tsc) * 1e3 / wall_ns,
		.rate = rate,
		.packets = b.counters.sunk - a.counters.sunk,
		.generated = b.counters.generated - a.counters.generated,
		.late = b.late - a.late,
		.offered = end.generated - a.counters.generated,
		.reordered = end.reordered - a.counters.reordered,
		.foreign = end.foreign - a.counters.foreign,
		.lost = (int64_t)(end.generated - a.counters.generated -
			(end.sunk - a.counters.sunk))};
	return rc;
}

double xdp_window_loss(const struct xdp_window *window) {
	return window->offered > 0 ? (double)window->lost / (double)window->offered : 1;
}

bool xdp_window_generator_bound(const struct xdp_window *window) {
	return (double)window->late > LATE_SHARE * (double)(window->late + window->generated);
}

void xdp_window_print(const struct xdp_window *window) {
	double packets = (double)window->packets;

	printf("{\"ms\":%.1f,\"packets\":%llu,\"generated\":%llu,\"lost\":%lld,\"loss\":%.6f,"
	       "\"reordered\":%llu,\"foreign\":%llu,\"mpps\":%.4f,\"rate\":%.0f,\"late\":%llu,"
	       "\"generator_bound\":%s,",
		window->ms, (unsigned long long)window->packets,
		(unsigned long long)window->generated, (long long)window->lost,
		xdp_window_loss(window), (unsigned long long)window->reordered,
		(unsigned long long)window->foreign, packets / window->ms / 1e3, window->rate,
		(unsigned long long)window->late,
		xdp_window_generator_bound(window) ? "true" : "false");
	if (packets > 0)
		printf("\"cycles\":%.1f,", window->cpu_ms * window->tsc_mhz * 1e3 / packets);
	else
		printf("\"cycles\":null,");
	printf("\"cpu_share\":%.4f,\"tsc_mhz\":%.1f}", window->cpu_ms / window->ms,
		window->tsc_mhz);
}
