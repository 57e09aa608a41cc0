// SPDX-License-Identifier: BSD-3-Clause
// One change: build, prepare, store, commit.
#include "control/txn.h"
#include "control/txn_priv.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "lib/module.h"
#include "lib/script.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct script_limits ctl_script_limits;

char *ctl_time_print(uint64_t wall_ns, char buf[static CTL_TIMELEN]) {
	time_t seconds = (time_t)(wall_ns / NSEC_PER_SEC);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	strftime(buf, CTL_TIMELEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

void ctl_result_fini(struct ctl_result *result) {
	json_decref(result->changes);
	json_decref(result->notes);
	json_decref(result->restart);
	result->changes = result->notes = result->restart = NULL;
}

// A module's or the script's own code must not read like one of the codes that the header promises.
int ctl_refused(int rc, struct err *err) {
	if (err && err->code)
		err->code = -EINVAL;
	return err_set(err, -EINVAL, "%s", strerror(-rc));
}

// ---- a version -------------------------------------------------------------------------------------

void ctl_version_fini(struct ctl_version *version, const struct script *keep) {
	json_decref(version->bundle);
	json_decref(version->overlay);
	json_decref(version->file);
	json_decref(version->tree);
	json_decref(version->resolved);
	if (version->script != keep)
		script_free(version->script);
	*version = (struct ctl_version){0};
}

static int version_merge(struct ctl_version *version, struct err *err) {
	version->tree = schema_merge(version->file, version->overlay);
	if (version->tree == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	if (!json_is_object(version->tree))
		return err_set(err, -EINVAL,
			"the configuration must be a table of sections, as in "
			"`return { ports = {} }`");
	return schema_validate(module_sections(), version->tree, &version->resolved, err);
}

int ctl_version_build(
	const json_t *bundle, const json_t *overlay, struct ctl_version *version, struct err *err) {
	int rc = 0;
	*version = (struct ctl_version){
		.bundle = json_incref((json_t *)bundle), .overlay = json_incref((json_t *)overlay)};
	if (json_is_null(bundle))
		version->file = json_object();
	else
		rc = script_run(bundle, &ctl_script_limits, &version->script, &version->file, err);
	if (rc == 0)
		rc = version_merge(version, err);
	if (rc == 0)
		return 0;
	ctl_version_fini(version, NULL);
	return ctl_refused(rc, err);
}

int ctl_version_edit(const struct ctl_version *running, const json_t *overlay,
	struct ctl_version *version, struct err *err) {
	*version = (struct ctl_version){.bundle = json_incref(running->bundle),
		.overlay = json_incref((json_t *)overlay),
		.file = json_incref(running->file),
		.script = running->script};
	int rc = version_merge(version, err);
	if (rc == 0)
		return 0;
	ctl_version_fini(version, running->script);
	return ctl_refused(rc, err);
}

json_t *ctl_changes(const json_t *old, const json_t *new) {
	static const char *const sides[] = {"old", "new"};
	json_t *changes = schema_diff(old, new), *change;
	size_t i;
	json_array_foreach (changes, i, change) {
		const char *path = json_string_value(json_object_get(change, "path"));
		for (size_t side = 0; side < 2; side++) {
			const json_t *value = json_object_get(change, sides[side]);
			if (value)
				json_object_set_new(change, sides[side],
					schema_redact(module_sections(), path, value));
		}
	}
	return changes;
}

static void restarts_add(json_t *paths, const char *section, const struct schema_row *row,
	const json_t *old, const json_t *new) {
	const json_t *was = json_object_get(old, row->name), *is = json_object_get(new, row->name);
	bool same = was && is ? json_equal(was, is) : was == is;
	if (row->flags & SCHEMA_RESTART && !same)
		json_array_append_new(paths, json_sprintf("%s.%s", section, row->name));
}

json_t *ctl_restarts(const json_t *old, const json_t *new) {
	json_t *paths = json_array();
	const struct schema_row *const *section = module_sections();
	for (; *section; section++) {
		const char *name = (*section)->name;
		const struct schema_row *row =
			(*section)->type == SCHEMA_OBJECT ? (*section)->rows : NULL;
		for (; row && row->name; row++)
			restarts_add(paths, name, row, json_object_get(old, name),
				json_object_get(new, name));
	}
	return paths;
}

// ---- its commit --------------------------------------------------------------------------------------

// A transaction under way, as the persist hook sees it.
struct txn {
	struct ctl_config *config;
	const struct ctl_version *version;
	const struct ctl_commit *commit;
	const json_t *changes;
	json_t *notes;
	uint64_t number;   // set by the hook
	bool store_failed; // the same
};

static json_t *revision_json(const struct txn *txn, uint64_t number) {
	const struct ctl_version *version = txn->version;
	char time[CTL_TIMELEN];
	return json_pack("{s:I, s:s, s:s, s:s, s:O, s:O, s:O, s:I, s:s}", "revision",
		(json_int_t)number, "time", ctl_time_print(clock_wall_ns(), time), "kind",
		txn->commit->kind, "comment", txn->commit->comment ? txn->commit->comment : "",
		"bundle", version->bundle, "overlay", version->overlay, "tree", version->tree,
		"changes", (json_int_t)json_array_size(txn->changes), "confirm",
		txn->commit->confirm_s ? "pending" : "done");
}

static int txn_store(struct txn *txn, struct err *err) {
	txn->number = ctl_store_next(txn->config->store);
	json_t *revision = revision_json(txn, txn->number);
	if (revision == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = ctl_store_write(txn->config->store, revision, err);
	json_decref(revision);
	return rc;
}

static int txn_persist(void *arg, struct err *err) {
	struct txn *txn = arg;
	struct err failed = {0};
	if (txn->commit->dry_run)
		return -ECANCELED;
	if (txn->commit->restoring) {
		txn->number = txn->commit->restored;
		return 0;
	}
	if (txn_store(txn, &failed) == 0)
		return 0;
	if (txn->commit->insist) {
		// On the disk the revision to go back to is the last confirmed one already.
		log_error("control", "reverted without a revision of its own", "why=\"%s\"",
			failed.msg);
		txn->number = txn->commit->fallback;
		return 0;
	}
	txn->store_failed = true;
	return err_set(err, CTL_STORE, "%s", failed.msg);
}

static void config_replace(
	struct ctl_config *config, struct ctl_version *version, uint64_t number) {
	struct ctl_version old = config->running;
	config->running = *version;
	config->number = number;
	json_decref(config->bundle);
	json_decref(config->overlay);
	config->bundle = json_incref(version->bundle);
	config->overlay = json_incref(version->overlay);
	config->started = true;
	ctl_version_fini(&old, version->script);
	*version = (struct ctl_version){0};
}

static void pending_set(struct ctl_config *config, unsigned confirm_s, uint64_t back_to) {
	config->pending.active = confirm_s > 0;
	if (confirm_s == 0)
		return;
	config->pending.back_to = back_to;
	config->pending.deadline_ns = clock_now_ns() + confirm_s * NSEC_PER_SEC;
	config->pending.deadline_wall_ns = clock_wall_ns() + confirm_s * NSEC_PER_SEC;
}

static void announce(const struct txn *txn, uint64_t started_ns) {
	size_t changes = json_array_size(txn->changes);
	const char *kind = txn->commit->kind;
	log_info("control", "config applied",
		"revision=%" PRIu64 " kind=%s changes=%zu duration_ms=%" PRIu64 " confirm_s=%u",
		txn->number, kind, changes,
		(uint64_t)((clock_now_ns() - started_ns) / NSEC_PER_MSEC), txn->commit->confirm_s);
	event_emit("config.applied",
		json_pack("{s:I, s:s, s:I, s:b}", "revision", (json_int_t)txn->number, "kind", kind,
			"changes", (json_int_t)changes, "pending", txn->commit->confirm_s > 0));
}

static int txn_apply(struct txn *txn, struct err *err) {
	struct ctl_config *config = txn->config;
	json_t *none = json_object();
	struct change change = {
		.old = config->started ? config->running.resolved : none,
		.new = txn->version->resolved,
		.script = txn->version->script,
		.restore = !config->started,
	};
	struct module_hooks hooks = {.persist = txn_persist,
		.arg = txn,
		.sync = config->sync,
		.dry = txn->commit->dry_run,
		.notes = txn->notes};
	int rc = module_apply(&change, &hooks, err);
	json_decref(none);
	if (rc == -ECANCELED && txn->commit->dry_run)
		return 0;
	return rc < 0 && !txn->store_failed ? ctl_refused(rc, err) : rc;
}

int ctl_config_commit(struct ctl_config *config, struct ctl_version *version,
	const struct ctl_commit *commit, struct ctl_result *result, struct err *err) {
	uint64_t started_ns = clock_now_ns(), before = config->number;
	json_t *changes = ctl_changes(config->running.tree, version->tree);
	json_t *restart = config->started
		? ctl_restarts(config->running.resolved, version->resolved)
		: json_array();
	struct txn txn = {config, version, commit, changes, json_array(), before};
	int rc = txn_apply(&txn, err);
	if (rc < 0 || commit->dry_run) {
		ctl_version_fini(version, config->running.script);
	} else {
		config_replace(config, version, txn.number);
		config->degraded.active = false;
		pending_set(config, commit->confirm_s, before);
		announce(&txn, started_ns);
	}
	if (rc < 0 || result == NULL) {
		json_decref(changes);
		json_decref(txn.notes);
		json_decref(restart);
		return rc;
	}
	// A dry run beside a change that waits has nothing to confirm: that one's deadline is not its own.
	*result = (struct ctl_result){config->number, changes, txn.notes, restart,
		commit->dry_run ? 0 : ctl_config_confirm_by(config)};
	return 0;
}
