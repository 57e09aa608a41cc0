// SPDX-License-Identifier: BSD-3-Clause
// A leatd without a data plane, for tests of the control plane: section `boxes`, whose objects can be told to fail; a
// section `after` that is prepared later; a noun, actions and streams of every kind.
#include "control/platform_fake.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *shown;          // what `leat show boxes` reads: the committed boxes
static unsigned prepared;      // plans alive
static const char *fail_after; // message of the next prepare of the second module

// ---- boxes ---------------------------------------------------------------------------------------------------

static const char *const colors[] = {"red", "green", NULL};
static const struct schema_row box_rows[] = {
	{.name = "size",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 100,
		.def = "10",
		.help = "how large",
		.fix = "boxes come in sizes 1 to 100"},
	{.name = "color", .type = SCHEMA_ENUM, .words = colors, .def = "red", .help = "its colour"},
	{.name = "key", .type = SCHEMA_STRING, .flags = SCHEMA_SECRET, .help = "what opens it"},
	{.name = "broken", .type = SCHEMA_BOOL, .def = "false", .help = "its prepare fails"},
	{.name = "inside", .type = SCHEMA_REF, .ref = "boxes", .help = "the box it is in"},
	{.name = "judge", .type = SCHEMA_FUNCTION, .help = "a policy"},
	{.name = "tags",
		.type = SCHEMA_LIST,
		.elem = &(const struct schema_row){.type = SCHEMA_NAME, .help = "a tag"},
		.help = "words"},
	{0},
};
static const struct schema_row box_row = {.type = SCHEMA_OBJECT, .rows = box_rows, .help = "a box"};
static const struct schema_row box_sections[] = {
	{.name = "boxes", .type = SCHEMA_MAP, .elem = &box_row, .def = "{}", .help = "the boxes"},
	{0},
};

static int boxes_prepare(const struct change *change, void **plan, struct err *err) {
	const json_t *boxes = json_object_get(change->new, "boxes");
	const char *name;
	json_t *box;
	json_object_foreach ((json_t *)boxes, name, box) {
		if (json_is_true(json_object_get(box, "broken")))
			return err_at(err, name, "this box is broken");
	}
	*plan = boxes ? json_deep_copy(boxes) : json_object();
	prepared++;
	return 0;
}

static void boxes_commit(void *plan) {
	json_decref(shown);
	shown = json_incref(plan);
}

static void boxes_free(void *plan) {
	json_decref(plan);
	prepared--;
}

static void boxes_fini(void) {
	json_decref(shown);
	shown = NULL;
}

static const struct schema_row box_columns[] = {
	{.name = "name", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "the box"},
	{.name = "size", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "how large"},
	{.name = "color", .type = SCHEMA_STRING, .help = "its colour"},
	{0},
};

static int boxes_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	const char *name;
	json_t *box;
	json_object_foreach (shown, name, box) {
		if (json_array_size(rows) < limit)
			json_array_append_new(rows,
				json_pack("{s:s, s:O, s:O}", "name", name, "size",
					json_object_get(box, "size"), "color",
					json_object_get(box, "color")));
	}
	return 0;
}

static const struct module_noun box_nouns[] = {
	{"boxes", "the boxes", box_columns, boxes_show},
	{0},
};

static const struct schema_row shake_args[] = {
	{.name = "box",
		.type = SCHEMA_REF,
		.ref = "boxes",
		.flags = SCHEMA_REQUIRED,
		.help = "which"},
	{.name = "times", .type = SCHEMA_INT, .min = 1, .max = 9, .def = "1", .help = "how often"},
	{0},
};

static int shake(const json_t *args, json_t **result, struct err *err) {
	json_int_t times = json_integer_value(json_object_get(args, "times"));
	if (times == 9)
		return err_set(err, -ENOENT, "that broke it");
	*result = json_pack("{s:I}", "shaken", times);
	return 0;
}

static const struct module_action box_actions[] = {
	{"shake", "boxes", "shake a box", shake_args, shake},
	{0},
};

// ---- streams: lines without an end, lines with one, one that breaks off -------------------------------------------

struct lines {
	json_int_t left; // negative: no end
	bool breaks;
};

static const struct schema_row lines_args[] = {
	{.name = "count", .type = SCHEMA_INT, .min = 1, .max = 1000000, .help = "how many"},
	{.name = "breaks", .type = SCHEMA_BOOL, .def = "false", .help = "ends by an error"},
	{0},
};

unsigned fake_streams_open, fake_lines_read;

static int lines_open(const json_t *args, void **ctx, struct err *err) {
	struct lines *lines = calloc(1, sizeof(*lines));
	const json_t *count = json_object_get(args, "count");
	lines->left = count ? json_integer_value(count) : -1;
	lines->breaks = json_is_true(json_object_get(args, "breaks"));
	*ctx = lines;
	fake_lines_read = 0;
	fake_streams_open++;
	return 0;
}

static ssize_t lines_read(void *ctx, void *buf, size_t size) {
	struct lines *lines = ctx;
	if (lines->left == 0)
		return lines->breaks ? -EIO : -EPIPE;
	if (lines->left > 0)
		lines->left--;
	fake_lines_read++;
	memset(buf, 'x', 1023);
	((char *)buf)[1023] = '\n';
	return 1024;
}

static void lines_close(void *ctx) {
	free(ctx);
	fake_streams_open--;
}

static const struct module_stream box_streams[] = {
	{"lines", "lines of text", "text/plain", lines_args, lines_open, lines_read, lines_close},
	{0},
};

static const struct module boxes_module = {
	.name = "boxes",
	.help = "boxes",
	.sections = box_sections,
	.nouns = box_nouns,
	.actions = box_actions,
	.streams = box_streams,
	.fini = boxes_fini,
	.prepare = boxes_prepare,
	.commit = boxes_commit,
	.release = boxes_free,
	.abort = boxes_free,
};

// ---- a module after that one ------------------------------------------------------------------------------------------

static const struct schema_row later_rows[] = {
	{.name = "memory",
		.type = SCHEMA_BYTES,
		.flags = SCHEMA_RESTART,
		.def = "1M",
		.help = "read at the start only"},
	{.name = "refuse", .type = SCHEMA_BOOL, .def = "false", .help = "its prepare fails"},
	{0},
};
static const struct schema_row later_sections[] = {
	{.name = "later", .type = SCHEMA_OBJECT, .rows = later_rows, .help = "prepared last"},
	{0},
};

static int later_prepare(const struct change *change, void **plan, struct err *err) {
	if (fail_after && json_object_size(json_object_get(change->new, "boxes")))
		return err_set(err, -ENODEV, "%s", fail_after);
	if (json_is_true(schema_get(change->new, "later.refuse")))
		return err_set(err, -ENOENT, "the later module refuses");
	prepared++;
	return 0;
}

static void later_done(void *plan) {
	prepared--;
}

static const char *const later_after[] = {"boxes", NULL};
static const char *const later_reads[] = {"boxes", NULL};
static const struct module later_module = {
	.name = "later",
	.help = "a module that comes after another",
	.after = later_after,
	.reads = later_reads,
	.sections = later_sections,
	.prepare = later_prepare,
	.release = later_done,
	.abort = later_done,
};

// ---- the platform -----------------------------------------------------------------------------------------------------

unsigned fake_plans_alive(void) {
	return prepared;
}

void fake_fail_later(const char *message) {
	fail_after = message;
}

static int start(const struct ctl_options *options, const json_t *tree, struct err *err) {
	return 0;
}

static void stop(void) {
}

static void sync_nothing(void) {
}

static const struct module *const modules[] = {&later_module, &boxes_module, NULL};

const struct ctl_platform ctl_platform = {
	.modules = modules,
	.start = start,
	.stop = stop,
	.sync = sync_nothing,
};
