// SPDX-License-Identifier: BSD-3-Clause
// Sessions on the control side: the section, nouns and actions, and the file of records.
#pragma once

#include "dataplane/session/session_priv.h"
#include "lib/module.h"

struct session_conf {
	uint32_t max, reserve;
	uint32_t timeouts[SESSION_STATES]; // ticks
	bool loose, log_all;
	char log[256]; // file of records; "": none
};

extern const struct schema_row session_sections[];
void session_conf_decode(const json_t *tree, struct session_conf *conf);

extern const struct module_noun session_nouns[];
extern const struct module_action session_actions[];

// Starts a sweep and sees to it that the one before is freed when nobody looks at it.
void session_sweep_begin(const struct session_filter *filter); // NULL: judge all again
void session_sweep_poll(void);
struct session_counts session_counts_sum(void);

// The file: opened in prepare (-errno, err says why), used from commit on; polled about every 5 ms.
int session_log_open(const char *path, struct err *err); // fd, or -1 for ""
void session_log_use(int fd, const char *path);          // owns fd; closes the one before
void session_log_poll(uint64_t now_ns);
void session_log_stop(
	void); // no worker begins or ends sessions any more: what is left is written, and the ends of those that live
uint64_t session_log_lost(void); // lines that did not get into the file

// helper_show.c
extern const struct schema_row session_expect_columns[];
int session_expect_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
