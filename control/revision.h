// SPDX-License-Identifier: BSD-3-Clause
// The revisions on disk: STATE_DIR/revisions/<N>.json, one JSON object each:
//   {"revision", "time", "kind", "comment", "bundle", "overlay", "tree", "changes", "confirm"}
// `confirm` is "done", or "pending" while a commit waits for its confirmation; a pending one is
// never gone back to. Numbers only grow. A file appears by rename, after its bytes are on the disk, so
// whatever the instant of a crash, it is there whole or not at all. At most CTL_REVISIONS are kept; only
// their metadata stays in memory. Control thread only; one process at a time (the store holds a lock).
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stdint.h>

#define CTL_REVISIONS 100

struct ctl_store;

// Makes `state_dir` (0700) when it is not there, removes temporary files that a crash left, and reads what
// is there; a file that is not a revision is renamed to <N>.bad and logged. NULL with err set: not
// accessible, or another daemon uses it (-EBUSY).
struct ctl_store *ctl_store_open(const char *state_dir, struct err *err);
void ctl_store_close(struct ctl_store *store);

uint64_t ctl_store_next(const struct ctl_store *store); // the number of the revision to be written

// Writes `revision` under its own number, anew or in place of the one there (a confirmation). When it
// returns 0 the revision survives a power cut; otherwise the store is as it was. The oldest ones over
// the limit are removed.
int ctl_store_write(struct ctl_store *store, const json_t *revision, struct err *err);

// New reference; NULL with err set: -ENOENT (never there, or pruned); -ENOMEM, -EMFILE, -ENFILE (the process is short
// of something; the revision stays); else it is damaged, and has become <N>.bad.
json_t *ctl_store_read(struct ctl_store *store, uint64_t number, struct err *err);

// The newest confirmed revision below `before` (UINT64_MAX: of all); 0: none.
uint64_t ctl_store_last_done(const struct ctl_store *store, uint64_t before);

// Rows {revision, time, kind, comment, confirm, changes}, oldest first. New reference.
json_t *ctl_store_history(const struct ctl_store *store);
