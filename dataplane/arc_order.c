// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/arc_order.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int name_cmp(const void *a, const void *b) {
	return strcmp(((const struct arc_member *)a)->name, ((const struct arc_member *)b)->name);
}

static int member_find(const struct arc_member *members, unsigned n, const char *name) {
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(members[i].name, name) == 0)
			return (int)i;
	}
	return -ENOENT;
}

// needs[i]: bit mask of the members that come before i.
static int needs_collect(const char *arc, const struct arc_member *members, unsigned n,
	uint64_t *needs, struct err *err) {
	for (unsigned i = 0; i < n; i++) {
		for (int after = 1; after >= 0; after--) {
			const char *const *names = after ? members[i].after : members[i].before;
			for (; names && *names; names++) {
				int other = member_find(members, n, *names);
				if (other < 0)
					return err_set(err, -ENOENT,
						"node %s wants to be %s %s, which is not on arc %s",
						members[i].name, after ? "after" : "before", *names,
						arc);
				if (after)
					needs[i] |= UINT64_C(1) << other;
				else
					needs[other] |= UINT64_C(1) << i;
			}
		}
	}
	return 0;
}

int arc_order(
	const char *arc, struct arc_member *members, unsigned n, const char *end, struct err *err) {
	struct arc_member sorted[64];
	uint64_t needs[64] = {0}, done = 0;

	if (n > 64)
		return err_set(err, -E2BIG, "arc %s has %u nodes; at most 64", arc, n);
	qsort(members, n, sizeof(*members), name_cmp);
	int rc = needs_collect(arc, members, n, needs, err);
	if (rc < 0)
		return rc;
	int last = end ? member_find(members, n, end) : -ENOENT;
	if (last >= 0)
		needs[last] |= ((UINT64_C(1) << (n - 1) << 1) - 1) & ~(UINT64_C(1) << last);
	for (unsigned placed = 0; placed < n; placed++) {
		unsigned i = 0;
		while (i < n && ((done >> i & 1) || (needs[i] & ~done)))
			i++;
		if (i == n) {
			for (i = 0; done >> i & 1;)
				i++;
			return err_set(err, -ELOOP,
				"node %s on arc %s: after and before form a loop", members[i].name,
				arc);
		}
		sorted[placed] = members[i];
		done |= UINT64_C(1) << i;
	}
	memcpy(members, sorted, n * sizeof(*members));
	return 0;
}
