// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "dataplane/session/rewrite.h"

enum { ICMP4 = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

void rewrite_prepare(struct session_dir *d, const struct session_key *out) {
	struct session_key is = dir_key(d);
	struct session_rewrite *r = dir_rewrite(d);
	unsigned words = dir_v6(d) ? 4 : 1;

	if ((is.kind ^ out->kind) & KIND_V6) // of the other family: an edge leads to who translates
		return;
	uint16_t addresses = sum_delta((uint16_t)sum_fold(sum_words(is.a, words)),
		(uint16_t)sum_fold(sum_words(out->a, words)));
	uint64_t ports =
		(uint64_t)sum_delta(is.sport, out->sport) + sum_delta(is.dport, out->dport);

	memcpy(dir_to(d), out->a, words * 8);
	*r = (struct session_rewrite){.sport = out->sport,
		.dport = out->dport,
		.l3_delta = addresses,
		.l4_delta = (uint16_t)sum_fold(ports + (d->proto == ICMP4 ? 0 : addresses))};
	if (memcmp(is.a, out->a, words * 8) != 0 || is.sport != out->sport ||
		is.dport != out->dport)
		d->flags |= SESSION_REWRITE;
}

void rewrite_once(const struct session_key *is, const struct session_key *out, unsigned way,
	uint8_t *ip, uint32_t l4, enum rewrite_check kind) {
	struct session_dir6 d = {0};

	d.dir.head = is->head;
	memcpy(dir_addr(&d.dir), is->a, is->kind & KIND_V6 ? 32 : 8);
	rewrite_prepare(&d.dir, out);
	if (d.dir.flags & SESSION_REWRITE)
		rewrite(&d.dir, way, ip, l4, kind);
}

// ---- ICMP errors ------------------------------------------------------------------------------------------------

#define ICMP_HEADER 8

enum session_parsed icmp_error_key(const uint8_t *ip, size_t in_buffer,
	const struct session_packet *outer, struct session_packet *quoted,
	struct session_key *key) {
	size_t at = outer->l4 + ICMP_HEADER;

	if (in_buffer > outer->l4 + outer->l4_len)
		in_buffer = outer->l4 + outer->l4_len;
	if (at >= in_buffer)
		return PARSED_SHORT;
	if (ip[at] >> 4 != (outer->key.kind & KIND_V6 ? 6 : 4))
		return PARSED_ODD;
	enum session_parsed parsed =
		session_parse_quoted(ip + at, in_buffer - at, outer->key.domain, quoted);
	if (parsed != PARSED_FLOW)
		return parsed == PARSED_SHORT ? PARSED_SHORT : PARSED_ODD;
	struct session_tuple tuple = key_tuple(&quoted->key);
	tuple = session_reverse(&tuple);
	*key = key_of(&tuple);
	return PARSED_FLOW;
}

// Writes `n` bytes (even), and adds what that does to a checksum over them.
static void put(uint8_t *at, const void *bytes, size_t n, uint64_t *delta) {
	for (size_t i = 0; i < n; i += 2) {
		uint16_t was, is;

		memcpy(&was, at + i, 2);
		memcpy(&is, (const uint8_t *)bytes + i, 2);
		*delta += sum_delta(was, is);
		memcpy(at + i, &is, 2);
	}
}

// The quoted packet's own checksums, as far as they are quoted, stay as wrong or right as they were.
static void put_check(uint8_t *at, uint64_t delta, bool udp, uint64_t *outer) {
	uint16_t check;

	memcpy(&check, at, 2);
	if (udp && check == 0)
		return;
	check = sum_correct(check, (uint16_t)sum_fold(delta));
	if (udp && check == 0)
		check = 0xffff;
	put(at, &check, 2, outer);
}

// The quoted packet went the other way: its source is what `d` has as destination. Returns the change of its bytes.
static uint64_t quoted_rewrite(struct session_dir *d, unsigned way, uint8_t *ip, size_t there,
	const struct session_packet *quoted) {
	const struct session_rewrite *r = dir_rewrite(d);
	const uint8_t *to = (const uint8_t *)dir_to(d);
	size_t size = dir_v6(d) ? 16 : 4, first = dir_v6(d) ? 8 : 12;
	unsigned check = check_offset(d->proto);
	uint8_t *upper = ip + quoted->l4;
	uint64_t sum = 0, addresses = 0, ports = 0;

	put(ip + first, to + size, size, &addresses);
	put(ip + first + size, to, size, &addresses);
	sum += addresses;
	if (!dir_v6(d))
		put_check(ip + 10, addresses, false, &sum);
	if (d->proto == ICMP4 || d->proto == ICMP6) {
		put(upper + 4, way == 0 ? &r->sport : &r->dport, 2, &ports);
	} else if (check != 0) {
		put(upper, &r->dport, 2, &ports);
		put(upper + 2, &r->sport, 2, &ports);
	}
	sum += ports;
	if (check != 0 && there >= quoted->l4 + check + 2u)
		put_check(upper + check, ports + (d->proto == ICMP4 ? 0 : addresses),
			d->proto == UDP, &sum);
	return sum;
}

bool icmp_error_rewrite(struct session_dir *d, unsigned way, uint8_t *ip, size_t in_buffer,
	const struct session_packet *outer, const struct session_packet *quoted) {
	const uint8_t *from = (const uint8_t *)dir_addr(d), *to = (const uint8_t *)dir_to(d);
	size_t size = dir_v6(d) ? 16 : 4, first = dir_v6(d) ? 8 : 12,
	       inner = outer->l4 + ICMP_HEADER;
	uint64_t addresses = 0, nothing = 0;

	if (memcmp(ip + first + size, from + size, size) != 0)
		return false;
	if (!(d->flags & SESSION_REWRITE))
		return true;
	if (in_buffer > outer->l4 + outer->l4_len)
		in_buffer = outer->l4 + outer->l4_len;
	uint64_t sum = quoted_rewrite(d, way, ip + inner, in_buffer - inner, quoted);
	// a router on the way keeps its own source address; the other end is known by another one
	if (memcmp(ip + first, from, size) == 0)
		put(ip + first, to, size, &addresses);
	put(ip + first + size, to + size, size, &addresses);
	if (!dir_v6(d))
		put_check(ip + 10, addresses, false, &nothing);
	else
		sum += addresses;
	put_check(ip + outer->l4 + 2, sum, false, &nothing);
	return true;
}
