// SPDX-License-Identifier: BSD-3-Clause
// The platform of the control plane's tests: modules without a data plane.
#pragma once

#include "control/platform.h"

unsigned fake_plans_alive(void); // prepared, and neither released nor aborted
void fake_fail_later(
	const char *message); // the last module's prepare says this from now on; NULL: it works
extern unsigned fake_streams_open;
