// SPDX-License-Identifier: BSD-3-Clause
// The HTTP API: requests in, answers out, no sockets. One const table of routes (api.c) is what is served and what
// /v1/openapi.json says.
#pragma once

#include "control/http.h"
#include "control/txn.h"

struct ctl_events;

struct ctl_api {
	struct ctl_config *config;
	struct ctl_events *events;
	struct ctl_streams *streams;
};

// A ctl_http_handler; `api` is a struct ctl_api.
void ctl_api_handle(void *api, const struct ctl_request *request, struct ctl_reply *reply);

// The OpenAPI 3.1 document of the routes and of the registered modules. New reference.
json_t *ctl_openapi(void);

// What completion and help read: {"sections", "nouns", "actions", "streams"}. New reference.
json_t *ctl_schema_json(void);
