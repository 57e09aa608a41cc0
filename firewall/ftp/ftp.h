// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The lines of an FTP control connection that speak of a data connection: PORT, PASV and its answer 227 (RFC 959, RFC 1123 section
// 4.1.2), EPRT, EPSV and its answer 229 (RFC 2428).
#pragma once

#include "lib/addr.h"

enum ftp_word {
	FTP_NOTHING,
	FTP_PORT,
	FTP_EPRT,
	FTP_PASV, // asks for FTP_PASSIVE
	FTP_EPSV, // asks for FTP_EXTENDED
	FTP_PASSIVE,
	FTP_EXTENDED,
};

struct ftp_line {
	enum ftp_word word;
	struct addr addr; // family NONE: that of the connection (FTP_EXTENDED)
	uint16_t port;
	uint32_t at, len; // where in the line both stand
	char delimiter;   // of EPRT and 229
};

#define FTP_TEXT 80 // of an endpoint, with its terminator

// `line`: without its end. `server`: who says it. false: it is none of these, or not well-formed.
bool ftp_read(bool server, const char *line, uint32_t len, struct ftp_line *out);
// An endpoint in the words of that line. Its length.
uint32_t ftp_write(const struct ftp_line *line, const struct addr *addr, uint16_t port,
	char text[static FTP_TEXT]);
