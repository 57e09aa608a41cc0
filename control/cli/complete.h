// SPDX-License-Identifier: BSD-3-Clause
// Where completion finds its words: the static commands, and what the daemon knows. Each function adds candidates;
// a daemon that cannot be asked adds none.
#pragma once

#include "control/cli/client.h"
#include <jansson.h>
#include <stdbool.h>

struct cmd_line;

struct complete {
	const struct client *client;
	const struct cmd_line *line; // words before the one being typed
	const char *word;            // the one being typed
	json_t *found;               // array of strings
	bool more;                   // a candidate is only the beginning of a word
	bool files;                  // names of files fit, too
};

void complete_add(struct complete *complete, const char *candidate);
void complete_verbs(struct complete *complete);
void complete_nouns(struct complete *complete);
void complete_revisions(struct complete *complete);
void complete_keys(struct complete *complete, const char *path); // keys of the config map at `path`
void complete_path(struct complete *complete, bool existing); // a config path; only one that is set
void complete_value(
	struct complete *complete, const char *path); // what the config path may be set to
// Words behind `leat show NOUN`: keys of its rows when `keys`, and COLUMN=VALUE.
void complete_rows(struct complete *complete, const char *noun, bool keys);
// Words behind a verb of the daemon.
void complete_action(
	struct complete *complete, const char *verb, size_t n, const char *const *words);
// NAME=VALUE of a stream's arguments.
void complete_stream(struct complete *complete, const char *stream);
