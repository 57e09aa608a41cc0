// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/table.h"

#include "lib/text.h"
#include <locale.h>
#include <string.h>
#include <wchar.h>

// wcwidth() knows more than ASCII only in a UTF-8 locale. Loaded when the first such character comes: plain
// output does not pay for it.
static size_t wide_width(const char *text, size_t len) {
	static bool loaded;
	mbstate_t state = {0};
	wchar_t wide;
	if (!loaded) {
		setlocale(LC_CTYPE, "C.UTF-8");
		loaded = true;
	}
	int width = mbrtowc(&wide, text, len, &state) == len ? wcwidth(wide) : 1;
	return width < 0 ? 1 : (size_t)width;
}

size_t text_width(const char *text) {
	size_t left = strlen(text), width = 0;
	while (left) {
		size_t n = text_utf8_len(text, left);
		width += n > 1 ? wide_width(text, n) : 1;
		n = n ? n : 1;
		text += n;
		left -= n;
	}
	return width;
}
