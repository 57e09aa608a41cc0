// SPDX-License-Identifier: BSD-3-Clause
// Words → the arguments of an action or a stream.
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stddef.h>

// `rows` describe the arguments. NAME=VALUE sets one, any other word the first that is not set yet. Values are typed
// as the rows want; the daemon validates. New reference, or NULL with err set (a word too many).
json_t *args_build(const json_t *rows, const char *const *words, size_t n, struct err *err);
