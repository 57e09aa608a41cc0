// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/command.h"
#include "lib/text.h"
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int word_add(struct command *command, char *text, struct err *err) {
	char *value = strchr(text, '=');

	if (value == NULL || value == text)
		return err_set(err, -EINVAL, "'%s' is not key=value", text);
	if (command->n == sizeof(command->words) / sizeof(*command->words))
		return err_set(err, -EINVAL, "too many words from '%s' on", text);
	*value++ = '\0';
	command->words[command->n++] = (struct command_word){.key = text, .value = value};
	return 0;
}

int command_parse(struct command *command, const char *line, struct err *err) {
	static const char blanks[] = " \t\r\n";
	char *rest, *word;
	int rc = 0;

	*command = (struct command){.verb = ""};
	if ((size_t)snprintf(command->line, sizeof(command->line), "%s", line) >=
		sizeof(command->line))
		return err_set(err, -EINVAL, "a command longer than %zu characters",
			sizeof(command->line) - 1);
	word = strtok_r(command->line, blanks, &rest);
	if (word != NULL)
		command->verb = word;
	while (rc == 0 && (word = strtok_r(NULL, blanks, &rest)) != NULL)
		rc = word_add(command, word, err);
	return rc;
}

int command_number(struct command *command, const char *key, double min, double max, double *value,
	struct err *err) {
	for (unsigned i = 0; i < command->n; i++) {
		struct command_word *word = &command->words[i];
		char *end;
		if (strcmp(word->key, key) != 0)
			continue;
		word->used = true;
		double number = strtod(word->value, &end);
		if (end == word->value || *end != '\0' || !isfinite(number))
			return err_set(err, -EINVAL, "%s: '%s' is not a number", key, word->value);
		if (number < min || number > max)
			return err_set(err, -EINVAL, "%s: %s is out of range %g..%g", key,
				word->value, min, max);
		*value = number;
	}
	return 0;
}

int command_done(const struct command *command, struct err *err) {
	for (unsigned i = 0; i < command->n; i++) {
		if (!command->words[i].used)
			return err_set(err, -EINVAL, "%s takes no '%s='", command->verb,
				command->words[i].key);
	}
	return 0;
}

void command_refuse(FILE *out, const struct err *err) {
	char msg[sizeof(err->msg)];

	snprintf(msg, sizeof(msg), "%s", err->msg);
	json_t *answer = json_pack("{s:s}", "error", text_clean(msg));
	json_dumpf(answer, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(answer);
}
