// SPDX-License-Identifier: BSD-3-Clause
#include "switch/vlan.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned vlan_set_count(const struct vlan_set *set) {
	unsigned n = 0;

	for (unsigned i = 0; i < VLAN_COUNT / 64; i++)
		n += (unsigned)__builtin_popcountll(set->bits[i]);
	return n;
}

// "20", or "10-20".
static bool range_parse(const char *text, unsigned *first, unsigned *last) {
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*first = *last = (unsigned)strtoul(text, &end, 10);
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		*last = (unsigned)strtoul(end + 1, &end, 10);
	return *end == '\0';
}

static int element_parse(
	const json_t *value, const char *path, struct vlan_set *set, struct err *err) {
	unsigned first = 0, last = 0;

	if (json_is_integer(value)) {
		json_int_t id = json_integer_value(value);

		first = last = id < 0 || id > VLAN_COUNT ? 0 : (unsigned)id;
	} else if (!json_is_string(value) ||
		!range_parse(json_string_value(value), &first, &last)) {
		return err_at(
			err, path, "expected a VLAN id or a range of them; write 20 or \"10-20\"");
	}
	if (first < 1 || last > VLAN_MAX)
		return err_at(err, path, "a VLAN id is out of range 1..%d", VLAN_MAX);
	if (first > last)
		return err_at(err, path, "the range is empty; write \"%u-%u\"", last, first);
	for (unsigned v = first; v <= last; v++)
		vlan_set_add(set, v);
	return 0;
}

int vlan_set_parse(const json_t *list, const char *path, struct vlan_set *set, struct err *err) {
	char at[320];

	if (list != NULL && !json_is_array(list))
		return element_parse(list, path, set, err);
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(at, sizeof(at), "%s[%zu]", path, i + 1);
		if (element_parse(json_array_get(list, i), at, set, err) != 0)
			return -EINVAL;
	}
	return 0;
}

json_t *vlan_set_print(const struct vlan_set *set) {
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const char *comma = "";
	json_t *value;

	if (out == NULL)
		return NULL;
	for (unsigned v = 1; v <= VLAN_MAX; v++) {
		unsigned last = v;

		if (!vlan_set_has(set, v))
			continue;
		while (last < VLAN_MAX && vlan_set_has(set, last + 1))
			last++;
		fprintf(out, last > v ? "%s%u-%u" : "%s%u", comma, v, last);
		comma = ",";
		v = last;
	}
	fclose(out);
	value = json_string(text);
	free(text);
	return value;
}
