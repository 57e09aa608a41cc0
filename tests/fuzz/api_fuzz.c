// SPDX-License-Identifier: BSD-3-Clause
// Requests through the head's parser and every route, over modules without a data plane. An input is what a client
// would send: head and body; its first byte says by which socket.
#include "control/api.h"
#include "control/events.h"
#include "control/http_head.h"
#include "control/platform_fake.h"
#include "control/stream.h"
#include "lib/log.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FEED_READS 64

static struct ctl_api api;
static json_t *bundle;
static struct ctl_streams streams;
static char dir[] = "/tmp/leat-api-fuzz-XXXXXX";

static void must(bool ok, const char *what) {
	if (ok)
		return;
	fprintf(stderr, "api_fuzz: %s\n", what);
	abort();
}

static void clean_up(void) {
	char cmd[64];
	ctl_config_free(api.config);
	json_decref(bundle);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	must(system(cmd) == 0, "cannot remove the temporary folder");
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	struct err err = {0};
	// What a script may cost is script_fuzz's business.
	ctl_script_limits = (struct script_limits){.instructions = 20000, .memory_bytes = 4 << 20};
	bundle = json_pack("{s:s, s:{s:s}}", "main", "a.lua", "files", "a.lua",
		"return { boxes = { a = { key = 'hush', tags = { 'x' } }, b = { inside = 'a' } } "
		"}");
	log_set_level(LOG_LEVEL_ERROR);
	json_object_seed(1); // the same input takes the same way
	for (const struct module *const *m = ctl_platform.modules; *m; m++)
		must(module_add(*m, &err) == 0, err.msg);
	must(module_sort(&err) == 0, err.msg);
	must(mkdtemp(dir) != NULL, "cannot make a temporary folder");
	api.config = ctl_config_new(dir, NULL, &err);
	must(api.config != NULL, err.msg);
	api.events = ctl_events_new();
	api.streams = &streams;
	must(ctl_config_start(api.config, bundle, &err) == 0, err.msg);
	atexit(clean_up);
	return 0;
}

static void read_feed(const struct ctl_reply *reply) {
	char buf[4096];
	for (int i = 0; i < FEED_READS; i++)
		if (reply->feed.read(reply->feed.ctx, buf, sizeof(buf)) <= 0)
			return;
}

static void check_reply(const struct ctl_reply *reply) {
	must(reply->status >= 200 && reply->status < 600, "no status");
	if (reply->feed.read) {
		read_feed(reply);
		return;
	}
	must(reply->body != NULL && strlen(reply->body) == reply->body_len, "no body");
	must(strstr(reply->body, "hush") == NULL, "a secret has got out");
	if (strcmp(reply->type, "application/json") == 0) {
		json_t *json = json_loads(reply->body, JSON_DECODE_ANY, NULL);
		must(json != NULL, "an answer that is not JSON");
		must(reply->status < 400 || json_object_get(json, "error"), "no error in it");
		json_decref(json);
	}
}

// What an input says is echoed, at once or in the history, and is no secret then. It can say it in escapes.
static bool says_secret(const struct ctl_head *head, const char *body, size_t len) {
	const char *name;
	json_t *value;
	bool said = strstr(head->path, "hush") || memmem(body, len, "hush", 4) ||
		memmem(body, len, "\\u", 2);
	json_object_foreach (head->query, name, value)
		said = said || strstr(name, "hush") || strstr(json_string_value(value), "hush");
	return said;
}

// Each input finds the same configuration.
static void start_over(void) {
	struct err err = {0};
	struct ctl_result result = {0};
	struct ctl_apply opts = {0};
	if (ctl_config_confirm_by(api.config))
		must(ctl_config_confirm(api.config, &err) == 0, err.msg);
	must(ctl_config_apply(api.config, bundle, &opts, &result, &err) == 0, err.msg);
	ctl_result_fini(&result);
}

static void serve(const struct ctl_head *head, const char *body, size_t len, bool read_only) {
	struct ctl_reply reply = {0};
	struct ctl_request request = {.method = head->method,
		.path = head->path,
		.query = head->query,
		.type = head->type,
		.body = body,
		.body_len = len,
		.read_only = read_only};
	uint64_t before = ctl_config_revision(api.config);
	ctl_api_handle(&api, &request, &reply);
	check_reply(&reply);
	must(!read_only || ctl_config_revision(api.config) == before,
		"changed by the wrong socket");
	ctl_reply_fini(&reply);
	must(fake_plans_alive() == 0, "a plan was forgotten");
	if (ctl_config_revision(api.config) != before)
		start_over();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct ctl_head head;
	const char *why;
	if (size < 1 || size > 65536)
		return 0;
	char *text = malloc(size);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	char *end = memmem(text, size - 1, "\r\n\r\n", 4);
	size_t head_len = end ? (size_t)(end - text) + 4 : size - 1;
	size_t body_len = size - 1 - head_len;
	char *body = strndup("", 0);
	char *copy = realloc(body, body_len + 1);
	if (copy) {
		memcpy(copy, text + head_len, body_len);
		copy[body_len] = '\0';
		text[head_len] = '\0';
		int status = ctl_head_parse(text, head_len, &head, &why);
		must(status == 0 || *why, "refused without a word");
		if (status == 0 && !says_secret(&head, copy, body_len))
			serve(&head, copy, body_len, data[0] & 1);
		ctl_head_fini(&head);
	}
	free(copy ? copy : body);
	free(text);
	return 0;
}
