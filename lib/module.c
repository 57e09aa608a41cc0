// SPDX-License-Identifier: BSD-3-Clause
#include "lib/module.h"
#include "lib/vec.h"
#include <assert.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static VEC(const struct module *) modules;
static VEC(const struct schema_row *) sections; // its last item is NULL once there is one

static const struct module *module_find(const char *name) {
	for (size_t i = 0; i < modules.n; i++)
		if (strcmp(modules.items[i]->name, name) == 0)
			return modules.items[i];
	return NULL;
}

static const struct module *section_owner(const char *name) {
	for (size_t i = 0; i < modules.n; i++) {
		const struct schema_row *row = modules.items[i]->sections;
		for (; row && row->name; row++)
			if (strcmp(row->name, name) == 0)
				return modules.items[i];
	}
	return NULL;
}

const struct module_noun *module_noun_find(const char *name) {
	for (size_t i = 0; i < modules.n; i++) {
		const struct module_noun *noun = modules.items[i]->nouns;
		for (; noun && noun->name; noun++)
			if (strcmp(noun->name, name) == 0)
				return noun;
	}
	return NULL;
}

const struct module_action *module_action_find(const char *verb, const char *noun) {
	for (size_t i = 0; i < modules.n; i++) {
		const struct module_action *action = modules.items[i]->actions;
		for (; action && action->verb; action++)
			if (strcmp(action->verb, verb) == 0 && strcmp(action->noun, noun) == 0)
				return action;
	}
	return NULL;
}

const struct module_stream *module_stream_find(const char *name) {
	for (size_t i = 0; i < modules.n; i++) {
		const struct module_stream *stream = modules.items[i]->streams;
		for (; stream && stream->name; stream++)
			if (strcmp(stream->name, name) == 0)
				return stream;
	}
	return NULL;
}

// What two modules would both answer to.
static int module_check_unique(const struct module *m, struct err *err) {
	if (module_find(m->name))
		return err_set(
			err, -EEXIST, "module %s: there is one of this name already", m->name);
	for (const struct schema_row *row = m->sections; row && row->name; row++)
		if (section_owner(row->name))
			return err_set(err, -EEXIST, "module %s: section `%s` belongs to module %s",
				m->name, row->name, section_owner(row->name)->name);
	for (const struct module_noun *noun = m->nouns; noun && noun->name; noun++)
		if (module_noun_find(noun->name))
			return err_set(err, -EEXIST,
				"module %s: `show %s` exists in another module already", m->name,
				noun->name);
	for (const struct module_action *a = m->actions; a && a->verb; a++)
		if (module_action_find(a->verb, a->noun))
			return err_set(err, -EEXIST,
				"module %s: `%s %s` exists in another module already", m->name,
				a->verb, a->noun);
	for (const struct module_stream *s = m->streams; s && s->name; s++)
		if (module_stream_find(s->name))
			return err_set(err, -EEXIST,
				"module %s: stream `%s` exists in another module already", m->name,
				s->name);
	return 0;
}

static int sections_add(const struct module *m) {
	if (sections.n == 0 && vec_add(&sections, NULL) < 0)
		return -ENOMEM;
	for (const struct schema_row *row = m->sections; row && row->name; row++) {
		if (vec_add(&sections, NULL) < 0)
			return -ENOMEM;
		sections.items[sections.n - 2] = row;
	}
	return 0;
}

int module_add(const struct module *module, struct err *err) {
	int rc = module_check_unique(module, err);
	if (rc < 0)
		return rc;
	if (sections_add(module) < 0 || vec_add(&modules, module) < 0)
		return err_set(err, -ENOMEM, "module %s: out of memory", module->name);
	return 0;
}

static bool name_in(const char *name, const char *const *names) {
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

// True when nothing among items[from..] must come before `m`.
static bool module_ready(const struct module *m, size_t from) {
	for (size_t i = from; i < modules.n; i++)
		if (name_in(modules.items[i]->name, m->after))
			return false;
	return true;
}

// Brings the first ready module of items[at..] to `at`; the others keep their order, so that the
// result depends on nothing but the order of module_add(). False: none is ready.
static bool module_pull(size_t at) {
	size_t i = at;
	while (i < modules.n && !module_ready(modules.items[i], at))
		i++;
	if (i == modules.n)
		return false;
	const struct module *ready = modules.items[i];
	memmove(&modules.items[at + 1], &modules.items[at], (i - at) * sizeof(modules.items[0]));
	modules.items[at] = ready;
	return true;
}

int module_sort(struct err *err) {
	for (size_t i = 0; i < modules.n; i++) {
		const char *const *after = modules.items[i]->after;
		for (; after && *after; after++)
			if (module_find(*after) == NULL)
				return err_set(err, -ENOENT,
					"module %s: comes after module %s, which is not there",
					modules.items[i]->name, *after);
	}
	for (size_t at = 0; at < modules.n; at++)
		if (!module_pull(at))
			return err_set(err, -ELOOP,
				"module %s: the modules that it comes after lead back to it",
				modules.items[at]->name);
	return 0;
}

const struct module *const *module_list(size_t *n) {
	*n = modules.n;
	return modules.items;
}

const struct schema_row *const *module_sections(void) {
	static const struct schema_row *const none[] = {NULL};
	return sections.n ? sections.items : none;
}

// The object stays loaded even when it is refused: its constructors have registered graph nodes
// that point into it.
int module_load(const char *path, struct err *err) {
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (object == NULL)
		return err_set(err, -ENOENT, "cannot load plug-in: %s", dlerror());
	const struct module *module = dlsym(object, "leat_module");
	if (module == NULL)
		return err_set(err, -EINVAL,
			"plug-in %s: does not export `const struct module leat_module`", path);
	return module_add(module, err);
}

void module_reset(void) {
	vec_fini(&modules);
	vec_fini(&sections);
}

// A function's reference is a number that says nothing about its body, and belongs to one script:
// who holds one must take the new one.
static bool has_function(const json_t *value) {
	const char *key;
	json_t *item;
	size_t i;
	if (json_is_array(value)) {
		json_array_foreach (value, i, item) {
			if (has_function(item))
				return true;
		}
	} else if (json_is_object(value)) {
		if (json_object_get(value, "$function"))
			return true;
		json_object_foreach ((json_t *)value, key, item) {
			if (has_function(item))
				return true;
		}
	}
	return false;
}

bool change_touches(const struct change *change, const char *path) {
	const json_t *old = schema_get(change->old, path), *new = schema_get(change->new, path);
	if (old == NULL || new == NULL)
		return old != new;
	return !json_equal(old, new) || has_function(new);
}

static bool module_touched(const struct module *m, const struct change *change) {
	if (change->restore)
		return true;
	for (const struct schema_row *row = m->sections; row && row->name; row++)
		if (change_touches(change, row->name))
			return true;
	for (const char *const *name = m->reads; name && *name; name++)
		if (change_touches(change, *name))
			return true;
	return false;
}

// One module's part in a running transaction.
struct part {
	const struct module *module;
	void *plan;
};

static void parts_abort(const struct part *parts, size_t n) {
	while (n-- > 0)
		if (parts[n].module->abort)
			parts[n].module->abort(parts[n].plan);
}

// Returns 0 with *n parts prepared, or the first failure with none left.
static int parts_prepare(
	const struct change *change, struct part *parts, size_t *n, struct err *err) {
	*n = 0;
	for (size_t i = 0; i < modules.n; i++) {
		struct part part = {.module = modules.items[i]};
		if (!module_touched(part.module, change))
			continue;
		int rc = part.module->prepare ? part.module->prepare(change, &part.plan, err) : 0;
		if (rc < 0) {
			err_set(err, rc, "module %s: %s", part.module->name, strerror(-rc));
			parts_abort(parts, *n);
			return rc;
		}
		parts[(*n)++] = part;
	}
	return 0;
}

static void parts_note(const struct part *parts, size_t n, const struct module_hooks *hooks) {
	for (size_t i = 0; i < n && hooks->notes; i++)
		if (parts[i].module->note)
			parts[i].module->note(parts[i].plan, hooks->dry, hooks->notes);
}

static void parts_commit(const struct part *parts, size_t n, void (*sync)(void)) {
	for (size_t i = 0; i < n; i++)
		if (parts[i].module->commit)
			parts[i].module->commit(parts[i].plan);
	if (sync)
		sync();
	while (n-- > 0)
		if (parts[n].module->release)
			parts[n].module->release(parts[n].plan);
}

int module_apply(const struct change *change, const struct module_hooks *hooks, struct err *err) {
	size_t n;
	struct part *parts = calloc(modules.n + 1, sizeof(*parts));
	if (parts == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = parts_prepare(change, parts, &n, err);
	if (rc == 0)
		parts_note(parts, n, hooks);
	if (rc == 0 && hooks->persist) {
		rc = hooks->persist(hooks->arg, err);
		if (rc < 0)
			parts_abort(parts, n);
	}
	if (rc == 0)
		parts_commit(parts, n, hooks->sync);
	free(parts);
	return rc;
}
