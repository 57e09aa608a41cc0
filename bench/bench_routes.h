// SPDX-License-Identifier: BSD-3-Clause
// bench.c's router: how it is configured, which routes it has, what is sent to it. Sixteen neighbours behind each port; routes take
// them in turn. What port "a" receives leaves by "b" and the other way round.
#pragma once

#include "bench/bench.h"

json_t *bench_routes_config(const struct bench_opts *opts); // section `routers`
// Before and after the sources are made: the files of a small table, where none was given.
int bench_routes_start(const struct bench_opts *opts, struct err *err);
void bench_routes_started(void);
void bench_routes_profile(char *text, size_t size, const struct bench_opts *opts, bool side);
// Straight into the router's table, as a commit does. -errno with err.
int bench_routes_load(const struct bench_opts *opts, struct err *err);
