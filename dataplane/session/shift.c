// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "dataplane/session/shift.h"
#include "dataplane/session/conn_tcp.h"
#include <netinet/in.h>

#define OPTION_END  0
#define OPTION_NOP  1
#define OPTION_SACK 5
#define ICMP_HEADER 8

enum { SEQ = 4, ACK = 8, OFFSET = 12, FLAGS = 13, WINDOW = 14, CHECK = 16, OPTIONS = 20 };

static uint32_t add(uint8_t *at, uint32_t by) {
	uint32_t number;

	memcpy(&number, at, sizeof(number));
	number = htonl(ntohl(number) + by);
	memcpy(at, &number, sizeof(number));
	return number;
}

// One's complement sum of an even number of bytes.
static uint64_t sum_of(const uint8_t *at, size_t n) {
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i += 2) {
		uint16_t word;

		memcpy(&word, at + i, 2);
		sum += word;
	}
	return sum;
}

static void check_correct(uint8_t *at, uint64_t was, uint64_t is) {
	uint16_t check;

	memcpy(&check, at, 2);
	check = sum_correct(check, sum_delta((uint16_t)sum_fold(was), (uint16_t)sum_fold(is)));
	memcpy(at, &check, 2);
}

void tcp_seq_shift(uint8_t *tcp, uint32_t by, enum rewrite_check kind) {
	uint64_t was = sum_of(tcp + SEQ, 4);

	add(tcp + SEQ, by);
	if (kind == CHECK_WHOLE)
		check_correct(tcp + CHECK, was, sum_of(tcp + SEQ, 4));
}

void tcp_window_set(uint8_t *tcp, uint16_t win, enum rewrite_check kind) {
	uint64_t was = sum_of(tcp + WINDOW, 2);

	tcp[WINDOW] = (uint8_t)(win >> 8);
	tcp[WINDOW + 1] = (uint8_t)win;
	if (kind == CHECK_WHOLE)
		check_correct(tcp + CHECK, was, sum_of(tcp + WINDOW, 2));
}

static void sack_shift(uint8_t *at, const uint8_t *end, uint32_t by) {
	while (at < end && *at != OPTION_END) {
		if (*at == OPTION_NOP) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return;
		if (*at == OPTION_SACK)
			for (unsigned edge = 2; edge + 4u <= at[1]; edge += 4)
				add(at + edge, by);
		at += at[1];
	}
}

void tcp_ack_shift(uint8_t *tcp, uint32_t by, enum rewrite_check kind) {
	size_t options = (size_t)(tcp[OFFSET] >> 4) * 4 - OPTIONS;

	if (!(tcp[FLAGS] & TCP_ACK))
		return;
	uint64_t was = sum_of(tcp + ACK, 4) + sum_of(tcp + OPTIONS, options);
	add(tcp + ACK, by);
	if (options > 0)
		sack_shift(tcp + OPTIONS, tcp + OPTIONS + options, by);
	if (kind == CHECK_WHOLE)
		check_correct(
			tcp + CHECK, was, sum_of(tcp + ACK, 4) + sum_of(tcp + OPTIONS, options));
}

void icmp_seq_shift(uint8_t *ip, size_t in_buffer, const struct session_packet *outer,
	const struct session_packet *quoted, uint32_t by) {
	uint8_t *icmp = ip + outer->l4, *tcp = icmp + ICMP_HEADER + quoted->l4;
	size_t there = (size_t)(ip + in_buffer - tcp);
	uint64_t was = sum_of(tcp + SEQ, 4), is;

	if (outer->l4_len < there + (size_t)(tcp - icmp))
		there = outer->l4_len - (size_t)(tcp - icmp);
	bool summed = there >= CHECK + 2;
	uint64_t check = summed ? sum_of(tcp + CHECK, 2) : 0;
	add(tcp + SEQ, by);
	is = sum_of(tcp + SEQ, 4);
	if (summed) {
		check_correct(tcp + CHECK, was, is);
		was += check;
		is += sum_of(tcp + CHECK, 2);
	}
	check_correct(icmp + 2, was, is);
}
