// SPDX-License-Identifier: BSD-3-Clause
// The changes that people ask for: apply, check, edit, rollback, confirm.
#include "control/txn_priv.h"
#include "lib/event.h"
#include "lib/log.h"
#include "lib/module.h"
#include "lib/script.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int check_not_pending(const struct ctl_config *config, struct err *err) {
	if (!config->pending.active)
		return 0;
	return err_set(err, CTL_BUSY,
		"revision %" PRIu64
		" waits for its confirmation: `leat confirm` or `leat rollback` "
		"first",
		config->number);
}

static bool is_same(const struct ctl_config *config, const json_t *bundle, const json_t *overlay) {
	return !config->degraded.active && script_bundle_equal(config->bundle, bundle) &&
		json_equal(config->overlay, overlay);
}

static int same_result(const struct ctl_config *config, struct ctl_result *result) {
	*result = (struct ctl_result){
		.revision = config->number, .changes = json_array(), .restart = json_array()};
	return 0;
}

int ctl_config_apply(struct ctl_config *config, const json_t *bundle, const struct ctl_apply *opts,
	struct ctl_result *result, struct err *err) {
	struct ctl_version version;
	struct ctl_commit commit = {.kind = "apply",
		.comment = opts->comment,
		.confirm_s = opts->confirm_s,
		.dry_run = opts->dry_run};
	int rc = opts->dry_run ? 0 : check_not_pending(config, err);
	if (rc < 0)
		return rc;
	json_t *overlay = opts->keep_overlay ? json_incref(config->overlay) : json_object();
	if (is_same(config, bundle, overlay)) {
		rc = same_result(config, result);
	} else {
		rc = ctl_version_build(bundle, overlay, &version, err);
		if (rc == 0)
			rc = ctl_config_commit(config, &version, &commit, result, err);
	}
	json_decref(overlay);
	return rc;
}

static int modules_check(const struct ctl_version *version, json_t *notes, struct err *err) {
	size_t n;
	json_t *none = json_object();
	const struct change change = {
		.old = none, .new = version->resolved, .script = version->script};
	const struct module *const *modules = module_list(&n);
	int rc = notes ? 0 : err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (modules[i]->check)
			rc = modules[i]->check(&change, notes, err);
	json_decref(none);
	return rc;
}

int ctl_config_check(const json_t *bundle, json_t **notes, struct err *err) {
	struct ctl_version version;
	json_t *overlay = json_object();
	int rc = ctl_version_build(bundle, overlay, &version, err);
	json_decref(overlay);
	*notes = NULL;
	if (rc < 0)
		return rc;
	*notes = json_array();
	rc = modules_check(&version, *notes, err);
	ctl_version_fini(&version, NULL);
	if (rc == 0)
		return 0;
	json_decref(*notes);
	*notes = NULL;
	return ctl_refused(rc, err);
}

// What an edit starts from. While degraded that is the wanted revision, which does not run: its script is run
// anew, and *base owns it.
static int edit_base(struct ctl_config *config, struct ctl_version *base, struct err *err) {
	if (config->degraded.active)
		return ctl_version_build(config->bundle, config->overlay, base, err);
	*base = config->running;
	return 0;
}

static int commit_overlay(struct ctl_config *config, const struct ctl_version *base,
	const json_t *overlay, const char *comment, struct ctl_result *result, struct err *err) {
	struct ctl_version version;
	struct ctl_commit commit = {.kind = "set", .comment = comment};
	if (is_same(config, config->bundle, overlay))
		return same_result(config, result);
	int rc = config->degraded.active ? ctl_version_build(base->bundle, overlay, &version, err)
					 : ctl_version_edit(base, overlay, &version, err);
	return rc < 0 ? rc : ctl_config_commit(config, &version, &commit, result, err);
}

int ctl_config_edit(struct ctl_config *config, enum ctl_edit edit, const char *path,
	const json_t *value, struct ctl_result *result, struct err *err) {
	struct ctl_version base;
	json_t *overlay = NULL;
	int rc = check_not_pending(config, err);
	if (rc < 0)
		return rc;
	if (*path && schema_find(module_sections(), path, err) == NULL)
		return -EINVAL;
	bool degraded = config->degraded.active;
	rc = edit_base(config, &base, err);
	if (rc < 0)
		return rc;
	rc = ctl_overlay_edit(base.file, base.tree, edit, path, value, &overlay, err);
	if (rc == 0)
		rc = commit_overlay(config, &base, overlay, path, result, err);
	json_decref(overlay);
	if (degraded)
		ctl_version_fini(&base, NULL);
	return rc;
}

int ctl_config_clear_overlay(
	struct ctl_config *config, struct ctl_result *result, struct err *err) {
	struct ctl_version base;
	int rc = check_not_pending(config, err);
	if (rc < 0)
		return rc;
	bool degraded = config->degraded.active;
	rc = edit_base(config, &base, err);
	if (rc < 0)
		return rc;
	json_t *overlay = json_object();
	rc = commit_overlay(config, &base, overlay, "run-time edits cleared", result, err);
	json_decref(overlay);
	if (degraded)
		ctl_version_fini(&base, NULL);
	return rc;
}

int ctl_config_confirm(struct ctl_config *config, struct err *err) {
	struct err failed = {0};
	if (!config->pending.active)
		return err_set(err, CTL_BUSY, "there is nothing to confirm (any more)");
	json_t *revision = ctl_store_read(config->store, config->number, &failed);
	if (revision) {
		json_object_set_new(revision, "confirm", json_string("done"));
		ctl_store_write(config->store, revision, &failed);
		json_decref(revision);
	}
	if (failed.code)
		return err_set(err, CTL_STORE, "%s", failed.msg);
	config->pending.active = false;
	log_info("control", "config confirmed", "revision=%" PRIu64, config->number);
	event_emit("config.confirmed", json_pack("{s:I}", "revision", (json_int_t)config->number));
	return 0;
}

int ctl_config_load(struct ctl_config *config, uint64_t number, json_t **bundle, json_t **overlay,
	struct err *err) {
	if (number == 0) {
		*bundle = json_null();
		*overlay = json_object();
		return 0;
	}
	json_t *revision = ctl_store_read(config->store, number, err);
	if (revision == NULL)
		return err->code;
	*bundle = json_incref(json_object_get(revision, "bundle"));
	*overlay = json_incref(json_object_get(revision, "overlay"));
	json_decref(revision);
	return 0;
}

static int rollback_target(
	const struct ctl_config *config, int64_t to, uint64_t *target, struct err *err) {
	if (to >= 0)
		*target = (uint64_t)to;
	else
		*target = ctl_store_last_done(config->store, config->number);
	if (to < 0 && *target == 0 && !config->pending.active)
		return err_set(err, -ENOENT, "there is no revision before revision %" PRIu64,
			config->number);
	return 0;
}

int ctl_config_rollback(
	struct ctl_config *config, int64_t to, struct ctl_result *result, struct err *err) {
	struct ctl_version version;
	json_t *bundle = NULL, *overlay = NULL;
	char comment[64];
	uint64_t target;
	int rc = rollback_target(config, to, &target, err);
	if (rc == 0)
		rc = ctl_config_load(config, target, &bundle, &overlay, err);
	if (rc == 0)
		rc = ctl_version_build(bundle, overlay, &version, err);
	if (rc == 0) {
		snprintf(comment, sizeof(comment), "back to revision %" PRIu64, target);
		struct ctl_commit commit = {.kind = "rollback", .comment = comment};
		rc = ctl_config_commit(config, &version, &commit, result, err);
	}
	json_decref(bundle);
	json_decref(overlay);
	return rc;
}
