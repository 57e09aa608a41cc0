// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// A new connection as a policy sees it (`policy = function(conn) ... end` of a rule), and the question to it.
#pragma once

#include "firewall/conf.h"
#include "firewall/country.h"
#include "firewall/lua/counters.h"
#include "lib/script.h"
#include <time.h>

// What a policy may say, beside what rules do.
enum { FW_NEXT = FW_REJECT + 1 }; // nil: the next rules

#define FW_POLICY_INSTRUCTIONS 10000 // default of firewall.policy_instructions

enum fw_counting {
	FW_COUNT,       // a first packet
	FW_COUNT_LOOK,  // `explain`: as if, and nothing is counted
	FW_COUNT_NEVER, // a session that lives was counted when it began; `tests`: it is the first
};

// Local time in one word, so that workers read it at once: control writes it once a second (localtime_r() takes a lock).
struct fw_moment {
	int64_t time_s;                        // since the epoch
	uint8_t weekday, hour, minute, second; // weekday: as tm_wday
};
extern _Atomic uint64_t fw_moment_now;
uint64_t fw_moment_pack(time_t wall); // control
struct fw_moment fw_moment_read(uint64_t word);

struct fw_conn {
	const struct fw_key *key; // source as it came, destination as it will be
	uint8_t asked_dst[16];    // as it came
	uint16_t asked_dport;
	const struct fw_conf *conf;           // names
	const struct fw_addrs *sets;          // NULL: there are none
	const struct fw_countries *countries; // NULL: no database
	const bool *schedules;                // on; NULL: all are
	struct fw_moment moment;
	struct counters *counters; // NULL: FW_COUNT_NEVER
	enum fw_counting counting;
	bool first; // FW_COUNT_NEVER: it would be the first of its key; else it is none
	uint64_t now_ns;
};

extern const struct script_class fw_conn_class;
extern const char *const fw_policy_words[]; // what it may return

// The thread that `fork` is for. enum fw_action, FW_NEXT, or as script_ask().
int fw_conn_ask(struct script *fork, int policy, const struct fw_conn *conn, uint64_t instructions,
	struct err *err);
