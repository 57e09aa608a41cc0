// SPDX-License-Identifier: BSD-3-Clause
// The file of starts and ends: every session that is recorded has one of each, with what it carried and why it ended; what a slow reader or a
// small pipe cannot take is counted, and no line is torn.
//
// Ports a (zone in) and b (zone out): 10.1.0.1/24, 2001:db8:1::1/64 and 10.2.0.1/24, 2001:db8:2::1/64, hosts .9.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- the lab ---------------------------------------------------------------------------------------------------------

static char path[64];

static void config(const char *log_all, const char *rules) {
	static const char lab[] =
		"local function i(port, n, zone) local m = '02:00:00:00:0' .. n .. ':09' return { "
		"port = port, zone = zone, mac = '02:00:00:00:0' .. n .. ':01', dad = false, "
		"addresses = { '10.' .. n .. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors "
		"= { ['10.' .. n .. '.0.9'] = m, ['2001:db8:' .. n .. '::9'] = m } } end "
		"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { "
		"device = 'ring:c' } }, sessions = { max = 1000, reserve = 10, log = '%s', log_all "
		"= %s }, routers = { r = { interfaces = { a = i('a', 1, 'in'), b = i('b', 2, "
		"'out') "
		"} } }, firewall = { rules = { %s } } }";
	char text[4096];

	snprintf(text, sizeof(text), lab, path, log_all, rules);
	packet_config(text);
}

static void start(const char *name, const char *log_all, const char *rules) {
	snprintf(path, sizeof(path), "%s/%s", packet_dir(), name);
	config(log_all, rules);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static void say(char from, bool v6, uint16_t sport, uint16_t dport) {
	bool back = from == 'b';
	const char *in = v6 ? "2001:db8:1::9" : "10.1.0.9",
		   *out = v6 ? "2001:db8:2::9" : "10.2.0.9";
	struct frame f = frame_udp(
		mac_router(from), mac_host(from, 9), back ? out : in, back ? in : out, 60);

	frame_ports(&f, sport, dport);
	frame_send(from, &f);
	frames_drain();
}

static void segment(
	char from, uint16_t sport, uint16_t dport, unsigned flags, uint32_t seq, uint32_t ack) {
	bool back = from == 'b';
	struct frame f = frame_syn(mac_router(from), mac_host(from, 9),
		back ? "10.2.0.9" : "10.1.0.9", back ? "10.1.0.9" : "10.2.0.9", 1460);

	seq = htonl(seq);
	ack = htonl(ack);
	memcpy(f.bytes + 38, &seq, 4);
	memcpy(f.bytes + 42, &ack, 4);
	f.bytes[47] = (uint8_t)flags;
	frame_ports(&f, sport, dport);
	frame_send(from, &f);
	frames_drain();
}

// ---- lines -----------------------------------------------------------------------------------------------------------

static json_t *lines; // of the file; borrowed by what follows

static json_t *parse(char *text) {
	json_t *all = json_array();
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		json_t *row = json_loads(line, 0, NULL);
		if (row == NULL)
			fail_msg("a torn line: %s", line);
		json_array_append_new(all, row);
	}
	return all;
}

static void read_lines(int fd) {
	static char text[8 << 20];
	size_t len = 0;

	for (ssize_t n; (n = read(fd, text + len, sizeof(text) - len - 1)) > 0;)
		len += (size_t)n;
	text[len] = '\0';
	json_decref(lines);
	lines = parse(text);
}

static void read_file(void) {
	packet_advance(NSEC_PER_MSEC);
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	read_lines(fd);
	close(fd);
}

static void remove_file(void) {
	unlink(path);
	json_decref(lines);
	lines = NULL;
}

static bool is_of(const json_t *row, const char *event, unsigned sport) {
	return strcmp(json_string_value(json_object_get(row, "event")), event) == 0 &&
		(sport == 0 || json_integer_value(json_object_get(row, "sport")) == sport);
}

// Lines of an event; sport 0: any.
static unsigned count(const char *event, unsigned sport) {
	unsigned n = 0;
	json_t *row;
	size_t i;

	json_array_foreach (lines, i, row)
		n += is_of(row, event, sport);
	return n;
}

static const json_t *end_of(unsigned sport) {
	const json_t *found = NULL;
	json_t *row;
	size_t i;

	json_array_foreach (lines, i, row)
		if (is_of(row, "end", sport))
			found = row;
	return found;
}

static json_int_t nth(const json_t *row, const char *field, size_t n) {
	return json_integer_value(json_array_get(json_object_get(row, field), n));
}

// One start and one end with this source port: why, and the packets of both directions.
static void expect_one(unsigned sport, const char *why, int packets, int back) {
	const json_t *end = end_of(sport);

	assert_int_equal(count("start", sport), 1);
	assert_int_equal(count("end", sport), 1);
	assert_string_equal(json_string_value(json_object_get(end, "why")), why);
	assert_int_equal(nth(end, "packets", 0), packets);
	assert_int_equal(nth(end, "packets", 1), back);
}

#define ALL "{ name = 'all', from = 'in', to = 'out', action = 'accept', log = true }"

static void every_start_has_its_end(void **) {
	start("records", "false", ALL);
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (uint16_t n = 0; n < 3; n++) { // UDP; one of them is flushed
			say('a', v6, (uint16_t)(100 + 10 * v6 + n), 53);
			say('b', v6, 53, (uint16_t)(100 + 10 * v6 + n));
			say('a', v6, (uint16_t)(100 + 10 * v6 + n), 53);
		}
	packet_flush("sessions", "{\"port\":100}");
	segment('a', 200, 80, 2, 1, 0); // a whole connection
	segment('b', 80, 200, 0x12, 1, 2);
	segment('a', 200, 80, 0x10, 2, 2);
	segment('a', 200, 80, 0x11, 2, 2);
	segment('b', 80, 200, 0x11, 2, 3);
	segment('a', 200, 80, 0x10, 3, 3);
	segment('a', 201, 80, 2, 1, 0); // refused
	segment('b', 80, 201, 0x14, 0, 2);
	segment('a', 202, 80, 2, 1, 0); // refused, and then anew
	segment('b', 80, 202, 0x14, 0, 2);
	segment('a', 202, 80, 2, 9000, 0);
	for (unsigned s = 0; s < 400; s++)
		packet_advance(NSEC_PER_SEC);
	assert_int_equal(packet_sum("session_table", "used"), 0);
	read_file();
	assert_int_equal(count("start", 0), 10);
	assert_int_equal(count("end", 0), 10);
	expect_one(100, "flushed", 2, 1);
	expect_one(101, "idle", 2, 1);
	expect_one(112, "idle", 2, 1);
	expect_one(200, "closed", 4, 2);
	expect_one(201, "reset", 1, 1);
	assert_int_equal(count("start", 202), 2);
	assert_int_equal(count("end", 202), 2);
	assert_int_equal(nth(end_of(101), "bytes", 0), 2 * 80); // from the IP header on
	assert_int_equal(nth(end_of(112), "bytes", 1), 100);
	assert_int_equal(json_integer_value(json_object_get(end_of(101), "rule")), 1);
	assert_in_range(json_integer_value(json_object_get(end_of(101), "seconds")), 299, 303);
	remove_file();
}

static void a_full_table_and_new_rules_say_so(void **) {
	start("records", "false", ALL);
	for (unsigned n = 0; n < 1500; n++)
		say('a', false, (uint16_t)(2000 + n), 53);
	config("false",
		"{ from = 'in', to = 'out', dst = '10.2.0.8', action = 'accept', log = true }");
	for (unsigned n = 0; n < 20; n++)
		packet_advance(NSEC_PER_MSEC);
	read_file();
	assert_int_equal(packet_sum("session_table", "used"), 0);
	assert_int_equal(count("start", 0), 1500);
	assert_int_equal(count("end", 0), 1500);
	unsigned evicted = 0, revoked = 0;
	json_t *row;
	size_t i;
	json_array_foreach (lines, i, row) {
		const char *why = json_string_value(json_object_get(row, "why"));
		evicted += why && strcmp(why, "evicted") == 0;
		revoked += why && strcmp(why, "revoked") == 0;
	}
	assert_int_equal(evicted, 510);
	assert_int_equal(revoked, 990);
	remove_file();
}

// A rule that records no more, or from now on, changes nothing for those that live: both lines, or none.
static void rules_that_change_their_mind(void **) {
	static const char on[] = "{ name = 'r', from = 'in', action = 'accept', log = true }",
			  off[] = "{ name = 'r', from = 'in', action = 'accept' }";

	start("records", "false", on);
	say('a', false, 100, 53);
	config("false", off);
	packet_advance(NSEC_PER_SEC);
	say('a', false, 100, 53);
	say('a', false, 101, 53);
	config("false", on);
	packet_advance(NSEC_PER_SEC);
	say('a', false, 101, 53);
	packet_flush("sessions", "{}");
	read_file();
	expect_one(100, "flushed", 2, 0);
	assert_int_equal(count("start", 101), 0);
	assert_int_equal(count("end", 101), 0);
	remove_file();
}

// `log_all` is of all, whatever their rule says.
static void all_are_recorded(void **) {
	start("records", "true", "{ from = 'in', action = 'accept' }");
	say('a', false, 100, 53);
	packet_flush("sessions", "{}");
	read_file();
	expect_one(100, "flushed", 1, 0);
	remove_file();
}

// ---- slow readers ------------------------------------------------------------------------------------------------------

// Control does not come to read: the ring fills, and what does not fit is counted.
static void a_busy_control_thread(void **) {
	start("records", "false", ALL);
	json_int_t lost = packet_sum("session_table", "records_lost");
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned n = 0; n < 900; n++)
			say('a', n % 2, (uint16_t)(2000 + n), 53);
		packet_flush("sessions", "{}");
	}
	lost = packet_sum("session_table", "records_lost") - lost;
	assert_true(lost > 0);
	for (unsigned n = 0; n < 10; n++)
		packet_advance(NSEC_PER_MSEC);
	read_file();
	assert_int_equal(json_array_size(lines) + (size_t)lost, 2 * 6 * 900);
	say('a', false, 100, 53); // and it goes on
	packet_flush("sessions", "{}");
	read_file();
	expect_one(100, "flushed", 1, 0);
	remove_file();
}

// Nobody reads the pipe: it takes what it takes, in whole lines, and the rest is counted; this box does not wait.
static void a_pipe_that_is_full(void **) {
	snprintf(path, sizeof(path), "%s/%s", packet_dir(), "pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	int fd = open(path, O_RDWR | O_NONBLOCK);
	start("pipe", "false", ALL);
	json_int_t lost = packet_sum("session_table", "records_lost");
	for (unsigned n = 0; n < 400; n++) {
		say('a', n % 2, (uint16_t)(2000 + n), 53);
		if (n % 7 == 0)
			packet_advance(NSEC_PER_MSEC);
	}
	packet_flush("sessions", "{}");
	packet_advance(NSEC_PER_MSEC);
	read_lines(fd);
	size_t had = json_array_size(lines);
	say('a', false, 100, 53); // there is room again, and the rest of a line comes first
	packet_flush("sessions", "{}");
	packet_advance(NSEC_PER_MSEC);
	read_lines(fd);
	assert_int_equal(count("end", 100), 1);
	had += json_array_size(lines) - 2;
	lost = packet_sum("session_table", "records_lost") - lost;
	assert_true(lost > 0);
	assert_int_equal(had + (size_t)lost, 800);
	close(fd);
	remove_file();
}

static void a_pipe_that_nobody_reads(void **) {
	char text[512];

	snprintf(path, sizeof(path), "%s/%s", packet_dir(), "pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(text, sizeof(text), "return { sessions = { log = '%s' } }", path);
	assert_non_null(strstr(packet_config_refused(text), "sessions.log"));
	remove_file();
}

static int setup(void **) {
	static const struct module *const modules[] = {
		&session_module, &switch_module, &router_module, &firewall_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	json_decref(lines);
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_start_has_its_end),
		cmocka_unit_test(a_full_table_and_new_rules_say_so),
		cmocka_unit_test(rules_that_change_their_mind),
		cmocka_unit_test(all_are_recorded),
		cmocka_unit_test(a_busy_control_thread),
		cmocka_unit_test(a_pipe_that_is_full),
		cmocka_unit_test(a_pipe_that_nobody_reads),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
