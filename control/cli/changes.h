// SPDX-License-Identifier: BSD-3-Clause
// Differences between two configurations, for people.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

// `changes` as schema_diff() makes them. One line each:
//   + ports.web1: {"device":"tap:web1"}     - ports.old: {...}     ~ ports.lan.mtu: 1500 → 9000
// A whole map that came or went is a line per object in it. Returns the number of lines.
size_t changes_print(FILE *out, const json_t *changes, bool color);

// A line for each path in the "restart" of an answer: what the next start will do, and this process will not.
void changes_print_restart(FILE *out, const json_t *answer);

// A line for each of the "notes" of an answer.
void changes_print_notes(FILE *out, const json_t *answer);

// "no change", "1 change", "7 changes". Returns buf.
char *changes_count(size_t n, char buf[static 32]);
