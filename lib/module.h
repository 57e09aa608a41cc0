// SPDX-License-Identifier: BSD-3-Clause
// The contract that every network function signs: one const struct. The core knows only this struct.
// Everything here is called on the control thread.
//
// A transaction over all modules, in dependency order (`after`):
//   prepare  may fail; builds aside, opens devices, allocates; changes nothing that packets see
//   commit   cannot fail; pointer swaps only
//   release  in reverse order, after every worker has passed a quiescent state: frees what was
//            replaced, closes what is gone
//   abort    instead of commit+release, in reverse order, for those that prepared: frees what was built
// A module is called only when one of its sections, or one of those it says it `reads`, differs.
#pragma once

#include "lib/err.h"
#include "lib/schema.h"
#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#define MODULE_CURSOR 128

struct script; // lib/script.h: the Lua state that holds the config's functions

struct change {
	const json_t *old; // running tree, resolved (defaults filled in); an empty object at first
	const json_t *new; // the tree to become, resolved
	struct script *script; // functions of `new`; NULL when the config has none
	bool restore;          // the first commit after a start
};

// `leat show NOUN [KEY]`, GET /v1/show/NOUN, and metrics: columns are schema rows.
struct module_noun {
	const char *name;
	const char *help;
	const struct schema_row *columns; // closed by {0}
	// Appends one object per row to `rows`, keys as in `columns`; absent keys print as "-".
	// `filter` (never NULL) holds "key" and any of the columns' names with wanted values, to
	// save work; the caller filters again, so a handler may ignore it. At most `limit` rows.
	int (*show)(const json_t *filter, size_t limit, json_t *rows, struct err *err);
	// Instead of show, for rows that are too many for one turn of the control thread: those after `cursor` ("": from the
	// start), no more than a few milliseconds' worth, even when none matches; the cursor is where to go on, "" at the end. It goes
	// through the hands of clients. The caller filters by columns again, by "key" it does not.
	int (*page)(const json_t *filter, char cursor[static MODULE_CURSOR], size_t limit,
		json_t *rows, struct err *err);
	bool no_metrics; // rows are too many or too personal for /metrics (FDB, sessions)
};

// `leat VERB NOUN ARGS`, POST /v1/VERB/NOUN.
struct module_action {
	const char *verb; // "flush"
	const char *noun; // "fdb"
	const char *help;
	const struct schema_row *args; // closed by {0}
	// `args` is validated, defaults filled in. *result: new reference or NULL.
	int (*run)(const json_t *args, json_t **result, struct err *err);
};

// `leat trace`, `leat capture`: an open-ended answer, POST /v1/NAME. The API server calls read()
// every few milliseconds while its client keeps up.
struct module_stream {
	const char *name;
	const char *help;
	const char *content_type;
	const struct schema_row *args;
	int (*open)(const json_t *args, void **ctx, struct err *err);
	ssize_t (*read)(
		void *ctx, void *buf, size_t size); // bytes; 0: nothing yet; -EPIPE: the end
	void (*close)(void *ctx);
};

struct module {
	const char *name;
	const char *help;
	const char *const *after;          // modules prepared and committed before; NULL-terminated
	const char *const *reads;          // further top-level sections that it looks at
	const struct schema_row *sections; // top-level config sections it owns, closed by {0}
	const struct module_noun *nouns;   // closed by {0}; the same below
	const struct module_action *actions;
	const struct module_stream *streams;
	int (*init)(struct err *err); // once, before the first prepare
	void (*fini)(void);           // once, last
	// `leat check`, at any time, also without a daemon (no init): what rows cannot say of a valid tree that nobody commits, and what people
	// should know of it, as strings appended to `notes`. Changes nothing. `change->old` is empty.
	int (*check)(const struct change *change, json_t *notes, struct err *err);
	int (*prepare)(const struct change *change, void **plan, struct err *err);
	void (*commit)(void *plan);
	void (*release)(void *plan);
	void (*abort)(void *plan);
	void (*poll)(uint64_t now_ns); // about every 5 ms: rings to drain, ageing
	// May be NULL. More such strings, of a plan, when every module is prepared. `dry`: it will be aborted; what would its commit do to what lives?
	void (*note)(const void *plan, bool dry, json_t *notes);
};

// True when the value at `path` ("ports", "switches.office") differs between the two trees, or
// holds a function: its reference belongs to the old script.
bool change_touches(const struct change *change, const char *path);

// The registry, filled at start-up in any order; module_sort() orders by `after`.
int module_add(
	const struct module *module, struct err *err); // -EEXIST: same name, section, noun or verb
int module_sort(struct err *err);                      // -ELOOP, -ENOENT: names the module
const struct module *const *module_list(size_t *n);    // in dependency order after module_sort()
const struct schema_row *const *module_sections(void); // every section, NULL-terminated
const struct module_noun *module_noun_find(const char *name);
const struct module_action *module_action_find(const char *verb, const char *noun);
const struct module_stream *module_stream_find(const char *name);
// Loads a shared object that exports `const struct module leat_module` and adds it.
int module_load(const char *path, struct err *err);
void module_reset(void); // tests

// What a transaction asks of its caller; each may be NULL.
struct module_hooks {
	// After every prepare, before the first commit: the last chance to refuse, and where the
	// revision gets to the disk. Negative: all is aborted, and module_apply() returns it.
	int (*persist)(void *arg, struct err *err);
	void *arg;
	void (*sync)(void); // waits until no worker can see replaced state (dp_sync)
	bool dry;           // persist() will refuse
	json_t *notes;      // an array that modules append to
};

// The transaction over all registered modules: prepare all touched, persist, commit, wait, release;
// or abort.
int module_apply(const struct change *change, const struct module_hooks *hooks, struct err *err);
