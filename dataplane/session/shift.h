// SPDX-License-Identifier: BSD-3-Clause
// pure
// The numbers of TCP segments in passing, for who stands between two ends that count differently: a SYN proxy, a helper that makes
// what is sent longer or shorter. `tcp`: a header that tcp_decode() has read, so that all of it is there. Checksums are corrected
// (RFC 1624) unless they are still to be made (CHECK_PSEUDO).
#pragma once

#include "dataplane/session/rewrite.h"

// Adds to its sequence number.
void tcp_seq_shift(uint8_t *tcp, uint32_t by, enum rewrite_check kind);
// Adds to what it acknowledges, blocks of SACK (RFC 2018) included; one without ACK is left alone.
void tcp_ack_shift(uint8_t *tcp, uint32_t by, enum rewrite_check kind);
void tcp_window_set(uint8_t *tcp, uint16_t win, enum rewrite_check kind);

// The same for the segment that an ICMP error quotes (icmp_error_key()): its sequence number, with the checksums of both.
void icmp_seq_shift(uint8_t *ip, size_t in_buffer, const struct session_packet *outer,
	const struct session_packet *quoted, uint32_t by);
