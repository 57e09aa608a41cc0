// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "firewall/cookies.h"

#define BURST    100
#define RENEW_NS 1000000000ull // of a line that all workers read

void fw_cookies_init(struct fw_cookies *c, uint64_t rate) {
	*c = (struct fw_cookies){.wanted = rate != FW_COOKIES_NONE};
	if (c->wanted)
		c->limit = bucket_limit_of(rate, rate < BURST ? rate : BURST);
}

static bool always(const struct fw_cookies *c) {
	return c->wanted && c->limit.cost == UINT64_MAX;
}

void fw_cookies_adopt(struct fw_cookies *c, const struct fw_cookies *was) {
	c->told = was->told;
	atomic_store_explicit(&c->until_ns,
		atomic_load_explicit(&was->until_ns, memory_order_relaxed), memory_order_relaxed);
}

bool fw_cookies_attack(const struct fw_cookies *c, uint64_t now_ns) {
	return now_ns < atomic_load_explicit(&c->until_ns, memory_order_relaxed);
}

// Of one link: an answer to such an address would have to say by which.
static bool link_local(const struct session_tuple *t) {
	return t->v6 && t->src[0] == 0xfe && (t->src[1] & 0xc0) == 0x80;
}

bool fw_cookies_ask(struct fw_cookies *c, const struct session_flow *flow) {
	uint64_t until = flow->now_ns + FW_COOKIES_NS;

	if (!c->wanted || !flow->syn || flow->again || link_local(&flow->in) ||
		flow->edge[0] != 0 || flow->edge[1] != 0)
		return false;
	if (!always(c) && !flow->dry && !bucket_take(&c->bucket, &c->limit, flow->now_ns) &&
		atomic_load_explicit(&c->until_ns, memory_order_relaxed) + RENEW_NS <= until)
		atomic_store_explicit(&c->until_ns, until, memory_order_relaxed);
	return always(c) || fw_cookies_attack(c, flow->now_ns);
}

bool fw_cookies_news(struct fw_cookies *c, uint64_t now_ns, bool *begins) {
	*begins = fw_cookies_attack(c, now_ns);
	if (*begins == c->told)
		return false;
	c->told = *begins;
	return true;
}
