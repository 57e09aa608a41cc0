// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the forwarding table share.
#pragma once

#include "lib/clock.h"
#include "switch/fdb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h wants the headers above.
#include <cmocka.h>

#define SEC NSEC_PER_SEC
#define T0  (1000 * SEC)

static const struct fdb_conf conf = {
	.mac_limit = 1000,
	.ageing_ns = 300 * SEC,
	.move_limit = 3,
	.move_window_ns = 10 * SEC,
	.move_hold_ns = 60 * SEC,
};

static inline uint64_t key_of(unsigned n, unsigned vlan) {
	return fdb_key(0x020000000000 | (uint64_t)(n + 1) << 8, vlan);
}

static inline enum fdb_verdict learn(
	struct fdb *fdb, uint64_t key, unsigned port, uint64_t now_ns) {
	unsigned from;

	return fdb_learn(fdb, key, port, now_ns, &from);
}

static inline void assert_sound(const struct fdb *fdb) {
	const char *why = fdb_verify(fdb);

	if (why != NULL)
		fail_msg("%s", why);
}

// Ageing looks at the whole table.
static inline unsigned age_all(struct fdb *fdb, uint64_t now_ns) {
	return fdb_poll(fdb, now_ns, fdb_bucket_count(fdb));
}
