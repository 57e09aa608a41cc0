// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/lua/states.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TELL_EVERY_NS (10 * NSEC_PER_SEC)

struct counters fw_counters;

// A worker fills its own when it is empty, control empties it.
static struct failure {
	_Atomic bool full;
	char rule[FW_NAME + 16], why[300];
} failures[FW_LUA_WORKERS];

static int counters_make(void) {
	uint64_t secret[2];

	if (fw_counters.entries)
		return 0;
	return getrandom(secret, sizeof(secret), 0) == sizeof(secret)
		? counters_init(&fw_counters, FW_LUA_COUNTERS, secret)
		: -EAGAIN;
}

struct fw_lua *fw_lua_new(const struct fw_conf *conf, const struct script *script, unsigned workers,
	struct err *err) {
	static const struct script_class *const classes[] = {&fw_conn_class, NULL};
	struct fw_lua *lua = calloc(1, sizeof(*lua));
	int rc = lua && counters_make() == 0
		? 0
		: err_set(err, -ENOMEM, "firewall: out of memory for policies");

	if (rc == 0 && script == NULL)
		rc = err_set(err, -EINVAL, "firewall: a policy without a configuration's script");
	if (rc == 0 && conf->country_database) {
		lua->countries = fw_countries_open_copy(conf->country_database, err);
		rc = lua->countries ? 0 : -EINVAL;
	}
	if (rc == 0)
		rc = script_fork(script, classes, 0, &lua->control, err);
	for (unsigned w = 0; rc == 0 && w < workers && w < FW_LUA_WORKERS; w++)
		rc = script_fork(script, classes, FW_LUA_ARENA, &lua->workers[w], err);
	if (rc == 0) {
		lua->instructions = conf->policy_instructions;
		return lua;
	}
	fw_lua_free(lua);
	return NULL;
}

void fw_lua_free(struct fw_lua *lua) {
	if (lua == NULL)
		return;
	script_free(lua->control);
	for (unsigned w = 0; w < FW_LUA_WORKERS; w++)
		script_free(lua->workers[w]);
	fw_countries_close(lua->countries);
	free(lua);
}

void fw_lua_fini(void) {
	counters_fini(&fw_counters);
}

int fw_lua_ask(
	struct fw_lua *lua, unsigned worker, int policy, struct fw_conn *conn, struct err *err) {
	bool control = worker == FW_LUA_WORKERS;
	struct script *fork = control ? lua->control : lua->workers[worker];
	int rc;

	conn->countries = lua->countries;
	conn->counters = &fw_counters;
	rc = fork ? fw_conn_ask(fork, policy, conn, lua->instructions, err)
		  : err_set(err, -ENOENT, "worker %u has no state for policies", worker);
	if (control) {
		lua->said = rc;
		snprintf(lua->why, sizeof(lua->why), "%.255s", rc < 0 ? err->msg : "");
	}
	return rc;
}

// ---- failures -----------------------------------------------------------------------------------------------

void fw_lua_failed(unsigned worker, const char *rule, const struct err *err) {
	struct failure *f = &failures[worker % FW_LUA_WORKERS];

	if (atomic_load_explicit(&f->full, memory_order_acquire))
		return;
	snprintf(f->rule, sizeof(f->rule), "%s", rule);
	snprintf(f->why, sizeof(f->why), "%.299s", err->msg);
	atomic_store_explicit(&f->full, true, memory_order_release);
}

void fw_lua_poll(uint64_t now_ns) {
	static uint64_t next_ns;

	for (unsigned w = 0; w < FW_LUA_WORKERS && now_ns >= next_ns; w++) {
		struct failure *f = &failures[w];

		if (!atomic_load_explicit(&f->full, memory_order_acquire))
			continue;
		log_warn("firewall", "a policy failed, its connection is dropped",
			"rule=\"%s\" why=\"%s\"", f->rule, f->why);
		event_emit(
			"firewall.policy", json_pack("{s:s, s:s}", "rule", f->rule, "why", f->why));
		atomic_store_explicit(&f->full, false, memory_order_release);
		next_ns = now_ns + TELL_EVERY_NS;
	}
}
