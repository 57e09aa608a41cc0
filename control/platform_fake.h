// SPDX-License-Identifier: BSD-3-Clause
// The platform of the control plane's tests: modules without a data plane.
#pragma once

#include "control/platform.h"

unsigned fake_plans_alive(void); // prepared, and neither released nor aborted
// The last module's prepare says this when there are boxes, from now on; NULL: it works.
void fake_fail_later(const char *message);
extern unsigned fake_streams_open, fake_lines_read;
