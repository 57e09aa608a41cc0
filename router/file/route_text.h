// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// One route in text, as `ip -o route` prints it: [TYPE] PREFIX|default WORDS. What leads to a next hop is told apart from the prefix, since
// a million routes share a handful of them: it is read once.
#pragma once

#include "lib/err.h"
#include "router/conf.h"

struct route_head {
	struct prefix prefix;    // network; of family NONE: nothing but blanks or a comment
	enum rtr_conf_kind kind; // VIA, BLACKHOLE, UNREACHABLE, PROHIBIT
	char *rest;              // what follows, without blanks at its ends; in the line
};

struct route_rest {
	uint32_t metric;
	unsigned n_paths;
	struct rtr_conf_path paths[RTR_CONF_PATHS];
};

// `line` ends with NUL and is written to. `default`: of family `any` (that of `via`, which the caller knows). 0, or -EINVAL with
// *why set.
int route_text_head(char *line, struct route_head *head, const char **why);
// via ADDRESS, dev INTERFACE, metric N, weight N, nexthop (begins another path); proto, scope, src, pref, nhid, mtu and their values, onlink,
// linkdown and backslashes are passed over.
int route_text_rest(const char *rest, struct route_rest *out, const char **why);
