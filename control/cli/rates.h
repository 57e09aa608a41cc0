// SPDX-License-Identifier: BSD-3-Clause
// Counters seen twice, as rates: what `leat top` shows. Pure.
#pragma once

#include <jansson.h>

// The rows `now` with each counter column replaced by its growth per second since `before` (rows are matched by
// their key columns). A row that was not there before, or whose counter ran backwards (a restart), has no rate.
// New reference.
json_t *rates_rows(const json_t *columns, const json_t *before, const json_t *now, double seconds);

// The columns for such rows: counters get the unit "<unit>/s" ("/s" without one). New reference.
json_t *rates_columns(const json_t *columns);

// Rows in which no counter grew, left out. New reference.
json_t *rates_busy(const json_t *columns, const json_t *rows);
