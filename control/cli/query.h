// SPDX-License-Identifier: BSD-3-Clause
// Builds a request target: path steps and a query, percent-encoded.
#pragma once

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>

struct query {
	char *text; // malloc'ed; NULL after a failed allocation
	bool has_query;
};

void query_init(struct query *query, const char *path);
void query_step(struct query *query, const char *step); // "/step"
void query_add(struct query *query, const char *name, const char *value);
void query_add_n(struct query *query, const char *name, size_t name_len, const char *value);
int query_check(const struct query *query, struct err *err); // 0 or -ENOMEM
void query_fini(struct query *query);
