// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/query.h"

#include "control/cli/words.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void query_init(struct query *query, const char *path) {
	*query = (struct query){.text = strdup(path)};
}

static void append(
	struct query *query, char separator, const char *name, size_t name_len, const char *value) {
	char *encoded = url_encode(value), *longer = NULL;
	if (query->text && encoded &&
		asprintf(&longer, "%s%c%.*s%s", query->text, separator, (int)name_len, name,
			encoded) < 0)
		longer = NULL;
	free(query->text);
	free(encoded);
	query->text = longer;
}

void query_step(struct query *query, const char *step) {
	append(query, '/', "", 0, step);
}

void query_add_n(struct query *query, const char *name, size_t name_len, const char *value) {
	char *label = NULL;
	if (asprintf(&label, "%.*s=", (int)name_len, name) < 0)
		label = NULL;
	append(query, query->has_query ? '&' : '?', label ? label : "", label ? name_len + 1 : 0,
		value);
	free(label);
	query->has_query = true;
}

void query_add(struct query *query, const char *name, const char *value) {
	query_add_n(query, name, strlen(name), value);
}

int query_check(const struct query *query, struct err *err) {
	return query->text ? 0 : err_set(err, -ENOMEM, "out of memory");
}

void query_fini(struct query *query) {
	free(query->text);
	query->text = NULL;
}
