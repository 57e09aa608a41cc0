// SPDX-License-Identifier: BSD-3-Clause
// What leatd is made of besides the control plane. control/platform.c has the data plane and the network functions;
// tests bring another one.
#pragma once

#include "control/options.h"
#include "lib/module.h"

struct ctl_platform {
	const struct module *const *modules; // built-in, NULL-terminated
	void (*privileged)(void);            // before capabilities are dropped; may be NULL
	// Before any init. `tree`: what will run first, resolved; NULL: not known. The options win.
	int (*start)(const struct ctl_options *options, const json_t *tree, struct err *err);
	void (*stop)(void); // after every fini
	void (*sync)(void); // see module_hooks
};

extern const struct ctl_platform ctl_platform;
