// SPDX-License-Identifier: BSD-3-Clause
// What a policy sees of a connection, and what it may say; the states that workers ask.
#include "firewall/lua/states.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S 1000000000ull

static struct fw_conf conf;
static struct fw_addrs *sets;
static struct fw_lua *lua;

static void prefix_add(const char *text, uint32_t label) {
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	assert_int_equal(fw_addrs_add(sets, &p, label), 0);
}

static int begin(void **state) {
	static struct fw_conf_set named[2] = {{.name = "bad"}, {.name = "web"}};
	static struct fw_schedule schedule;
	static char schedule_name[1][FW_NAME] = {"night"};
	static const struct fw_addrs_ops ops = {0};
	struct fw_range range = {80, 90};
	struct prefix any;

	sets = fw_addrs_new(100, &ops);
	prefix_add("198.51.100.0/24", 0);
	prefix_add("2001:db8:bad::/48", 0);
	prefix_parse("198.51.100.0/24", &any);
	vec_add(&named[0].prefixes, any);
	vec_add(&named[1].ports, range);
	conf = (struct fw_conf){.sets = named,
		.n_sets = 2,
		.schedules = &schedule,
		.schedule_names = schedule_name,
		.n_schedules = 1,
		.zones = {"", "in", "out"},
		.n_zones = 3,
		.policy_instructions = 5000};
	return 0;
}

static int end(void **state) {
	vec_fini(&conf.sets[0].prefixes);
	vec_fini(&conf.sets[1].ports);
	fw_addrs_free(sets);
	fw_lua_fini();
	return 0;
}

static void lua_new(const char *body) {
	char text[2048];
	struct script *script = NULL;
	struct err err = {0};
	json_t *tree = NULL, *bundle;

	snprintf(text, sizeof(text), "return { f = function(conn) %s end }", body);
	bundle = json_pack("{s:s, s:{s:s}}", "main", "x.lua", "files", "x.lua", text);
	assert_int_equal(script_run(bundle, NULL, &script, &tree, &err), 0);
	lua = fw_lua_new(&conf, script, 2, &err);
	if (lua == NULL)
		fail_msg("%s", err.msg);
	script_free(script);
	json_decref(tree);
	json_decref(bundle);
}

static void key_fill(struct fw_key *key, const char *src, const char *dst) {
	struct addr a, b;

	assert_int_equal(addr_parse(src, &a), 0);
	assert_int_equal(addr_parse(dst, &b), 0);
	memcpy(key->src, a.bytes, 16);
	memcpy(key->dst, b.bytes, 16);
	key->v6 = a.family == ADDR_V6;
}

static const char *why;

static int ask_by(unsigned worker, const struct fw_key *key, bool schedule,
	enum fw_counting counting, uint64_t now_ns) {
	static struct err err;
	struct fw_conn conn = {.key = key,
		.conf = &conf,
		.sets = sets,
		.schedules = &schedule,
		.asked_dport = 8080,
		.asked_dst = {192, 0, 2, 1},
		.moment = {.time_s = 1767225600, .weekday = 4, .hour = 23, .minute = 5},
		.counting = counting,
		.now_ns = now_ns};

	err = (struct err){0};
	why = err.msg;
	return fw_lua_ask(lua, worker, 1, &conn, &err);
}

static const struct fw_key web = {.sport = 40000, .dport = 80, .proto = 6, .from = 1, .to = 2};

static void says(const char *body, int want, const char *part) {
	struct fw_key key = web;

	key_fill(&key, "198.51.100.7", "10.0.20.10");
	lua_new(body);
	for (unsigned worker = 0; worker < 2; worker++) {
		int got = ask_by(worker, &key, true, FW_COUNT, S);
		if (got != want || (part && !strstr(why, part)))
			fail_msg("%s\n  says %d: %s", body, got, why);
	}
	fw_lua_free(lua);
}

#define IF(what) "if " what " then return 'accept' end"

static void test_fields(void **state) {
	says(IF("conn.src == '198.51.100.7' and conn.dst == '10.0.20.10'"), FW_ACCEPT, NULL);
	says(IF("conn.asked_dst == '192.0.2.1' and conn.asked_dport == 8080"), FW_ACCEPT, NULL);
	says(IF("conn.sport == 40000 and conn.dport == 80 and conn.icmp_type == nil"), FW_ACCEPT,
		NULL);
	says(IF("conn.proto == 'tcp' and conn.family == 'ipv4'"), FW_ACCEPT, NULL);
	says(IF("conn.from == 'in' and conn.to == 'out'"), FW_ACCEPT, NULL);
	says(IF("conn.weekday == 'thu' and conn.hour == 23 and conn.minute == 5 and conn.time == "
		"1767225600"),
		FW_ACCEPT, NULL);
	says("return 'drop'", FW_DROP, NULL);
	says("return 'reject'", FW_REJECT, NULL);
	says("return nil", FW_NEXT, NULL);
	says("return true", -EINVAL, "may return \"accept\", \"drop\", \"reject\", or nil");
	says("return conn.country", -EINVAL, "`firewall.country_database`");
	says("while true do end", -ETIME, "the policy used more than 5 k instructions");
}

static void test_without_ports(void **state) {
	struct fw_key key = {.proto = 58, .dport = 128 << 8, .from = 255};

	key_fill(&key, "2001:db8:bad::1", "2001:db8::1");
	lua_new(IF(
		"conn.sport == nil and conn.dport == nil and conn.icmp_type == 128 and conn.proto "
		"== "
		"'icmpv6' and conn.from == 'self' and conn.to == nil and conn.src_in and "
		"conn:src_in('bad') and conn.src == '2001:db8:bad::1' and conn.family == 'ipv6'"));
	assert_int_equal(ask_by(0, &key, true, FW_COUNT, S), FW_ACCEPT);
	fw_lua_free(lua);
	key = (struct fw_key){.proto = 99};
	key_fill(&key, "10.0.0.1", "10.0.0.2");
	lua_new(IF("conn.proto == '99' and conn.icmp_type == nil and conn.dport == nil"));
	assert_int_equal(ask_by(0, &key, true, FW_COUNT, S), FW_ACCEPT);
	fw_lua_free(lua);
}

static void test_sets_and_schedules(void **state) {
	says(IF("conn:src_in('bad') and not conn:dst_in('bad') and conn:dport_in('web')"),
		FW_ACCEPT, NULL);
	says("return conn:src_in('web') and 'drop'", -EINVAL, "\"web\" is a set of ports");
	says("return conn:dport_in('bad') and 'drop'", -EINVAL, "\"bad\" is a set of addresses");
	says("return conn:src_in('worse') and 'drop'", -EINVAL,
		"there is no set \"worse\"; name it in `sets`");
	says(IF("conn:during('night')"), FW_ACCEPT, NULL);
	says("return conn:during('day') and 'drop'", -EINVAL, "there is no schedule \"day\"");
	struct fw_key key = web;
	key_fill(&key, "198.51.100.7", "10.0.20.10");
	lua_new(IF("conn:during('night')"));
	assert_int_equal(ask_by(1, &key, false, FW_COUNT, S), FW_NEXT);
	fw_lua_free(lua);
}

// All workers count in one place; who only looks changes nothing.
static void test_counters(void **state) {
	struct fw_key key = web;

	key_fill(&key, "198.51.100.7", "10.0.20.10");
	lua_new("if conn:count('t ' .. conn.src, 10) > 3 then return 'drop' end return 'accept'");
	assert_int_equal(ask_by(0, &key, true, FW_COUNT, 10 * S), FW_ACCEPT);
	assert_int_equal(ask_by(1, &key, true, FW_COUNT, 10 * S), FW_ACCEPT);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
			ask_by(FW_LUA_WORKERS, &key, true, FW_COUNT_LOOK, 10 * S), FW_ACCEPT);
	assert_int_equal(ask_by(0, &key, true, FW_COUNT, 10 * S), FW_ACCEPT);
	assert_int_equal(ask_by(1, &key, true, FW_COUNT, 10 * S), FW_DROP);
	assert_int_equal(ask_by(FW_LUA_WORKERS, &key, true, FW_COUNT_LOOK, 10 * S), FW_DROP);
	assert_int_equal(lua->said, FW_DROP);
	assert_int_equal(ask_by(0, &key, true, FW_COUNT_NEVER, 10 * S), FW_ACCEPT); // it lives
	fw_lua_free(lua);
	lua_new("return conn:count('x', 0) and 'drop'"); // they outlive a commit
	assert_int_equal(ask_by(0, &key, true, FW_COUNT, S), -EINVAL);
	assert_non_null(strstr(why, "0 seconds are out of range 1..86400"));
	assert_int_equal(ask_by(FW_LUA_WORKERS, &key, true, FW_COUNT, S), -EINVAL);
	assert_non_null(strstr(lua->why, "out of range"));
	assert_int_equal(ask_by(5, &key, true, FW_COUNT, S), -ENOENT);
	fw_lua_free(lua);
}

static void test_moments(void **state) {
	setenv("TZ", "UTC", true);
	tzset();
	struct fw_moment m = fw_moment_read(fw_moment_pack(1767225600 + 7 * 3600 + 8 * 60 + 59));

	assert_int_equal(m.time_s, 1767225600 + 7 * 3600 + 8 * 60 + 59);
	assert_int_equal(m.weekday, 4);
	assert_int_equal(m.hour, 7);
	assert_int_equal(m.minute, 8);
	assert_int_equal(m.second, 59);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_without_ports),
		cmocka_unit_test(test_sets_and_schedules),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_moments),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
