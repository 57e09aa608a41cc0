// SPDX-License-Identifier: BSD-3-Clause
// The dual-stack router (section `routers`). README.md has the picture.
#pragma once

#include "lib/module.h"

extern const struct module router_module;
