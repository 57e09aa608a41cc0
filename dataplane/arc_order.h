// SPDX-License-Identifier: BSD-3-Clause
// Pure: the order of the nodes on one arc. Each node says by name after and before which of its neighbours it
// wants to be; ties are broken by name, so that the order does not depend on how the program was linked.
#pragma once

#include "lib/err.h"

struct arc_member {
	const char *name;
	const char *const *after;  // NULL-terminated, or NULL
	const char *const *before; // the same
};

// Sorts `members` in place. -ENOENT: a neighbour that is not on the arc; -ELOOP: the wishes contradict each
// other; both name the node. `end`: the member that every other one is before, or NULL. n ≤ 64.
int arc_order(
	const char *arc, struct arc_member *members, unsigned n, const char *end, struct err *err);
