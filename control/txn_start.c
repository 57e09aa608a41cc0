// SPDX-License-Identifier: BSD-3-Clause
// The configuration over time: start, restore, and the revert of what nobody confirmed.
#include "control/txn_priv.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "lib/script.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MIN_NS (3 * NSEC_PER_SEC)
#define RETRY_MAX_NS (60 * NSEC_PER_SEC)

// The newest confirmed revision that can be read becomes the wanted one.
static void want_last(struct ctl_config *config) {
	json_t *bundle, *overlay;
	uint64_t number = UINT64_MAX;
	while ((number = ctl_store_last_done(config->store, number))) {
		struct err err = {0};
		if (ctl_config_load(config, number, &bundle, &overlay, &err) < 0)
			continue;
		json_decref(config->bundle);
		json_decref(config->overlay);
		config->number = number;
		config->bundle = bundle;
		config->overlay = overlay;
		if (number + 1 < ctl_store_next(config->store))
			log_warn("control", "a later revision was never confirmed",
				"running=%" PRIu64 " newest=%" PRIu64, number,
				ctl_store_next(config->store) - 1);
		return;
	}
}

struct ctl_config *ctl_config_new(const char *state_dir, void (*sync)(void), struct err *err) {
	struct ctl_config *config = calloc(1, sizeof(*config));
	if (config == NULL) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	config->sync = sync;
	config->bundle = json_null();
	config->overlay = json_object();
	config->running = (struct ctl_version){.bundle = json_null(),
		.overlay = json_object(),
		.file = json_object(),
		.tree = json_object(),
		.resolved = json_object()};
	config->store = ctl_store_open(state_dir, err);
	if (config->store == NULL) {
		ctl_config_free(config);
		return NULL;
	}
	want_last(config);
	return config;
}

void ctl_config_free(struct ctl_config *config) {
	if (config == NULL)
		return;
	ctl_store_close(config->store);
	ctl_version_fini(&config->running, NULL);
	json_decref(config->at_start);
	json_decref(config->bundle);
	json_decref(config->overlay);
	free(config);
}

static int apply_wanted(struct ctl_config *config, struct err *err) {
	struct ctl_version version;
	struct ctl_commit commit = {
		.kind = "restore", .restoring = true, .restored = config->number};
	int rc = ctl_version_build(config->bundle, config->overlay, &version, err);
	return rc < 0 ? rc : ctl_config_commit(config, &version, &commit, NULL, err);
}

static int apply_first(struct ctl_config *config, const json_t *bundle, struct err *err) {
	struct ctl_version version;
	struct ctl_commit commit = {.kind = "apply", .comment = "at the start"};
	json_t *overlay = json_object();
	int rc = ctl_version_build(bundle, overlay, &version, err);
	if (rc == 0)
		rc = ctl_config_commit(config, &version, &commit, NULL, err);
	json_decref(overlay);
	return rc;
}

// The empty configuration runs; what is wanted stays wanted.
static int apply_empty(struct ctl_config *config, struct err *err) {
	struct ctl_version version;
	struct ctl_commit commit = {.kind = "restore", .restoring = true, .restored = 0};
	uint64_t number = config->number;
	json_t *bundle = json_incref(config->bundle), *overlay = json_incref(config->overlay);
	json_t *no_bundle = json_null(), *no_overlay = json_object();
	int rc = ctl_version_build(no_bundle, no_overlay, &version, err);
	if (rc == 0)
		rc = ctl_config_commit(config, &version, &commit, NULL, err);
	json_decref(no_overlay);
	json_decref(config->bundle);
	json_decref(config->overlay);
	config->bundle = bundle;
	config->overlay = overlay;
	config->number = number;
	return rc;
}

static void degrade(struct ctl_config *config, const struct err *err) {
	char why[sizeof(config->degraded.why)];
	const char *text = err_print(err, why, sizeof(why));
	bool news = !config->degraded.active || strcmp(config->degraded.why, text) != 0;
	uint64_t backoff_ns =
		config->degraded.active ? config->degraded.backoff_ns * 2 : RETRY_MIN_NS;
	config->degraded.active = true;
	snprintf(config->degraded.why, sizeof(config->degraded.why), "%s", text);
	config->degraded.backoff_ns = backoff_ns < RETRY_MAX_NS ? backoff_ns : RETRY_MAX_NS;
	config->degraded.retry_ns = clock_now_ns() + config->degraded.backoff_ns;
	if (!news)
		return;
	log_error("control", "the last revision cannot be restored; it is tried again",
		"revision=%" PRIu64 " why=\"%s\"", config->number, config->degraded.why);
	event_emit("config.degraded",
		json_pack("{s:I, s:s}", "revision", (json_int_t)config->number, "why",
			config->degraded.why));
}

static bool is_news(const struct ctl_config *config, const json_t *bundle) {
	return bundle && (config->number == 0 || !script_bundle_equal(bundle, config->bundle));
}

json_t *ctl_config_preview(struct ctl_config *config, const json_t *bundle) {
	struct ctl_version version;
	struct err err = {0};
	json_t *overlay = json_object();
	int rc = -ENOENT;
	if (is_news(config, bundle))
		rc = ctl_version_build(bundle, overlay, &version, &err);
	json_decref(overlay);
	if (rc < 0)
		rc = ctl_version_build(config->bundle, config->overlay, &version, &err);
	if (rc < 0)
		return NULL; // whoever starts with it will say why
	json_t *resolved = config->at_start = json_incref(version.resolved);
	ctl_version_fini(&version, NULL);
	return json_incref(resolved);
}

int ctl_config_start(struct ctl_config *config, const json_t *bundle, struct err *err) {
	struct err failed = {0};
	if (is_news(config, bundle)) {
		int rc = apply_first(config, bundle, config->number ? &failed : err);
		if (rc == 0 || config->number == 0)
			return rc;
		char why[sizeof(config->degraded.why)];
		log_error("control", "the file is refused; the last revision is used instead",
			"revision=%" PRIu64 " why=\"%s\"", config->number,
			err_print(&failed, why, sizeof(why)));
		failed = (struct err){0};
	}
	if (apply_wanted(config, &failed) == 0)
		return 0;
	if (config->number == 0)
		return err_set(err, failed.code, "%s", failed.msg);
	int rc = apply_empty(config, err);
	if (rc == 0)
		degrade(config, &failed);
	return rc;
}

static void retry(struct ctl_config *config) {
	struct err err = {0};
	if (apply_wanted(config, &err) < 0) {
		degrade(config, &err);
		return;
	}
	log_info("control", "the last revision is restored", "revision=%" PRIu64, config->number);
	event_emit("config.restored", json_pack("{s:I}", "revision", (json_int_t)config->number));
}

static int revert_build(
	struct ctl_config *config, uint64_t number, struct ctl_version *version, struct err *err) {
	json_t *bundle = NULL, *overlay = NULL;
	int rc = ctl_config_load(config, number, &bundle, &overlay, err);
	if (rc == 0)
		rc = ctl_version_build(bundle, overlay, version, err);
	json_decref(bundle);
	json_decref(overlay);
	return rc;
}

static void announce_damaged(uint64_t number, uint64_t instead, const struct err *err) {
	char text[1100];
	const char *why = err_print(err, text, sizeof(text));
	log_error("control", "the revision to go back to is damaged; an older one is used",
		"revision=%" PRIu64 " instead=%" PRIu64 " why=\"%s\"", number, instead, why);
	event_emit("config.damaged",
		json_pack("{s:I, s:I, s:s}", "revision", (json_int_t)number, "instead",
			(json_int_t)instead, "why", why));
}

// Back to *to, which ran a moment ago and is refused only when its file was spoilt since: then to the newest one before
// it that is not, at last to the empty configuration. Whoever waits for the revert may have no other way in.
static int revert(struct ctl_config *config, uint64_t *to, struct err *err) {
	struct ctl_version version;
	int rc;
	while ((rc = revert_build(config, *to, &version, err)) < 0 && *to > 0) {
		if (rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE)
			return rc;
		uint64_t number = *to;
		*to = ctl_store_last_done(config->store, number);
		announce_damaged(number, *to, err);
		*err = (struct err){0};
	}
	struct ctl_commit commit = {.kind = "revert",
		.comment = "not confirmed in time",
		.insist = true,
		.fallback = *to};
	return rc < 0 ? rc : ctl_config_commit(config, &version, &commit, NULL, err);
}

static void revert_due(struct ctl_config *config, uint64_t now_ns) {
	struct err err = {0};
	char why[1100];
	uint64_t number = config->number, back_to = config->pending.back_to;
	if (revert(config, &back_to, &err) == 0) {
		log_warn("control", "config reverted: it was not confirmed in time",
			"from=%" PRIu64 " to=%" PRIu64, number, back_to);
		event_emit("config.reverted",
			json_pack("{s:I, s:I}", "from", (json_int_t)number, "to",
				(json_int_t)back_to));
		return;
	}
	config->pending.deadline_ns = now_ns + RETRY_MIN_NS;
	log_error("control", "the revert failed; it is tried again", "to=%" PRIu64 " why=\"%s\"",
		back_to, err_print(&err, why, sizeof(why)));
}

void ctl_config_poll(struct ctl_config *config, uint64_t now_ns) {
	if (config->pending.active && now_ns >= config->pending.deadline_ns)
		revert_due(config, now_ns);
	if (config->degraded.active && now_ns >= config->degraded.retry_ns)
		retry(config);
}
