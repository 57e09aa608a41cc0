// SPDX-License-Identifier: BSD-3-Clause
// The known word that a mistyped one most likely meant.
#include "lib/schema_priv.h"
#include <string.h>

#define WORD_MAX 63

static size_t min2(size_t a, size_t b) {
	return a < b ? a : b;
}

// Optimal string alignment: insert, delete, replace and swap of neighbours cost 1 each.
static size_t distance(const char *a, size_t na, const char *b, size_t nb) {
	size_t rows[3][WORD_MAX + 1];
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *before = rows[(i + 1) % 3], *up = rows[(i - 1) % 3], *row = rows[i % 3];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			row[j] = min2(
				min2(up[j], row[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min2(row[j], before[j - 2] + 1);
		}
	}
	return rows[na % 3][nb];
}

const char *schema_nearest(const char *word, const char *const *known) {
	size_t len = strlen(word);
	// Among words of two or three letters nearly everything is two edits away.
	size_t best = len <= 3 ? 2 : 3;
	const char *nearest = NULL;
	if (!len || len > WORD_MAX)
		return NULL;
	for (; *known; known++) {
		size_t n = strlen(*known);
		if (n > WORD_MAX || n + best <= len || len + best <= n)
			continue;
		size_t edits = distance(word, len, *known, n);
		if (edits < best && edits < n) {
			best = edits;
			nearest = *known;
		}
	}
	return nearest;
}
