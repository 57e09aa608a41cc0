// SPDX-License-Identifier: BSD-3-Clause
// The configuration's state, for txn*.c.
#pragma once

#include "control/revision.h"
#include "control/txn.h"

struct script;

// What a bundle and an overlay come to. Owned by its holder; `script` may be shared between the running
// version and one that was edited from it.
struct ctl_version {
	json_t *bundle;   // JSON null: none (revision 0)
	json_t *overlay;  // merge patch
	json_t *file;     // what the script returned
	json_t *tree;     // file + overlay, as written
	json_t *resolved; // validated, defaults filled in
	struct script *script;
};

struct ctl_config {
	struct ctl_store *store;
	void (*sync)(void);
	bool started;
	struct ctl_version running;
	json_t *at_start; // resolved: what was read before the platform started; NULL: nothing was
	uint64_t number;  // of the wanted revision; the running one's unless degraded
	json_t *bundle;   // the wanted one's; the same as running's unless degraded
	json_t *overlay;
	struct {
		bool active;
		uint64_t back_to;
		uint64_t deadline_ns;
		uint64_t deadline_wall_ns;
	} pending;
	struct {
		bool active;
		char why[1100];
		uint64_t retry_ns;
		uint64_t backoff_ns;
	} degraded;
};

struct ctl_commit {
	const char *kind; // "apply", "set", "rollback", "revert"
	const char *comment;
	unsigned confirm_s;
	bool dry_run;
	uint64_t restored; // this revision's number is kept and nothing is written
	bool restoring;    // `restored` counts (0 is a number too)
	bool insist;       // a revert: when it cannot be written, do it all the same
	uint64_t fallback; // the number it then goes by
};

// The code that callers see for a mistake that a module or the script found; err has words.
int ctl_refused(int rc, struct err *err);
// Runs, merges and validates. On error *version is left empty.
int ctl_version_build(
	const json_t *bundle, const json_t *overlay, struct ctl_version *version, struct err *err);
// The same file with another overlay; shares running's script.
int ctl_version_edit(const struct ctl_version *running, const json_t *overlay,
	struct ctl_version *version, struct err *err);
void ctl_version_fini(struct ctl_version *version, const struct script *keep);

// Prepares, stores and commits `version`, which is taken over or freed.
int ctl_config_commit(struct ctl_config *config, struct ctl_version *version,
	const struct ctl_commit *commit, struct ctl_result *result, struct err *err);

// Bundle and overlay of a stored revision (0: the empty one). New references.
int ctl_config_load(struct ctl_config *config, uint64_t number, json_t **bundle, json_t **overlay,
	struct err *err);

// Paths of the fields that take effect at the next start (SCHEMA_RESTART) and differ between two resolved trees. New
// reference.
json_t *ctl_restarts(const json_t *old, const json_t *new);

// schema_diff(), redacted. New reference.
json_t *ctl_changes(const json_t *old, const json_t *new);
