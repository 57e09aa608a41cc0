// SPDX-License-Identifier: BSD-3-Clause
// The control plane as a module: nouns `modules` and `control`.
#pragma once

#include "control/http.h"
#include "control/txn.h"
#include "lib/module.h"

extern const struct module ctl_module;

// What its nouns report on; borrowed until set to NULL.
void ctl_module_watch(const struct ctl_config *config, const struct ctl_http *http);
