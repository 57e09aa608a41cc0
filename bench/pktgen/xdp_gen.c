// SPDX-License-Identifier: BSD-3-Clause
// Generator and sink for peers that live in the kernel: everything happens on one CPU, generator, softirq and sink.
//   xdp_gen --out IF[@NETNS] --sink IF[@NETNS] [--wire IN,OUT[@NETNS]] [--cpu N] [--profile TEXT] [--pid PID]... [--batch N]
// Frames come out of a program that BPF_PROG_RUN runs on live frames; they are sent into IF, whose peer (a veth of the
// device under test) must have NAPI, which `ethtool -K PEER gro on` turns on. A program on the sink counts and drops.
// --wire attaches a third one, the least that a device under test can do. Commands come as lines, README.md lists them.
//
// The programs are attached by links, which the kernel takes back when this process ends, in whatever way.
#include "bench/pktgen/xdp_gen.h"
#include "bench/pktgen/check.h"
#include "bench/pktgen/command.h"
#include "bench/pktgen/flows.h"
#include "bench/pktgen/profile.h"
#include "lib/err.h"
#include "xdp_gen.gen.h"
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define PIDS_MAX    8
#define REPEAT_MAX  (1 << 20)
#define SETTLE_MS   20 // without a frame at the sink: none is on its way any more
#define SETTLE_MAX  500
#define BATCH       64
#define FRAME_MAX   3400 // what a page has room for, beside what the kernel keeps there
#define NETNS_DIR   "/run/netns"
#define IFNAME_ROOM 64

struct place {
	char name[IFNAME_ROOM];
	int netns; // fd
	unsigned ifindex;
};

struct opts {
	struct place out, sink, wire_in, wire_out;
	bool wire;
	unsigned cpu, batch, n_pids;
	int pids[PIDS_MAX];
	struct profile profile;
};

// A loaded object, and what its generator sends.
struct stream {
	struct bpf_object *object;
	struct xdp_gen_counters *counters;
	struct xdp_gen_header *headers;
	int gen_fd;
	unsigned frame_len;
};

struct sample {
	uint64_t tsc, wall_ns, cpu_ns;
	struct xdp_gen_counters counters;
};

static struct opts opts = {.batch = BATCH};
static struct stream forth, back;
static volatile sig_atomic_t expired;

// ---- interfaces and namespaces ---------------------------------------------------------------------------------

static int netns_open(const char *name, struct err *err) {
	char path[128];

	snprintf(path, sizeof(path), "%s%s", name[0] == '/' ? "" : NETNS_DIR "/", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0
		? fd
		: err_set(err, -errno, "no network namespace %s (%s)", path, strerror(errno));
}

static int place_enter(const struct place *place, struct err *err) {
	if (setns(place->netns, CLONE_NEWNET) != 0)
		return err_set(err, -errno, "cannot enter the namespace of %s (%s)", place->name,
			strerror(errno));
	return 0;
}

// "IF" or "IF@NETNS"; the first without @ is of this process's own namespace.
static int place_parse(struct place *place, const char *text, struct err *err) {
	const char *at = strchr(text, '@');
	size_t len = at ? (size_t)(at - text) : strlen(text);

	if (len == 0 || len >= sizeof(place->name))
		return err_set(err, -EINVAL, "'%s' names no interface", text);
	memcpy(place->name, text, len);
	place->netns = at ? netns_open(at + 1, err) : netns_open("/proc/self/ns/net", err);
	return place->netns < 0 ? place->netns : 0;
}

static int place_find(struct place *place, struct err *err) {
	int rc = place_enter(place, err);

	if (rc < 0)
		return rc;
	place->ifindex = if_nametoindex(place->name);
	if (place->ifindex == 0)
		return err_set(err, -ENODEV, "there is no interface %s", place->name);
	return 0;
}

// ---- the programs ----------------------------------------------------------------------------------------------

static int attach(struct bpf_object *object, const char *program, const struct place *place,
	struct err *err) {
	LIBBPF_OPTS(bpf_link_create_opts, link, .flags = XDP_FLAGS_DRV_MODE);
	int fd = bpf_program__fd(bpf_object__find_program_by_name(object, program));
	int rc = place_enter(place, err);

	if (rc < 0)
		return rc;
	// the link's fd stays open as long as we live
	rc = bpf_link_create(fd, (int)place->ifindex, BPF_XDP, &link);
	if (rc < 0)
		return err_set(err, rc, "cannot attach to %s (%s)", place->name, strerror(-rc));
	return 0;
}

// Mapped until this process ends.
static void *map_view(const struct bpf_map *map, size_t size, struct err *err) {
	void *view = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (view != MAP_FAILED)
		return view;
	err_set(err, -errno, "cannot map %s (%s)", bpf_map__name(map), strerror(errno));
	return NULL;
}

static int object_open(struct stream *stream, const struct xdp_gen_conf *conf, struct err *err) {
	struct bpf_map *map;

	stream->object = bpf_object__open_mem(xdp_gen_object, sizeof(xdp_gen_object), NULL);
	if (stream->object == NULL)
		return err_set(err, -errno, "the programs do not open (%s)", strerror(errno));
	map = bpf_object__find_map_by_name(stream->object, ".rodata");
	if (bpf_map__set_initial_value(map, conf, sizeof(*conf)) != 0)
		return err_set(err, -EINVAL, "the programs are not of this build");
	map = bpf_object__find_map_by_name(stream->object, "headers");
	bpf_map__set_max_entries(map, conf->flows);
	int rc = bpf_object__load(stream->object);
	if (rc < 0)
		return err_set(err, rc, "the programs do not load (%s)", strerror(-rc));
	map = bpf_object__find_map_by_name(stream->object, ".bss");
	stream->counters = map_view(map, sizeof(*stream->counters), err);
	map = bpf_object__find_map_by_name(stream->object, "headers");
	stream->headers = map_view(map, conf->flows * sizeof(*stream->headers), err);
	if (stream->counters == NULL || stream->headers == NULL)
		return err->code;
	stream->gen_fd = bpf_program__fd(bpf_object__find_program_by_name(stream->object, "gen"));
	stream->frame_len = conf->frame_len;
	return 0;
}

// Every flow's headers beforehand: the program copies them.
static int headers_fill(struct stream *stream, const struct profile *profile, struct err *err) {
	uint8_t head[FLOWS_HEAD];
	struct flows flows;
	int rc = flows_init(&flows, profile, err);

	for (uint32_t n = 0; rc == 0 && n < profile->flows; n++) {
		flows_write(&flows, n, 0, head);
		memcpy(&stream->headers[n], head, sizeof(stream->headers[n]));
	}
	flows_fini(&flows);
	return rc;
}

// ---- running ---------------------------------------------------------------------------------------------------

static void on_alarm(int) {
	expired = 1;
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

static int run_once(struct stream *stream, unsigned repeat, struct err *err) {
	static uint8_t frame[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = stream->frame_len,
		.repeat = (int)repeat, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		.batch_size = opts.batch);
	int rc = bpf_prog_test_run_opts(stream->gen_fd, &run);

	if (rc < 0 && rc != -EINTR)
		return err_set(err, rc, "BPF_PROG_RUN failed (%s)", strerror(-rc));
	return 0;
}

static int run_for(struct stream *stream, unsigned ms, struct err *err) {
	int rc = 0;

	if (ms == 0)
		return 0;
	alarm_set(ms);
	while (rc == 0 && !expired)
		rc = run_once(stream, REPEAT_MAX, err);
	alarm_set(0);
	return rc;
}

static uint64_t clock_ns(clockid_t clock) {
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

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

static void sample_take(struct sample *sample) {
	sample->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < opts.n_pids; i++)
		sample->cpu_ns += process_ns(opts.pids[i]);
	sample->wall_ns = clock_ns(CLOCK_MONOTONIC);
	sample->tsc = __rdtsc();
	sample->counters = *(volatile struct xdp_gen_counters *)forth.counters;
}

// What is on its way reaches the sink, or is lost.
static void settle(void) {
	volatile __u64 *sunk = &forth.counters->sunk;
	uint64_t last = *sunk;

	for (unsigned ms = 0, quiet = 0; ms < SETTLE_MAX && quiet < SETTLE_MS; ms++, quiet++) {
		usleep(1000);
		if (*sunk != last)
			quiet = 0;
		last = *sunk;
	}
}

// ---- commands --------------------------------------------------------------------------------------------------

static void window_print(const struct sample *a, const struct sample *b) {
	const struct xdp_gen_counters *late = &forth.counters[0], *x = &a->counters,
				      *y = &b->counters;
	double wall = (double)(b->wall_ns - a->wall_ns), cpu = (double)(b->cpu_ns - a->cpu_ns);
	double tsc_per_ns = (double)(b->tsc - a->tsc) / wall;
	uint64_t sunk = y->sunk - x->sunk;

	printf("{\"ms\":%.1f,\"packets\":%llu,\"generated\":%llu,\"lost\":%lld,\"reordered\":%llu,"
	       "\"foreign\":%llu,\"mpps\":%.4f,",
		wall / 1e6, (unsigned long long)sunk, y->generated - x->generated,
		(long long)(late->generated - x->generated - (late->sunk - x->sunk)),
		late->reordered - x->reordered, late->foreign - x->foreign,
		(double)sunk * 1e3 / wall);
	if (sunk > 0)
		printf("\"cycles\":%.1f,", cpu * tsc_per_ns / (double)sunk);
	else
		printf("\"cycles\":null,");
	printf("\"cpu_share\":%.4f,\"tsc_mhz\":%.1f}\n", cpu / wall, tsc_per_ns * 1e3);
}

// window [ms=500] [warm_ms=0]: sends for so long, and says what came of it.
static int do_window(struct command *command, struct err *err) {
	struct sample before, after;
	double ms = 500, warm_ms = 0;
	int rc = command_number(command, "ms", 1, 600000, &ms, err);

	if (rc == 0)
		rc = command_number(command, "warm_ms", 0, 600000, &warm_ms, err);
	if (rc == 0)
		rc = command_done(command, err);
	if (rc == 0)
		rc = run_for(&forth, (unsigned)warm_ms, err);
	if (rc < 0)
		return rc;
	if (warm_ms > 0)
		settle();
	sample_take(&before);
	rc = run_for(&forth, (unsigned)ms, err);
	sample_take(&after);
	if (rc < 0)
		return rc;
	settle();
	window_print(&before, &after);
	return 0;
}

// learn [passes=1]: every flow once, backwards, so that a bridge knows all stations.
static int do_learn(struct command *command, struct err *err) {
	double passes = 1;
	int rc = command_number(command, "passes", 1, 1000, &passes, err);
	uint64_t before = back.counters->generated;

	if (rc == 0)
		rc = command_done(command, err);
	if (rc == 0)
		rc = place_enter(&opts.sink, err);
	for (double i = 0; rc == 0 && i < passes; i++) {
		back.counters->flow = 0;
		rc = run_once(&back, opts.profile.flows, err);
	}
	if (rc == 0)
		rc = place_enter(&opts.out, err);
	if (rc == 0)
		printf("{\"sent\":%llu}\n", back.counters->generated - before);
	return rc;
}

static int command_run(char *line, struct err *err) {
	struct command command;
	int rc = command_parse(&command, line, err);

	if (rc < 0 || command.verb[0] == '\0')
		return rc;
	if (strcmp(command.verb, "window") == 0)
		return do_window(&command, err);
	if (strcmp(command.verb, "learn") == 0)
		return do_learn(&command, err);
	return err_set(err, -EINVAL, "there is no command '%s'; there are: window, learn, quit",
		command.verb);
}

static void command_loop(void) {
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0 && strncmp(line, "quit", 4) != 0) {
		struct err err = {0};
		if (command_run(line, &err) < 0)
			command_refuse(stdout, &err);
		fflush(stdout);
	}
	free(line);
}

// ---- start -----------------------------------------------------------------------------------------------------

static const char usage[] =
	"usage: xdp_gen --out IF[@NETNS] --sink IF[@NETNS] [--wire IN,OUT[@NETNS]] [--cpu N]\n"
	"               [--profile TEXT] [--pid PID]... [--batch N]\n";

static int number_parse(const char *text, long min, long max, struct err *err) {
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < min || value > max)
		return err_set(err, -EINVAL, "'%s' is no number within %ld..%ld", text, min, max);
	return (int)value;
}

static int wire_parse(const char *text, struct err *err) {
	const char *comma = strchr(text, ','), *at = strchr(text, '@');
	char in[2 * IFNAME_ROOM];

	if (comma == NULL)
		return err_set(err, -EINVAL, "--wire takes two interfaces, IN,OUT[@NETNS]");
	snprintf(in, sizeof(in), "%.*s%s", (int)(comma - text), text, at ? at : "");
	opts.wire = true;
	int rc = place_parse(&opts.wire_in, in, err);
	return rc < 0 ? rc : place_parse(&opts.wire_out, comma + 1, err);
}

// Frames always have room for a trailer.
static int profile_take(const char *value, struct err *err) {
	char text[4096];

	if (strstr(value, "check=") != NULL)
		return err_set(err, -EINVAL, "check= is not for kernel peers: it is always on");
	snprintf(text, sizeof(text), "%s%scheck=1", value, value[0] ? "," : "");
	return profile_parse(text, &opts.profile, err);
}

static int option_parse(const char *name, const char *value, struct err *err) {
	int rc;

	if (strcmp(name, "--out") == 0)
		return place_parse(&opts.out, value, err);
	if (strcmp(name, "--sink") == 0)
		return place_parse(&opts.sink, value, err);
	if (strcmp(name, "--wire") == 0)
		return wire_parse(value, err);
	if (strcmp(name, "--profile") == 0)
		return profile_take(value, err);
	if (strcmp(name, "--cpu") == 0) {
		rc = number_parse(value, 0, CPU_SETSIZE - 1, err);
		opts.cpu = (unsigned)rc;
	} else if (strcmp(name, "--batch") == 0) {
		rc = number_parse(value, 1, 256, err);
		opts.batch = (unsigned)rc;
	} else if (strcmp(name, "--pid") == 0 && opts.n_pids < PIDS_MAX) {
		rc = number_parse(value, 1, INT32_MAX, err);
		opts.pids[opts.n_pids++] = rc;
	} else {
		return err_set(err, -EINVAL, "unknown option %s\n%s", name, usage);
	}
	return rc < 0 ? rc : 0;
}

static int options_parse(int argc, char **argv, struct err *err) {
	int rc = profile_take("", err);

	for (int i = 1; rc == 0 && i < argc; i += 2) {
		if (i + 1 == argc)
			return err_set(err, -EINVAL, "%s wants a value\n%s", argv[i], usage);
		rc = option_parse(argv[i], argv[i + 1], err);
	}
	if (rc == 0 && (opts.out.name[0] == '\0' || opts.sink.name[0] == '\0'))
		return err_set(err, -EINVAL, "--out and --sink are wanted\n%s", usage);
	return rc;
}

// Softirqs that have run for too long go on in a thread of this name; its time is ours, too.
static void softirq_thread_find(void) {
	char want[32], path[288], comm[32];
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	snprintf(want, sizeof(want), "ksoftirqd/%u\n", opts.cpu);
	while (dir && opts.n_pids < PIDS_MAX && (entry = readdir(dir))) {
		if (atoi(entry->d_name) == 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		FILE *f = fopen(path, "re");
		if (f && fgets(comm, sizeof(comm), f) && strcmp(comm, want) == 0)
			opts.pids[opts.n_pids++] = atoi(entry->d_name);
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
}

// What the programs cannot do, or could only do slowly.
static int profile_check(const struct profile *profile, struct err *err) {
	unsigned frame = profile->sizes[0].bytes - 4u;
	unsigned least = profile_header_len(profile) + (unsigned)sizeof(struct xdp_gen_trailer);

	if (profile->n_sizes != 1)
		return err_set(err, -EINVAL, "size: one size only in the kernel");
	if (frame > FRAME_MAX || frame < least)
		return err_set(err, -EINVAL, "size: %u is out of range %u..%u for these headers",
			profile->sizes[0].bytes, least + 4, FRAME_MAX + 4);
	if (profile->order == PROFILE_ZIPF || profile->tcp == PROFILE_TCP_CYCLE ||
		profile->rate_pps != 0 || profile->pcap[0] != '\0')
		return err_set(err, -EINVAL,
			"order=zipf, tcp=cycle, rate= and pcap= are not for kernel peers");
	return 0;
}

static int stream_open(struct stream *stream, const struct profile *profile,
	const struct place *out, struct err *err) {
	struct xdp_gen_conf conf = {.out_ifindex = out->ifindex,
		.wire_ifindex = opts.wire_out.ifindex,
		.frame_len = profile->sizes[0].bytes - 4u,
		.trailer_at = profile_header_len(profile),
		.header_words = (profile_header_len(profile) + 7) / 8,
		.flows = profile->flows,
		.random = stream == &forth && profile->order == PROFILE_RAND,
		.tagged = profile->vlan != 0,
		.balance = htons(CHECK_SUM)};
	int rc = object_open(stream, &conf, err);

	if (rc == 0)
		stream->counters->seed = (uint32_t)profile->seed;
	return rc < 0 ? rc : headers_fill(stream, profile, err);
}

static int places_find(struct err *err) {
	int rc = place_find(&opts.out, err);

	if (rc == 0)
		rc = place_find(&opts.sink, err);
	if (rc == 0 && opts.wire)
		rc = place_find(&opts.wire_in, err);
	if (rc == 0 && opts.wire)
		rc = place_find(&opts.wire_out, err);
	return rc;
}

static int start(struct err *err) {
	struct profile reverse = opts.profile;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(opts.cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		return err_set(err, -errno, "CPU %u is not ours to use", opts.cpu);
	softirq_thread_find();
	int rc = profile_check(&opts.profile, err);
	if (rc == 0)
		rc = places_find(err);
	reverse.side = !reverse.side;
	if (rc == 0)
		rc = stream_open(&forth, &opts.profile, &opts.out, err);
	if (rc == 0)
		rc = stream_open(&back, &reverse, &opts.sink, err);
	if (rc == 0)
		rc = attach(forth.object, "sink", &opts.sink, err);
	if (rc == 0 && opts.wire)
		rc = attach(forth.object, "wire", &opts.wire_in, err);
	if (rc == 0)
		rc = place_enter(&opts.out, err);
	return rc;
}

int main(int argc, char **argv) {
	struct sigaction action = {.sa_handler = on_alarm};
	struct err err = {0};

	sigaction(SIGALRM, &action, NULL);
	if (options_parse(argc, argv, &err) < 0 || start(&err) < 0) {
		fprintf(stderr, "xdp_gen: %s\n", err.msg);
		return err.code == -EINVAL ? 2 : 1;
	}
	printf("{\"ready\":true}\n");
	fflush(stdout);
	command_loop();
	return 0;
}
