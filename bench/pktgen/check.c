// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/check.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ETHER_LEN    14
#define TAG_LEN      4
#define IP4_LEN      20
#define IP6_LEN      40
#define UDP_LEN      8
#define TCP_LEN      20
#define PROTO_TCP    6
#define PROTO_UDP    17
#define IP4_FRAGMENT 0x3fff // offset, and more to come

static uint16_t load16(const uint8_t *at) { // from network order
	return (uint16_t)(at[0] << 8 | at[1]);
}

// Any unsigned sum of 16-bit words, down to 16 bits with the carries added (RFC 1071).
static uint16_t fold(uint64_t sum) {
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

// Words as they lie in memory: a one's complement sum does not care, as long as it is put back the same way.
uint16_t check_sum(const void *bytes, unsigned len, uint16_t start) {
	const uint8_t *at = bytes;
	uint64_t sum = start;
	uint32_t four;

	for (; len >= 4; len -= 4, at += 4) {
		memcpy(&four, at, 4);
		sum += four;
	}
	four = 0;
	memcpy(&four, at, len);
	return fold(sum + four);
}

// ---- the trailer -----------------------------------------------------------------------------------------------

void check_write(struct check_trailer *trailer, uint32_t flow, uint32_t seq, uint64_t tsc) {
	uint64_t sum = (uint64_t)flow + seq + (tsc & 0xffffffff) + (tsc >> 32);
	uint16_t magic = __builtin_bswap16(CHECK_SUM);

	trailer->flow = flow;
	trailer->seq = seq;
	trailer->tsc = tsc;
	trailer->balance = fold(magic + (uint64_t)(uint16_t)~fold(sum));
}

bool check_intact(const struct check_trailer *trailer) {
	return check_sum(trailer, sizeof(*trailer), 0) == __builtin_bswap16(CHECK_SUM);
}

// ---- flows -------------------------------------------------------------------------------------------------------

int check_init(struct check *check, uint32_t flows, struct err *err) {
	check->n_flows = flows;
	check->flows = calloc(flows, sizeof(*check->flows));
	if (check->flows == NULL)
		return err_set(
			err, -ENOMEM, "flows=%u: out of memory for what is known of each", flows);
	return 0;
}

void check_fini(struct check *check) {
	free(check->flows);
	*check = (struct check){0};
}

void check_restart(struct check *check) {
	memset(check->flows, 0, check->n_flows * sizeof(*check->flows));
}

// A number from the past.
static enum check_verdict judge_late(struct check_flow *flow, uint32_t behind, int64_t *lost) {
	if (behind < CHECK_WINDOW && (flow->seen >> behind & 1))
		return CHECK_DUPLICATED;
	if (behind < CHECK_WINDOW)
		flow->seen |= 1ull << behind;
	*lost = -1;
	return CHECK_REORDERED;
}

enum check_verdict check_judge(struct check *check, uint32_t n, uint32_t seq, int64_t *lost) {
	struct check_flow *flow;
	uint32_t ahead;

	*lost = 0;
	if (n >= check->n_flows)
		return CHECK_BAD;
	flow = &check->flows[n];
	if (!flow->started) {
		*flow = (struct check_flow){.seen = UINT64_MAX, .next = seq, .started = 1};
	} else if ((int32_t)(seq - flow->next) < 0) {
		return judge_late(flow, flow->next - 1 - seq, lost);
	}
	ahead = seq - flow->next;
	*lost = ahead;
	flow->seen = ahead >= CHECK_WINDOW - 1 ? 1 : flow->seen << (ahead + 1) | 1;
	flow->next = seq + 1;
	return CHECK_INTACT;
}

// ---- whole frames -------------------------------------------------------------------------------------------------

struct layout {
	unsigned l3, l4, end; // offsets; l4 = 0: no UDP or TCP that could be checked
	uint8_t proto;
	bool v6, ip;
};

static bool layout_ip4(const uint8_t *f, unsigned len, struct layout *at) {
	unsigned head = (f[at->l3] & 0xf) * 4u, total = load16(f + at->l3 + 2);

	at->proto = f[at->l3 + 9];
	at->end = at->l3 + total;
	if (f[at->l3] >> 4 != 4 || head < IP4_LEN || total < head || at->end > len)
		return false;
	if ((load16(f + at->l3 + 6) & IP4_FRAGMENT) == 0)
		at->l4 = at->l3 + head;
	return true;
}

static bool layout_ip6(const uint8_t *f, unsigned len, struct layout *at) {
	at->proto = f[at->l3 + 6];
	at->l4 = at->l3 + IP6_LEN;
	at->end = at->l4 + load16(f + at->l3 + 4);
	return f[at->l3] >> 4 == 6 && at->end <= len;
}

// False: lengths do not fit.
static bool layout_of(const uint8_t *f, unsigned len, struct layout *at) {
	unsigned type_at = ETHER_LEN - 2, type;

	*at = (struct layout){0};
	if (len < ETHER_LEN)
		return false;
	while ((type = load16(f + type_at)) == 0x8100 || type == 0x88a8) {
		type_at += TAG_LEN;
		if (type_at + 2 > len)
			return false;
	}
	at->l3 = type_at + 2;
	at->ip = type == 0x0800 || type == 0x86dd;
	at->v6 = type == 0x86dd;
	if (!at->ip)
		return true;
	if (at->l3 + (at->v6 ? IP6_LEN : IP4_LEN) > len)
		return false;
	if (!(at->v6 ? layout_ip6(f, len, at) : layout_ip4(f, len, at)))
		return false;
	if (at->proto != PROTO_TCP && at->proto != PROTO_UDP)
		at->l4 = 0;
	return at->l4 == 0 || at->l4 + (at->proto == PROTO_TCP ? TCP_LEN : UDP_LEN) <= at->end;
}

// Addresses, protocol and length, which the checksums of UDP and TCP cover as well (RFC 768, 8200).
static uint16_t pseudo_sum(const uint8_t *f, const struct layout *at) {
	unsigned len = at->end - at->l4;
	const uint8_t rest[4] = {(uint8_t)(len >> 8), (uint8_t)len, 0, at->proto};

	return check_sum(f + at->l3 + (at->v6 ? 8 : 12), at->v6 ? 32 : 8, check_sum(rest, 4, 0));
}

bool check_frame(const void *frame, unsigned len) {
	const uint8_t *f = frame;
	struct layout at;

	if (!layout_of(f, len, &at))
		return false;
	if (!at.ip)
		return true;
	if (!at.v6 && check_sum(f + at.l3, (f[at.l3] & 0xf) * 4u, 0) != 0xffff)
		return false;
	if (at.l4 == 0)
		return true;
	if (at.proto == PROTO_UDP && load16(f + at.l4 + 4) != at.end - at.l4)
		return false;
	if (at.proto == PROTO_UDP && load16(f + at.l4 + 6) == 0)
		return !at.v6; // RFC 8200, 8.1: not without one
	return check_sum(f + at.l4, at.end - at.l4, pseudo_sum(f, &at)) == 0xffff;
}

unsigned check_payload(const void *frame, unsigned len) {
	const uint8_t *f = frame;
	struct layout at;

	if (!layout_of(f, len, &at))
		return 0;
	if (!at.ip)
		return at.l3;
	if (at.l4 == 0)
		return 0;
	if (at.proto == PROTO_UDP)
		return at.l4 + UDP_LEN;
	unsigned payload = at.l4 + (f[at.l4 + 12] >> 4) * 4u;
	return payload <= at.end && payload >= at.l4 + TCP_LEN ? payload : 0;
}
