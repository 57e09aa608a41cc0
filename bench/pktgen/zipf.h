// SPDX-License-Identifier: BSD-3-Clause
// pure
#pragma once

#include <stdint.h>

// One draw from Zipf's distribution over ranks 0..n-1: rank k has a probability in proportion to (k + 1)^-exponent.
// Rejection-inversion (Hörmann, Derflinger 1996). `random` is the state, any number to begin with.
uint32_t zipf_draw(uint64_t *random, uint32_t n, double exponent);
