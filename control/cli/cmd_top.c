// SPDX-License-Identifier: BSD-3-Clause
// leat top: ports, workers and drops as rates, in a terminal.
#include "control/cli/cmd.h"
#include "control/cli/rates.h"
#include "control/cli/table.h"
#include "lib/clock.h"
#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct panel {
	const char *noun;
	bool busy_only; // rows that stand still are left out
};

static const struct panel panels[] = {{"ports", false}, {"workers", false}, {"drops", true}};
#define N_PANELS (sizeof(panels) / sizeof(panels[0]))

struct sample {
	uint64_t when_ns;
	json_t *answers[N_PANELS]; // NULL: this daemon has no such noun
};

static void sample_fini(struct sample *sample) {
	for (size_t i = 0; i < N_PANELS; i++)
		json_decref(sample->answers[i]);
	*sample = (struct sample){0};
}

static int sample_take(const struct client *client, struct sample *sample, struct err *err) {
	*sample = (struct sample){.when_ns = clock_now_ns()};
	for (size_t i = 0; i < N_PANELS; i++) {
		char target[64];
		struct err cause = {0};
		snprintf(target, sizeof(target), "/v1/show/%s", panels[i].noun);
		int rc = client_get(client, target, &sample->answers[i], &cause);
		if (rc && rc != -ENOENT) {
			*err = cause;
			sample_fini(sample);
			return rc;
		}
	}
	return 0;
}

static void print_panel(FILE *out, const struct panel *panel, const json_t *before,
	const json_t *now, double seconds) {
	const struct table_opts opts = {0};
	const json_t *described = json_object_get(now, "columns");
	json_t *columns = rates_columns(described);
	json_t *rows = rates_rows(
		described, json_object_get(before, "rows"), json_object_get(now, "rows"), seconds);
	if (panel->busy_only) {
		json_t *busy = rates_busy(described, rows);
		json_decref(rows);
		rows = busy;
	}
	fprintf(out, "\n%s\n", panel->noun);
	if (json_array_size(rows))
		table_print(out, columns, rows, &opts);
	else
		fputs("none\n", out);
	json_decref(rows);
	json_decref(columns);
}

static void print_sample(FILE *out, const struct sample *before, const struct sample *now) {
	double seconds = (double)(now->when_ns - before->when_ns) / (double)NSEC_PER_SEC;
	for (size_t i = 0; i < N_PANELS; i++) {
		if (now->answers[i])
			print_panel(out, &panels[i], before->answers[i], now->answers[i], seconds);
	}
}

static enum cmd_status top_once(const struct client *client, long interval_s) {
	struct sample before, now;
	struct err err = {0};
	if (sample_take(client, &before, &err))
		return (enum cmd_status)client_fail(&err);
	poll(NULL, 0, (int)interval_s * 1000);
	int rc = sample_take(client, &now, &err);
	if (rc == 0)
		print_sample(stdout, &before, &now);
	sample_fini(&before);
	sample_fini(&now);
	return rc ? (enum cmd_status)client_fail(&err) : CMD_DONE;
}

struct screen {
	char *text; // what is shown, all lines; malloc'ed
	int first;  // topmost line on the screen
	bool paused;
	long interval_s;
	struct err err; // why there is nothing new
};

static int count_lines(const char *text) {
	int n = 0;
	for (const char *c = text; c && *c; c++)
		n += *c == '\n';
	return n;
}

static void draw(struct screen *screen) {
	int last = count_lines(screen->text) - (LINES - 2);
	screen->first = screen->first > last ? last : screen->first;
	screen->first = screen->first < 0 ? 0 : screen->first;
	erase();
	mvprintw(0, 0, "leat top  every %ld s%s  (q quit, p pause, + - interval, arrows scroll)",
		screen->interval_s, screen->paused ? "  PAUSED" : "");
	if (screen->err.code)
		mvaddnstr(1, 0, screen->err.msg, COLS);
	int row = 1 - screen->first;
	for (const char *line = screen->text; line && *line; row++) {
		const char *end = strchr(line, '\n');
		int len = end ? (int)(end - line) : (int)strlen(line);
		if (row >= 1 && row < LINES && !(row == 1 && screen->err.code))
			mvaddnstr(row, 0, line, len < COLS ? len : COLS);
		line = end ? end + 1 : NULL;
	}
	refresh();
}

// False: quit.
static bool handle_key(struct screen *screen, int key) {
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'p':
	case ' ':
		screen->paused = !screen->paused;
		break;
	case '+':
		screen->interval_s += screen->interval_s < 60;
		break;
	case '-':
		screen->interval_s -= screen->interval_s > 1;
		break;
	case KEY_UP:
		screen->first--;
		break;
	case KEY_DOWN:
		screen->first++;
		break;
	case KEY_PPAGE:
		screen->first -= LINES - 2;
		break;
	case KEY_NPAGE:
		screen->first += LINES - 2;
		break;
	default:
		break;
	}
	return true;
}

// Takes a new sample and renders it against the one before, which it replaces.
static void update(const struct client *client, struct screen *screen, struct sample *before) {
	struct sample now;
	screen->err = (struct err){0};
	if (sample_take(client, &now, &screen->err))
		return;
	size_t size;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);
	if (out) {
		if (before->when_ns)
			print_sample(out, before, &now);
		else
			fputs("\nmeasuring ...\n", out);
		fclose(out);
		free(screen->text);
		screen->text = text;
	}
	sample_fini(before);
	*before = now;
}

static void loop(const struct client *client, struct screen *screen) {
	struct sample before = {0};
	uint64_t due = 0;
	for (bool on = true; on && !http_interrupted();) {
		uint64_t now = clock_now_ns();
		if (now >= due) {
			if (!screen->paused)
				update(client, screen, &before);
			due = clock_now_ns() + (uint64_t)screen->interval_s * NSEC_PER_SEC;
		}
		draw(screen);
		now = clock_now_ns();
		timeout(due > now ? (int)((due - now) / NSEC_PER_MSEC) + 1 : 0);
		int key = getch();
		on = key == ERR || handle_key(screen, key);
	}
	sample_fini(&before);
}

static enum cmd_status top_screen(const struct client *client, long interval_s) {
	struct screen screen = {.interval_s = interval_s};
	SCREEN *terminal = newterm(NULL, stdout, stdin);
	if (!terminal) {
		fputs("leat: top: this terminal is not known (TERM); use --once\n", stderr);
		return CMD_REFUSED;
	}
	http_catch_signals();
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	loop(client, &screen);
	endwin();
	delscreen(terminal);
	free(screen.text);
	return CMD_DONE;
}

static enum cmd_status top_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	json_t *version = NULL;
	long interval_s = cmd_number(line, "interval", 1, 60, 1, &err);
	if (interval_s < 0)
		return (enum cmd_status)client_fail(&err);
	if (cmd_value(line, "once"))
		return top_once(client, interval_s);
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		err_set(&err, -EINVAL, "top wants a terminal; use --once");
	else
		client_get(client, "/v1/version", &version,
			&err); // a clear error before the screen is taken
	json_decref(version);
	return err.code ? (enum cmd_status)client_fail(&err) : top_screen(client, interval_s);
}

static const struct cmd_opt top_opts[] = {
	{"once", '1', NULL, "measure once and print, for scripts"},
	{"interval", 'i', "SECONDS", "how long a measurement is (default 1)"},
	{0},
};

const struct cmd cmd_top = {
	.name = "top",
	.usage = "",
	.help = "live view of ports, workers and drops, as rates",
	.opts = top_opts,
	.run = top_run,
};
