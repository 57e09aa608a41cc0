// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/session/module.h"
#include "dataplane/dataplane_priv.h"
#include "dataplane/session/helper.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define RECORDS_BYTES (1u << 20)
#define FULL_EVERY_NS (10 * NSEC_PER_SEC)

struct plan {
	struct session_conf conf;
	int log_fd;
};

static struct session_sweep *retired; // until every worker has passed

// ---- sweeps --------------------------------------------------------------------------------------------------------

void session_sweep_begin(const struct session_filter *filter) {
	struct session_sweep *sweep = calloc(1, sizeof(*sweep));

	if (sweep == NULL) {
		log_error("session",
			"out of memory for a sweep; sessions are judged by their next packet", "");
		return;
	}
	if (filter) {
		sweep->flush = true;
		sweep->filter = *filter;
	}
	if (retired) {
		dp_sync();
		free(retired);
	}
	retired = session_sweep_start(sweep);
}

void session_sweep_poll(void) {
	if (retired == NULL)
		return;
	dp_sync();
	free(retired);
	retired = NULL;
}

void session_policy_changed(void) {
	__atomic_fetch_add(&session_generation, 1, __ATOMIC_RELEASE);
	if (session_table.buckets)
		session_sweep_begin(NULL);
}

static bool memory_wanted; // somebody wants sessions, or has

static void memory_want(bool on) {
	if (on && !memory_wanted)
		table_touch_index();
	memory_wanted |= on;
}

int session_enable(unsigned iface, bool on, struct err *err) {
	static uint8_t wanted[DP_MAX_IFACES];

	if (iface >= DP_MAX_IFACES)
		return err_set(err, -EINVAL, "interface %u is out of range", iface);
	memory_want(on);
	wanted[iface] = (uint8_t)(wanted[iface] + (on ? 1 : -1));
	int rc = dp_arc_enable("session", iface, wanted[iface] > 0, err);
	return rc < 0 ? rc : dp_arc_enable("session_own", iface, wanted[iface] > 0, err);
}

int session_enable_bridged(unsigned port, bool on, struct err *err) {
	memory_want(on);
	return dp_arc_enable("session_bridge", port, on, err);
}

// ---- memory, ahead of workers ------------------------------------------------------------------------------------------

#define AHEAD_LEAST 4096       // units
#define AHEAD_MOST  (1u << 18) // 46 MB of IPv4

// Four times what the last turn of control took, in each family.
static void touch_ahead(void) {
	static uint32_t seen[2];

	for (unsigned v6 = 0; v6 < 2; v6++) {
		uint32_t top = atomic_load(&session_table.top[v6]);
		uint32_t grown = top > seen[v6] ? top - seen[v6] : 0, ahead = AHEAD_MOST;

		if (grown < AHEAD_MOST / 4)
			ahead = RTE_MAX(4 * grown, (uint32_t)AHEAD_LEAST);
		table_touch(v6, top + ahead);
		seen[v6] = top;
	}
}

// ---- the number of workers ---------------------------------------------------------------------------------------------

// In release: workers that come have begun to turn, those that go still do.
static void owners_set(unsigned count) {
	uint16_t was = session_owner_count;

	if (count == was)
		return;
	__atomic_store_n(&session_owner_stable, RTE_MIN(was, count), __ATOMIC_RELEASE);
	dp_sync();
	__atomic_store_n(&session_owner_count, (uint16_t)count, __ATOMIC_RELEASE);
	dp_sync();
	__atomic_store_n(&session_owner_stable, TABLE_WORKERS, __ATOMIC_RELEASE);
}

static void owners_start(void) {
	uint32_t tick = (uint32_t)(clock_now_ns() >> TABLE_TICK_SHIFT);

	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		session_owners[i].id = i;
		session_owners[i].tick = tick;
		session_owners[i].now_ns = clock_now_ns();
		wheel_init(&session_owners[i].wheel, tick);
		__atomic_store_n(&session_owners[i].started, true, __ATOMIC_RELEASE);
	}
}

// ---- the transaction ---------------------------------------------------------------------------------------------------

static int table_make(const struct session_conf *conf, struct err *err) {
	struct session_secret secret;

	if (session_table.buckets) // its size is for the next start
		return 0;
	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret) ||
		getrandom(&session_syn_secret, sizeof(session_syn_secret), 0) !=
			sizeof(session_syn_secret))
		return err_set(err, -errno, "no random numbers for the session table");
	if (table_init(conf->max, conf->reserve, &secret) < 0)
		return err_set(err, -ENOMEM,
			"sessions.max: no address space for %u sessions (%llu MB); write a smaller "
			"one",
			conf->max, (unsigned long long)table_bytes(conf->max) >> 20);
	return 0;
}

static int records_make(struct err *err) {
	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		struct record_ring *ring = session_owners[i].records;
		if (ring)
			continue;
		ring = record_ring_new(RECORDS_BYTES);
		if (!ring)
			return err_set(err, -ENOMEM, "out of memory for records of sessions");
		__atomic_store_n(&session_owners[i].records, ring, __ATOMIC_RELEASE);
	}
	return 0;
}

static int prepare(const struct change *change, void **out, struct err *err) {
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return err_set(err, -ENOMEM, "out of memory");
	session_conf_decode(change->new, &plan->conf);
	plan->log_fd = session_log_open(plan->conf.log, err);
	int rc = plan->log_fd < 0 && plan->conf.log[0] ? plan->log_fd : 0;
	if (rc == 0 && plan->conf.log[0])
		rc = records_make(err);
	if (rc == 0)
		rc = table_make(&plan->conf, err);
	if (rc < 0) {
		if (plan->log_fd >= 0)
			close(plan->log_fd);
		free(plan);
		return rc;
	}
	*out = plan;
	return 0;
}

static void commit(void *arg) {
	struct plan *plan = arg;

	for (unsigned i = 0; i < SESSION_STATES; i++)
		__atomic_store_n(&session_timeouts[i], plan->conf.timeouts[i], __ATOMIC_RELAXED);
	session_defaults = (plan->conf.loose ? SESSION_LOOSE : 0) |
		(plan->conf.log_all && plan->conf.log[0] ? SESSION_LOG : 0);
	session_log_use(plan->log_fd, plan->conf.log);
	if (!session_owners[0].started)
		owners_start();
}

static void release(void *arg) {
	owners_set(dp_worker_count());
	free(arg);
}

static void abort_plan(void *arg) {
	struct plan *plan = arg;

	if (plan->log_fd >= 0)
		close(plan->log_fd);
	free(plan);
}

// ---- watching ------------------------------------------------------------------------------------------------------------

struct session_counts session_counts_sum(void) {
	struct session_counts sum = {0};
	uint64_t *to = (uint64_t *)&sum;

	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		const uint64_t *from = (const uint64_t *)&session_owners[i].counts;
		for (unsigned k = 0; k < sizeof(sum) / sizeof(*to); k++)
			to[k] += __atomic_load_n(&from[k], __ATOMIC_RELAXED);
	}
	return sum;
}

void session_syn_counts(uint64_t *proven, uint64_t *wrong) {
	struct session_counts sum = session_counts_sum();

	*proven = sum.proven;
	*wrong = sum.wrong;
}

static void watch_full(uint64_t now_ns) {
	static uint64_t told_ns, seen;
	uint64_t refused = session_counts_sum().refused;

	if (refused == seen || (told_ns != 0 && now_ns - told_ns < FULL_EVERY_NS))
		return;
	log_warn("session", "the table is full", "refused=%llu max=%u",
		(unsigned long long)(refused - seen), session_table.max);
	event_emit("session.full",
		json_pack("{s:I, s:i, s:i}", "refused", (json_int_t)(refused - seen), "used",
			(int)session_table.used, "max", (int)session_table.max));
	told_ns = now_ns;
	seen = refused;
}

static void poll_all(uint64_t now_ns) {
	if (!session_table.buckets)
		return;
	if (memory_wanted)
		touch_ahead();
	session_sweep_poll();
	session_log_poll(now_ns);
	watch_full(now_ns);
}

// Workers may turn still: they look at `started`.
static void fini(void) {
	for (unsigned i = 0; i < TABLE_WORKERS; i++)
		__atomic_store_n(&session_owners[i].started, false, __ATOMIC_RELEASE);
	dp_sync();
	if (session_table.buckets)
		session_log_stop();
	session_log_use(-1, "");
	free(session_sweep_start(NULL));
	free(retired);
	retired = NULL;
	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		record_ring_free(session_owners[i].records);
		session_owners[i] = (struct session_owner){0};
	}
	session_helpers_fini();
	memory_wanted = false;
	table_fini();
}

static const char *const after[] = {"dataplane", NULL};
static const char *const reads[] = {"system", NULL};

const struct module session_module = {
	.name = "session",
	.help = "sessions: flows, and what was decided about them",
	.after = after,
	.reads = reads,
	.sections = session_sections,
	.nouns = session_nouns,
	.actions = session_actions,
	.fini = fini,
	.prepare = prepare,
	.commit = commit,
	.release = release,
	.abort = abort_plan,
	.poll = poll_all,
};
