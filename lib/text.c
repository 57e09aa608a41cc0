// SPDX-License-Identifier: BSD-3-Clause
#include "lib/text.h"
#include <stdint.h>
#include <string.h>

size_t text_utf8_len(const char *text, size_t n) {
	const uint8_t *b = (const uint8_t *)text;
	if (n == 0)
		return 0;
	if (b[0] < 0x80)
		return 1;
	size_t len = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (b[0] < 0xc2 || b[0] > 0xf4 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	// The second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF.
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
		(b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
		return 0;
	return len;
}

size_t text_print_len(const char *text, size_t n) {
	const uint8_t *b = (const uint8_t *)text;
	size_t len = text_utf8_len(text, n);
	if (len == 1 && (b[0] < 0x20 || b[0] == 0x7f))
		return 0;
	if (len == 2 && b[0] == 0xc2 && b[1] < 0xa0)
		return 0;
	return len;
}

char *text_clean(char *text) {
	size_t n = strlen(text);
	for (size_t i = 0; i < n;) {
		size_t len = text_print_len(text + i, n - i);
		if (len == 0)
			text[i++] = '?';
		i += len;
	}
	return text;
}
