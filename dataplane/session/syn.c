// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "dataplane/session/syn.h"
#include "dataplane/session/rewrite.h"
#include "lib/wire.h"
#include <netinet/in.h>

#define V4_HEADER  20
#define V6_HEADER  40
#define TTL        65 // 64 after ip_rewrite
#define SCALE_NONE 15

// ---- cookies ------------------------------------------------------------------------------------------------------------

// What links carry: Ethernet, PPPoE, tunnels, the least.
static const uint16_t mss_words[2][4] = {{536, 1300, 1440, 1460}, {1220, 1340, 1420, 1440}};

static uint64_t mac(const struct siphash_key *secret, const struct session_key *key, uint32_t isn,
	uint32_t epoch) {
	bool v6 = key->kind & KIND_V6;
	uint64_t words[6] = {key->head & KEY_HEAD_MASK, (uint64_t)isn << 32 | epoch};

	memcpy(&words[2], key->a, v6 ? 32 : 8);
	return siphash(secret, words, v6 ? sizeof(words) : 3 * sizeof(words[0]));
}

static uint8_t offer_pack(const struct syn_offer *offer, bool v6, uint32_t epoch) {
	unsigned mss = 3;

	while (mss > 0 && offer->mss < mss_words[v6][mss])
		mss--;
	return (uint8_t)((offer->scale < 0 ? SCALE_NONE : offer->scale) | mss << 4 |
		(unsigned)offer->sack << 6 | (epoch & 1) << 7);
}

uint32_t syn_cookie(const struct siphash_key *secret, const struct session_key *key, uint32_t isn,
	const struct syn_offer *offer, uint32_t epoch) {
	uint64_t m = mac(secret, key, isn, epoch);

	return (uint32_t)(m >> 40) << 8 |
		(uint8_t)(m ^ offer_pack(offer, key->kind & KIND_V6, epoch));
}

static bool open_one(const struct siphash_key *secret, const struct session_key *key, uint32_t isn,
	uint32_t cookie, uint32_t epoch, struct syn_offer *offer) {
	uint64_t m = mac(secret, key, isn, epoch);
	uint8_t bits = (uint8_t)(cookie ^ m);

	if (cookie >> 8 != m >> 40 || bits >> 7 != (epoch & 1))
		return false;
	offer->scale = (bits & 15) == SCALE_NONE ? -1 : (int8_t)(bits & 15);
	offer->mss = mss_words[!!(key->kind & KIND_V6)][bits >> 4 & 3];
	offer->sack = bits >> 6 & 1;
	return true;
}

bool syn_cookie_open(const struct siphash_key *secret, const struct session_key *key, uint32_t isn,
	uint32_t cookie, uint32_t epoch, struct syn_offer *offer) {
	return open_one(secret, key, isn, cookie, epoch, offer) ||
		open_one(secret, key, isn, cookie, epoch - 1, offer);
}

// ---- options ------------------------------------------------------------------------------------------------------------

struct syn_offer syn_offer_read(const uint8_t *tcp) {
	const uint8_t *at = tcp + TCP_HEADER, *end = tcp + (tcp[12] >> 4) * 4;
	struct syn_offer offer = {.scale = -1};

	for (const uint8_t *o; (o = tcp_option_next(&at, end));)
		if (o[0] == TCP_OPTION_MSS && o[1] == 4)
			offer.mss = get16(o + 2);
		else if (o[0] == TCP_OPTION_SCALE && o[1] == 3)
			offer.scale = o[2] > TCP_SCALE_MAX ? TCP_SCALE_MAX : (int8_t)o[2];
		else if (o[0] == TCP_OPTION_SACK_PERMITTED && o[1] == 2)
			offer.sack = true;
	return offer;
}

// In words of four bytes.
static unsigned offer_write(uint8_t *at, const struct syn_offer *offer) {
	unsigned n = 0;

	if (offer->mss > 0) {
		memcpy(at, (uint8_t[]){TCP_OPTION_MSS, 4, offer->mss >> 8, (uint8_t)offer->mss}, 4);
		n += 4;
	}
	if (offer->sack) {
		memcpy(at + n,
			(uint8_t[]){TCP_OPTION_NOP, TCP_OPTION_NOP, TCP_OPTION_SACK_PERMITTED, 2},
			4);
		n += 4;
	}
	if (offer->scale >= 0) {
		memcpy(at + n,
			(uint8_t[]){TCP_OPTION_NOP, TCP_OPTION_SCALE, 3, (uint8_t)offer->scale}, 4);
		n += 4;
	}
	return n;
}

// ---- segments -----------------------------------------------------------------------------------------------------------

static void check_put(uint8_t *at, uint64_t sum) {
	uint16_t check = (uint16_t)~sum_fold(sum);

	memcpy(at, &check, 2);
}

static void ip_finish(uint8_t *ip, uint32_t l4, uint32_t len) {
	bool v6 = ip[0] >> 4 == 6;
	uint64_t pseudo = (uint64_t)htons(IPPROTO_TCP) + htons((uint16_t)len);

	pseudo += v6 ? sum_bytes(ip + 8, 32) : sum_bytes(ip + 12, 8);
	put16(ip + l4 + 16, 0);
	check_put(ip + l4 + 16, pseudo + sum_bytes(ip + l4, len));
	if (v6) {
		put16(ip + 4, l4 + len - V6_HEADER);
		return;
	}
	put16(ip + 2, l4 + len);
	put16(ip + 10, 0);
	check_put(ip + 10, sum_bytes(ip, (ip[0] & 15) * 4u));
}

uint32_t syn_write(uint8_t *ip, uint32_t l4, const struct syn_segment *s) {
	uint8_t *tcp = ip + l4;
	uint32_t len = TCP_HEADER;

	if (s->flags & TCP_SYN)
		len += offer_write(tcp + TCP_HEADER, &s->offer);
	put32(tcp + 4, s->seq);
	put32(tcp + 8, s->ack);
	tcp[12] = (uint8_t)(len / 4 << 4);
	tcp[13] = s->flags;
	put16(tcp + 14, s->win);
	put16(tcp + 18, 0); // urgent
	ip_finish(ip, l4, len);
	return l4 + len;
}

uint32_t syn_build(uint8_t *ip, const struct session_key *key, const struct syn_segment *s) {
	bool v6 = key->kind & KIND_V6;
	uint32_t l4 = v6 ? V6_HEADER : V4_HEADER;

	memset(ip, 0, l4);
	if (v6) {
		ip[0] = 6 << 4;
		ip[6] = IPPROTO_TCP;
		ip[7] = TTL;
		memcpy(ip + 8, key->a, 32);
	} else {
		ip[0] = 4 << 4 | V4_HEADER / 4;
		ip[6] = 0x40; // don't fragment
		ip[8] = TTL;
		ip[9] = IPPROTO_TCP;
		memcpy(ip + 12, key->a, 8);
	}
	memcpy(ip + l4, &key->sport, 4);
	return syn_write(ip, l4, s);
}
