// SPDX-License-Identifier: BSD-3-Clause
// A file of routes, line by line. A line that is understood has a prefix without bits beyond its length and paths within bounds; written
// out again as `ip -o route` prints them, it means the same.
#include "router/file/route_text.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 1024 // beyond that route_text_rest() refuses

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_line(char *line, struct route_head *head, struct route_rest *rest) {
	const char *why = NULL;
	int rc = route_text_head(line, head, &why);

	if (rc == 0 && head->prefix.addr.family == ADDR_NONE)
		return false;
	if (rc == 0)
		rc = route_text_rest(head->rest, rest, &why);
	assert(rc == 0 || (why && why[0]));
	return rc == 0;
}

static void check(const struct route_head *head, const struct route_rest *rest) {
	struct prefix network = prefix_network(&head->prefix);

	assert(memcmp(&network.addr.bytes, &head->prefix.addr.bytes, 16) == 0);
	assert(head->kind <= RTR_ROUTE_PROHIBIT && rest->n_paths <= RTR_CONF_PATHS);
	for (unsigned i = 0; i < rest->n_paths; i++)
		assert(rest->paths[i].weight >= 1 && rest->paths[i].weight <= 256);
}

__attribute__((format(printf, 2, 3))) static void add(char *line, const char *format, ...) {
	size_t len = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + len, 8 * LINE - len, format, args);
	va_end(args);
}

static void print(const struct route_head *head, const struct route_rest *rest, char *line) {
	static const char *const kinds[] = {"unicast", "blackhole", "unreachable", "prohibit"};
	char text[PREFIX_STRLEN];

	snprintf(line, LINE, "%s %s metric %u", kinds[head->kind],
		prefix_print(&head->prefix, text), rest->metric);
	for (unsigned i = 0; i < rest->n_paths; i++) {
		const struct rtr_conf_path *path = &rest->paths[i];

		add(line, " nexthop");
		if (path->via.family != ADDR_NONE)
			add(line, " via %s%s", path->via.family == ADDR_V6 ? "inet6 " : "",
				addr_print(&path->via, text));
		if (path->iface[0])
			add(line, " dev %s", path->iface);
		add(line, " weight %u", path->weight);
	}
}

static void both_ways(char *line) {
	static char again[8 * LINE]; // 64 paths of 90 characters
	struct route_head head, head2;
	struct route_rest rest, rest2;

	if (!read_line(line, &head, &rest))
		return;
	check(&head, &rest);
	print(&head, &rest, again);
	if (strlen(again) >= LINE) // longer than what it came from, as weights are said
		return;
	assert(read_line(again, &head2, &rest2));
	assert(addr_cmp(&head.prefix.addr, &head2.prefix.addr) == 0);
	assert(head.prefix.len == head2.prefix.len && head.kind == head2.kind);
	assert(rest.metric == rest2.metric && rest.n_paths == rest2.n_paths);
	for (unsigned i = 0; i < rest.n_paths; i++) {
		assert(addr_cmp(&rest.paths[i].via, &rest2.paths[i].via) == 0);
		assert(strcmp(rest.paths[i].iface, rest2.paths[i].iface) == 0);
		assert(rest.paths[i].weight == rest2.paths[i].weight);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	while (size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;
		char *line = malloc(len + 1); // exactly, so that a byte beyond is noticed

		if (line == NULL)
			return 0;
		memcpy(line, data, len);
		line[len] = '\0';
		both_ways(line);
		free(line);
		data += len;
		size -= len;
		if (size > 0) {
			data++;
			size--;
		}
	}
	return 0;
}
