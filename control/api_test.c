// SPDX-License-Identifier: BSD-3-Clause
// Every route: what it answers, and what it refuses.
#include "control/api_testlib.h"

static const struct {
	const char *method, *path, *type, *body;
	int status;
	const char *holds; // in the answer's body
} requests[] = {
	{"GET", "/v1/version", JSON, "", 200, "\"version\":"},
	{"HEAD", "/v1/version", JSON, "", 200, ""},
	{"HEAD", "/v1/events", JSON, "", 200, ""},
	{"GET", "/v1/config", JSON, "", 200,
		"{\"boxes\":{\"a\":{\"key\":\"(secret)\",\"size\":1},\"b\":{}}}"},
	{"GET", "/v1/config?resolved=1", JSON, "", 200, "\"color\":\"red\""},
	{"GET", "/v1/config?source=overlay", JSON, "", 200, "{}"},
	{"GET", "/v1/config?source=file", JSON, "", 200, "\"size\":1"},
	{"GET", "/v1/config?source=moon", JSON, "", 400, "running, file, overlay"},
	{"GET", "/v1/config?source=file&resolved=1", JSON, "", 400, "resolved"},
	{"GET", "/v1/config/boxes.a.size", JSON, "", 200, "1"},
	{"GET", "/v1/config/boxes%2Ea%2Ekey", JSON, "", 200, "\"(secret)\""},
	{"GET", "/v1/config/boxes.c", JSON, "", 404, "not set"},
	{"GET", "/v1/config/boxes.a.sise", JSON, "", 404, "size"},
	{"GET", "/v1/config/", JSON, "", 404, "error"},
	{"PUT", "/v1/config/boxes.a.size", JSON, "7", 200, "\"new\":7"},
	{"PUT", "/v1/config/boxes.a.size", WORD, "8\n", 200, "\"new\":8"},
	{"PUT", "/v1/config/boxes.a.size", WORD, "many", 400, "boxes.a.size"},
	{"PUT", "/v1/config/boxes.a.size", JSON, "777", 400, "1..100"},
	{"PUT", "/v1/config/boxes.a.size", JSON, "{", 400, "body"},
	{"PUT", "/v1/config/boxes.a.size", JSON, "", 400, "body"},
	{"PUT", "/v1/config", WORD, "x", 400, "application/json"},
	{"PATCH", "/v1/config/boxes.a", JSON, "{\"color\":\"green\",\"size\":null}", 200, "green"},
	{"PATCH", "/v1/config", JSON, "{\"boxes\":{\"c\":{}}}", 200, "boxes.c"},
	{"GET", "/v1/diff", JSON, "", 200, "boxes.c"},
	{"GET", "/v1/diff?from=1&to=2", JSON, "", 200, "boxes.a.size"},
	{"GET", "/v1/diff?from=x", JSON, "", 400, "from"},
	{"GET", "/v1/diff?from=1&to=99", JSON, "", 404, "99"},
	{"DELETE", "/v1/config/boxes.c", JSON, "", 200, "\"op\":\"del\""},
	{"DELETE", "/v1/config/boxes.c", JSON, "", 404, "error"},
	{"DELETE", "/v1/config", JSON, "", 405, "method"},
	{"POST", "/v1/config/clear-overlay", JSON, "", 200, "changes"},
	{"GET", "/v1/config?source=overlay", JSON, "", 200, "{}"},
	{"POST", "/v1/check", JSON, BUNDLE("return {}") "}", 200, "true"},
	{"POST", "/v1/check", JSON, BUNDLE("return") "}", 400, "a.lua"},
	{"POST", "/v1/apply", JSON, BUNDLE("return { boxes = { z = {} } }") ",\"dry_run\":true}",
		200, "boxes.z"},
	{"GET", "/v1/config/boxes.z", JSON, "", 404, ""},
	{"POST", "/v1/apply", JSON, BUNDLE("return { boxes = { z = {} } }") ",\"confirm_s\":60}",
		200, "\"confirm_by\":\"2026-01-01T00:01:00Z\""},
	{"PUT", "/v1/config/boxes.a.size", JSON, "7", 409, "leat confirm"},
	{"POST", "/v1/apply", JSON, BUNDLE("return {}") "}", 409, "leat confirm"},
	{"POST", "/v1/confirm", JSON, "", 200, "true"},
	{"POST", "/v1/confirm", JSON, "", 409, "nothing to confirm"},
	{"GET", "/v1/history", JSON, "", 200, "\"state\":\"current\""},
	{"POST", "/v1/rollback", JSON, "{\"to\":1}", 200, "boxes.a"},
	{"POST", "/v1/rollback", JSON, "{\"to\":99}", 404, "leat history"},
	{"POST", "/v1/rollback", JSON, "{\"too\":1}", 400, "to"},
	{"POST", "/v1/rollback", JSON, "{\"to\":-1}", 400, "to"},
	{"POST", "/v1/apply", JSON, "", 400, "body"},
	{"POST", "/v1/apply", JSON, "[]", 400, "error"},
	{"POST", "/v1/apply", JSON, "{\"bundle\":1}", 400, "bundle"},
	{"POST", "/v1/apply", JSON, "{\"bundle\":{\"main\":\"x\",\"files\":{}}}", 400, "x"},
	{"POST", "/v1/apply", JSON, BUNDLE("return {}") ",\"confirm_s\":0}", 400, "confirm_s"},
	{"POST", "/v1/apply", JSON, "{\"bundle\":{},\"bundle\":{}}", 400, "body"},
	{"GET", "/v1/show", JSON, "", 200, "\"name\":\"boxes\""},
	{"GET", "/v1/show/boxes", JSON, "", 200, "\"rows\":[{"},
	{"GET", "/v1/show/boxes?key=b", JSON, "", 200,
		"\"rows\":[{\"color\":\"red\",\"name\":\"b\""},
	{"GET", "/v1/show/boxes?size=1&limit=1", JSON, "", 200, "\"name\":\"a\",\"size\":1}]"},
	{"GET", "/v1/show/boxes?size=55", JSON, "", 200, "\"rows\":[]"},
	{"GET", "/v1/show/boxes?size=x", JSON, "", 400, "size"},
	{"GET", "/v1/show/boxes?sise=1", JSON, "", 400, "size"},
	{"GET", "/v1/show/boxes?limit=0", JSON, "", 400, "limit"},
	{"GET", "/v1/show/baxes", JSON, "", 404, "noun"},
	{"GET", "/v1/show/modules", JSON, "", 200, "\"sections\":[\"boxes\"]"},
	{"GET", "/v1/show/control", JSON, "", 200, "\"state\":\"running\""},
	{"POST", "/v1/shake/boxes", JSON, "{\"box\":\"a\",\"times\":2}", 200, "{\"shaken\":2}"},
	{"POST", "/v1/shake/boxes", JSON, "{\"box\":\"q\"}", 400, "box"},
	{"POST", "/v1/shake/boxes", JSON, "{\"box\":\"a\",\"times\":9}", 404, "that broke it"},
	{"POST", "/v1/shake/boxes", JSON, "", 400, "box"},
	{"POST", "/v1/shake/boxes", JSON, "nonsense", 400, "body"},
	{"GET", "/v1/shake/boxes", JSON, "", 405, ""},
	{"POST", "/v1/shake/trees", JSON, "", 404, ""},
	{"POST", "/v1/stream/none", JSON, "", 404, "stream"},
	{"POST", "/v1/stream/lines", JSON, "{\"count\":0}", 400, "count"},
	{"GET", "/v1/schema", JSON, "", 200, "\"verb\":\"shake\""},
	{"GET", "/v1/openapi.json", JSON, "", 200, "\"/v1/shake/boxes\""},
	{"GET", "/metrics", JSON, "", 200, "leat_boxes_size{name=\"a\"} 1"},
	{"GET", "/v1/nothing", JSON, "", 404, "openapi"},
	{"DELETE", "/v1/schema", JSON, "", 405, ""},
	{"GET", "/", JSON, "", 404, ""},
	{"GET", "/v1/config/%00", JSON, "", 400, "path"},
	{"GET", "/v1/config/%ff", JSON, "", 400, "path"},
	{"GET", "/v1/show/boxes?key=%zz", JSON, "", 400, "query"},
};

static void test_routes(void **state) {
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		int got = call("rw", requests[i].method, requests[i].path, requests[i].type,
			requests[i].body);
		if (got != requests[i].status || !strstr(body(), requests[i].holds))
			fail_msg("%s %s %s: %d %.500s", requests[i].method, requests[i].path,
				requests[i].body, got, body());
		assert_null(strstr(answer, "hush"));
		if (got >= 400) {
			json_t *json = json_loads(body(), 0, NULL);
			assert_string_not_equal(
				jx_str(json_object_get(json, "error"), "message", ""), "");
			json_decref(json);
		}
	}
}

static void test_read_only_socket(void **state) {
	static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", "FROB"};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(call("ro", methods[i], "/v1/config/boxes.a.size", JSON, "5"), 403);
	assert_int_equal(call("ro", "POST", "/v1/stream/lines", JSON, "{}"), 403);
	assert_int_equal(call("ro", "GET", "/v1/config", JSON, ""), 200);
	assert_int_equal(call("ro", "GET", "/v1/show/boxes", JSON, ""), 200);
}

static void test_methods_are_named(void **state) {
	assert_int_equal(call("rw", "DELETE", "/v1/config", JSON, ""), 405);
	assert_non_null(strstr(answer, "Allow: GET, PUT, PATCH\r\n"));
	assert_int_equal(call("rw", "POST", "/v1/config/boxes", JSON, ""), 405);
	assert_non_null(strstr(answer, "Allow: GET, PUT, PATCH, DELETE\r\n"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_routes),
		TEST(test_read_only_socket),
		TEST(test_methods_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
