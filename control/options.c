// SPDX-License-Identifier: BSD-3-Clause
#include "control/options.h"
#include "leat_version.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPT_STATE_DIR = 256,
	OPT_RUN_DIR,
	OPT_PLUGIN,
	OPT_MEMORY,
	OPT_NO_HUGE,
	OPT_LOG_LEVEL,
	OPT_CHECK,
	OPT_DUMP,
	OPT_VERSION
};

static const struct option longs[] = {
	{"config", required_argument, NULL, 'c'},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"plugin", required_argument, NULL, OPT_PLUGIN},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"no-huge", no_argument, NULL, OPT_NO_HUGE},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"check", required_argument, NULL, OPT_CHECK},
	{"dump-schema", required_argument, NULL, OPT_DUMP},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static void usage(FILE *out) {
	fputs("usage: leatd [OPTION...]\n"
	      "  -c, --config FILE     apply FILE at the start when it differs from what ran "
	      "last;\n"
	      "                        SIGHUP applies it again\n"
	      "  --state-dir DIR       revisions (" CTL_STATE_DIR ")\n"
	      "  --run-dir DIR         sockets (" CTL_RUN_DIR ")\n"
	      "  --plugin SO           load a network function; may be given again\n"
	      "  --memory MB           memory of the data plane, whatever system.memory says\n"
	      "  --no-huge             do not use hugepages, whatever system.hugepages says\n"
	      "  --log-level LEVEL     error, warn, info (default) or debug\n"
	      "  --check FILE          say whether FILE would be accepted, and end\n"
	      "  --dump-schema FORMAT  print the configuration's schema, and end:\n"
	      "                        json, manual (Markdown), lua (editor stubs) or openapi\n"
	      "  --version, -h, --help\n"
	      "Runs in the foreground. Exit status: 0 ended by SIGTERM or SIGINT, 1 could not "
	      "start.\n",
		out);
}

static int mistake(const char *option, const char *value, const char *fix) {
	fprintf(stderr, "leatd: %s %s: %s\n", option, value, fix);
	return 1;
}

static int parse_dump(const char *word, struct ctl_options *options) {
	static const char *const words[] = {
		[CTL_DUMP_JSON] = "json",
		[CTL_DUMP_MANUAL] = "manual",
		[CTL_DUMP_LUA] = "lua",
		[CTL_DUMP_OPENAPI] = "openapi",
	};
	for (unsigned i = CTL_DUMP_JSON; i <= CTL_DUMP_OPENAPI; i++) {
		if (strcmp(word, words[i]) == 0) {
			options->dump = i;
			return -1;
		}
	}
	return mistake("--dump-schema", word, "one of json, manual, lua, openapi");
}

static int parse_memory(const char *word, struct ctl_options *options) {
	char *end;
	unsigned long mb = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || mb < 32 || mb > 1024 * 1024)
		return mistake("--memory", word, "megabytes, 32 to 1048576");
	options->memory_mb = (unsigned)mb;
	return -1;
}

static int parse_plugin(const char *path, struct ctl_options *options) {
	if (options->n_plugins == CTL_PLUGINS_MAX)
		return mistake("--plugin", path, "at most 16 plug-ins");
	options->plugins[options->n_plugins++] = path;
	return -1;
}

static int parse_one(int opt, const char *value, struct ctl_options *options) {
	switch (opt) {
	case 'c':
		options->config = value;
		return -1;
	case OPT_STATE_DIR:
		options->state_dir = value;
		return -1;
	case OPT_RUN_DIR:
		options->run_dir = value;
		return -1;
	case OPT_PLUGIN:
		return parse_plugin(value, options);
	case OPT_MEMORY:
		return parse_memory(value, options);
	case OPT_NO_HUGE:
		options->no_huge = true;
		return -1;
	case OPT_LOG_LEVEL:
		return log_level_parse(value, &options->log_level) == 0
			? -1
			: mistake("--log-level", value, "one of error, warn, info, debug");
	case OPT_CHECK:
		options->check = value;
		return -1;
	case OPT_DUMP:
		return parse_dump(value, options);
	case OPT_VERSION:
		puts("leatd " LEAT_VERSION);
		return 0;
	case 'h':
		usage(stdout);
		return 0;
	default: // getopt has said what is wrong
		fputs("leatd: `leatd --help` lists the options\n", stderr);
		return 1;
	}
}

int ctl_options_parse(int argc, char **argv, struct ctl_options *options) {
	int opt, status = -1;
	*options = (struct ctl_options){
		.state_dir = CTL_STATE_DIR, .run_dir = CTL_RUN_DIR, .log_level = LOG_LEVEL_INFO};
	while (status < 0 && (opt = getopt_long(argc, argv, "c:h", longs, NULL)) != -1)
		status = parse_one(opt, optarg, options);
	if (status < 0 && optind < argc)
		return mistake("unexpected", argv[optind], "a configuration is given with -c FILE");
	return status;
}
