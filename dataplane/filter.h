// SPDX-License-Identifier: BSD-3-Clause
// Packet filters in the syntax of libpcap ("tcp port 80 and host 10.0.0.1"), for trace and capture.
#pragma once

#include "lib/err.h"
#include <rte_mbuf.h>

struct filter;

// control. "" or NULL: everything matches. NULL with err set: it does not compile.
struct filter *filter_new(const char *text, struct err *err);
void filter_free(struct filter *filter);
// node.
bool filter_match(const struct filter *filter, const struct rte_mbuf *m);
