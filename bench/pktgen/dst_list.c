// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/dst_list.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
	uint8_t *bytes;
	uint32_t n, room;
	unsigned width;
};

static int list_add(struct list *list, const struct addr *addr) {
	if (list->n == DST_LIST_MAX)
		return -EFBIG;
	if (list->n == list->room) {
		uint32_t room = list->room ? list->room * 2 : 4096;
		uint8_t *bytes = realloc(list->bytes, (size_t)room * list->width);

		if (!bytes)
			return -ENOMEM;
		list->bytes = bytes;
		list->room = room;
	}
	memcpy(list->bytes + (size_t)list->n++ * list->width, addr->bytes, list->width);
	return 0;
}

static int lines_read(struct list *list, FILE *file, enum addr_family family, struct err *err) {
	char line[128];
	struct addr addr;

	for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
		line[strcspn(line, "\r\n")] = '\0';
		if (*line == '\0')
			continue;
		if (addr_parse(line, &addr) < 0 || addr.family != family)
			return err_set(err, -EINVAL, "line %u: \"%.60s\" is no IPv%d address",
				number, line, family == ADDR_V6 ? 6 : 4);
		int rc = list_add(list, &addr);
		if (rc < 0)
			return err_set(err, rc, "line %u: %s", number, strerror(-rc));
	}
	return list->n > 0 ? 0 : err_set(err, -ENODATA, "there is no address in it");
}

int dst_list_read(
	const char *path, enum addr_family family, uint8_t **bytes, uint32_t *n, struct err *err) {
	struct list list = {.width = family == ADDR_V6 ? 16 : 4};
	FILE *file = fopen(path, "re");
	struct err why = {0};

	if (!file)
		return err_set(err, -errno, "dst_list=%s: %s", path, strerror(errno));
	int rc = lines_read(&list, file, family, &why);
	fclose(file);
	if (rc < 0) {
		free(list.bytes);
		return err_set(err, rc, "dst_list=%s: %s", path, why.msg);
	}
	*bytes = list.bytes;
	*n = list.n;
	return 0;
}
