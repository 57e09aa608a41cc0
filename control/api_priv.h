// SPDX-License-Identifier: BSD-3-Clause
// Routes and their handlers, for api*.c and openapi.c.
#pragma once

#include "control/api.h"
#include "lib/module.h"

#define CTL_ARGS_MAX   2
#define CTL_ROWS_LIMIT 1000000 // rows of one answer

// One request at its handler.
struct ctl_call {
	struct ctl_api *api;
	const struct ctl_request *request;
	char *args[CTL_ARGS_MAX]; // what stood in the route's {braces}
	json_t *body; // validated against the route's rows, defaults filled in; NULL: none wanted
	struct ctl_reply *reply;
};

struct ctl_route {
	const char *method;
	const char *path; // "/v1/show/{noun}"; a {path} takes all that follows
	void (*handle)(struct ctl_call *call);
	const char *summary;
	const struct schema_row *query;  // closed by {0}; NULL: none
	const struct schema_row *body;   // the same, of a JSON object
	const struct schema_row *answer; // the same; NULL: `type`, or any JSON
	const char *type;                // of an answer that is not JSON
	bool any_body;                   // the handler reads the body itself
};

extern const struct ctl_route ctl_routes[]; // closed by {0}

// Status for an error of txn.h.
int ctl_status(int code);

void ctl_get_config(struct ctl_call *call);
void ctl_edit_config(struct ctl_call *call);
void ctl_clear_overlay(struct ctl_call *call);
void ctl_post_apply(struct ctl_call *call);
void ctl_post_check(struct ctl_call *call);
void ctl_post_confirm(struct ctl_call *call);
void ctl_post_rollback(struct ctl_call *call);
void ctl_get_history(struct ctl_call *call);
void ctl_get_diff(struct ctl_call *call);
void ctl_get_nouns(struct ctl_call *call);
void ctl_get_rows(struct ctl_call *call);
void ctl_post_action(struct ctl_call *call);
void ctl_post_stream(struct ctl_call *call);
void ctl_get_events(struct ctl_call *call);
void ctl_get_metrics(struct ctl_call *call);
