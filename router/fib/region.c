// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "router/fib/region.h"
#include <stdint.h>
#include <sys/mman.h>

#define BIG_PAGE ((size_t)2 << 20)

static size_t rounded(size_t bytes) {
	return (bytes + BIG_PAGE - 1) & ~(BIG_PAGE - 1);
}

void *region_new(size_t bytes, int huge) {
	size_t size = rounded(bytes);
	uint8_t *map = mmap(NULL, size + BIG_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	// Big pages need their alignment; what sticks out goes back.
	uint8_t *start = (uint8_t *)rounded((size_t)map);
	if (start > map)
		munmap(map, (size_t)(start - map));
	if (map + BIG_PAGE > start)
		munmap(start + size, (size_t)(map + BIG_PAGE - start));
	madvise(start, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	madvise(start, size, MADV_DONTDUMP);
	return start;
}

void region_free(void *region, size_t bytes) {
	if (region)
		munmap(region, rounded(bytes));
}
