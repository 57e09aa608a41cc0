// SPDX-License-Identifier: BSD-3-Clause
// leatd: starts the data plane, restores the configuration, serves the API until it is told to stop.
#include "control/api.h"
#include "control/events.h"
#include "control/http.h"
#include "control/module.h"
#include "control/options.h"
#include "control/platform.h"
#include "control/process.h"
#include "control/stream.h"
#include "control/txn.h"
#include "leat_version.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/netns.h"
#include "lib/script.h"
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 5

struct daemon {
	const struct ctl_options *options;
	struct event_base *base;
	struct event *poll;
	struct event *signals[3];
	struct ctl_api api;
	struct ctl_streams streams;
	struct ctl_http *http;
	json_t *bundle;   // of -c; NULL: none
	bool started;     // the platform
	size_t n_modules; // initialized
};

static int fail(const struct err *err) {
	char text[sizeof(err->path) + sizeof(err->msg) + 8];
	fprintf(stderr, "leatd: %s\n", err_print(err, text, sizeof(text)));
	return 1;
}

// ---- without a daemon: --check, --dump-schema ------------------------------------------------------------

static int modules_register(const struct ctl_options *options, struct err *err) {
	int rc = module_add(&ctl_module, err);
	for (const struct module *const *m = ctl_platform.modules; rc == 0 && *m; m++)
		rc = module_add(*m, err);
	for (unsigned i = 0; rc == 0 && i < options->n_plugins; i++)
		rc = module_load(options->plugins[i], err);
	return rc < 0 ? rc : module_sort(err);
}

static int check(const char *file) {
	struct err err = {0};
	json_t *bundle = NULL, *notes = NULL, *note;
	size_t i;
	int rc = script_bundle_read(file, &bundle, &err);
	if (rc == 0)
		rc = ctl_config_check(bundle, &notes, &err);
	json_decref(bundle);
	if (rc < 0) {
		char text[sizeof(err.path) + sizeof(err.msg) + 8];
		// A message of the script names its file already.
		if (err.path[0])
			fprintf(stderr, "%s: ", file);
		fprintf(stderr, "%s\n", err_print(&err, text, sizeof(text)));
		return 1;
	}
	printf("%s: ok\n", file);
	json_array_foreach (notes, i, note)
		printf("  %s\n", json_string_value(note));
	json_decref(notes);
	return 0;
}

static char *dump_json(json_t *json) {
	char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
	json_decref(json);
	return text;
}

static int dump(enum ctl_dump format) {
	char *text = NULL;
	if (format == CTL_DUMP_JSON)
		text = dump_json(ctl_schema_json());
	else if (format == CTL_DUMP_OPENAPI)
		text = dump_json(ctl_openapi());
	else if (format == CTL_DUMP_MANUAL)
		text = schema_manual(module_sections());
	else
		text = schema_lua_stubs(module_sections());
	bool ok = text && puts(text) >= 0 && fflush(stdout) == 0;
	free(text);
	return ok ? 0 : 1;
}

// ---- the loop ----------------------------------------------------------------------------------------------

static void on_poll(evutil_socket_t fd, short events, void *arg) {
	struct daemon *daemon = arg;
	size_t n;
	uint64_t now_ns = clock_now_ns();
	const struct module *const *modules = module_list(&n);
	for (size_t i = 0; i < n; i++)
		if (modules[i]->poll)
			modules[i]->poll(now_ns);
	ctl_config_poll(daemon->api.config, now_ns);
	ctl_http_poll(daemon->http, now_ns);
}

static void on_stop(evutil_socket_t signal, short events, void *arg) {
	struct daemon *daemon = arg;
	log_info("control", "stopping", "signal=%d", (int)signal);
	ctl_notify("STOPPING=1");
	event_base_loopbreak(daemon->base);
}

static void on_reload(evutil_socket_t signal, short events, void *arg) {
	struct daemon *daemon = arg;
	struct err err = {0};
	struct ctl_result result;
	struct ctl_apply opts = {.comment = "SIGHUP"};
	json_t *bundle = NULL;
	char text[sizeof(err.path) + sizeof(err.msg) + 8];
	if (daemon->options->config == NULL) {
		log_warn("control", "nothing to apply again: started without -c", "");
		return;
	}
	int rc = script_bundle_read(daemon->options->config, &bundle, &err);
	if (rc == 0)
		rc = ctl_config_apply(daemon->api.config, bundle, &opts, &result, &err);
	if (rc == 0)
		ctl_result_fini(&result);
	else
		log_error("control", "config refused", "file=\"%s\" why=\"%s\"",
			daemon->options->config, err_print(&err, text, sizeof(text)));
	json_decref(bundle);
}

static int loop_init(struct daemon *daemon, struct err *err) {
	struct timeval period = {.tv_usec = POLL_MS * 1000};
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	daemon->base = event_base_new();
	if (daemon->base == NULL)
		return err_set(err, -ENOMEM, "cannot make an event loop");
	for (size_t i = 0; i < 3; i++) {
		daemon->signals[i] =
			evsignal_new(daemon->base, signals[i], i < 2 ? on_stop : on_reload, daemon);
		if (daemon->signals[i] == NULL || event_add(daemon->signals[i], NULL) < 0)
			return err_set(err, -ENOMEM, "cannot handle signals");
	}
	daemon->poll = event_new(daemon->base, -1, EV_PERSIST, on_poll, daemon);
	if (daemon->poll == NULL || event_add(daemon->poll, &period) < 0)
		return err_set(err, -ENOMEM, "cannot make a timer");
	return 0;
}

// ---- start and stop ------------------------------------------------------------------------------------------

static int modules_init(struct daemon *daemon, struct err *err) {
	size_t n;
	const struct module *const *modules = module_list(&n);
	for (size_t i = 0; i < n; i++) {
		int rc = modules[i]->init ? modules[i]->init(err) : 0;
		if (rc < 0)
			return err_set(err, rc, "module %s: %s", modules[i]->name, strerror(-rc));
		daemon->n_modules = i + 1;
	}
	return 0;
}

// The data plane's memory is part of the configuration, and must be known before it starts.
static int platform_start(struct daemon *daemon, struct err *err) {
	int rc = 0;
	if (daemon->options->config)
		rc = script_bundle_read(daemon->options->config, &daemon->bundle, err);
	if (rc < 0)
		return rc;
	json_t *tree = ctl_config_preview(daemon->api.config, daemon->bundle);
	rc = ctl_platform.start(daemon->options, tree, err);
	json_decref(tree);
	daemon->started = rc == 0;
	return rc;
}

static int config_start(struct daemon *daemon, struct err *err) {
	int rc = ctl_config_start(daemon->api.config, daemon->bundle, err);
	if (rc < 0 && err->path[0] && daemon->options->config) {
		struct err cause = *err;
		*err = (struct err){0};
		err_set(err, rc, "%s: %s: %s", daemon->options->config, cause.path, cause.msg);
	}
	return rc;
}

static int listen_on(
	struct daemon *daemon, const char *name, mode_t mode, bool read_only, struct err *err) {
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", daemon->options->run_dir, name);
	return ctl_http_listen(daemon->http, path, mode, read_only, err);
}

static int api_init(struct daemon *daemon, struct err *err) {
	daemon->api.streams = &daemon->streams;
	daemon->api.events = ctl_events_new();
	daemon->http = ctl_http_new(daemon->base, ctl_api_handle, &daemon->api);
	if (daemon->api.events == NULL || daemon->http == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	ctl_module_watch(daemon->api.config, daemon->http);
	return 0;
}

static int daemon_start(struct daemon *daemon, struct err *err) {
	int rc = ctl_run_dir_lock(daemon->options->run_dir, err);
	if (rc < 0)
		return rc;
	ctl_raise_limits();
	if (ctl_platform.privileged)
		ctl_platform.privileged();
	rc = netns_start(err); // enters namespaces for us
	if (rc < 0)
		return rc;
	// Before any thread is born: capabilities are a thread's own.
	rc = ctl_drop_capabilities(err);
	if (rc < 0)
		return rc;
	file_state_dir_set(daemon->options->state_dir);
	daemon->api.config = ctl_config_new(daemon->options->state_dir, ctl_platform.sync, err);
	if (daemon->api.config == NULL)
		return err->code;
	rc = loop_init(daemon, err);
	if (rc == 0)
		rc = platform_start(daemon, err);
	if (rc < 0)
		return rc;
	rc = api_init(daemon, err);
	if (rc == 0)
		rc = modules_init(daemon, err);
	if (rc == 0)
		rc = config_start(daemon, err);
	if (rc == 0)
		rc = listen_on(daemon, "leat.sock", 0660, false, err);
	if (rc == 0)
		rc = listen_on(daemon, "leat-ro.sock", 0666, true, err);
	return rc;
}

static void daemon_stop(struct daemon *daemon) {
	size_t n;
	const struct module *const *modules = module_list(&n);
	ctl_module_watch(NULL, NULL);
	ctl_http_free(daemon->http);
	ctl_events_free(daemon->api.events);
	while (daemon->n_modules-- > 0)
		if (modules[daemon->n_modules]->fini)
			modules[daemon->n_modules]->fini();
	if (daemon->started)
		ctl_platform.stop();
	ctl_config_free(daemon->api.config);
	json_decref(daemon->bundle);
	if (daemon->poll)
		event_free(daemon->poll);
	for (size_t i = 0; i < 3; i++)
		if (daemon->signals[i])
			event_free(daemon->signals[i]);
	if (daemon->base)
		event_base_free(daemon->base);
	netns_stop();
	module_reset();
	libevent_global_shutdown();
}

static int serve(struct daemon *daemon) {
	struct err err = {0};
	int rc = daemon_start(daemon, &err);
	if (rc == 0) {
		log_info("control", "ready", "version=%s revision=%" PRIu64, LEAT_VERSION,
			ctl_config_revision(daemon->api.config));
		ctl_notify("READY=1");
		event_base_dispatch(daemon->base);
	}
	daemon_stop(daemon);
	return rc < 0 ? fail(&err) : 0;
}

int main(int argc, char **argv) {
	struct err err = {0};
	struct ctl_options options;
	int status = ctl_options_parse(argc, argv, &options);
	if (status >= 0)
		return status;
	log_set_level(options.log_level);
	log_set_timestamps(getenv("JOURNAL_STREAM") == NULL);
	if (modules_register(&options, &err) < 0)
		return fail(&err);
	if (options.check)
		return check(options.check);
	if (options.dump)
		return dump(options.dump);
	struct daemon daemon = {.options = &options};
	return serve(&daemon);
}
