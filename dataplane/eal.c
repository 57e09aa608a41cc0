// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment without ceremony: hugepages when enough of them are free, ordinary memory else; nothing
// shared with other processes, nothing left behind; its messages in our log.
#include "dataplane/dataplane_priv.h"
#include "lib/clock.h"
#include "lib/log.h"
#include <errno.h>
#include <rte_cpuflags.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_vect.h>
#include <rte_version.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MEMORY_DEFAULT_MB 512
#define MEMORY_MIN_MB     64
#define POOL_CACHE        256
#define POOL_MAX          262143
#define PAGE_BYTES        4096
#define PAGE_ROOM         (PAGE_BYTES - RTE_CACHE_LINE_SIZE - (unsigned)sizeof(struct rte_mbuf))
#define LARGE_BYTES       16384
#define LARGE_CACHE       64
#define HUGE_BYTES        (2ul << 20)
#define MAX_ARGS          24

struct dp_eal_info dp_eal;
uint64_t dp_trace_flag;

static struct rte_mempool *pool, *pool_pages, *pool_large;
static char run_dir[108];
static unsigned cpu_list[CPU_SETSIZE], n_cpus;
static cpu_set_t cpu_mask;

// EAL keeps pointers into its arguments.
static char args_text[MAX_ARGS][64];
static char *args[MAX_ARGS + 1];
static int n_args;

unsigned dp_cpus(unsigned *cpus, unsigned size) {
	for (unsigned i = 0; i < n_cpus && i < size; i++)
		cpus[i] = cpu_list[i];
	return n_cpus;
}

struct rte_mempool *dp_pool(void) {
	return pool;
}

static void arg_add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void arg_add(const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(args_text[n_args], sizeof(args_text[0]), fmt, ap);
	va_end(ap);
	args[n_args] = args_text[n_args];
	n_args++;
}

// ---- memory ---------------------------------------------------------------------------------------------

static unsigned long huge_read(const char *what) {
	char path[96];
	unsigned long n = 0;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-2048kB/%s", what);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%lu", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

static const char *huge_refuse(const struct dp_start_opts *opts, unsigned memory_mb) {
	unsigned long unreserved = huge_read("free_hugepages") - huge_read("resv_hugepages");

	if (opts->no_huge)
		return "not wanted";
	if (unreserved * HUGE_BYTES < ((unsigned long)memory_mb << 20))
		return "too few 2 MiB pages are free";
	return "";
}

// Half of the memory is packets; rings, tables and the graph live in the other half.
static unsigned pool_size(unsigned memory_mb) {
	size_t each = RTE_MBUF_DEFAULT_BUF_SIZE + sizeof(struct rte_mbuf) + 128;

	if (!dp_eal.huge)
		each = PAGE_BYTES;
	return RTE_MIN(((size_t)memory_mb << 19) / each, (size_t)POOL_MAX);
}

// Buffers that fill one page each. DPDK puts no two buffers into one page of 4 KiB anyway, where one does not fit; and
// AF_XDP, which counts in buffers, wants them at equal distances and within a page.
static struct rte_mempool *pages_new(const char *name, unsigned n) {
	struct rte_pktmbuf_pool_private priv = {.mbuf_data_room_size = PAGE_ROOM};
	struct rte_mempool *pages =
		rte_mempool_create_empty(name, n, sizeof(struct rte_mbuf) + PAGE_ROOM, POOL_CACHE,
			sizeof(priv), SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_SPREAD);

	if (!pages)
		return NULL;
	if (rte_mempool_set_ops_byname(pages, rte_mbuf_best_mempool_ops(), NULL) != 0)
		goto free;
	rte_pktmbuf_pool_init(pages, &priv);
	if (rte_mempool_populate_default(pages) < 0)
		goto free;
	rte_mempool_obj_iter(pages, rte_pktmbuf_init, NULL);
	return pages;
free:
	rte_mempool_free(pages);
	return NULL;
}

struct rte_mempool *dp_pool_pages(void) {
	unsigned n = RTE_MIN(
		((size_t)dp_eal.memory_mb << 18) / PAGE_BYTES, (size_t)POOL_MAX); // a quarter

	if (!pool_pages)
		pool_pages = dp_eal.huge ? pages_new("leat-pages", n) : pool;
	if (!pool_pages)
		log_error("dataplane", "out of memory for buffers of AF_XDP", "why=\"%s\"",
			rte_strerror(rte_errno));
	return pool_pages;
}

struct rte_mempool *dp_pool_large(void) {
	unsigned n = ((size_t)dp_eal.memory_mb << 16) / LARGE_BYTES; // a sixteenth

	if (!pool_large)
		pool_large = rte_pktmbuf_pool_create(
			"leat-large", n, LARGE_CACHE, 0, LARGE_BYTES, SOCKET_ID_ANY);
	return pool_large;
}

void dp_buffers_count(unsigned *total, unsigned *used) {
	bool both = pool_pages && pool_pages != pool;

	*total = pool->size + (both ? pool_pages->size : 0);
	*used = rte_mempool_in_use_count(pool) + (both ? rte_mempool_in_use_count(pool_pages) : 0);
}

static int buffers_make(unsigned memory_mb, struct err *err) {
	static const struct rte_mbuf_dynfield field = {
		.name = "leat_meta", .size = sizeof(struct dp_meta), .align = alignof(uint64_t)};
	static const struct rte_mbuf_dynfield id = {
		.name = "leat_trace_id", .size = sizeof(uint32_t), .align = alignof(uint32_t)};
	static const struct rte_mbuf_dynflag flag = {.name = "leat_trace"};

	int offset = rte_mbuf_dynfield_register_offset(&field, dp_meta_offset);
	dp_trace_id_offset = rte_mbuf_dynfield_register(&id);
	int bit = rte_mbuf_dynflag_register(&flag);
	if (offset < 0 || dp_trace_id_offset < 0 || bit < 0)
		return err_set(err, -rte_errno, "no room for the packet metadata in the mbuf");
	dp_trace_flag = RTE_BIT64(bit);
	pool = dp_eal.huge ? rte_pktmbuf_pool_create("leat", pool_size(memory_mb), POOL_CACHE, 0,
				     RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY)
			   : pages_new("leat", pool_size(memory_mb));
	if (!pool)
		return err_set(err, -rte_errno,
			"no memory for packet buffers (%s); start with more --memory",
			rte_strerror(rte_errno));
	return 0;
}

// ---- messages ---------------------------------------------------------------------------------------------

// What EAL says of the memory file that eal_init_anonymous() keeps from it.
static bool is_expected(const char *line) {
	return strstr(line, "Cannot resize memfd") || strstr(line, "Falling back to anonymous map");
}

static ssize_t eal_say(void *, const char *text, size_t size) {
	char line[512];
	size_t n = RTE_MIN(size, sizeof(line) - 1);

	memcpy(line, text, n);
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	line[n] = '\0';
	int level = rte_log_cur_msg_loglevel();
	enum log_level ours = LOG_LEVEL_DEBUG;
	if (level > 0 && level <= (int)RTE_LOG_ERR)
		ours = LOG_LEVEL_ERROR;
	else if (level == (int)RTE_LOG_WARNING)
		ours = LOG_LEVEL_WARN;
	else if (level == (int)RTE_LOG_NOTICE || level == (int)RTE_LOG_INFO)
		ours = LOG_LEVEL_INFO;
	if (n > 0 && !is_expected(line))
		log_event(ours, "dpdk", line, "");
	return (ssize_t)size;
}

static void eal_route_messages(void) {
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = eal_say});

	if (!stream)
		return;
	setvbuf(stream, NULL, _IOLBF, 512);
	rte_openlog_stream(stream);
}

// ---- start ------------------------------------------------------------------------------------------------

static void cpus_read(void) {
	CPU_ZERO(&cpu_mask);
	sched_getaffinity(0, sizeof(cpu_mask), &cpu_mask);
	n_cpus = 0;
	for (unsigned i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &cpu_mask))
			cpu_list[n_cpus++] = i;
	}
}

// A PCI device that does not exist is the only one allowed: EAL probes none by itself, and a port that names one
// can still plug it in later, which --no-pci would forbid.
static void args_make(unsigned memory_mb, bool quiet) {
	unsigned char bits = rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) == 1 ? 1 : 0;

	dp_eal.simd_bits = bits ? 512 : 256;
	arg_add("leatd");
	arg_add("--lcores=0@%u", cpu_list[0]);
	arg_add("--file-prefix=leat-%d", getpid());
	arg_add("--no-telemetry");
	arg_add("--log-level=*:%s", quiet ? "warning" : "notice");
	arg_add("--log-level=lib.eal:error"); // it warns of every page size that is not set up
	arg_add("-a");
	arg_add("0000:00:00.0");
	if (bits)
		arg_add("--force-max-simd-bitwidth=512");
	if (dp_eal.huge) {
		arg_add("--in-memory");
		arg_add("--single-file-segments");
	} else {
		arg_add("--no-huge");
		arg_add("--no-shconf");
		arg_add("-m");
		arg_add("%u", memory_mb);
	}
	args[n_args] = NULL;
}

static int advise_huge(const struct rte_memseg_list *list, void *) {
	madvise(list->base_va, list->len, MADV_HUGEPAGE); // no more than advice
	return 0;
}

// Without hugepages EAL takes a memory file, of which the kernel makes pages of 4 KiB one by one. A file that may not grow has it take
// anonymous memory instead, which transparent hugepages can back: 256 page faults instead of 131,072 for 512 MB.
static int eal_init_anonymous(int argc, char **argv) {
	struct rlimit was, none;
	sighandler_t handler = signal(SIGXFSZ, SIG_IGN);

	getrlimit(RLIMIT_FSIZE, &was);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = was.rlim_max};
	setrlimit(RLIMIT_FSIZE, &none);
	int rc = rte_eal_init(argc, argv);
	setrlimit(RLIMIT_FSIZE, &was);
	signal(SIGXFSZ, handler);
	if (rc >= 0)
		rte_memseg_list_walk(advise_huge, NULL);
	return rc;
}

static int eal_init(bool memory_file, struct err *err) {
	char *argv[MAX_ARGS + 1]; // EAL's getopt permutes it

	memcpy(argv, args, sizeof(argv));
	int rc = dp_eal.huge || memory_file ? rte_eal_init(n_args, argv)
					    : eal_init_anonymous(n_args, argv);
	// EAL pinned this thread; its place is wherever the kernel likes
	sched_setaffinity(0, sizeof(cpu_mask), &cpu_mask);
	if (rc < 0)
		return err_set(err, -rte_errno, "DPDK does not start: %s", rte_strerror(rte_errno));
	rmdir(rte_eal_get_runtime_dir()); // empty: nothing is shared
	return 0;
}

int dp_start(const struct dp_start_opts *opts, struct err *err) {
	unsigned memory_mb = opts->memory_mb ? opts->memory_mb : MEMORY_DEFAULT_MB;

	if (dp_eal.started)
		return err_set(err, -EALREADY, "the data plane was started before");
	if (memory_mb < MEMORY_MIN_MB)
		return err_set(err, -EINVAL, "memory of %u MB is too little; the least is %d",
			memory_mb, MEMORY_MIN_MB);
	dp_eal.started = true;
	dp_eal.memory_mb = memory_mb;
	dp_eal.why_no_huge = huge_refuse(opts, memory_mb);
	dp_eal.huge = *dp_eal.why_no_huge == '\0';
	dp_eal.start_ns = clock_now_ns();
	snprintf(run_dir, sizeof(run_dir), "%s", opts->run_dir ? opts->run_dir : "/run/leat");
	dp_eal.run_dir = run_dir;
	dp_eal.burst = opts->burst ? RTE_MIN(opts->burst, (unsigned)DP_VECTOR) : 64;
	cpus_read();
	eal_route_messages();
	args_make(memory_mb, opts->quiet);
	int rc = eal_init(opts->memory_file, err);
	dp_eal.shareable = dp_eal.huge || opts->memory_file;
	if (rc == 0)
		rc = buffers_make(memory_mb, err);
	if (rc == 0)
		rc = dp_workers_init(err);
	if (rc == 0)
		rc = dp_graph_layout(err);
	if (rc < 0)
		return rc;
	log_info("dataplane", "started",
		"hugepages=%s why=\"%s\" memory_mb=%u buffers=%u simd_bits=%u",
		dp_eal.huge ? "yes" : "no", dp_eal.huge ? "enough are free" : dp_eal.why_no_huge,
		memory_mb, pool->size, dp_eal.simd_bits);
	return 0;
}

void dp_stop(void) {
	if (!dp_eal.started)
		return;
	dp_workers_fini();
	dp_ports_fini();
	dp_trace_fini();
	dp_graph_fini();
	if (!dp_eal.keep)
		rte_eal_cleanup();
	pool = pool_pages = pool_large = NULL;
	dp_eal.started = false;
}
