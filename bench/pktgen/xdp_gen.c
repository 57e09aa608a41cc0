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
#include "bench/pktgen/search.h"
#include "bench/pktgen/xdp_run.h"
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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCH       64
#define MS_MAX      3600000
#define RATE_MAX    1e9
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
	unsigned cpu, batch;
	struct profile profile;
};

// A loaded object, and what its generator sends.
struct stream {
	struct bpf_object *object;
	struct xdp_gen_header *headers;
	struct xdp_run run;
};

static struct opts opts = {.batch = BATCH};
static struct stream forth, back;

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
	stream->run.counters = map_view(map, sizeof(*stream->run.counters), err);
	map = bpf_object__find_map_by_name(stream->object, "headers");
	stream->headers = map_view(map, conf->flows * sizeof(*stream->headers), err);
	if (stream->run.counters == NULL || stream->headers == NULL)
		return err->code;
	stream->run.program =
		bpf_program__fd(bpf_object__find_program_by_name(stream->object, "gen"));
	stream->run.frame_len = conf->frame_len;
	stream->run.batch = opts.batch;
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

// ---- commands --------------------------------------------------------------------------------------------------

// window [ms=500] [warm_ms=0] [rate=PPS]: sends for so long, and says what came of it.
static int do_window(struct command *command, struct err *err) {
	double ms = 500, warm_ms = 0, rate = 0;
	struct xdp_window window;
	int rc = command_number(command, "ms", 1, MS_MAX, &ms, err);

	if (rc == 0)
		rc = command_number(command, "warm_ms", 0, MS_MAX, &warm_ms, err);
	if (rc == 0)
		rc = command_number(command, "rate", 0, RATE_MAX, &rate, err);
	if (rc == 0)
		rc = command_done(command, err);
	if (rc == 0 && warm_ms > 0)
		rc = xdp_run_window(&forth.run, warm_ms, rate, &window, err);
	if (rc == 0)
		rc = xdp_run_window(&forth.run, ms, rate, &window, err);
	if (rc < 0)
		return rc;
	xdp_window_print(&window);
	putchar('\n');
	return 0;
}

static int trials_run(
	struct search *search, double trial_ms, struct xdp_window *kept, struct err *err) {
	struct xdp_window window;
	int rc = 0;

	while (rc == 0 && !search->done) {
		rc = xdp_run_window(&forth.run, trial_ms, search->rate, &window, err);
		if (rc == 0 &&
			search_judge(search, xdp_window_loss(&window),
				!xdp_window_generator_bound(&window)))
			*kept = window;
	}
	return rc;
}

// search [tolerance=0.005] [resolution=0.02] [trial_ms=500] [min=1000] [max=5000000] [again=1]: the highest rate that
// comes through, and its window. For a device under test that is a process, beside us on this CPU or on another.
static int do_search(struct command *command, struct err *err) {
	double tolerance = 0.005, resolution = 0.02, trial_ms = 500, min = 1000, max = 5e6,
	       again = 1;
	const struct {
		const char *key;
		double min, max, *value;
	} rows[] = {{"tolerance", 0, 0.5, &tolerance}, {"resolution", 0.001, 0.5, &resolution},
		{"trial_ms", 1, MS_MAX, &trial_ms}, {"min", 1, RATE_MAX, &min},
		{"max", 1, RATE_MAX, &max}, {"again", 0, 100, &again}};
	struct xdp_window kept = {0};
	struct search search;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < sizeof(rows) / sizeof(*rows); i++)
		rc = command_number(
			command, rows[i].key, rows[i].min, rows[i].max, rows[i].value, err);
	if (rc == 0)
		rc = command_done(command, err);
	if (rc == 0 && min > max)
		rc = err_set(err, -EINVAL, "min= is above max=");
	search_init(&search, min, max, tolerance, resolution, (unsigned)again);
	if (rc == 0)
		rc = trials_run(&search, trial_ms, &kept, err);
	if (rc < 0)
		return rc;
	printf("{\"rate\":%.0f,\"mpps\":%.6f,\"fails\":%.0f,\"tolerance\":%g,\"resolution\":%g,"
	       "\"window\":",
		search.keeps, search.keeps / 1e6, search.fails, tolerance, resolution);
	if (search.keeps > 0)
		xdp_window_print(&kept);
	else
		printf("null");
	printf("}\n");
	return 0;
}

// learn [passes=1]: every flow once, backwards, so that a bridge knows all stations.
static int do_learn(struct command *command, struct err *err) {
	double passes = 1;
	int rc = command_number(command, "passes", 1, 1000, &passes, err);
	uint64_t before = back.run.counters->generated;

	if (rc == 0)
		rc = command_done(command, err);
	if (rc == 0)
		rc = place_enter(&opts.sink, err);
	for (double i = 0; rc == 0 && i < passes; i++) {
		back.run.counters->flow = 0;
		rc = xdp_run_repeat(&back.run, opts.profile.flows, err);
	}
	if (rc == 0)
		rc = place_enter(&opts.out, err);
	if (rc == 0)
		printf("{\"sent\":%llu}\n", back.run.counters->generated - before);
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
	if (strcmp(command.verb, "search") == 0)
		return do_search(&command, err);
	return err_set(err, -EINVAL,
		"there is no command '%s'; there are: window, search, learn, quit", command.verb);
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
	} else if (strcmp(name, "--pid") == 0 && forth.run.n_pids < XDP_RUN_PIDS) {
		rc = number_parse(value, 1, INT32_MAX, err);
		forth.run.pids[forth.run.n_pids++] = rc;
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
	while (dir && forth.run.n_pids < XDP_RUN_PIDS && (entry = readdir(dir))) {
		if (atoi(entry->d_name) == 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		FILE *f = fopen(path, "re");
		if (f && fgets(comm, sizeof(comm), f) && strcmp(comm, want) == 0)
			forth.run.pids[forth.run.n_pids++] = atoi(entry->d_name);
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
	if (frame > XDP_RUN_FRAME_MAX || frame < least)
		return err_set(err, -EINVAL, "size: %u is out of range %u..%u for these headers",
			profile->sizes[0].bytes, least + 4, XDP_RUN_FRAME_MAX + 4);
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
		stream->run.counters->seed = (uint32_t)profile->seed;
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
	struct err err = {0};

	xdp_run_init();
	if (options_parse(argc, argv, &err) < 0 || start(&err) < 0) {
		fprintf(stderr, "xdp_gen: %s\n", err.msg);
		return err.code == -EINVAL ? 2 : 1;
	}
	printf("{\"ready\":true}\n");
	fflush(stdout);
	command_loop();
	return 0;
}
