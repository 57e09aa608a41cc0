// SPDX-License-Identifier: BSD-3-Clause
// Expectations as people see them.
#include "dataplane/session/helper.h"
#include "dataplane/session/module.h"
#include "lib/addr.h"
#include "lib/clock.h"
#include <errno.h>
#include <string.h>

const struct schema_row session_expect_columns[] = {
	{.name = "src", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "who is awaited"},
	{.name = "dst", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "at which address"},
	{.name = "dport", .type = SCHEMA_INT, .flags = SCHEMA_KEY, .help = "and port"},
	{.name = "new_src",
		.type = SCHEMA_STRING,
		.help = "what its source becomes, when it is said"},
	{.name = "new_dst", .type = SCHEMA_STRING, .help = "what its destination becomes"},
	{.name = "new_dport", .type = SCHEMA_INT, .help = "and its port"},
	{.name = "left", .type = SCHEMA_INT, .unit = "s", .help = "for how much longer"},
	{0},
};

static const char *text_of(const uint8_t *bytes, bool v6, char text[static ADDR_STRLEN]) {
	struct addr addr = {.family = v6 ? ADDR_V6 : ADDR_V4};

	memcpy(addr.bytes, bytes, v6 ? 16 : 4);
	return addr_print(&addr, text);
}

static json_t *row_of(const struct session_expect *e, uint64_t left_ns) {
	char a[ADDR_STRLEN], b[ADDR_STRLEN], c[ADDR_STRLEN], d[ADDR_STRLEN];

	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:i, s:I}", "src",
		text_of(e->in.src, e->in.v6, a), "dst", text_of(e->in.dst, e->in.v6, b), "dport",
		__builtin_bswap16(e->in.dport), "new_src", text_of(e->out.src, e->in.v6, c),
		"new_dst", text_of(e->out.dst, e->in.v6, d), "new_dport",
		__builtin_bswap16(e->out.dport), "left", (json_int_t)(left_ns / NSEC_PER_SEC));
}

int session_expect_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	struct session_expect expect;
	uint64_t left_ns, now_ns = clock_now_ns();
	unsigned at = 0;

	while (json_array_size(rows) < limit && expect_next(&at, now_ns, &expect, &left_ns))
		if (json_array_append_new(rows, row_of(&expect, left_ns)) < 0)
			return err_set(err, -ENOMEM, "out of memory");
	return 0;
}
