// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// Where policies run: a fork of the configuration's script for control and one for each worker, and how their failures get to people.
//
// Writer: control, with the firewall's policy, which they live and die with. Readers: each worker its own, control its own; none is
// shared. Counters outlive them: what a key has counted stays over commits.
#pragma once

#include "firewall/lua/conn.h"

#define FW_LUA_WORKERS  17 // rows, as DP_MAX_WORKERS
#define FW_LUA_ARENA    (1u << 20)
#define FW_LUA_COUNTERS 65536

struct fw_lua {
	struct script *control, *workers[FW_LUA_WORKERS];
	struct fw_countries *countries; // NULL: no database
	uint64_t instructions;          // of one question
	// control's, for `explain`: what was said last
	int said;
	char why[256];
};

extern struct counters fw_counters; // entries NULL: no policy yet

// Control. `workers`: how many there will be. NULL: err is set.
struct fw_lua *fw_lua_new(
	const struct fw_conf *conf, const struct script *script, unsigned workers, struct err *err);
void fw_lua_free(struct fw_lua *lua); // NULL is fine
void fw_lua_fini(void);

// Any thread with a fork: fills in what all questions have in common, and asks. `worker`: its number; FW_LUA_WORKERS: control.
int fw_lua_ask(
	struct fw_lua *lua, unsigned worker, int policy, struct fw_conn *conn, struct err *err);

// A worker: tells control of a failure, unless it has one to tell already.
void fw_lua_failed(unsigned worker, const char *rule, const struct err *err);
// Control, now and then: writes them into log and events.
void fw_lua_poll(uint64_t now_ns);
