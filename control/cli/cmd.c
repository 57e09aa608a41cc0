// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/cmd.h"

#include "lib/schema.h"
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WATCH_MAX_S 86400

const struct cmd *cmd_find(const char *name) {
	for (size_t i = 0; cmd_list[i]; i++) {
		if (strcmp(cmd_list[i]->name, name) == 0)
			return cmd_list[i];
	}
	return NULL;
}

static size_t count_opts(const struct cmd *cmd) {
	size_t n = 0;
	while (cmd->opts && cmd->opts[n].name)
		n++;
	return n;
}

static int unknown_option(const struct cmd *cmd, const char *word, struct err *err) {
	const char *known[CMD_OPTS_MAX + 1] = {0};
	for (size_t i = 0; i < count_opts(cmd); i++)
		known[i] = cmd->opts[i].name;
	const char *nearest = strncmp(word, "--", 2) == 0 ? schema_nearest(word + 2, known) : NULL;
	if (nearest)
		return err_set(err, -EINVAL, "%s: unknown option %s; did you mean --%s?", cmd->name,
			word, nearest);
	return err_set(err, -EINVAL, "%s: unknown option %s; `leat help %s` lists them", cmd->name,
		word, cmd->name);
}

// The option that `word` names: "--name", "--name=value", "-n" or "-nVALUE"; *value is what follows in the word.
static ssize_t find_opt(const struct cmd *cmd, const char *word, const char **value) {
	size_t n = count_opts(cmd);
	*value = NULL;
	for (size_t i = 0; i < n; i++) {
		const struct cmd_opt *opt = &cmd->opts[i];
		size_t len = strlen(opt->name);
		if (word[1] == '-' && strncmp(word + 2, opt->name, len) == 0 &&
			(word[2 + len] == '\0' || word[2 + len] == '=')) {
			*value = word[2 + len] ? word + 3 + len : NULL;
			return (ssize_t)i;
		}
		if (word[1] != '-' && opt->letter && word[1] == opt->letter) {
			*value = word[2] ? word + 2 : NULL;
			return (ssize_t)i;
		}
	}
	return -1;
}

const struct cmd_opt *cmd_opt_pending(const struct cmd *cmd, const char *word) {
	const char *value;
	ssize_t index = word[0] == '-' && word[1] ? find_opt(cmd, word, &value) : -1;
	const struct cmd_opt *opt = index >= 0 ? &cmd->opts[index] : NULL;
	return opt && opt->arg && opt->arg[0] != '[' && !value ? opt : NULL;
}

// Reads the option at args[*i]; moves *i on when it takes the next word.
static int parse_opt(const struct cmd *cmd, size_t n, const char *const *args, size_t *i,
	struct cmd_line *line, struct err *err) {
	const char *value, *word = args[*i];
	ssize_t index = find_opt(cmd, word, &value);
	if (index < 0)
		return unknown_option(cmd, word, err);
	const struct cmd_opt *opt = &cmd->opts[index];
	if (!opt->arg && value)
		return err_set(err, -EINVAL, "%s: --%s takes no value", cmd->name, opt->name);
	if (opt->arg && !value) {
		const char *next = *i + 1 < n ? args[*i + 1] : NULL;
		bool optional = opt->arg[0] == '[';
		if (next && (!optional || isdigit((unsigned char)*next)))
			value = args[++*i];
		else if (!optional)
			return err_set(err, -EINVAL, "%s: --%s wants a value: --%s %s", cmd->name,
				opt->name, opt->name, opt->arg);
	}
	line->values[index] = value ? value : "";
	return 0;
}

int cmd_parse(const struct cmd *cmd, size_t n, const char *const *args, struct cmd_line *line,
	struct err *err) {
	bool only_words = false;
	int rc = 0;
	*line = (struct cmd_line){.cmd = cmd, .words = calloc(n + 1, sizeof(*line->words))};
	if (!line->words)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n && rc == 0; i++) {
		const char *word = args[i];
		if (!only_words && strcmp(word, "--") == 0)
			only_words = true;
		else if (!only_words && word[0] == '-' && word[1] &&
			!isdigit((unsigned char)word[1]))
			rc = parse_opt(cmd, n, args, &i, line, err);
		else
			line->words[line->n_words++] = word;
	}
	return rc;
}

void cmd_line_fini(struct cmd_line *line) {
	free(line->words);
	line->words = NULL;
}

const char *cmd_value(const struct cmd_line *line, const char *name) {
	for (size_t i = 0; i < count_opts(line->cmd); i++) {
		if (strcmp(line->cmd->opts[i].name, name) == 0)
			return line->values[i];
	}
	return NULL;
}

long cmd_number(const struct cmd_line *line, const char *name, long min, long max, long fallback,
	struct err *err) {
	const char *text = cmd_value(line, name);
	if (!text || !*text)
		return fallback;
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || *end || value < min || value > max) {
		err_set(err, -EINVAL, "%s: --%s %s: write a whole number from %ld to %ld",
			line->cmd->name, name, text, min, max);
		return -1;
	}
	return value;
}

static void print_opt(FILE *out, const struct cmd_opt *opt) {
	char left[64], letter[8] = "    ";
	if (opt->letter)
		snprintf(letter, sizeof(letter), "-%c, ", opt->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, opt->name, opt->arg ? " " : "",
		opt->arg ? opt->arg : "");
	fprintf(out, "  %-26s %s\n", left, opt->help);
}

void cmd_usage(FILE *out, const struct cmd *cmd) {
	fprintf(out, "usage: leat %s%s%s%s\n  %s\n", cmd->name, cmd->opts ? " [OPTION...]" : "",
		*cmd->usage ? " " : "", cmd->usage, cmd->help);
	if (cmd->opts)
		fputs("\noptions:\n", out);
	for (size_t i = 0; i < count_opts(cmd); i++)
		print_opt(out, &cmd->opts[i]);
	if (cmd->more)
		fprintf(out, "\n%s", cmd->more);
}

static void print_watch_head(
	const struct client *client, const struct cmd_line *line, long seconds) {
	char now[32] = "";
	time_t t = time(NULL);
	struct tm tm;
	if (localtime_r(&t, &tm))
		strftime(now, sizeof(now), "%H:%M:%S", &tm);
	if (client->color)
		fputs("\033[H\033[2J", stdout);
	printf("every %ld s: leat %s", seconds, line->cmd->name);
	for (size_t i = 0; i < line->n_words; i++)
		printf(" %s", line->words[i]);
	printf("   %s\n\n", now);
}

enum cmd_status cmd_repeat(struct client *client, const struct cmd_line *line,
	enum cmd_status (*once)(struct client *client, const struct cmd_line *line)) {
	if (!cmd_value(line, "watch"))
		return once(client, line);
	struct err err = {0};
	long seconds = cmd_number(line, "watch", 1, WATCH_MAX_S, 2, &err);
	if (seconds < 0)
		return (enum cmd_status)client_fail(&err);
	http_catch_signals();
	for (bool first = true;; first = false) {
		if (!cmd_value(line, "json")) {
			if (!first && !client->color)
				putchar('\n');
			print_watch_head(client, line, seconds);
		}
		enum cmd_status status = once(client, line);
		if (fflush(stdout) != 0)
			return CMD_REFUSED;
		if (status != CMD_DONE)
			return status;
		poll(NULL, 0, (int)seconds * 1000);
		if (http_interrupted())
			return CMD_DONE;
	}
}
