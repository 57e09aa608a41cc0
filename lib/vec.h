// SPDX-License-Identifier: BSD-3-Clause
// A growable array of one type: `VEC(struct port *) ports = {0};`, then ports.items[i] for i < ports.n.
// Zeroed memory is an empty one.
#pragma once

#include <errno.h>
#include <stdlib.h>

#define VEC(type)              \
	struct {               \
		type *items;   \
		size_t n, cap; \
	}

// Makes room for one more element. 0 or -ENOMEM (nothing has changed).
static inline int vec_grow(void **items, size_t n, size_t *cap, size_t item_bytes) {
	if (n < *cap)
		return 0;
	size_t wanted = *cap ? *cap * 2 : 8;
	void *grown = reallocarray(*items, wanted, item_bytes);
	if (grown == NULL)
		return -ENOMEM;
	*items = grown;
	*cap = wanted;
	return 0;
}

// Appends `item`. 0 or -ENOMEM.
#define vec_add(vec, item)                                                                     \
	({                                                                                     \
		int vec_rc_ = vec_grow(                                                        \
			(void **)&(vec)->items, (vec)->n, &(vec)->cap, sizeof(*(vec)->items)); \
		if (vec_rc_ == 0)                                                              \
			(vec)->items[(vec)->n++] = (item);                                     \
		vec_rc_;                                                                       \
	})

// Frees the array (not what its elements point to) and leaves it empty.
#define vec_fini(vec)                      \
	do {                               \
		free((vec)->items);        \
		(vec)->items = NULL;       \
		(vec)->n = (vec)->cap = 0; \
	} while (0)
