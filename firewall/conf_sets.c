// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// Named sets: addresses, countries, ports.
#include "firewall/conf_priv.h"
#include "firewall/country.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 160

static int no_memory(struct err *err) {
	return err_set(err, -ENOMEM, "firewall: out of memory");
}

int fw_words_foreach(const json_t *value, const char *path, const char *key, fw_word_fn fn,
	void *arg, struct err *err) {
	char at[PATH + 64];
	size_t i;
	json_t *word;
	int rc = 0;

	if (value && !json_is_array(value)) {
		snprintf(at, sizeof(at), "%s.%s", path, key);
		return fn(value, at, arg, err);
	}
	json_array_foreach ((json_t *)value, i, word) {
		snprintf(at, sizeof(at), "%s.%s[%zu]", path, key, i + 1);
		rc = fn(word, at, arg, err);
		if (rc != 0)
			break;
	}
	return rc;
}

// ---- sets ---------------------------------------------------------------------------------------------------

static int set_port(const json_t *word, const char *path, void *arg, struct err *err) {
	struct fw_conf_set *set = arg;
	struct fw_range range;

	if (json_is_integer(word)) {
		range.first = range.last = (uint16_t)json_integer_value(word);
	} else if (fw_ports_parse(json_string_value(word), &range) != 0) {
		return err_at(err, path, "a set cannot be in a set; write its ports here");
	}
	return vec_add(&set->ports, range) == 0 ? 0 : no_memory(err);
}

struct with_countries {
	struct fw_conf_set *set;
	struct fw_countries *countries;
};

static int set_country(const json_t *word, const char *path, void *arg, struct err *err) {
	struct with_countries *w = arg;
	long n = fw_countries_add(w->countries, json_string_value(word), &w->set->prefixes);

	if (n == -EIO)
		return err_at(err, path, "the country database is damaged");
	if (n == 0)
		return err_at(err, path, "the country database knows no network of \"%s\"",
			json_string_value(word));
	return n > 0 ? 0 : no_memory(err);
}

static int set_countries(struct fw_conf_set *set, const json_t *list, const char *path,
	const char *database, struct err *err) {
	struct with_countries w = {.set = set};

	if (json_array_size(list) == 0)
		return 0;
	if (database == NULL)
		return err_at(err, path,
			"countries: `firewall.country_database` does not say where their addresses "
			"are");
	w.countries = fw_countries_open(database, err);
	if (w.countries == NULL)
		return err->code;
	int rc = fw_words_foreach(list, path, "countries", set_country, &w, err);
	fw_countries_close(w.countries);
	return rc;
}

static int set_parse(struct fw_conf_set *set, const char *name, const json_t *value,
	const char *database, struct err *err) {
	struct fw_raw_set raw = {0};
	char path[PATH];
	size_t i;
	json_t *word;

	snprintf(set->name, sizeof(set->name), "%s", name);
	snprintf(path, sizeof(path), "sets.%s", name);
	schema_decode(fw_set_rows, value, &raw);
	json_array_foreach ((json_t *)raw.addresses, i, word)
		if (fw_addresses_parse(json_string_value(word), &set->prefixes) != 0)
			return no_memory(err);
	int rc = set_countries(set, raw.countries, path, database, err);
	return rc ? rc : fw_words_foreach(raw.ports, path, "ports", set_port, set, err);
}

static int by_name(const void *a, const void *b) {
	return strcmp(((const struct fw_conf_set *)a)->name, ((const struct fw_conf_set *)b)->name);
}

int fw_conf_sets_parse(
	struct fw_conf *conf, const json_t *sets, const char *database, struct err *err) {
	const char *name;
	json_t *value;

	conf->sets = calloc(json_object_size(sets) + 1, sizeof(*conf->sets));
	if (conf->sets == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)sets, name, value) {
		int rc = set_parse(&conf->sets[conf->n_sets++], name, value, database, err);

		if (rc != 0)
			return rc;
	}
	qsort(conf->sets, conf->n_sets, sizeof(*conf->sets), by_name);
	return 0;
}

static int is_named(const void *name, const void *set) {
	return strcmp(name, ((const struct fw_conf_set *)set)->name);
}

const struct fw_conf_set *fw_conf_set_named(const struct fw_conf *conf, const char *name) {
	return conf->n_sets ? bsearch(name, conf->sets, conf->n_sets, sizeof(*conf->sets), is_named)
			    : NULL;
}

int64_t fw_conf_set_find(const struct fw_conf *conf, const char *name, const char *path, bool ports,
	struct err *err) {
	const struct fw_conf_set *set = fw_conf_set_named(conf, name);

	if (set == NULL)
		return err_at(err, path, "there is no set \"%s\"; name it in `sets`", name);
	if (ports && set->prefixes.n > 0)
		return err_at(err, path, "\"@%s\" is a set of addresses, not of ports", name);
	if (!ports && set->ports.n > 0)
		return err_at(err, path, "\"@%s\" is a set of ports, not of addresses", name);
	return set - conf->sets;
}
