// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/words.h"

#include "control/cli/describe.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *url_encode(const char *text) {
	static const char hex[] = "0123456789ABCDEF";
	char *url = malloc(3 * strlen(text) + 1);
	if (!url)
		return NULL;
	char *out = url;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (isalnum(*c) || strchr("-._~", *c)) {
			*out++ = (char)*c;
		} else {
			*out++ = '%';
			*out++ = hex[*c >> 4];
			*out++ = hex[*c & 15];
		}
	}
	*out = '\0';
	return url;
}

bool word_is_pair(const char *word, size_t *name_len) {
	size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	if (n == 0 || word[n] != '=')
		return false;
	*name_len = n;
	return true;
}

size_t path_parent(const char *path, const char **last) {
	size_t cut = 0;
	bool bracket = false, quote = false;
	*last = path;
	for (size_t i = 0; path[i]; i++) {
		if (quote) {
			if (path[i] == '\\' && path[i + 1])
				i++;
			else
				quote = path[i] != '"';
		} else if (path[i] == '"' && bracket) {
			quote = true;
		} else if (path[i] == '[' && !bracket) {
			bracket = true;
			cut = i;
			*last = path + i;
		} else if (path[i] == ']') {
			bracket = false;
		} else if (path[i] == '.' && !bracket) {
			cut = i;
			*last = path + i + 1;
		}
	}
	return cut;
}

static int step_bracket(const char **path, char *key, size_t size) {
	const char *p = *path + 1;
	bool quoted = *p == '"';
	size_t n = 0;
	for (p += quoted; *p && *p != (quoted ? '"' : ']'); p++) {
		if (quoted && *p == '\\' && p[1])
			p++;
		if (n + 1 >= size)
			return -EINVAL;
		key[n++] = *p;
	}
	if (quoted && *p++ != '"')
		return -EINVAL;
	if (*p++ != ']' || (*p && *p != '.' && *p != '['))
		return -EINVAL;
	key[n] = '\0';
	*path = p + (*p == '.');
	return 1;
}

int path_step(const char **path, char *key, size_t size) {
	if (!**path)
		return 0;
	if (**path == '[')
		return step_bracket(path, key, size);
	size_t n = strcspn(*path, ".[");
	if (n == 0 || n >= size)
		return -EINVAL;
	memcpy(key, *path, n);
	key[n] = '\0';
	*path += n;
	*path += **path == '.';
	return 1;
}

int path_key_print(const char *key, char *buf, size_t size) {
	if (*key && !key[strcspn(key, ".[]\"\\ \t'")])
		return snprintf(buf, size, "%s", key);
	size_t n = (size_t)snprintf(buf, size, "[\"");
	for (; *key; key++) {
		const char *escape = *key == '"' || *key == '\\' ? "\\" : "";
		n += (size_t)snprintf(
			n < size ? buf + n : NULL, n < size ? size - n : 0, "%s%c", escape, *key);
	}
	n += (size_t)snprintf(n < size ? buf + n : NULL, n < size ? size - n : 0, "\"]");
	return (int)n;
}

// One word; *line moves behind it. Returns its end in `out`.
static char *split_word(const char **line, char *out) {
	char quote = '\0';
	for (; **line; (*line)++) {
		char c = **line;
		if (!quote && (c == ' ' || c == '\t'))
			break;
		if (c == quote && quote) {
			quote = '\0';
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else {
			if (c == '\\' && quote != '\'' && (*line)[1])
				c = *++*line;
			*out++ = c;
		}
	}
	*out++ = '\0';
	return out;
}

char **words_split(const char *line, size_t *n) {
	size_t len = strlen(line);
	// A word takes at least a character and a blank; +2: the last, empty one, and NULL.
	size_t max = len / 2 + 3;
	char **words = calloc(1, max * sizeof(char *) + len + max);
	if (!words)
		return NULL;
	char *text = (char *)(words + max);
	*n = 0;
	for (;;) {
		line += strspn(line, " \t");
		words[(*n)++] = text;
		text = split_word(&line, text);
		if (!*line)
			return words;
	}
}

void words_free(char **words) {
	free(words);
}

static json_t *integer_word(const char *word) {
	char *end;
	errno = 0;
	long long value = strtoll(word, &end, 10);
	return errno || *end || end == word ? json_string(word) : json_integer(value);
}

static json_t *number_word(const char *word) {
	char *end;
	double value = strtod(word, &end);
	json_t *number = *end || end == word ? NULL : json_real(value); // NULL for inf and nan, too
	return number ? number : json_string(word);
}

static json_t *bool_word(const char *word) {
	static const char *const yes[] = {"true", "yes", "on", NULL};
	static const char *const no[] = {"false", "no", "off", NULL};
	for (int i = 0; yes[i]; i++) {
		if (strcmp(word, yes[i]) == 0)
			return json_true();
		if (strcmp(word, no[i]) == 0)
			return json_false();
	}
	return json_string(word);
}

static json_t *list_word(const json_t *elem, const char *word) {
	json_t *list = json_array();
	char *copy = strdup(word), *rest = copy;
	for (char *item; rest && (item = strsep(&rest, ","));) {
		if (*item)
			json_array_append_new(list, word_to_json(elem, item));
	}
	free(copy);
	return list;
}

// As the first alternative that makes more of it than text.
static json_t *union_word(const json_t *row, const char *word) {
	size_t i;
	json_t *alternative;
	json_array_foreach (json_object_get(row, "alternatives"), i, alternative) {
		json_t *value = word_to_json(alternative, word);
		if (!json_is_string(value))
			return value;
		json_decref(value);
	}
	return json_string(word);
}

json_t *word_to_json(const json_t *row, const char *word) {
	const char *type = describe_type(row);
	bool composite = strcmp(type, "list") == 0 || strcmp(type, "object") == 0 ||
		strcmp(type, "map") == 0 || strcmp(type, "any") == 0;
	if (composite && (*word == '[' || *word == '{')) {
		json_t *value = json_loads(word, 0, NULL);
		return value ? value : json_string(word);
	}
	if (strcmp(type, "union") == 0)
		return union_word(row, word);
	if (strcmp(type, "list") == 0)
		return list_word(json_object_get(row, "elem"), word);
	if (strcmp(type, "int") == 0)
		return integer_word(word);
	if (strcmp(type, "number") == 0)
		return number_word(word);
	if (strcmp(type, "bool") == 0)
		return bool_word(word);
	return json_string(word);
}
