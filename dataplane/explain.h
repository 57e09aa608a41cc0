// SPDX-License-Identifier: BSD-3-Clause
// `leat explain packet` among the dataplane folder's own files. The design is in dataplane.h.
#pragma once

#include "dataplane/dataplane.h"

#define DP_EXPLAIN_SOURCE "explain_in"

extern struct rte_mbuf *dp_explain_packet; // that node explain_in sends next
void dp_explain_visit(const struct dp_node *node, void **objs, uint16_t n);
void dp_explain_fini(void);
