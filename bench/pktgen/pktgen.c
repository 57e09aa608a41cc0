// SPDX-License-Identifier: BSD-3-Clause
// leat-pktgen: generator and sink on one core, over whatever DPDK has a driver for.
//   leat-pktgen [EAL-OPTION...] -- --port DEVICE --profile TEXT [--port DEVICE [--profile TEXT]] [OPTION...]
//
//   --port DEVICE          device arguments (net_virtio_user0,path=S,queues=1), a PCI address, or a device that EAL made
//   --profile TEXT         of what the port before it sends; of a second port: the other side of the first's
//   --direction one|both   only the first port sends (the default), or both do
//   --burst N --ring N --mbufs N --longest BYTES
//
// It goes on until `quit`, the end of its input or SIGTERM. A command is a line, its answer one JSON object on a line;
// README.md lists them. Everything that libraries print goes to stderr.
#include "bench/pktgen/command.h"
#include "bench/pktgen/run.h"
#include "bench/pktgen/search.h"
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_US       1000 // between looks at the input
#define POOL_CACHE    256
#define RATE_MAX      1e9
#define MS_MAX        3600000
#define TOLERANCE     0.005
#define RESOLUTION    0.01
#define WARM_MS       50
#define SEARCH_MARGIN 1.1 // from what came through without a rate, the search goes down

struct port_args {
	const char *device, *profile;
};

struct args {
	struct port_args ports[ENGINE_PORTS];
	unsigned n_ports, burst, ring, mbufs, longest;
	bool both;
};

static struct engine engine = {.burst = 32};
static struct rte_mempool *pool;
static FILE *answers;
static bool running;
static struct run current; // of `start`

static void on_signal(int) {
	run_stop = 1;
}

static int answer(json_t *row) {
	json_dumpf(row, answers, JSON_COMPACT | JSON_REAL_PRECISION(7));
	fputc('\n', answers);
	json_decref(row);
	return 0;
}

// ---- commands --------------------------------------------------------------------------------------------------

static int refuse_while_running(struct err *err) {
	return running ? err_set(err, -EBUSY, "it is sending; say `stop` first") : 0;
}

// start [rate=PPS]
static int do_start(struct command *command, struct err *err) {
	double rate = 0;
	int rc = command_number(command, "rate", 0, RATE_MAX, &rate, err);

	if (rc == 0)
		rc = command_done(command, err);
	if (rc == 0)
		rc = refuse_while_running(err);
	if (rc < 0)
		return rc;
	run_begin(&engine, &current, rate);
	run_count(&engine, &current);
	running = true;
	return answer(json_pack("{s:b}", "running", true));
}

// stat: since `start`. What is on its way shows as lost.
static int do_stat(struct command *command, struct err *err) {
	int rc = command_done(command, err);

	if (rc < 0)
		return rc;
	if (running)
		run_mark(&engine, &current);
	current.links = engine_links(&engine);
	return answer(run_row(&engine, &current));
}

static int do_stop(struct command *command, struct err *err) {
	int rc = command_done(command, err);

	if (rc < 0)
		return rc;
	if (!running)
		return err_set(err, -EINVAL, "it is not sending");
	running = false;
	run_finish(&engine, &current);
	return answer(run_row(&engine, &current));
}

// window [ms=500] [warm_ms=50] [rate=PPS]
static int do_window(struct command *command, struct err *err) {
	double ms = 500, warm_ms = WARM_MS, rate = 0;
	int rc = command_number(command, "ms", 1, MS_MAX, &ms, err);

	if (rc == 0)
		rc = command_number(command, "warm_ms", 0, MS_MAX, &warm_ms, err);
	if (rc == 0)
		rc = command_number(command, "rate", 0, RATE_MAX, &rate, err);
	if (rc == 0)
		rc = command_done(command, err);
	if (rc == 0)
		rc = refuse_while_running(err);
	if (rc < 0)
		return rc;
	run_whole(&engine, &current, rate, warm_ms, ms);
	return answer(run_row(&engine, &current));
}

// latency rate=PPS [ms=1000] [warm_ms=50]: a window at a rate, which must have been given, by stamped packets.
static int do_latency(struct command *command, struct err *err) {
	bool stamped = false;
	bool rated = false;

	for (unsigned i = 0; i < engine.n_ports; i++)
		stamped |= engine.ports[i].sends && engine.ports[i].profile.stamp;
	for (unsigned i = 0; i < command->n; i++)
		rated |= strcmp(command->words[i].key, "rate") == 0;
	if (!stamped)
		return err_set(err, -EINVAL, "no packet is stamped; say stamp=1 in the profile");
	if (!rated)
		return err_set(err, -EINVAL,
			"latency takes rate=PPS: without one it would measure "
			"the length of the rings");
	return do_window(command, err);
}

// Every flow by every port, `passes` times.
static void learn_once(double passes, double rate) {
	bool sends[ENGINE_PORTS];
	double flows = 0;

	for (unsigned i = 0; i < engine.n_ports; i++) {
		struct engine_port *port = &engine.ports[i];
		sends[i] = port->sends;
		port->sends = true;
		flows = RTE_MAX(flows, (double)port->profile.flows);
		flows_start(&port->flows, &port->cursor, 0, 1);
	}
	engine.in_order = true;
	run_begin(&engine, &current, rate);
	engine.limit = (uint64_t)(passes * flows);
	run_count(&engine, &current);
	while (!run_stop && engine.due < engine.limit)
		run_for(&engine, 1);
	run_finish(&engine, &current);
	engine.in_order = false;
	for (unsigned i = 0; i < engine.n_ports; i++)
		engine.ports[i].sends = sends[i];
}

// learn [passes=1] [rate=100000] [wait_ms=5000]: every flow by every port, so that a switch knows all stations; one that
// it never heard of would be flooded. Again until nothing is lost: a port whose link is up may not be polled yet.
static int do_learn(struct command *command, struct err *err) {
	double passes = 1, rate = 100000, wait_ms = 5000;
	int rc = command_number(command, "passes", 1, 1000, &passes, err);

	if (rc == 0)
		rc = command_number(command, "rate", 1, RATE_MAX, &rate, err);
	if (rc == 0)
		rc = command_number(command, "wait_ms", 0, MS_MAX, &wait_ms, err);
	if (rc == 0)
		rc = command_done(command, err);
	if (rc == 0)
		rc = refuse_while_running(err);
	if (rc < 0)
		return rc;
	uint64_t end = rte_rdtsc() + (uint64_t)((double)rte_get_tsc_hz() * wait_ms / 1e3);
	do
		learn_once(passes, rate);
	while (run_lost(&current) > 0 && !run_stop && rte_rdtsc() < end);
	return answer(json_pack("{s:I, s:I, s:b}", "sent", (json_int_t)run_offered(&current),
		"lost", (json_int_t)run_lost(&current), "links", current.links));
}

// links [wait_ms=0]: waits until all of them are up.
static int do_links(struct command *command, struct err *err) {
	double wait_ms = 0;
	int rc = command_number(command, "wait_ms", 0, MS_MAX, &wait_ms, err);
	uint64_t end = rte_rdtsc();
	bool up;

	if (rc == 0)
		rc = command_done(command, err);
	if (rc < 0)
		return rc;
	end += (uint64_t)((double)rte_get_tsc_hz() * wait_ms / 1e3);
	while (!(up = engine_links(&engine)) && !run_stop && rte_rdtsc() < end) {
		engine_receive(&engine);
		usleep(LOOK_US);
	}
	return answer(json_pack("{s:b}", "up", up));
}

// ---- search ----------------------------------------------------------------------------------------------------

struct search_opts {
	double tolerance, resolution, trial_ms, warm_ms, min, max, again;
};

static int search_opts_take(struct command *command, struct search_opts *opts, struct err *err) {
	const struct {
		const char *key;
		double min, max, *value;
	} rows[] = {
		{"tolerance", 0, 0.5, &opts->tolerance},
		{"resolution", 0.0001, 0.5, &opts->resolution},
		{"trial_ms", 1, MS_MAX, &opts->trial_ms},
		{"warm_ms", 0, MS_MAX, &opts->warm_ms},
		{"min", 0, RATE_MAX, &opts->min},
		{"max", 1, RATE_MAX, &opts->max},
		{"again", 0, 100, &opts->again},
	};
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < RTE_DIM(rows); i++)
		rc = command_number(
			command, rows[i].key, rows[i].min, rows[i].max, rows[i].value, err);
	if (rc == 0)
		rc = command_done(command, err);
	if (rc == 0)
		rc = refuse_while_running(err);
	if (rc == 0 && opts->max > 0 && opts->min > opts->max)
		rc = err_set(err, -EINVAL, "min= is above max=");
	return rc;
}

// Per port that sends.
static double rate_without_limit(const struct search_opts *opts) {
	struct run run;
	unsigned senders = 0;

	for (unsigned i = 0; i < engine.n_ports; i++)
		senders += engine.ports[i].sends;
	run_whole(&engine, &run, 0, opts->warm_ms, opts->trial_ms);
	return (double)run_packets(&run) / run.ms * 1e3 / senders;
}

static json_t *trials_run(struct search *search, const struct search_opts *opts, bool *bound) {
	json_t *trials = json_array();

	while (!search->done && !run_stop) {
		struct run run;
		double rate = search->rate;
		run_whole(&engine, &run, rate, opts->warm_ms, opts->trial_ms);
		bool late = run_generator_bound(&run),
		     kept = search_judge(search, run_loss(&run), !late);
		json_array_append_new(trials,
			json_pack("{s:f, s:I, s:I, s:f, s:b, s:b}", "rate", rate, "offered",
				(json_int_t)run_offered(&run), "lost", (json_int_t)run_lost(&run),
				"loss", run_loss(&run), "generator_bound", late, "kept", kept));
		if (search->fails == rate)
			*bound = late;
	}
	return trials;
}

// search [tolerance=0.005] [resolution=0.01] [trial_ms=500] [warm_ms=50] [min=0] [max=] [again=1]; rates are of each
// port that sends. Without max= it begins above what comes through without any rate.
static int do_search(struct command *command, struct err *err) {
	struct search_opts opts = {.tolerance = TOLERANCE,
		.resolution = RESOLUTION,
		.trial_ms = 500,
		.warm_ms = WARM_MS,
		.again = 1};
	struct search search;
	bool bound = false;
	int rc = search_opts_take(command, &opts, err);

	if (rc < 0)
		return rc;
	if (opts.max <= 0)
		opts.max = rate_without_limit(&opts) * SEARCH_MARGIN;
	if (opts.max <= opts.min || opts.max < 1)
		return err_set(
			err, -EIO, "nothing comes back: is the device under test forwarding?");
	opts.min = RTE_MAX(opts.min, opts.max / 1000);
	search_init(
		&search, opts.min, opts.max, opts.tolerance, opts.resolution, (unsigned)opts.again);
	json_t *trials = trials_run(&search, &opts, &bound);
	return answer(json_pack("{s:f, s:f, s:f, s:f, s:f, s:b, s:b, s:o}", "rate", search.keeps,
		"mpps", search.keeps / 1e6, "fails", search.fails, "tolerance", opts.tolerance,
		"resolution", opts.resolution, "generator_bound", bound, "at_maximum",
		search.fails == 0, "trials", trials));
}

// ---- the loop --------------------------------------------------------------------------------------------------

static const struct {
	const char *verb;
	int (*run)(struct command *, struct err *);
} verbs[] = {
	{"start", do_start},
	{"stop", do_stop},
	{"stat", do_stat},
	{"window", do_window},
	{"latency", do_latency},
	{"learn", do_learn},
	{"links", do_links},
	{"search", do_search},
};

static void command_take(const char *line) {
	struct command command;
	struct err err = {0};
	int rc = command_parse(&command, line, &err);

	if (rc == 0 && command.verb[0] == '\0')
		return;
	if (rc == 0 && strcmp(command.verb, "quit") == 0) {
		run_stop = 1;
		return;
	}
	for (unsigned i = 0; rc == 0 && i < RTE_DIM(verbs); i++) {
		if (strcmp(command.verb, verbs[i].verb) != 0)
			continue;
		rc = verbs[i].run(&command, &err);
		goto told;
	}
	if (rc == 0)
		rc = err_set(&err, -EINVAL,
			"there is no command '%s'; there are: start, stop, stat, window, latency, "
			"learn, links, search, quit",
			command.verb);
told:
	if (rc < 0)
		command_refuse(answers, &err);
	fflush(answers);
}

// Reads what is there, and takes each whole line.
static void input_read(void) {
	static char text[4096];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, text + len, sizeof(text) - 1 - len);
	char *end;

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		run_stop = 1;
		return;
	}
	len += n > 0 ? (size_t)n : 0;
	while (!run_stop && (end = memchr(text, '\n', len)) != NULL) {
		*end = '\0';
		command_take(text);
		len -= (size_t)(end + 1 - text);
		memmove(text, end + 1, len);
	}
	if (len == sizeof(text) - 1) {
		len = 0;
		command_refuse(answers, &(struct err){.msg = "a command without an end"});
		fflush(answers);
	}
}

// While nothing is sent, what comes is still taken: a peer must not find its ring full later.
static void loop(void) {
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	while (!run_stop) {
		run_links_look(&engine);
		run_turn(&engine, running ? LOOK_US : 1, running);
		if (poll(&input, 1, running ? 0 : 1) > 0)
			input_read();
	}
}

// ---- start -----------------------------------------------------------------------------------------------------

static const char usage[] = "usage: leat-pktgen [EAL-OPTION...] -- --port DEVICE --profile TEXT "
			    "[--port DEVICE [--profile TEXT]]\n"
			    "                   [--direction one|both] [--burst N] [--ring N] "
			    "[--mbufs N] [--longest BYTES]\n";

static int number_take(
	const char *name, unsigned min, unsigned max, unsigned *value, struct err *err) {
	char *end;
	unsigned long n = strtoul(optarg, &end, 10);

	if (end == optarg || *end != '\0' || n < min || n > max)
		return err_set(err, -EINVAL, "--%s: '%s' is no number within %u..%u", name, optarg,
			min, max);
	*value = (unsigned)n;
	return 0;
}

static int port_take(struct args *args, struct err *err) {
	if (args->n_ports == ENGINE_PORTS)
		return err_set(err, -EINVAL, "--port: there are two at most");
	args->ports[args->n_ports++] = (struct port_args){.device = optarg};
	return 0;
}

static int option_take(int option, struct args *args, struct err *err) {
	switch (option) {
	case 'p':
		return port_take(args, err);
	case 't':
		if (args->n_ports == 0)
			return err_set(err, -EINVAL, "--profile comes after its --port");
		args->ports[args->n_ports - 1].profile = optarg;
		return 0;
	case 'd':
		args->both = strcmp(optarg, "both") == 0;
		if (!args->both && strcmp(optarg, "one") != 0)
			return err_set(err, -EINVAL, "--direction: one or both");
		return 0;
	case 'b':
		return number_take("burst", 1, FLOWS_BURST, &args->burst, err);
	case 'r':
		return number_take("ring", 64, 32768, &args->ring, err);
	case 'm':
		return number_take("mbufs", 1024, 4194304, &args->mbufs, err);
	case 'l':
		return number_take("longest", 64, 9728, &args->longest, err);
	}
	return err_set(err, -EINVAL, "%s", usage);
}

static int args_parse(int argc, char **argv, struct args *args, struct err *err) {
	static const struct option options[] = {{"port", 1, NULL, 'p'}, {"profile", 1, NULL, 't'},
		{"direction", 1, NULL, 'd'}, {"burst", 1, NULL, 'b'}, {"ring", 1, NULL, 'r'},
		{"mbufs", 1, NULL, 'm'}, {"longest", 1, NULL, 'l'}, {0}};
	int option, rc = 0;

	optind = 1;
	while (rc == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		rc = option_take(option, args, err);
	if (rc == 0 && (args->n_ports == 0 || optind < argc))
		rc = err_set(err, -EINVAL, "%s", usage);
	return rc;
}

static int port_start(const struct args *args, unsigned i, struct err *err) {
	const char *text = args->ports[i].profile ? args->ports[i].profile : "";
	char other[4096];

	if (i > 0 && args->ports[i].profile == NULL) {
		const char *first = args->ports[0].profile ? args->ports[0].profile : "";
		snprintf(other, sizeof(other), "%s%sside=1", first, first[0] ? "," : "");
		text = other;
	}
	int rc = engine_port_init(&engine, i, text, args->mbufs, err);
	if (rc == 0)
		rc = device_open(
			&engine.ports[i].device, args->ports[i].device, &engine.device_opts, err);
	engine.ports[i].sends = i == 0 || args->both;
	return rc;
}

static int start(const struct args *args, struct err *err) {
	unsigned room =
		RTE_MAX(args->longest + RTE_PKTMBUF_HEADROOM, (unsigned)RTE_MBUF_DEFAULT_BUF_SIZE);
	int rc = 0;

	pool = rte_pktmbuf_pool_create(
		"pktgen-rx", args->mbufs, POOL_CACHE, 0, (uint16_t)room, SOCKET_ID_ANY);
	if (pool == NULL)
		return err_set(err, -ENOMEM, "no memory for %u packets (%s)", args->mbufs,
			rte_strerror(rte_errno));
	engine.burst = (uint16_t)args->burst;
	engine.device_opts = (struct device_opts){
		.pool = pool, .ring = (uint16_t)args->ring, .longest = (uint16_t)args->longest};
	for (unsigned i = 0; rc == 0 && i < args->n_ports; i++) {
		rc = port_start(args, i, err);
		engine.n_ports = i + 1;
	}
	return rc;
}

// EAL and drivers write to stdout as they like; the answers go where nobody else writes.
static int answers_open(void) {
	int fd = dup(STDOUT_FILENO);

	answers = fd >= 0 ? fdopen(fd, "w") : NULL;
	return answers && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 ? 0 : -1;
}

int main(int argc, char **argv) {
	struct args args = {.burst = 32, .ring = 4096, .mbufs = 16384, .longest = 1518};
	struct sigaction action = {.sa_handler = on_signal};
	struct err err = {0};

	if (answers_open() < 0)
		return 1;
	int n = rte_eal_init(argc, argv);
	if (n < 0)
		return 2;
	signal(SIGPIPE, SIG_IGN); // a driver tells its peer good-bye, which may be gone
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	int rc = args_parse(argc - n, argv + n, &args, &err);
	if (rc == 0)
		rc = start(&args, &err);
	if (rc == 0) {
		answer(json_pack("{s:b, s:b}", "ready", true, "links", engine_links(&engine)));
		fflush(answers);
		loop();
	} else {
		fprintf(stderr, "leat-pktgen: %s\n", err.msg);
	}
	for (unsigned i = 0; i < engine.n_ports; i++)
		device_close(&engine.ports[i].device);
	rte_eal_cleanup();
	return rc == 0 ? 0 : rc == -EINVAL ? 2 : 1;
}
