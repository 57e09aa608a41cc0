// SPDX-License-Identifier: BSD-3-Clause
// What there is to see of the configuration and its past.
#include "control/txn_priv.h"
#include <errno.h>
#include <string.h>

const json_t *ctl_config_tree(const struct ctl_config *config, enum ctl_source source) {
	switch (source) {
	case CTL_RUNNING_RESOLVED:
		return config->running.resolved;
	case CTL_FILE:
		return config->running.file;
	case CTL_OVERLAY:
		return config->overlay;
	default:
		return config->running.tree;
	}
}

uint64_t ctl_config_revision(const struct ctl_config *config) {
	return config->number;
}

uint64_t ctl_config_confirm_by(const struct ctl_config *config) {
	return config->pending.active ? config->pending.deadline_wall_ns : 0;
}

const char *ctl_config_degraded(const struct ctl_config *config) {
	return config->degraded.active ? config->degraded.why : NULL;
}

json_t *ctl_config_restarts(const struct ctl_config *config) {
	return config->at_start ? ctl_restarts(config->at_start, config->running.resolved)
				: json_array();
}

json_t *ctl_config_history(const struct ctl_config *config) {
	json_t *stored = ctl_store_history(config->store), *rows = json_array();
	for (size_t i = json_array_size(stored); i-- > 0;) {
		json_t *row = json_array_get(stored, i);
		uint64_t number = (uint64_t)json_integer_value(json_object_get(row, "revision"));
		const char *state = number != config->number ? "old"
			: config->pending.active             ? "pending"
							     : "current";
		json_object_del(row, "confirm");
		json_object_set_new(row, "state", json_string(state));
		json_array_append(rows, row);
	}
	json_decref(stored);
	return rows;
}

// The tree of a revision. New reference, or NULL with err set.
static json_t *revision_tree(struct ctl_config *config, int64_t number, struct err *err) {
	if (number == 0)
		return json_object();
	json_t *revision = ctl_store_read(config->store, (uint64_t)number, err);
	json_t *tree = json_incref(json_object_get(revision, "tree"));
	json_decref(revision);
	if (revision && tree == NULL)
		err_set(err, -ENOENT, "revision %lld holds no tree", (long long)number);
	return tree;
}

int ctl_config_diff(
	struct ctl_config *config, int64_t from, int64_t to, json_t **changes, struct err *err) {
	json_t *old = NULL, *new = NULL;
	if (from < 0 && to < 0)
		old = json_incref(config->running.file);
	else
		old = revision_tree(config, from < 0 ? (int64_t)config->number : from, err);
	if (old && to < 0)
		new = json_incref(config->running.tree);
	else if (old)
		new = revision_tree(config, to, err);
	*changes = old && new ? ctl_changes(old, new) : NULL;
	json_decref(old);
	json_decref(new);
	if (*changes == NULL)
		return err->code ? err->code : err_set(err, -ENOMEM, "out of memory");
	return 0;
}
