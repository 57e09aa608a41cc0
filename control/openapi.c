// SPDX-License-Identifier: BSD-3-Clause
// /v1/openapi.json (OpenAPI 3.1) from the routes and from what the modules declare.
#include "control/api_priv.h"
#include "leat_version.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static json_t *object_schema(const struct schema_row *rows) {
	json_t *properties = json_object(), *required = json_array();
	for (; rows && rows->name; rows++) {
		json_object_set_new(properties, rows->name, schema_openapi(rows));
		if (rows->flags & SCHEMA_REQUIRED)
			json_array_append_new(required, json_string(rows->name));
	}
	json_t *schema = json_pack("{s:s, s:o}", "type", "object", "properties", properties);
	if (json_array_size(required))
		json_object_set(schema, "required", required);
	json_decref(required);
	return schema;
}

static json_t *content(const char *type, json_t *schema) {
	json_t *media = json_object();
	if (schema)
		json_object_set_new(media, "schema", schema);
	return json_pack("{s:o}", type, media);
}

// Parameters of a query: a schema each.
static void add_query(json_t *parameters, const struct schema_row *rows) {
	for (; rows && rows->name; rows++)
		json_array_append_new(parameters,
			json_pack("{s:s, s:s, s:s, s:o}", "name", rows->name, "in", "query",
				"description", rows->help ? rows->help : "", "schema",
				schema_openapi(rows)));
}

static void add_path_parameters(json_t *parameters, const char *path) {
	for (const char *at = strchr(path, '{'); at; at = strchr(at + 1, '{')) {
		char name[32];
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 1, "}"), at + 1);
		json_array_append_new(parameters,
			json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", name, "in", "path",
				"required", 1, "schema", "type", "string"));
	}
}

// An operation with its answers; `request` and `answer` (schemas or NULL) are taken over.
static json_t *operation(const char *summary, json_t *parameters, json_t *request, const char *type,
	json_t *answer) {
	json_t *error = content(
		"application/json", json_pack("{s:s}", "$ref", "#/components/schemas/Error"));
	json_t *good = content(type ? type : "application/json", answer);
	json_t *out = json_pack("{s:s, s:{s:{s:s, s:o}, s:{s:s, s:o}}}", "summary", summary,
		"responses", "200", "description", "done", "content", good, "default",
		"description", "refused; nothing was changed", "content", error);
	if (json_array_size(parameters))
		json_object_set(out, "parameters", parameters);
	if (request)
		json_object_set_new(out, "requestBody",
			json_pack("{s:o}", "content", content("application/json", request)));
	json_decref(parameters);
	return out;
}

static void add_operation(json_t *paths, const char *path, const char *method, json_t *op) {
	char lower[16];
	snprintf(lower, sizeof(lower), "%s", method);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!json_object_get(paths, path))
		json_object_set_new(paths, path, json_object());
	json_object_set_new(json_object_get(paths, path), lower, op);
}

static json_t *config_schema(void) {
	json_t *properties = json_object();
	const struct schema_row *const *section = module_sections();
	for (; *section; section++) {
		char ref[128];
		snprintf(ref, sizeof(ref), "#/components/schemas/%s", (*section)->name);
		json_object_set_new(properties, (*section)->name, json_pack("{s:s}", "$ref", ref));
	}
	return json_pack("{s:s, s:o}", "type", "object", "properties", properties);
}

static void add_route(json_t *paths, const struct ctl_route *route) {
	json_t *parameters = json_array(), *request = NULL, *answer = NULL;
	bool config = strcmp(route->path, "/v1/config") == 0;
	add_path_parameters(parameters, route->path);
	add_query(parameters, route->query);
	if (route->body)
		request = object_schema(route->body);
	else if (config && route->any_body)
		request = config_schema();
	else if (route->any_body && strcmp(route->method, "DELETE") != 0)
		request = json_object();
	if (route->answer)
		answer = object_schema(route->answer);
	else if (config)
		answer = config_schema();
	add_operation(paths, route->path, route->method,
		operation(route->summary, parameters, request, route->type, answer));
}

static void add_noun(json_t *paths, const struct module_noun *noun) {
	char path[128];
	json_t *parameters = json_array();
	snprintf(path, sizeof(path), "/v1/show/%s", noun->name);
	for (const struct ctl_route *route = ctl_routes; route->method; route++)
		if (route->handle == ctl_get_rows)
			add_query(parameters, route->query);
	for (const struct schema_row *column = noun->columns; column->name; column++) {
		// A column may be called as one of the two that every noun has.
		if (strcmp(column->name, "key") == 0 || strcmp(column->name, "limit") == 0)
			continue;
		json_array_append_new(parameters,
			json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", column->name, "in", "query",
				"description", column->help ? column->help : "", "schema", "type",
				"string"));
	}
	json_t *answer = json_pack("{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s, s:o}}}", "type", "object",
		"properties", "noun", "type", "string", "columns", "type", "array", "rows", "type",
		"array", "items", object_schema(noun->columns));
	add_operation(paths, path, "GET", operation(noun->help, parameters, NULL, NULL, answer));
}

static void add_module(json_t *paths, const struct module *module) {
	char path[128];
	for (const struct module_noun *noun = module->nouns; noun && noun->name; noun++)
		add_noun(paths, noun);
	const struct module_action *action = module->actions;
	for (; action && action->verb; action++) {
		snprintf(path, sizeof(path), "/v1/%s/%s", action->verb, action->noun);
		add_operation(paths, path, "POST",
			operation(action->help, json_array(), object_schema(action->args), NULL,
				json_pack("{s:s, s:{s:{}}}", "type", "object", "properties",
					"result")));
	}
	const struct module_stream *stream = module->streams;
	for (; stream && stream->name; stream++) {
		snprintf(path, sizeof(path), "/v1/stream/%s", stream->name);
		add_operation(paths, path, "POST",
			operation(stream->help, json_array(), object_schema(stream->args),
				stream->content_type, NULL));
	}
}

static json_t *component_schemas(void) {
	json_t *schemas = json_pack("{s:{s:s, s:{s:{s:s, s:{s:{s:s}, s:{s:s}}}}}}", "Error", "type",
		"object", "properties", "error", "type", "object", "properties", "path", "type",
		"string", "message", "type", "string");
	const struct schema_row *const *section = module_sections();
	for (; *section; section++)
		json_object_set_new(schemas, (*section)->name, schema_openapi(*section));
	return schemas;
}

json_t *ctl_openapi(void) {
	size_t n;
	const struct module *const *modules = module_list(&n);
	json_t *paths = json_object();
	for (const struct ctl_route *route = ctl_routes; route->method; route++)
		add_route(paths, route);
	for (size_t i = 0; i < n; i++)
		add_module(paths, modules[i]);
	return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:o}}", "openapi", "3.1.0", "info",
		"title", "Leat", "version", LEAT_VERSION, "summary",
		"the control interface of leatd, on RUN_DIR/leat.sock", "paths", paths,
		"components", "schemas", component_schemas());
}
