// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "dataplane/session/tuple.h"
#include <netinet/in.h>
#include <string.h>

#define EXTENSIONS_MAX 8
#define PROTO_UDPLITE  136
#define V4_HEADER      20
#define V6_HEADER      40
#define QUOTED         SIZE_MAX // the length of a packet of which only the beginning is there

struct session_key key_of(const struct session_tuple *t) {
	struct session_key key = {0};

	key.sport = t->sport;
	key.dport = t->dport;
	key.domain = t->domain;
	key.proto = t->proto;
	key.kind = KIND_USED | (t->v6 ? KIND_V6 : 0);
	if (t->v6) {
		memcpy(&key.a[0], t->src, 16);
		memcpy(&key.a[2], t->dst, 16);
	} else {
		memcpy(&key.a[0], t->src, 4);
		memcpy((uint8_t *)&key.a[0] + 4, t->dst, 4);
	}
	return key;
}

struct session_tuple key_tuple(const struct session_key *key) {
	struct session_tuple t = {.sport = key->sport,
		.dport = key->dport,
		.domain = key->domain,
		.proto = key->proto,
		.v6 = key->kind & KIND_V6};

	memcpy(t.src, &key->a[0], t.v6 ? 16 : 4);
	memcpy(t.dst, t.v6 ? (const void *)&key->a[2] : (const uint8_t *)&key->a[0] + 4,
		t.v6 ? 16 : 4);
	return t;
}

struct session_tuple session_reverse(const struct session_tuple *t) {
	struct session_tuple r = *t;

	memcpy(r.src, t->dst, 16);
	memcpy(r.dst, t->src, 16);
	r.sport = t->dport;
	r.dport = t->sport;
	return r;
}

// ---- ICMP ------------------------------------------------------------------------------------------------------

enum { V4_ECHO_REPLY = 0, V4_UNREACH = 3, V4_ECHO = 8, V4_TIME = 11, V4_PARAMETER = 12 };
enum { V4_STAMP = 13, V4_STAMP_REPLY = 14 };
enum { V6_ERROR_LAST = 4, V6_ECHO = 128, V6_ECHO_REPLY = 129 };
enum { V6_MLD = 130, V6_ND_LAST = 137, V6_MLD2 = 143 };

// A query's identifier in the requester's port, what it asks in the other's.
static enum session_parsed query(
	const uint8_t *icmp, bool reply, uint16_t asks, struct session_packet *p) {
	uint16_t id;

	memcpy(&id, icmp + 4, sizeof(id));
	p->reply = reply;
	p->key.sport = reply ? asks : id;
	p->key.dport = reply ? id : asks;
	return PARSED_FLOW;
}

static enum session_parsed icmp4(const uint8_t *icmp, struct session_packet *p) {
	switch (icmp[0]) {
	case V4_ECHO:
	case V4_ECHO_REPLY:
		return query(icmp, icmp[0] == V4_ECHO_REPLY, 0, p);
	case V4_STAMP:
	case V4_STAMP_REPLY:
		return query(icmp, icmp[0] == V4_STAMP_REPLY, htons(1), p);
	case V4_UNREACH:
	case V4_TIME:
	case V4_PARAMETER:
		return PARSED_ERROR;
	default: // redirects, quenches and what nobody uses any more: RFC 5927 section 6.1, RFC 6918
		return PARSED_ODD;
	}
}

static enum session_parsed icmp6(const uint8_t *icmp, unsigned hops, struct session_packet *p) {
	unsigned type = icmp[0];

	if (type == V6_ECHO || type == V6_ECHO_REPLY)
		return query(icmp, type == V6_ECHO_REPLY, 0, p);
	if (type >= 1 && type <= V6_ERROR_LAST)
		return PARSED_ERROR;
	if (type > V6_MLD && type <= V6_ND_LAST) // RFC 4861: from the same link
		return hops == 255 ? PARSED_ASIDE : PARSED_ODD;
	return type == V6_MLD || type == V6_MLD2 ? PARSED_ASIDE : PARSED_ODD;
}

// ---- the upper protocol ------------------------------------------------------------------------------------------

// Bytes of it that must be there.
static size_t l4_least(unsigned proto) {
	switch (proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case PROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 12;
	default:
		return 0;
	}
}

static enum session_parsed upper(
	const uint8_t *l4, size_t there, size_t least, unsigned hops, struct session_packet *p) {
	bool v6 = p->key.kind & KIND_V6;

	if (there < least)
		return PARSED_SHORT;
	switch (p->key.proto) {
	case IPPROTO_ICMP:
		return v6 ? PARSED_ODD : icmp4(l4, p);
	case IPPROTO_ICMPV6:
		return v6 ? icmp6(l4, hops, p) : PARSED_ODD;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case PROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		memcpy(&p->key.sport, l4, 4);
		return PARSED_FLOW;
	default:
		return PARSED_FLOW;
	}
}

// ---- IP --------------------------------------------------------------------------------------------------------

static uint32_t be16_at(const uint8_t *at) {
	return (uint32_t)at[0] << 8 | at[1];
}

static enum session_parsed v4_header(
	const uint8_t *ip, size_t in_buffer, size_t len, struct session_packet *p) {
	uint32_t fragment = len == QUOTED
		? 0x1fff
		: 0x3fff; // more of them do not matter when the first is quoted

	uint32_t header = (ip[0] & 15u) * 4, total = be16_at(ip + 2);

	if (header < V4_HEADER || header > in_buffer || total < header || total > len)
		return PARSED_SHORT;
	if (be16_at(ip + 6) & fragment)
		return PARSED_FRAGMENT;
	p->key.proto = ip[9];
	memcpy(&p->key.a[0], ip + 12, 8);
	p->l4 = header;
	p->l4_len = total - header;
	return PARSED_FLOW;
}

static bool is_extension(unsigned proto) {
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
		proto == IPPROTO_FRAGMENT;
}

static enum session_parsed v6_header(
	const uint8_t *ip, size_t in_buffer, size_t len, struct session_packet *p) {
	uint32_t at = V6_HEADER, end;
	unsigned proto = ip[6], n = 0;

	end = V6_HEADER + be16_at(ip + 4);
	if (in_buffer < V6_HEADER || end > len)
		return PARSED_SHORT;
	memcpy(&p->key.a[0], ip + 8, 32);
	for (; is_extension(proto); n++) {
		uint32_t size = 8;

		if (at + 8 > in_buffer || at + 8 > end || n == EXTENSIONS_MAX)
			return PARSED_SHORT;
		if (proto == IPPROTO_FRAGMENT && be16_at(ip + at + 2) & 0xfff9)
			return PARSED_FRAGMENT; // else an atomic one (RFC 6946)
		if (proto != IPPROTO_FRAGMENT)
			size += ip[at + 1] * 8u;
		proto = ip[at];
		at += size;
	}
	if (at > end || at > in_buffer)
		return PARSED_SHORT;
	p->key.proto = (uint8_t)proto;
	p->l4 = at;
	p->l4_len = end - at;
	return PARSED_FLOW;
}

static enum session_parsed headers(const uint8_t *ip, size_t in_buffer, size_t len, unsigned domain,
	struct session_packet *p) {
	memset(p, 0, sizeof(*p));
	if (in_buffer < V4_HEADER)
		return PARSED_SHORT;
	bool v6 = ip[0] >> 4 == 6;
	p->key.domain = (uint16_t)domain;
	p->key.kind = KIND_USED | (v6 ? KIND_V6 : 0);
	if (v6)
		return in_buffer < V6_HEADER ? PARSED_SHORT : v6_header(ip, in_buffer, len, p);
	return v4_header(ip, in_buffer, len, p);
}

enum session_parsed session_parse(const uint8_t *ip, size_t in_buffer, size_t len, unsigned domain,
	struct session_packet *p) {
	enum session_parsed parsed = headers(ip, in_buffer, len, domain, p);

	if (parsed != PARSED_FLOW)
		return parsed;
	size_t there = in_buffer - p->l4;
	if (p->l4_len < there)
		there = p->l4_len;
	return upper(ip + p->l4, there, l4_least(p->key.proto), ip[0] >> 4 == 6 ? ip[7] : ip[8], p);
}

enum session_parsed session_parse_quoted(
	const uint8_t *ip, size_t in_buffer, unsigned domain, struct session_packet *p) {
	enum session_parsed parsed = headers(ip, in_buffer, QUOTED, domain, p);
	size_t least = 8;

	if (parsed != PARSED_FLOW)
		return parsed;
	if (l4_least(p->key.proto) == 0)
		least = 0;
	return upper(ip + p->l4, in_buffer - p->l4, least, 255, p);
}
