// SPDX-License-Identifier: BSD-3-Clause
#include "control/http.h"
#include <stdlib.h>
#include <string.h>

// The same configuration is always the same bytes.
#define DUMP_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_REAL_PRECISION(15))

void ctl_reply_fini(struct ctl_reply *reply) {
	free(reply->body);
	if (reply->feed.close)
		reply->feed.close(reply->feed.ctx);
	*reply = (struct ctl_reply){0};
}

static void reply_set(struct ctl_reply *reply, int status, json_t *json) {
	static const char failed[] = "{\"error\":{\"message\":\"out of memory\",\"path\":\"\"}}";
	ctl_reply_fini(reply);
	reply->type = "application/json";
	reply->status = status;
	reply->body = json ? json_dumps(json, DUMP_FLAGS) : NULL;
	if (reply->body == NULL) {
		reply->status = 503;
		reply->body = strdup(failed);
	}
	reply->body_len = reply->body ? strlen(reply->body) : 0;
	json_decref(json);
}

void ctl_reply_json(struct ctl_reply *reply, json_t *json) {
	reply_set(reply, 200, json);
}

void ctl_reply_error(struct ctl_reply *reply, int status, const struct err *err) {
	const char *allow = reply->allow;
	reply_set(reply, status,
		json_pack("{s:{s:s, s:s}}", "error", "path", err->path, "message", err->msg));
	reply->allow = allow;
}

void ctl_reply_message(struct ctl_reply *reply, int status, const char *message) {
	struct err err = {0};
	err_set(&err, -1, "%s", message);
	ctl_reply_error(reply, status, &err);
}
