// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// Memory for tables that grow up to a limit: address space is reserved at once, pages come (zeroed) when first touched, big
// ones where the kernel gives them. Nothing ever moves, so that readers need no pointer swap when a table grows.
#pragma once

#include <stddef.h>

// NULL: no address space. `huge`: ask for big pages (tables that are read at random).
void *region_new(size_t bytes, int huge);
void region_free(void *region, size_t bytes);
