// SPDX-License-Identifier: BSD-3-Clause
// The configuration and its transactions. Control thread only.
//
// A change is a bundle (Lua files) and an overlay (run-time edits). It is run, merged, validated, prepared
// by every module it touches, written to the disk as a revision, and committed; when any of these fails,
// nothing has changed. With `confirm_s` it goes back by itself to the revision before unless
// ctl_config_confirm() comes in time; until then no other change is taken.
//
// Revision 0 is the empty configuration: it is on no disk, and what a daemon without revisions runs.
//
// When the last revision cannot be restored at a start (a NIC is gone), the empty configuration runs, the
// revision stays the wanted one, and it is tried again every few seconds.
#pragma once

#include "control/overlay.h"
#include "lib/err.h"
#include "lib/script.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CTL_CONFIRM_MAX_S 86400
#define CTL_COMMENT_MAX   1024

struct ctl_config;

struct ctl_apply {
	const char *comment; // NULL: none
	unsigned confirm_s;  // 0: at once
	bool dry_run;        // everything but the commit
	bool keep_overlay;
};

struct ctl_result {
	uint64_t revision;
	json_t *changes;             // schema_diff entries, redacted; free with ctl_result_fini()
	json_t *notes;               // strings: what modules say of it; NULL: nothing
	json_t *restart;             // paths of what takes effect at the next start; NULL: nothing
	uint64_t confirm_by_wall_ns; // 0: nothing to confirm
};

// Errors of the calls below, beyond the message: -EBUSY another change waits for its confirmation;
// -ENOENT no such revision or value; -EIO the revision could not be stored; all else: refused.
#define CTL_BUSY  (-EBUSY)
#define CTL_STORE (-EIO)

// What a configuration may cost to run; zeros: the defaults of lib/script.h. Set before the first one.
extern struct script_limits ctl_script_limits;

// Opens the store; `sync` is dp_sync() or NULL. NULL with err set.
struct ctl_config *ctl_config_new(const char *state_dir, void (*sync)(void), struct err *err);
void ctl_config_free(struct ctl_config *config);

// What ctl_config_start() with the same bundle is going to run, resolved, as far as one can tell before any module is
// asked; NULL: not even that validates. For what must be known before the platform starts. New reference; at most once.
json_t *ctl_config_preview(struct ctl_config *config, const json_t *bundle);

// The first commit after a start: `bundle` (NULL: none) when it differs from the last confirmed revision's, else that
// revision, else the empty configuration. Fails when `bundle` is refused and there is no revision to fall
// back to, or when not even the empty configuration can be applied.
int ctl_config_start(struct ctl_config *config, const json_t *bundle, struct err *err);

// Reverts what was not confirmed in time, and tries again what could not be restored.
void ctl_config_poll(struct ctl_config *config, uint64_t now_ns);

int ctl_config_apply(struct ctl_config *config, const json_t *bundle, const struct ctl_apply *opts,
	struct ctl_result *result, struct err *err);
// Runs and validates, and asks the modules (module.check). Needs no `config`: `leatd --check`. *notes: a new array of text for people.
int ctl_config_check(const json_t *bundle, json_t **notes, struct err *err);
int ctl_config_edit(struct ctl_config *config, enum ctl_edit edit, const char *path,
	const json_t *value, struct ctl_result *result, struct err *err);
int ctl_config_clear_overlay(struct ctl_config *config, struct ctl_result *result, struct err *err);
int ctl_config_confirm(struct ctl_config *config, struct err *err);
// `to` < 0: the one before; while a change waits for its confirmation, the one it would go back to.
int ctl_config_rollback(
	struct ctl_config *config, int64_t to, struct ctl_result *result, struct err *err);
void ctl_result_fini(struct ctl_result *result);

// What there is to see. Trees are borrowed, valid until the next change, and hold secrets: redact them.
enum ctl_source { CTL_RUNNING, CTL_RUNNING_RESOLVED, CTL_FILE, CTL_OVERLAY };
const json_t *ctl_config_tree(const struct ctl_config *config, enum ctl_source source);
uint64_t ctl_config_revision(const struct ctl_config *config);
// Wall time at which the running revision reverts by itself; 0: it does not.
uint64_t ctl_config_confirm_by(const struct ctl_config *config);
// Why the wanted revision does not run; NULL: it does.
const char *ctl_config_degraded(const struct ctl_config *config);
// Paths of what the running revision says and only the next start will do. New reference, [] when there is nothing.
json_t *ctl_config_restarts(const struct ctl_config *config);
// New references: rows {revision, time, kind, comment, state, changes}, newest first; and the changes from
// one revision to another, redacted (both < 0: from the file to what runs).
json_t *ctl_config_history(const struct ctl_config *config);
int ctl_config_diff(
	struct ctl_config *config, int64_t from, int64_t to, json_t **changes, struct err *err);

// RFC 3339, UTC.
#define CTL_TIMELEN 32
char *ctl_time_print(uint64_t wall_ns, char buf[static CTL_TIMELEN]);
