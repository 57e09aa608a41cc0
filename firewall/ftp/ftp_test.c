// SPDX-License-Identifier: BSD-3-Clause
// What is read of lines, and how endpoints are written into them.
#include "firewall/ftp/ftp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool read_line(bool server, const char *text, struct ftp_line *line) {
	char *copy = malloc(strlen(text)); // so that a sanitizer sees who reads on
	memcpy(copy, text, strlen(text));
	bool good = ftp_read(server, copy, (uint32_t)strlen(text), line);
	free(copy);
	return good;
}

static void test_lines(void **state) {
	static const struct {
		bool server;
		const char *line;
		enum ftp_word word; // FTP_NOTHING: refused
		const char *addr;
		unsigned port;
		const char *text; // what stands for both
	} cases[] = {
		{false, "PORT 10,0,0,2,7,208", FTP_PORT, "10.0.0.2", 2000, "10,0,0,2,7,208"},
		{false, "port  10,0,0,2,255,255 ", FTP_PORT, "10.0.0.2", 65535, "10,0,0,2,255,255"},
		{false, "PORT 10,0,0,256,7,208", FTP_NOTHING},
		{false, "PORT 10,0,0,2,7", FTP_NOTHING},
		{false, "PORT 10,0,0,2,7,", FTP_NOTHING},
		{false, "PORT 10,0,0,2,7,2080", FTP_NOTHING},
		{false, "PORT 10,0,0,2,7,208,1", FTP_NOTHING},
		{false, "PORT 10,0,0,2,7,208 x", FTP_NOTHING},
		{false, "PORTX 10,0,0,2,7,208", FTP_NOTHING},
		{false, "PORT", FTP_NOTHING},
		{false, "", FTP_NOTHING},
		{false, "USER PORT 10,0,0,2,7,208", FTP_NOTHING},
		{true, "PORT 10,0,0,2,7,208", FTP_NOTHING},
		{false, "EPRT |1|10.0.0.2|2000|", FTP_EPRT, "10.0.0.2", 2000, "|1|10.0.0.2|2000|"},
		{false, "Eprt !2!2001:db8::9!65535!", FTP_EPRT, "2001:db8::9", 65535,
			"!2!2001:db8::9!65535!"},
		{false, "EPRT |2|10.0.0.2|2000|", FTP_NOTHING},
		{false, "EPRT |1|2001:db8::9|2000|", FTP_NOTHING},
		{false, "EPRT |3|10.0.0.2|2000|", FTP_NOTHING},
		{false, "EPRT |1|10.0.0.2|70000|", FTP_NOTHING},
		{false, "EPRT |1|10.0.0.2|2000", FTP_NOTHING},
		{false, "EPRT |1|10.0.0.2!2000|", FTP_NOTHING},
		{false, "EPRT 110.0.0.212000", FTP_NOTHING},
		{false, "EPRT |1||2000|", FTP_NOTHING},
		{false, "PASV", FTP_PASV, NULL, 0, ""},
		{false, "pasv ", FTP_PASV, NULL, 0, ""},
		{false, "EPSV", FTP_EPSV, NULL, 0, ""},
		{false, "EPSV 2", FTP_EPSV, NULL, 0, ""},
		{true, "227 Entering Passive Mode (192,0,2,7,4,1)", FTP_PASSIVE, "192.0.2.7", 1025,
			"192,0,2,7,4,1"},
		{true, "227 =192,0,2,7,4,1", FTP_PASSIVE, "192.0.2.7", 1025, "192,0,2,7,4,1"},
		{true, "227 Mode 2 is on (192,0,2,7,4,1).", FTP_PASSIVE, "192.0.2.7", 1025,
			"192,0,2,7,4,1"},
		{true, "227-Entering Passive Mode (192,0,2,7,4,1)", FTP_NOTHING},
		{true, "227 Entering Passive Mode", FTP_NOTHING},
		{true, "2270 (192,0,2,7,4,1)", FTP_NOTHING},
		{true, "220 (192,0,2,7,4,1)", FTP_NOTHING},
		{false, "227 Entering Passive Mode (192,0,2,7,4,1)", FTP_NOTHING},
		{true, "229 Entering Extended Passive Mode (|||1025|)", FTP_EXTENDED, NULL, 1025,
			"|||1025|"},
		{true, "229 (x) (!!!1025!)", FTP_EXTENDED, NULL, 1025, "!!!1025!"},
		{true, "229 (||1025|)", FTP_NOTHING},
		{true, "229 (|||1025)", FTP_NOTHING},
		{true, "229 |||1025|", FTP_NOTHING},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ftp_line line;
		struct addr addr = {0};

		bool good = read_line(cases[i].server, cases[i].line, &line);
		if (good != (cases[i].word != FTP_NOTHING))
			fail_msg("\"%s\" is %sread", cases[i].line, good ? "" : "not ");
		if (!good)
			continue;
		if (cases[i].addr)
			assert_int_equal(addr_parse(cases[i].addr, &addr), 0);
		assert_int_equal(line.word, cases[i].word);
		assert_int_equal(addr_cmp(&line.addr, &addr), 0);
		assert_int_equal(line.port, cases[i].port);
		assert_int_equal(line.len, strlen(cases[i].text));
		assert_memory_equal(cases[i].line + line.at, cases[i].text, line.len);
	}
}

static void writes(
	const char *text, bool server, const char *addr, unsigned port, const char *want) {
	char got[FTP_TEXT];
	struct ftp_line line;
	struct addr a;

	assert_int_equal(addr_parse(addr, &a), 0);
	assert_true(ftp_read(server, text, (uint32_t)strlen(text), &line));
	assert_int_equal(ftp_write(&line, &a, (uint16_t)port, got), strlen(want));
	assert_string_equal(got, want);
}

static void test_endpoints(void **state) {
	writes("PORT 10,0,0,2,7,208", false, "203.0.113.199", 65535, "203,0,113,199,255,255");
	writes("EPRT !1!10.0.0.2!2000!", false, "192.0.2.1", 1024, "!1!192.0.2.1!1024!");
	writes("EPRT |2|2001:db8::9|2000|", false, "2001:db8:1111:2222:3333:4444:5555:6666", 65535,
		"|2|2001:db8:1111:2222:3333:4444:5555:6666|65535|");
	writes("227 (10,0,0,2,7,208)", true, "192.0.2.1", 258, "192,0,2,1,1,2");
	writes("229 (!!!2000!)", true, "192.0.2.1", 258, "!!!258!");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_endpoints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
