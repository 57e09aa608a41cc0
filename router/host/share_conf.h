// SPDX-License-Identifier: BSD-3-Clause
// pure
// `punt` of a router: how much of what is for this box its host twins take, by class.
#pragma once

#include "lib/schema.h"
#include <stdint.h>

enum share { SHARE_ROUTING, SHARE_MANAGEMENT, SHARE_OTHER, SHARES };

struct share_conf {
	uint32_t rates[SHARES]; // packets per second
};

extern const struct schema_row share_rows[];
extern const char *const share_words[]; // by enum share
// `object`: the validated section, with its defaults.
void share_conf_parse(struct share_conf *conf, const json_t *object);
// The class of a packet by its transport protocol and ports (host order; of others than TCP and UDP 0).
enum share share_of(unsigned proto, unsigned src_port, unsigned dst_port);
