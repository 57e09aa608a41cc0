// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "router/file/route_text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\\"

static int refuse(const char **why, const char *what) {
	*why = what;
	return -EINVAL;
}

// The next word, ended with NUL; *at goes behind it. "": there is none.
static char *word(char **at) {
	char *start = *at + strspn(*at, BLANKS), *end = start + strcspn(start, BLANKS);

	*at = *end ? end + 1 : end;
	*end = '\0';
	return start;
}

static bool kind_of(const char *text, enum rtr_conf_kind *kind) {
	static const struct {
		const char *word;
		enum rtr_conf_kind kind;
	} kinds[] = {{"unicast", RTR_ROUTE_VIA}, {"blackhole", RTR_ROUTE_BLACKHOLE},
		{"unreachable", RTR_ROUTE_UNREACHABLE}, {"prohibit", RTR_ROUTE_PROHIBIT}};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(text, kinds[i].word) != 0)
			continue;
		*kind = kinds[i].kind;
		return true;
	}
	return false;
}

static void trim(char *text) {
	size_t len = strlen(text);

	while (len > 0 && strchr(BLANKS, text[len - 1]))
		text[--len] = '\0';
}

int route_text_head(char *line, struct route_head *head, const char **why) {
	char *at = line + strspn(line, BLANKS), *first;
	struct prefix given;

	*head = (struct route_head){.kind = RTR_ROUTE_VIA};
	if (*at == '\0' || *at == '#')
		return 0;
	first = word(&at);
	if (kind_of(first, &head->kind))
		first = word(&at);
	head->rest = at + strspn(at, BLANKS);
	trim(head->rest);
	if (strcmp(first, "default") == 0) {
		bool v6 = strchr(head->rest, ':') != NULL;

		head->prefix.addr.family = v6 ? ADDR_V6 : ADDR_V4;
		return 0;
	}
	if (prefix_parse(first, &given) != 0)
		return refuse(why, "this is no prefix");
	head->prefix = prefix_network(&given);
	if (memcmp(head->prefix.addr.bytes, given.addr.bytes, sizeof(given.addr.bytes)) != 0)
		return refuse(why, "the address has bits beyond its length; clear them");
	return 0;
}

static int number(const char *text, unsigned long min, unsigned long max, unsigned long *value) {
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
	return errno || end == text || *end || text[0] == '-' || *value < min || *value > max
		? -EINVAL
		: 0;
}

static bool is_passed_over(const char *name) {
	static const char *const names[] = {
		"proto", "scope", "src", "pref", "nhid", "mtu", "table", "expires"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int path_word(
	struct route_rest *out, const char *name, const char *value, const char **why) {
	struct rtr_conf_path *path = &out->paths[out->n_paths ? out->n_paths - 1 : 0];
	unsigned long n;

	if (out->n_paths == 0) {
		out->n_paths = 1;
		*path = (struct rtr_conf_path){.weight = 1};
	}
	if (strcmp(name, "via") == 0 && addr_parse(value, &path->via) != 0)
		return refuse(why, "via: this is no address");
	if (strcmp(name, "dev") == 0) {
		if (strlen(value) >= sizeof(path->iface))
			return refuse(why, "dev: no interface has such a name");
		snprintf(path->iface, sizeof(path->iface), "%s", value);
	}
	if (strcmp(name, "weight") == 0) {
		if (number(value, 1, 256, &n) != 0)
			return refuse(why, "weight: a number 1..256");
		path->weight = (unsigned)n;
	}
	return 0;
}

static int rest_word(struct route_rest *out, const char *name, char **at, const char **why) {
	const char *value;
	unsigned long n;

	if (strcmp(name, "onlink") == 0 || strcmp(name, "linkdown") == 0)
		return 0;
	if (strcmp(name, "nexthop") == 0) {
		if (out->n_paths == RTR_CONF_PATHS)
			return refuse(why, "nexthop: too many of them");
		out->paths[out->n_paths++] = (struct rtr_conf_path){.weight = 1};
		return 0;
	}
	value = word(at);
	if (*value == '\0')
		return refuse(why, "a word at the end that needs a value");
	if (strcmp(name, "via") == 0 && (strcmp(value, "inet6") == 0 || strcmp(value, "inet") == 0))
		value = word(at);
	if (strcmp(name, "via") == 0 || strcmp(name, "dev") == 0 || strcmp(name, "weight") == 0)
		return path_word(out, name, value, why);
	if (strcmp(name, "metric") == 0) {
		if (number(value, 0, UINT32_MAX, &n) != 0)
			return refuse(why, "metric: a number up to 4294967295");
		out->metric = (uint32_t)n;
		return 0;
	}
	return is_passed_over(name)
		? 0
		: refuse(why, "an unknown word; known are via, dev, metric, nexthop and weight");
}

int route_text_rest(const char *rest, struct route_rest *out, const char **why) {
	char text[1024], *at = text;
	int rc = 0;

	*out = (struct route_rest){0};
	if ((size_t)snprintf(text, sizeof(text), "%s", rest) >= sizeof(text))
		return refuse(why, "the line is too long");
	for (const char *name = word(&at); rc == 0 && *name; name = word(&at))
		rc = rest_word(out, name, &at, why);
	return rc;
}
