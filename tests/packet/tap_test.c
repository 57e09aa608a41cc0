// SPDX-License-Identifier: BSD-3-Clause
// `leat trace` and `leat capture` through their streams, with frames on real nodes.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "tests/packet/harness.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG "{\"ports\": {\"a\": {\"device\": \"ring:a\"}, \"b\": {\"device\": \"ring:b\"}}}"

static const char udp_text[] = "020000000001 020000000002 0800 "
			       "45000020 00000000 40110000 0a000001 0a000002 0035 1092 0008 0000 "
			       "00000000 00000000 00000000 0000 00000000";
static const char arp_text[] =
	"ffffffffffff 020000000002 0806 0001 0800 0604 0001 020000000002 0a000001 "
	"000000000000 0a000002 000000000000 000000000000 000000000000";
static uint8_t udp[128], arp[128], bad[60];
static size_t udp_len, arp_len;

static void *open_stream(const struct module_stream **stream, const char *name, json_t *args) {
	struct err err = {0};
	json_t *resolved = NULL;
	void *ctx = NULL;

	*stream = module_stream_find(name);
	assert_non_null(*stream);
	if (schema_validate_rows((*stream)->args, args, NULL, "", &resolved, &err) < 0 ||
		(*stream)->open(resolved, &ctx, &err) < 0)
		fail_msg("%s", err.msg);
	json_decref(args);
	json_decref(resolved);
	return ctx;
}

// All that the stream has now. `chunk`: bytes asked for at a time. Returns -EPIPE when it has ended.
static int read_all(const struct module_stream *stream, void *ctx, char *buf, size_t size,
	size_t chunk, size_t *len) {
	ssize_t n;

	*len = 0;
	while ((n = stream->read(ctx, buf + *len, RTE_MIN(chunk, size - *len))) > 0)
		*len += n;
	return (int)n;
}

static void test_trace_path_and_drop(void **) {
	const struct module_stream *trace;
	void *ctx = open_stream(&trace, "trace", json_pack("{s:i}", "count", 2));
	char text[4096];
	size_t len;

	packet_send("a", udp, udp_len);
	packet_send("b", bad, sizeof(bad));
	packet_step();
	packet_expect("b", udp, udp_len);
	packet_expect_none();
	assert_int_equal(read_all(trace, ctx, text, sizeof(text) - 1, 7, &len), -EPIPE);
	text[len] = '\0';
	trace->close(ctx);
	assert_string_equal(text,
		"00:00:00.000000000 port a 60 bytes: 02:00:00:00:00:02 > 02:00:00:00:00:01 IPv4 "
		"10.0.0.1:53 > 10.0.0.2:4242 UDP ttl 64\n"
		"    eth_input        port a, mode l2, 60 bytes\n"
		"    cross\n"
		"    port_tx          port b, 60 bytes\n"
		"00:00:00.000000000 port b 60 bytes: 00:00:00:00:00:00 > 00:00:00:00:00:00 802.3 "
		"length 0\n"
		"    eth_input        port b, mode l2, 60 bytes\n"
		"    drop             drop_eth_input_source: the source MAC address is multicast "
		"or "
		"zero\n");
}

static void test_trace_filter_and_count(void **) {
	const struct module_stream *trace;
	void *ctx =
		open_stream(&trace, "trace", json_pack("{s:s, s:i}", "filter", "arp", "count", 1));
	char text[4096];
	size_t len;

	packet_send("a", udp, udp_len);
	packet_step();
	assert_int_equal(read_all(trace, ctx, text, sizeof(text), 4096, &len), 0);
	assert_int_equal(len, 0);
	packet_send("a", arp, arp_len);
	packet_send("a", arp, arp_len);
	packet_step();
	assert_int_equal(read_all(trace, ctx, text, sizeof(text) - 1, 4096, &len), -EPIPE);
	text[len] = '\0';
	assert_non_null(strstr(text, "ARP who-has 10.0.0.2"));
	assert_null(strstr(strstr(text, "ARP") + 1, "ARP"));
	trace->close(ctx);
	packet_expect("b", udp, udp_len);
	packet_expect("b", arp, arp_len);
	packet_expect("b", arp, arp_len);
}

static void test_one_trace_at_a_time(void **) {
	const struct module_stream *trace;
	void *ctx = open_stream(&trace, "trace", json_object()), *other;
	struct err err = {0};
	json_t *args = json_object();

	assert_int_equal(trace->open(args, &other, &err), -EBUSY);
	json_decref(args);
	trace->close(ctx);
}

// Names would be asked of a name server, by the control thread.
static void test_filter_knows_no_names(void **) {
	struct err err = {0};
	void *ctx;
	json_t *args = json_pack("{s:s}", "filter", "host localhost");

	assert_true(module_stream_find("capture")->open(args, &ctx, &err) < 0);
	assert_non_null(strstr(err.msg, "unknown host"));
	json_decref(args);
}

static void test_bad_filter(void **) {
	const struct module_stream *trace = module_stream_find("trace");
	json_t *args = json_pack("{s:s}", "filter", "hots 1.2.3.4");
	struct err err = {0};
	void *ctx;

	assert_int_equal(trace->open(args, &ctx, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "hots 1.2.3.4"));
	json_decref(args);
}

static void send_mixed(void) {
	packet_send("a", udp, udp_len);
	packet_send_chain("b", arp, arp_len, 20);
	packet_step();
	packet_expect("b", udp, udp_len);
	packet_expect("a", arp, arp_len);
}

// What tshark makes of the file, one line per packet; NULL when there is no tshark.
static char *tshark(const char *bytes, size_t len) {
	static char text[2048];
	char path[] = "/tmp/leat-tap-XXXXXX", command[256];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
	snprintf(command, sizeof(command),
		"tshark -r %s -T fields -e frame.interface_name -e frame.packet_flags_direction "
		"-e frame.len -e frame.cap_len -e frame.protocols 2>/dev/null",
		path);
	FILE *pipe = popen(command, "re");
	size_t n = pipe ? fread(text, 1, sizeof(text) - 1, pipe) : 0;
	int status = pipe ? pclose(pipe) : -1;
	text[n] = '\0';
	unlink(path);
	return status == 0 ? text : NULL;
}

static void expect_tshark(const char *bytes, size_t len, const char *want) {
	const char *text = tshark(bytes, len);

	if (!text)
		skip(); // not installed
	assert_string_equal(text, want);
}

static void test_capture_both_directions(void **) {
	const struct module_stream *capture;
	void *ctx = open_stream(&capture, "capture", json_pack("{s:i}", "count", 4));
	static char bytes[8192];
	size_t len;

	send_mixed();
	assert_int_equal(read_all(capture, ctx, bytes, sizeof(bytes), 100, &len), -EPIPE);
	capture->close(ctx);
	expect_tshark(bytes, len,
		"a\t0x00000001\t60\t60\teth:ethertype:ip:udp\n"
		"b\t0x00000001\t60\t60\teth:ethertype:arp\n"
		"a\t0x00000002\t60\t60\teth:ethertype:arp\n"
		"b\t0x00000002\t60\t60\teth:ethertype:ip:udp\n");
}

static void test_capture_of_one_port_cut(void **) {
	const struct module_stream *capture;
	void *ctx = open_stream(&capture, "capture",
		json_pack("{s:s, s:s, s:i}", "port", "b", "direction", "in", "snaplen", 42));
	static char bytes[8192];
	size_t len;

	send_mixed();
	assert_int_equal(read_all(capture, ctx, bytes, sizeof(bytes), 8192, &len), 0);
	capture->close(ctx);
	expect_tshark(bytes, len, "b\t0x00000001\t60\t42\teth:ethertype:arp\n");
}

static void send_long(unsigned n) {
	static uint8_t long_frame[1500] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};

	for (unsigned i = 0; i < n; i++) {
		packet_send("a", long_frame, sizeof(long_frame));
		packet_step();
		packet_expect("b", long_frame, sizeof(long_frame));
	}
}

#define TOO_MANY 4000 // 6 MB into a ring of 4

static void test_capture_says_what_it_lost(void **) {
	const struct module_stream *capture;
	void *ctx = open_stream(&capture, "capture", json_pack("{s:s}", "direction", "in"));
	static char bytes[16 << 20];
	size_t len;

	send_long(TOO_MANY);
	read_all(capture, ctx, bytes, sizeof(bytes), 65536, &len);
	capture->close(ctx);
	uint64_t lost;
	memcpy(&lost, bytes + len - 16, sizeof(lost)); // the statistics block is the last
	assert_in_range(lost, 1000, 3999);
}

// What was lost is not among those that were asked for: others come in its place.
static void test_capture_of_a_number_ends(void **) {
	const struct module_stream *capture;
	void *ctx = open_stream(
		&capture, "capture", json_pack("{s:s, s:i}", "direction", "in", "count", TOO_MANY));
	static char bytes[16 << 20];
	size_t len;

	send_long(TOO_MANY);
	assert_int_equal(read_all(capture, ctx, bytes, sizeof(bytes), 65536, &len), 0);
	send_long(TOO_MANY / 2);
	assert_int_equal(read_all(capture, ctx, bytes, sizeof(bytes), 65536, &len), -EPIPE);
	capture->close(ctx);
}

static void test_too_many_captures(void **) {
	const struct module_stream *capture;
	void *ctx[4], *more;
	struct err err = {0};

	for (int i = 0; i < 4; i++)
		ctx[i] = open_stream(&capture, "capture", json_object());
	json_t *args = json_pack("{s:s}", "direction", "both");
	assert_int_equal(capture->open(args, &more, &err), -EBUSY);
	json_decref(args);
	for (int i = 0; i < 4; i++)
		capture->close(ctx[i]);
	send_mixed(); // nothing is left that would look at them
}

static int setup(void **) {
	udp_len = packet_hex(udp_text, udp, sizeof(udp));
	arp_len = packet_hex(arp_text, arp, sizeof(arp));
	if (packet_setup(NULL) < 0)
		return -1;
	packet_config(CONFIG);
	packet_cross("a", "b");
	return 0;
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trace_path_and_drop),
		cmocka_unit_test(test_trace_filter_and_count),
		cmocka_unit_test(test_one_trace_at_a_time),
		cmocka_unit_test(test_filter_knows_no_names),
		cmocka_unit_test(test_bad_filter),
		cmocka_unit_test(test_capture_both_directions),
		cmocka_unit_test(test_capture_of_one_port_cut),
		cmocka_unit_test(test_capture_says_what_it_lost),
		cmocka_unit_test(test_capture_of_a_number_ends),
		cmocka_unit_test(test_too_many_captures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
