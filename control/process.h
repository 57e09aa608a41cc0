// SPDX-License-Identifier: BSD-3-Clause
// The daemon as a process: run-dir, privileges, its supervisor.
#pragma once

#include "lib/err.h"

// Makes the run-dir (0755) and takes its lock, which lasts as long as the process. -EBUSY: another daemon has it.
int ctl_run_dir_lock(const char *run_dir, struct err *err);

// As many descriptors as the system lets us have.
void ctl_raise_limits(void);

// Keeps only the capabilities that ports, XDP programs and pinned memory need; nothing that is exec'ed gets more. A
// container may have fewer: what is not there is not missed. 0 or -errno.
int ctl_drop_capabilities(struct err *err);

// sd_notify(3) without libsystemd: "READY=1". Does nothing without a supervisor.
void ctl_notify(const char *state);
