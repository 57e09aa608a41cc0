// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/country.h"
#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE    4096 // leaves share their data: what was read of it is kept by its place
#define V4_DEPTH 96   // where IPv4 begins in a tree of both families: ::/96

struct cached {
	uint32_t offset;
	char iso[2];
	bool known;
};

struct fw_countries {
	MMDB_s db;
	struct cached cache[CACHE];
};

// The way to a node.
struct walk {
	struct fw_countries *c;
	const char *iso;
	fw_prefixes *to;
	uint8_t addr[16];
	long found;
	uint64_t visits; // in a tree each node is met once; a damaged file may go in circles
};

struct fw_countries *fw_countries_open(const char *path, struct err *err) {
	struct fw_countries *c = calloc(1, sizeof(*c));
	int rc = c ? MMDB_open(path, MMDB_MODE_MMAP, &c->db) : MMDB_OUT_OF_MEMORY_ERROR;

	if (rc == MMDB_SUCCESS)
		return c;
	free(c);
	err_set(err, -EINVAL, "%s: %s; give a file in the MaxMind DB format, with countries", path,
		rc == MMDB_IO_ERROR ? strerror(errno) : MMDB_strerror(rc));
	return NULL;
}

void fw_countries_close(struct fw_countries *c) {
	if (c)
		MMDB_close(&c->db);
	free(c);
}

static int copy(int from, int to) {
	struct stat st;

	if (from < 0 || to < 0 || fstat(from, &st) < 0)
		return -errno;
	while (st.st_size > 0) {
		ssize_t n = sendfile(to, from, NULL, (size_t)st.st_size);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		st.st_size -= n;
	}
	return 0;
}

struct fw_countries *fw_countries_open_copy(const char *path, struct err *err) {
	int from = open(path, O_RDONLY | O_CLOEXEC), to = memfd_create("countries", MFD_CLOEXEC);
	struct fw_countries *c = NULL;
	char name[40];
	int rc = copy(from, to);

	if (rc < 0)
		err_set(err, rc, "%s: %s; give a file in the MaxMind DB format, with countries",
			path, strerror(-rc));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", to);
	if (rc == 0)
		c = fw_countries_open(name, err);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return c;
}

// MMDB_get_value() would allocate.
static bool text_get(MMDB_entry_s *entry, const char *what, char iso[2]) {
	const char *const way[] = {what, "iso_code", NULL};
	MMDB_entry_data_s data;

	if (MMDB_aget_value(entry, &data, way) != MMDB_SUCCESS || !data.has_data ||
		data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
		return false;
	memcpy(iso, data.utf8_string, 2);
	return true;
}

static bool is_country(struct walk *w, MMDB_entry_s *entry) {
	struct cached *at = &w->c->cache[entry->offset % CACHE];

	if (!at->known || at->offset != entry->offset) {
		*at = (struct cached){.offset = entry->offset, .known = true};
		if (!text_get(entry, "country", at->iso))
			text_get(entry, "registered_country", at->iso);
	}
	return memcmp(at->iso, w->iso, 2) == 0;
}

static int leaf(struct walk *w, MMDB_entry_s *entry, unsigned depth) {
	static const uint8_t zeros[12];
	struct prefix p = {.addr = {.family = ADDR_V6}, .len = (uint8_t)depth};

	if (!is_country(w, entry))
		return 0;
	memcpy(p.addr.bytes, w->addr, 16);
	if (depth >= V4_DEPTH && memcmp(w->addr, zeros, sizeof(zeros)) == 0) {
		memset(p.addr.bytes, 0, sizeof(p.addr.bytes));
		memcpy(p.addr.bytes, w->addr + 12, 4);
		p.addr.family = ADDR_V4;
		p.len = (uint8_t)(depth - V4_DEPTH);
	}
	w->found++;
	return vec_add(w->to, p) == 0 ? 0 : -ENOMEM;
}

static int descend(struct walk *w, uint64_t node, unsigned depth);

static int side(struct walk *w, unsigned bit, uint64_t record, unsigned type, MMDB_entry_s *entry,
	unsigned depth) {
	uint8_t mask = (uint8_t)(0x80 >> (depth % 8));
	int rc = 0;

	if (bit)
		w->addr[depth / 8] |= mask;
	if (type == MMDB_RECORD_TYPE_DATA)
		rc = leaf(w, entry, depth + 1);
	else if (type == MMDB_RECORD_TYPE_SEARCH_NODE)
		rc = descend(w, record, depth + 1);
	else if (type != MMDB_RECORD_TYPE_EMPTY)
		rc = -EIO;
	w->addr[depth / 8] &= (uint8_t)~mask;
	return rc;
}

static int descend(struct walk *w, uint64_t node, unsigned depth) {
	static const uint8_t zeros[12];
	MMDB_search_node_s here;

	// what leads to IPv4's part from elsewhere (6to4, mapped addresses) is no network of its own
	if (w->c->db.metadata.ip_version == 6 && node == w->c->db.ipv4_start_node.node_value &&
		!(depth == V4_DEPTH && memcmp(w->addr, zeros, sizeof(zeros)) == 0))
		return 0;
	if (depth >= 128 || node > UINT32_MAX || ++w->visits > w->c->db.metadata.node_count ||
		MMDB_read_node(&w->c->db, (uint32_t)node, &here) != MMDB_SUCCESS)
		return -EIO;
	int rc =
		side(w, 0, here.left_record, here.left_record_type, &here.left_record_entry, depth);
	return rc ? rc
		  : side(w, 1, here.right_record, here.right_record_type, &here.right_record_entry,
			    depth);
}

long fw_countries_add(struct fw_countries *c, const char *iso, fw_prefixes *to) {
	struct walk w = {.c = c, .iso = iso, .to = to};
	// a file of IPv4 alone begins where IPv4 does
	int rc = descend(&w, 0, c->db.metadata.ip_version == 4 ? V4_DEPTH : 0);

	return rc < 0 ? rc : w.found;
}

bool fw_countries_find(
	const struct fw_countries *c, const uint8_t *addr, bool v6, char iso[static 3]) {
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	const struct sockaddr *at =
		v6 ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in4;
	int error;

	if (v6)
		memcpy(&in6.sin6_addr, addr, 16);
	else
		memcpy(&in4.sin_addr, addr, 4);
	MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&c->db, at, &error);
	if (error != MMDB_SUCCESS || !found.found_entry)
		return false;
	iso[2] = '\0';
	return text_get(&found.entry, "country", iso) ||
		text_get(&found.entry, "registered_country", iso);
}
