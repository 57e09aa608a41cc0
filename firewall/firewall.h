// SPDX-License-Identifier: BSD-3-Clause
// The stateful firewall (sections `sets` and `firewall`). README.md has the picture.
#pragma once

#include "lib/module.h"

extern const struct module firewall_module;
