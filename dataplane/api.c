// SPDX-License-Identifier: BSD-3-Clause
// The section `system`, and what `leat show` says of nodes, drops, workers and the system.
#include "dataplane/dataplane_priv.h"
#include "leat_version.h"
#include "lib/clock.h"
#include "lib/log.h"
#include <errno.h>
#include <rte_cycles.h>
#include <rte_version.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

static const char *const idle_words[] = {"adaptive", "busy", NULL};
static const char *const log_words[] = {"error", "warn", "info", "debug", NULL};
static const char *const state_words[] = {
	[DP_WORKER_STEPPED] = "stepped",
	[DP_WORKER_RUNNING] = "running",
	[DP_WORKER_IDLE] = "idle",
	[DP_WORKER_STUCK] = "stuck",
	NULL,
};

struct system_conf {
	int64_t workers, burst;
	uint64_t memory_bytes;
	unsigned idle;
	bool hugepages;
	const json_t *cpus;
};

// Refused while it is only a wish: at the next start it would be too late.
static int memory_check(const json_t *value, const char *path, struct err *err) {
	uint64_t bytes = 0, physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	char text[SCHEMA_TEXTLEN];

	schema_bytes_parse(json_string_value(value), &bytes);
	if (bytes <= physical / 4 * 3)
		return 0;
	return err_at(err, path, "%s is too much for this machine; write at most \"%s\"",
		json_string_value(value), schema_bytes_print(physical / 4 * 3 >> 20 << 20, text));
}

static const struct schema_row cpu_row = {
	.type = SCHEMA_INT, .min = 0, .max = 1023, .help = "number of a CPU"};

static const struct schema_row system_rows[] = {
	{.name = "workers",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct system_conf, workers),
		.min = 0,
		.max = DP_EXPLAINER,
		.help = "packet threads; absent: one per CPU but the first; 0: none, for tests and "
			"benches"},
	{.name = "idle",
		.type = SCHEMA_ENUM,
		.flags = SCHEMA_LIVE,
		SCHEMA_FIELD(struct system_conf, idle),
		.words = idle_words,
		.def = "adaptive",
		.help = "what workers do without packets: sleep for up to 1 ms at a time, or never "
			"sleep"},
	{.name = "cpus",
		.type = SCHEMA_LIST,
		.flags = SCHEMA_UNIQUE,
		SCHEMA_FIELD(struct system_conf, cpus),
		.min = 1,
		.max = DP_EXPLAINER,
		.elem = &cpu_row,
		.help = "CPUs of the workers, in order; absent: all but the first"},
	{.name = "burst",
		.type = SCHEMA_INT,
		.flags = SCHEMA_LIVE,
		SCHEMA_FIELD(struct system_conf, burst),
		.min = 1,
		.max = DP_VECTOR,
		.unit = "packets",
		.help = "packets taken from a queue at a time; absent: 64"},
	{.name = "memory",
		.type = SCHEMA_BYTES,
		.flags = SCHEMA_RESTART,
		SCHEMA_FIELD(struct system_conf, memory_bytes),
		.min = 64ll << 20,
		.max = 1ll << 40,
		.check = memory_check,
		.help = "memory of the data plane, half of it packet buffers; absent: 512M"},
	{.name = "hugepages",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_RESTART,
		SCHEMA_FIELD(struct system_conf, hugepages),
		.def = "true",
		.help = "take the memory from pages of 2 MiB when enough of them are free"},
	{.name = "log",
		.type = SCHEMA_ENUM,
		.flags = SCHEMA_LIVE,
		.words = log_words,
		.help = "least important messages that are logged; absent: as started"},
	{0},
};

static const struct schema_row port_elem = {
	.type = SCHEMA_OBJECT, .rows = dp_port_rows, .help = "one port"};

const struct schema_row dp_sections[] = {
	{.name = "ports",
		.type = SCHEMA_MAP,
		.max = DP_MAX_PORTS,
		.elem = &port_elem,
		.check = dp_ports_check,
		.example = "{ lan = { device = \"eth1\" }, web1 = { vhost_user = true } }",
		.help = "where packets enter and leave: kernel and PCI NICs, guests, other "
			"processes"},
	{.name = "system",
		.type = SCHEMA_OBJECT,
		.rows = system_rows,
		.def = "{}",
		.help = "threads and CPUs of the data plane"},
	{0},
};

static bool cpu_usable(unsigned cpu) {
	unsigned cpus[CPU_SETSIZE], n = dp_cpus(cpus, CPU_SETSIZE);

	for (unsigned i = 0; i < n; i++) {
		if (cpus[i] == cpu)
			return true;
	}
	return false;
}

static int cpus_given(const json_t *list, struct dp_workers_conf *conf, struct err *err) {
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		unsigned cpu = json_integer_value(item);
		if (!cpu_usable(cpu))
			return err_at(
				err, "system.cpus", "this process may not run on CPU %u", cpu);
		conf->cpus[conf->n_cpus++] = cpu;
	}
	return 0;
}

static void cpus_default(struct dp_workers_conf *conf) {
	unsigned cpus[DP_MAX_WORKERS + 1], n = dp_cpus(cpus, RTE_DIM(cpus));
	unsigned first = n > 1 ? 1 : 0; // the first is the control thread's

	for (unsigned i = first; i < n && i < RTE_DIM(cpus); i++)
		conf->cpus[conf->n_cpus++] = cpus[i];
}

// More workers than CPUs take turns; that is for tests, and pointless when none of them ever sleeps.
static int cpus_share(struct dp_workers_conf *conf, struct err *err) {
	if (conf->n <= conf->n_cpus)
		return 0;
	if (!conf->adaptive)
		return err_at(err, "system.workers",
			"%u workers that never sleep need %u CPUs, there are %u; use idle = "
			"\"adaptive\" or fewer workers",
			conf->n, conf->n, conf->n_cpus);
	for (unsigned i = conf->n_cpus; i < conf->n; i++)
		conf->cpus[i] = conf->cpus[i % conf->n_cpus];
	return 0;
}

int dp_system_decode(const json_t *tree, struct dp_workers_conf *conf, struct err *err) {
	struct system_conf sys = {.workers = -1};
	const json_t *section = json_object_get(tree, "system");

	if (section)
		schema_decode(system_rows, section, &sys);
	*conf = (struct dp_workers_conf){
		.adaptive = sys.idle == 0,
		.burst = sys.burst ? sys.burst : dp_eal.burst,
	};
	int rc = 0;
	if (sys.cpus)
		rc = cpus_given(sys.cpus, conf, err);
	else
		cpus_default(conf);
	if (rc < 0)
		return rc;
	conf->n = sys.workers >= 0 ? (unsigned)sys.workers : conf->n_cpus;
	return cpus_share(conf, err);
}

unsigned dp_workers_planned(const json_t *tree) {
	struct dp_workers_conf conf;

	return dp_system_decode(tree, &conf, NULL) == 0 ? RTE_MAX(conf.n, 1u) : 0;
}

void dp_start_decode(const json_t *tree, struct dp_start_opts *opts) {
	struct system_conf sys = {.hugepages = true};
	const json_t *section = json_object_get(tree, "system");
	const char *name;
	json_t *port;

	if (section)
		schema_decode(system_rows, section, &sys);
	opts->memory_mb = (unsigned)(sys.memory_bytes >> 20);
	opts->no_huge = !sys.hugepages;
	json_object_foreach (json_object_get(tree, "ports"), name, port) {
		const char *device = json_string_value(json_object_get(port, "device"));

		opts->memory_file |= device && strstr(device, "virtio_user");
	}
}

static enum log_level log_started;

void dp_system_init(void) {
	log_started = log_get_level();
}

void dp_system_log_level(const json_t *tree) {
	const char *word = json_string_value(schema_get(tree, "system.log"));
	enum log_level level;

	if (word == NULL || log_level_parse(word, &level) < 0)
		level = log_started;
	log_set_level(level);
}

// ---- show nodes -----------------------------------------------------------------------------------------

static const struct schema_row node_columns[] = {
	{.name = "node", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "name of the node"},
	{.name = "worker", .type = SCHEMA_INT, .flags = SCHEMA_KEY, .help = "whose graph it is in"},
	{.name = "calls",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "times that it was called"},
	{.name = "packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets that it saw"},
	{.name = "cycles",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "TSC cycles that it took"},
	{.name = "cycles_per_packet",
		.type = SCHEMA_NUMBER,
		.unit = "cycles",
		.help = "TSC cycles per packet"},
	{.name = "packets_per_call",
		.type = SCHEMA_NUMBER,
		.help = "packets per call: the vector it works on"},
	{.name = "help", .type = SCHEMA_STRING, .flags = SCHEMA_WIDE, .help = "what it does"},
	{0},
};

static double ratio(uint64_t a, uint64_t b) {
	return b ? (double)(a * 10 / b) / 10 : 0;
}

static int nodes_show(const json_t *, size_t limit, json_t *rows, struct err *) {
	const struct dp_node *node = NULL;

	while ((node = dp_node_next(node))) {
		for (unsigned i = 0; i < DP_MAX_WORKERS && json_array_size(rows) < limit; i++) {
			struct dp_node_count c;
			dp_node_count(i, dp_workers[i].graph_id, node, &c);
			if (c.calls == 0)
				continue;
			json_array_append_new(rows,
				json_pack("{s:s, s:i, s:I, s:I, s:I, s:f, s:f, s:s}", "node",
					node->name, "worker", i, "calls", (json_int_t)c.calls,
					"packets", (json_int_t)c.packets, "cycles",
					(json_int_t)c.cycles, "cycles_per_packet",
					ratio(c.cycles, c.packets), "packets_per_call",
					ratio(c.packets, c.calls), "help", node->help));
		}
	}
	return 0;
}

// ---- show drops -----------------------------------------------------------------------------------------

static const struct schema_row drop_columns[] = {
	{.name = "port",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_KEY,
		.help = "port that the packets came in by; -: none"},
	{.name = "drop",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_KEY,
		.help = "name of the reason: drop_<node>_<why>"},
	{.name = "packets", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "packets dropped"},
	{.name = "help", .type = SCHEMA_STRING, .help = "why"},
	{0},
};

static int drops_show(const json_t *, size_t limit, json_t *rows, struct err *) {
	char name[80];

	for (unsigned port = 0; port <= DP_MAX_PORTS; port++) {
		const char *port_name = dp_drops_port(port);
		for (unsigned r = 0; r < dp_drop_reasons(); r++) {
			uint64_t n = dp_drops_count(port, r);
			if (n == 0 || json_array_size(rows) >= limit)
				continue;
			json_array_append_new(rows,
				json_pack("{s:s, s:s, s:I, s:s}", "port", port_name, "drop",
					dp_drop_name(r, name, sizeof(name)), "packets",
					(json_int_t)n, "help", dp_drop_info(r)->drop->help));
		}
	}
	return 0;
}

// ---- show workers ------------------------------------------------------------------------------------------

static const struct schema_row worker_columns[] = {
	{.name = "worker", .type = SCHEMA_INT, .flags = SCHEMA_KEY, .help = "number"},
	{.name = "cpu", .type = SCHEMA_INT, .help = "CPU that it is pinned to"},
	{.name = "state",
		.type = SCHEMA_ENUM,
		.flags = SCHEMA_GAUGE,
		.words = state_words,
		.help = "stepped: turned by a test; idle: asleep at this moment; stuck: has not "
			"turned for 2 s"},
	{.name = "busy",
		.type = SCHEMA_NUMBER,
		.flags = SCHEMA_GAUGE,
		.unit = "%",
		.help = "share of the last second spent on packets"},
	{.name = "busy_cycles",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.unit = "cycles",
		.help = "TSC cycles of the turns that found packets"},
	{.name = "loops", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "turns of its loop"},
	{.name = "packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets received"},
	{.name = "queues", .type = SCHEMA_STRING, .help = "rx queues that it polls, port:queue"},
	{0},
};

static json_t *worker_queues(const struct worker *w) {
	char text[1024] = "";
	size_t len = 0;

	for (unsigned i = 0; i < w->poll->n && len < sizeof(text) - 48; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s:%u", i ? " " : "",
			w->poll->queues[i].port->name, w->poll->queues[i].queue);
	return json_string(text);
}

static unsigned worker_state(const struct worker *w) {
	if (!w->threaded)
		return DP_WORKER_STEPPED;
	if (w->stuck)
		return DP_WORKER_STUCK;
	return __atomic_load_n(&w->sleeping, __ATOMIC_RELAXED) ? DP_WORKER_IDLE : DP_WORKER_RUNNING;
}

static int workers_show(const json_t *, size_t limit, json_t *rows, struct err *) {
	for (unsigned i = 0; i < dp_worker_count() && json_array_size(rows) < limit; i++) {
		const struct worker *w = &dp_workers[i];
		json_t *row = json_pack("{s:i, s:s, s:f, s:I, s:I, s:I, s:o}", "worker", i, "state",
			state_words[worker_state(w)], "busy",
			(double)(long)(w->busy_percent * 10) / 10, "busy_cycles",
			(json_int_t)__atomic_load_n(&w->busy_cycles, __ATOMIC_RELAXED), "loops",
			(json_int_t)__atomic_load_n(&w->loops, __ATOMIC_RELAXED), "packets",
			(json_int_t)__atomic_load_n(&w->rx_packets, __ATOMIC_RELAXED), "queues",
			worker_queues(w));
		if (w->threaded)
			json_object_set_new(row, "cpu", json_integer(w->cpu));
		json_array_append_new(rows, row);
	}
	return 0;
}

// ---- show system --------------------------------------------------------------------------------------------

static const struct schema_row system_columns[] = {
	{.name = "version", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "version of Leat"},
	{.name = "dpdk", .type = SCHEMA_STRING, .help = "version of DPDK"},
	{.name = "pages",
		.type = SCHEMA_STRING,
		.help = "hugepages (2 MiB), or normal (transparent hugepages where the kernel "
			"gives them, else 4 KiB: slower) and why"},
	{.name = "memory", .type = SCHEMA_BYTES, .help = "memory of the data plane"},
	{.name = "buffers",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "packet buffers that exist"},
	{.name = "buffers_used",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "packet buffers in use, those waiting in receive queues included"},
	{.name = "workers", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "packet threads"},
	{.name = "simd", .type = SCHEMA_INT, .unit = "bit", .help = "widest vector code in use"},
	{.name = "tsc", .type = SCHEMA_INT, .unit = "Hz", .help = "cycles per second"},
	{.name = "uptime",
		.type = SCHEMA_DURATION,
		.flags = SCHEMA_GAUGE,
		.help = "time since the start"},
	{0},
};

static int system_show(const json_t *, size_t, json_t *rows, struct err *) {
	char pages[96], memory[SCHEMA_TEXTLEN], uptime[SCHEMA_TEXTLEN];
	uint64_t up_s = (clock_now_ns() - dp_eal.start_ns) / NSEC_PER_SEC;
	unsigned buffers, used;

	dp_buffers_count(&buffers, &used);
	snprintf(pages, sizeof(pages), dp_eal.huge ? "hugepages" : "normal (hugepages: %s)",
		dp_eal.why_no_huge);
	schema_bytes_print((uint64_t)dp_eal.memory_mb << 20, memory);
	schema_duration_print(up_s * NSEC_PER_SEC, uptime);
	json_array_append_new(rows,
		json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:s}", "version",
			LEAT_VERSION, "dpdk", rte_version(), "pages", pages, "memory", memory,
			"buffers", (int)buffers, "buffers_used", (int)used, "workers",
			dp_workers_threaded() ? (int)dp_worker_count() : 0, "simd",
			(int)dp_eal.simd_bits, "tsc", (json_int_t)rte_get_tsc_hz(), "uptime",
			uptime));
	return 0;
}

// ---- all of them ----------------------------------------------------------------------------------------------

struct module_noun dp_nouns[] = {
	{"nodes", "nodes of the graph: calls, packets, cycles", node_columns, nodes_show},
	{"drops", "packets dropped, by port and reason", drop_columns, drops_show},
	{"workers", "packet threads", worker_columns, workers_show},
	{"system", "the data plane's process and memory", system_columns, system_show},
	{0}, // ports, see below
	{0},
};

const struct module_stream dp_streams[] = {
	{"trace", "the way of packets through the nodes", "text/plain; charset=utf-8",
		dp_trace_args, dp_trace_open, dp_trace_read, dp_trace_close},
	{"capture", "packets as they enter and leave by ports, as pcapng", "application/x-pcapng",
		dp_capture_args, dp_capture_open, dp_capture_read, dp_capture_close},
	{0},
};

// What another file defines as a constant cannot stand in an initializer.
RTE_INIT(dp_nouns_collect) {
	dp_nouns[4] = dp_ports_noun;
}
