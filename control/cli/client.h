// SPDX-License-Identifier: BSD-3-Clause
// The daemon's API as the commands use it: JSON in, JSON or an error out.
#pragma once

#include "control/cli/http.h"
#include "lib/err.h"
#include <jansson.h>
#include <stdbool.h>

struct client {
	const char *run_dir; // -r, LEAT_RUN_DIR or /run/leat
	bool color;          // stdout is a terminal that wants colour
	bool quick;          // completion: give up after a second
};

#define CLIENT_RUN_DIR "/run/leat"

// GET `target` (path and query, encoded). Falls back to the read-only socket when the other one is closed to
// this user. *answer: new reference. Returns 0; -ENOTCONN when the daemon cannot be reached or breaks off,
// -EINTR, or what it refused (-EINVAL, -ENOENT for 404, ...), with `err` set to its own words.
int client_get(const struct client *client, const char *target, json_t **answer, struct err *err);

// Any other method with a JSON body (NULL: none). `answer` may be NULL.
int client_send(const struct client *client, const char *method, const char *target,
	const json_t *body, json_t **answer, struct err *err);
// The same with text/plain: one word for the schema to parse.
int client_send_word(const struct client *client, const char *method, const char *target,
	const char *word, json_t **answer, struct err *err);

// An open-ended answer: bytes go to `sink` until the daemon ends it (0) or a signal does (-EINTR).
// What the sink returns is passed on with `err` as it was.
int client_stream(const struct client *client, const char *method, const char *target,
	const json_t *body, http_body_fn sink, void *arg, struct err *err);

// Prints "leat: ..." on stderr; returns the exit status: 2 when the daemon was not reached, else 1.
int client_fail(const struct err *err);
