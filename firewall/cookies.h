// SPDX-License-Identifier: BSD-3-Clause
// pure
// SYN cookies of a rule (dataplane/session/path_syn.c): when connections begin faster than the rule says, their senders have to prove
// that they are there. A bucket says when that is; it goes on to be asked, so that an attack ends by itself.
#pragma once

#include "dataplane/session/session.h"
#include "lib/bucket.h"

#define FW_COOKIES_NONE UINT64_MAX     // as a rate: this rule has none
#define FW_COOKIES_NS   10000000000ull // an attack is over when so long nothing was beyond the rate

struct fw_cookies {
	bool wanted;
	bool told; // control's: that it is under attack
	struct bucket_limit limit;
	_Atomic uint64_t bucket;
	_Atomic uint64_t until_ns; // under attack; any worker writes
};

// `rate`: SYNs per second that are judged at once; 0: none, always cookies.
void fw_cookies_init(struct fw_cookies *c, uint64_t rate);
// Another policy's rule that reads the same.
void fw_cookies_adopt(struct fw_cookies *c, const struct fw_cookies *was);
// Worker: must the sender of this first packet, which the rule would take, prove itself before?
bool fw_cookies_ask(struct fw_cookies *c, const struct session_flow *flow);
// Do more SYNs come than the rule says? One that always wants cookies is under no attack.
bool fw_cookies_attack(const struct fw_cookies *c, uint64_t now_ns);
// Control: has an attack begun or ended since the last call? `*begins`: which.
bool fw_cookies_news(struct fw_cookies *c, uint64_t now_ns, bool *begins);
