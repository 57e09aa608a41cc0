// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/profile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka.h needs the four above
#include <cmocka.h>

static struct profile profile;

static void good(const char *text) {
	struct err err = {0};

	if (profile_parse(text, &profile, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
}

static void nothing_given(void **) {
	good("");
	assert_int_equal(profile.l3, PROFILE_IP4);
	assert_int_equal(profile.l4, PROFILE_UDP);
	assert_int_equal(profile.order, PROFILE_SEQ);
	assert_int_equal(profile.macs, 1);
	assert_int_equal(profile.flows, 1);
	assert_int_equal(profile.n_sizes, 1);
	assert_int_equal(profile.sizes[0].bytes, 64);
	assert_int_equal(profile.side, 0);
	assert_int_equal(profile.rate_pps, 0);
	assert_int_equal(profile_header_len(&profile), 42);
}

static void all_given(void **) {
	good("side=1,macs=10,dst_mac=02:00:00:00:00:07,l3=ip4,l4=tcp,flows=2000,order=zipf,zipf=0."
	     "9,"
	     "size=128x3+1518,vlan=7,vlans=5,src=10.1.0.0/16,dst=10.2.0.0/16,dst_step=256,"
	     "sports=100,dports=3,tcp=syn,seed=9,check=1,stamp=1,hash=1,shm=/run/x,rate=1000");
	assert_int_equal(profile.side, 1);
	assert_true(profile.has_dst_mac && profile.dst_mac.bytes[5] == 7);
	assert_int_equal(profile.l4, PROFILE_TCP);
	assert_int_equal(profile.tcp, PROFILE_TCP_SYN);
	assert_int_equal(profile.n_sizes, 2);
	assert_int_equal(profile.sizes[0].weight, 3);
	assert_int_equal(profile.sizes[1].bytes, 1518);
	assert_int_equal(profile.sizes[1].weight, 1);
	assert_int_equal(profile.src_count, 2000); // no more than there are flows
	assert_int_equal(profile.dst_count, 256);
	assert_true(profile.zipf > 0.89 && profile.zipf < 0.91);
	assert_int_equal(profile.rate_pps, 1000);
	assert_string_equal(profile.shm, "/run/x");
	assert_int_equal(profile_header_len(&profile), 58);
}

static void imix(void **) {
	static const struct profile_size want[] = {{64, 7}, {594, 4}, {1518, 1}};

	good("size=imix");
	assert_int_equal(profile.n_sizes, 3);
	assert_memory_equal(profile.sizes, want, sizeof(want));
}

static void what_is_left_out_follows_from_the_rest(void **) {
	good("macs=1000");
	assert_int_equal(profile.flows, 1000);
	assert_int_equal(profile.src_count, 1000);
	good("src=2001:db8::/32");
	assert_int_equal(profile.l3, PROFILE_IP6);
	assert_int_equal(profile.sizes[0].bytes, 66);
	good("l3=ip6,check=1,vlan=1");
	assert_int_equal(profile.sizes[0].bytes, 88);
	good("check=1");
	assert_int_equal(profile.sizes[0].bytes, 64); // fits exactly
	good("tcp=syn");
	assert_int_equal(profile.l4, PROFILE_TCP);
	good("zipf=2,flows=9");
	assert_int_equal(profile.order, PROFILE_ZIPF);
	good("flows=1000000"); // 65536 pairs of addresses
	assert_int_equal(profile.sports, 16);
	good("flows=64512,src=10.0.0.1,dst=10.0.0.2");
	assert_int_equal(profile.sports, 64512);
}

static void counts_of_addresses(void **) {
	static const struct {
		const char *src;
		uint32_t count;
	} cases[] = {
		{"10.0.0.1", 1}, {"10.0.0.1/32", 1}, {"10.0.0.0/24", 256},
		{"10.0.0.6/29", 2}, // from the given one on
		{"10.0.0.0/16", 65536}, {"0.0.0.0/0", 1000000}, {"2001:db8::1", 1},
		{"2001:db8::/112", 65536}, {"2001:db8::fffe/112", 2}, {"2001:db8::/64", 1000000},
		{"2001:db8::/32", 1000000},
		{"2001:db8::ffff:ffff:ffff:fffd/32", 3}, // the lower half alone is counted
	};
	char text[128];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "flows=1000000,dports=1000,src=%s", cases[i].src);
		good(text);
		assert_int_equal(profile.src_count, cases[i].count);
	}
	good("flows=100000,dst=10.0.0.0/8,dst_step=256,src=1.0.0.1");
	assert_int_equal(profile.dst_count, 65536);
}

// What is refused, and what the message must name: the key, the value, and the way out.
static void mistakes(void **) {
	static const struct {
		const char *text, *says[3];
	} cases[] = {
		{"mac=5", {"no key \"mac\"", "macs", "dst_mac"}},
		{"macs", {"\"macs\" has no value", "macs=...", ""}},
		{"macs=0", {"macs=0", "1..16777216", ""}},
		{"macs=16777217", {"macs=16777217", "1..16777216", ""}},
		{"macs=ten", {"macs=ten", "1..16777216", ""}},
		{"macs=-1", {"macs=-1", "1..16777216", ""}},
		{"macs=5,macs=6", {"macs=", "twice", "leave one out"}},
		{"side=2", {"side=2", "0 or 1", ""}},
		{"dst_mac=1:2", {"dst_mac=1:2", "MAC address", ""}},
		{"l3=ipv4", {"l3=ipv4", "none, ip4 or ip6", ""}},
		{"l4=sctp", {"l4=sctp", "udp or tcp", ""}},
		{"order=any", {"order=any", "seq, rand or zipf", ""}},
		{"order=zipf,zipf=0", {"zipf=0", "0.1..10", ""}},
		{"order=rand,zipf=1", {"zipf=", "order=", "leave it out"}},
		{"size=63", {"size=63", "64..9216", ""}},
		{"size=9217", {"size=9217", "64..9216", ""}},
		{"size=64x", {"size=64x", "64..9216", ""}},
		{"size=64+", {"size=64+", "64..9216", ""}},
		{"size=64x0", {"size=64x0", "shares", ""}},
		{"size=64,l3=ip6", {"size=64", "too small", "least is 66"}},
		{"size=64,l4=tcp,check=1", {"size=64", "too small", "least is 76"}},
		{"vlan=4095", {"vlan=4095", "1..4094", ""}},
		{"vlans=4", {"vlans=4", "vlan=1", ""}},
		{"vlan=4000,vlans=100", {"vlans=100", "4094", "at most 95"}},
		{"src=10.0.0.0/33", {"src=10.0.0.0/33", "prefix", ""}},
		{"src=10.0.0.1,dst=2001:db8::1", {"src=", "family", "one family"}},
		{"l3=ip6,dst=10.0.0.1", {"dst=", "family", "l3=ip6"}},
		{"l3=none,dst=10.0.0.1", {"dst=", "l3=none", "leave it out"}},
		{"l3=none,tcp=syn", {"tcp=", "l3=none", "leave it out"}},
		{"l4=udp,tcp=syn", {"tcp=", "l4=udp", "leave it out"}},
		{"macs=10,flows=5", {"flows=5", "macs=10", "as many flows"}},
		{"flows=10,src=10.0.0.1,dst=10.0.0.2,sports=5",
			{"flows=10", "5 of them", "sports= to 10"}},
		{"flows=100000,src=10.0.0.1,dst=10.0.0.2",
			{"flows=100000", "64512 of them", "larger prefixes"}},
		{"tcp=cycle,check=1", {"check=", "tcp=cycle", "leave it out"}},
		{"tcp=cycle,order=rand", {"tcp=cycle", "order=", "leave"}},
		{"tcp=cycle,flows=1048577", {"flows=1048577", "tcp=cycle", "at most 1048576"}},
		{"tcp=cycle,size=imix", {"tcp=cycle", "one size=", ""}},
		{"pcap=/x,size=64", {"size=", "pcap=", "leave it out"}},
		{"rate=fast", {"rate=fast", "packets/s", ""}},
		{"profile=/nowhere/at/all", {"profile=/nowhere/at/all", "No such file", ""}},
		{"profile=/dev/zero", {"profile=/dev/zero", "too long", ""}},
		{"shm=", {"shm=", "path", ""}},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		if (profile_parse(cases[i].text, &profile, &err) == 0)
			fail_msg("%s: taken", cases[i].text);
		for (unsigned k = 0; k < 3 && cases[i].says[k]; k++)
			if (!strstr(err.msg, cases[i].says[k]))
				fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, err.msg,
					cases[i].says[k]);
	}
}

static void file_write(char *path, const char *text) {
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void a_file_with_keys(void **) {
	char path[] = "/tmp/profile-XXXXXX", text[128];
	struct err err = {0};

	file_write(path,
		"# a switch of the usual size\nmacs=1000 order=rand\n\nsize=128,side=0 # each\n");
	snprintf(text, sizeof(text), "profile=%s,side=1", path);
	good(text);
	assert_int_equal(profile.macs, 1000);
	assert_int_equal(profile.order, PROFILE_RAND);
	assert_int_equal(profile.sizes[0].bytes, 128);
	assert_int_equal(profile.side, 1); // beside the file: wins
	snprintf(text, sizeof(text), "side=1,macs=7,profile=%s", path);
	good(text);
	assert_int_equal(profile.macs, 7);
	unlink(path);
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	file_write(path, "macs=3 macs=4\n");
	snprintf(text, sizeof(text), "profile=%s", path);
	assert_true(profile_parse(text, &profile, &err) < 0);
	assert_non_null(strstr(err.msg, "twice"));
	unlink(path);
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	file_write(path, "profile=/another\n");
	snprintf(text, sizeof(text), "profile=%s", path);
	assert_true(profile_parse(text, &profile, NULL) < 0);
	unlink(path);
}

static void help_names_every_key(void **) {
	static const char *const keys[] = {"side=", "macs=", "dst_step=", "rate=", "profile="};

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_non_null(strstr(profile_help(), keys[i]));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_given),
		cmocka_unit_test(all_given),
		cmocka_unit_test(imix),
		cmocka_unit_test(what_is_left_out_follows_from_the_rest),
		cmocka_unit_test(counts_of_addresses),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(a_file_with_keys),
		cmocka_unit_test(help_names_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
