// SPDX-License-Identifier: BSD-3-Clause
// The client's parser of the daemon's answers: whole and byte by byte must agree.
#include "control/cli/http_parse.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	size_t len;
	uint64_t hash;
};

static int add(const void *data, size_t len, void *arg) {
	struct sum *sum = arg;
	for (size_t i = 0; i < len; i++)
		sum->hash = sum->hash * 31 + ((const uint8_t *)data)[i];
	sum->len += len;
	return 0;
}

static int parse(const uint8_t *data, size_t size, size_t step, struct http_parser *parser,
	struct sum *sum) {
	struct err err = {0};
	int rc = 0;
	http_parser_init(parser);
	for (size_t at = 0; at < size && rc == 0; at += step)
		rc = http_parser_feed(parser, (const char *)data + at,
			size - at < step ? size - at : step, add, sum, &err);
	return rc ? rc : http_parser_end(parser, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct http_parser whole, pieces;
	struct sum a = {0}, b = {0};
	int rc = parse(data, size, size ? size : 1, &whole, &a);
	if (parse(data, size, 1, &pieces, &b) != rc || whole.status != pieces.status ||
		a.len != b.len || a.hash != b.hash)
		abort();
	return 0;
}
