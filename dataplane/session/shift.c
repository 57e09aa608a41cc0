// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "dataplane/session/shift.h"
#include "dataplane/session/conn_tcp.h"
#include "lib/wire.h"

#define ICMP_HEADER 8

enum { SEQ = 4, ACK = 8, OFFSET = 12, FLAGS = 13, WINDOW = 14, CHECK = 16, OPTIONS = TCP_HEADER };

static void add(uint8_t *at, uint32_t by) {
	put32(at, get32(at) + by);
}

static void check_correct(uint8_t *at, uint64_t was, uint64_t is) {
	uint16_t check;

	memcpy(&check, at, 2);
	check = sum_correct(check, sum_delta((uint16_t)sum_fold(was), (uint16_t)sum_fold(is)));
	memcpy(at, &check, 2);
}

void tcp_seq_shift(uint8_t *tcp, uint32_t by, enum rewrite_check kind) {
	uint64_t was = sum_bytes(tcp + SEQ, 4);

	add(tcp + SEQ, by);
	if (kind == CHECK_WHOLE)
		check_correct(tcp + CHECK, was, sum_bytes(tcp + SEQ, 4));
}

void tcp_window_set(uint8_t *tcp, uint16_t win, enum rewrite_check kind) {
	uint64_t was = sum_bytes(tcp + WINDOW, 2);

	tcp[WINDOW] = (uint8_t)(win >> 8);
	tcp[WINDOW + 1] = (uint8_t)win;
	if (kind == CHECK_WHOLE)
		check_correct(tcp + CHECK, was, sum_bytes(tcp + WINDOW, 2));
}

static void sack_shift(uint8_t *tcp, size_t options, uint32_t by) {
	const uint8_t *at = tcp + OPTIONS, *end = at + options;

	for (const uint8_t *o; (o = tcp_option_next(&at, end));)
		if (o[0] == TCP_OPTION_SACK)
			for (unsigned edge = 2; edge + 4u <= o[1]; edge += 4)
				add(tcp + (o - tcp) + edge, by);
}

void tcp_ack_shift(uint8_t *tcp, uint32_t by, enum rewrite_check kind) {
	size_t options = (size_t)(tcp[OFFSET] >> 4) * 4 - OPTIONS;

	if (!(tcp[FLAGS] & TCP_ACK))
		return;
	uint64_t was = sum_bytes(tcp + ACK, 4) + sum_bytes(tcp + OPTIONS, options);
	add(tcp + ACK, by);
	sack_shift(tcp, options, by);
	if (kind == CHECK_WHOLE)
		check_correct(tcp + CHECK, was,
			sum_bytes(tcp + ACK, 4) + sum_bytes(tcp + OPTIONS, options));
}

void icmp_seq_shift(uint8_t *ip, size_t in_buffer, const struct session_packet *outer,
	const struct session_packet *quoted, uint32_t by) {
	uint8_t *icmp = ip + outer->l4, *tcp = icmp + ICMP_HEADER + quoted->l4;
	size_t there = (size_t)(ip + in_buffer - tcp);
	uint64_t was = sum_bytes(tcp + SEQ, 4), is;

	if (outer->l4_len < there + (size_t)(tcp - icmp))
		there = outer->l4_len - (size_t)(tcp - icmp);
	bool summed = there >= CHECK + 2;
	uint64_t check = summed ? sum_bytes(tcp + CHECK, 2) : 0;
	add(tcp + SEQ, by);
	is = sum_bytes(tcp + SEQ, 4);
	if (summed) {
		check_correct(tcp + CHECK, was, is);
		was += check;
		is += sum_bytes(tcp + CHECK, 2);
	}
	check_correct(icmp + 2, was, is);
}
