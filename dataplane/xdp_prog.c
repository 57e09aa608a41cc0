// SPDX-License-Identifier: BSD-3-Clause
// Our XDP program on an interface: loaded, attached, its maps filled. The object is part of the executable.
#include "dataplane/port_kernel.h"
#include "dataplane/xdp/leat_xdp.h"
#include "leat_xdp.gen.h"
#include "lib/log.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <rte_common.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const map_names[] = {
	[XDP_MAP_SOCKETS] = "xsks_map",
	[XDP_MAP_KEEP] = "leat_keep",
	[XDP_MAP_SETTINGS] = "leat_settings",
	[XDP_MAP_COUNTERS] = "leat_counters",
};

__attribute__((format(printf, 2, 0))) static int quiet(
	enum libbpf_print_level, const char *format, va_list args) {
	char line[256];

	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("ports", line, "");
	return 0;
}

int xdp_prog_file(struct err *err) {
	int fd = memfd_create("leat_xdp", MFD_CLOEXEC);

	if (fd < 0 ||
		write(fd, leat_xdp_object, sizeof(leat_xdp_object)) != sizeof(leat_xdp_object)) {
		int rc = err_set(err, -errno, "no memory file (%s)", strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	return fd;
}

// ---- what is attached already ------------------------------------------------------------------------------

static int attached(int ifindex, uint32_t *id, uint32_t *flags) {
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int rc = bpf_xdp_query(ifindex, 0, &query);

	*id = query.prog_id;
	*flags = query.attach_mode == XDP_ATTACHED_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	return rc;
}

static int prog_info(int fd, struct bpf_prog_info *info) {
	uint32_t len = sizeof(*info);

	return bpf_obj_get_info_by_fd(fd, info, &len);
}

static int maps_find(int prog_fd, int fds[static 4]) {
	uint32_t ids[16];
	struct bpf_prog_info info = {.nr_map_ids = RTE_DIM(ids), .map_ids = (uintptr_t)ids};
	int missing = RTE_DIM(map_names);

	for (unsigned m = 0; m < RTE_DIM(map_names); m++)
		fds[m] = -1;
	if (prog_info(prog_fd, &info) < 0)
		return -errno;
	for (unsigned i = 0; i < info.nr_map_ids && i < RTE_DIM(ids); i++) {
		struct bpf_map_info map = {0};
		uint32_t len = sizeof(map);
		int fd = bpf_map_get_fd_by_id(ids[i]);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &len) < 0)
			return -errno;
		for (unsigned m = 0; m < RTE_DIM(map_names) && fd >= 0; m++) {
			if (fds[m] < 0 && strcmp(map.name, map_names[m]) == 0) {
				fds[m] = fd;
				fd = -1;
				missing--;
			}
		}
		if (fd >= 0)
			close(fd);
	}
	return missing ? -ENOENT : 0;
}

static void fds_close(int fds[static 4]) {
	for (unsigned m = 0; m < RTE_DIM(map_names); m++) {
		if (fds[m] >= 0)
			close(fds[m]);
		fds[m] = -1;
	}
}

// When a process began, in clock ticks since the machine did; 0: it has ended, though a zombie may be left.
static uint64_t process_began(pid_t pid) {
	char path[32], stat[512];
	unsigned long long began = 0;
	char state = 'Z';

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	size_t len = fread(stat, 1, sizeof(stat) - 1, file);
	fclose(file);
	stat[len] = '\0';
	char *name_end = strrchr(stat, ')'); // field 2 may hold anything
	if (name_end)
		sscanf(name_end + 1,
			" %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			"%*s %llu",
			&state, &began);
	return state == 'Z' || state == 'X' ? 0 : began;
}

// The process that attached a program of ours, when it still lives.
static pid_t owner(int prog_fd) {
	struct leat_xdp_settings settings = {0};
	uint32_t zero = 0;
	int maps[4];

	if (maps_find(prog_fd, maps) == 0)
		bpf_map_lookup_elem(maps[XDP_MAP_SETTINGS], &zero, &settings);
	fds_close(maps);
	bool lives = settings.pid && settings.began == process_began(settings.pid);
	return lives ? (pid_t)settings.pid : 0;
}

int xdp_prog_clear(int ifindex, struct err *err) {
	struct bpf_prog_info info = {0};
	uint32_t id, flags;

	libbpf_set_print(quiet);
	if (attached(ifindex, &id, &flags) < 0 || id == 0)
		return 0;
	int fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0 || prog_info(fd, &info) < 0)
		return err_set(err, -EBUSY, "another XDP program is attached");
	bool ours = strncmp(info.name, "leat_xdp", 8) == 0;
	pid_t pid = ours ? owner(fd) : 0;
	close(fd);
	if (!ours)
		return err_set(err, -EBUSY, "the XDP program %s is attached", info.name);
	if (pid != 0 && pid != getpid())
		return err_set(err, -EBUSY, "another leatd (process %d) has it", (int)pid);
	log_info(
		"ports", "took off the XDP program of a leatd that is gone", "ifindex=%d", ifindex);
	return bpf_xdp_detach(ifindex, flags, NULL);
}

// ---- our own --------------------------------------------------------------------------------------------------

static int move_to_generic(struct xdp_prog *prog, struct err *err) {
	bpf_xdp_detach(prog->ifindex, prog->flags, NULL);
	prog->flags = XDP_FLAGS_SKB_MODE;
	int rc = bpf_xdp_attach(prog->ifindex, prog->prog_fd, XDP_FLAGS_SKB_MODE, NULL);
	if (rc < 0)
		return err_set(
			err, rc, "the generic XDP hook refuses the program (%s)", strerror(-rc));
	return 0;
}

// What veth_tag() of the program needs.
bool xdp_prog_sees_tags(void) {
	struct btf *kernel = btf__load_vmlinux_btf();
	bool sees = kernel && btf__find_by_name_kind(kernel, "veth_xdp_buff", BTF_KIND_STRUCT) > 0;

	if (kernel && !sees) {
		struct btf *module = btf__load_module_btf("veth", kernel);
		sees = module &&
			btf__find_by_name_kind(module, "veth_xdp_buff", BTF_KIND_STRUCT) > 0;
		btf__free(module);
	}
	btf__free(kernel);
	return sees;
}

int xdp_prog_adopt(struct xdp_prog *prog, int ifindex, bool generic, struct err *err) {
	uint32_t id;

	xdp_prog_init(prog);
	prog->ifindex = ifindex;
	int rc = attached(ifindex, &id, &prog->flags);
	if (rc == 0)
		rc = prog->prog_fd = bpf_prog_get_fd_by_id(id);
	if (rc >= 0)
		rc = maps_find(prog->prog_fd, prog->map_fds);
	if (rc < 0)
		return err_set(err, rc, "the XDP program is not found again (%s)", strerror(-rc));
	if (generic)
		return move_to_generic(prog, err);
	if (prog->flags == XDP_FLAGS_SKB_MODE)
		return err_set(err, -EOPNOTSUPP, "its driver has no XDP");
	return 0;
}

void xdp_prog_init(struct xdp_prog *prog) {
	*prog = (struct xdp_prog){.prog_fd = -1, .map_fds = {-1, -1, -1, -1}};
}

void xdp_prog_detach(struct xdp_prog *prog) {
	if (prog->ifindex)
		bpf_xdp_detach(prog->ifindex, prog->flags, NULL);
	prog->ifindex = 0;
}

void xdp_prog_free(struct xdp_prog *prog) {
	fds_close(prog->map_fds);
	if (prog->prog_fd >= 0)
		close(prog->prog_fd);
	prog->prog_fd = -1;
}

// ---- what stays with the kernel ----------------------------------------------------------------------------------

static struct leat_xdp_key key_of(const struct prefix *prefix) {
	struct leat_xdp_key key = {.bits = prefix->len};

	if (prefix->addr.family == ADDR_V6) {
		memcpy(key.addr, prefix->addr.bytes, sizeof(key.addr));
		return key;
	}
	key.bits += 96;
	key.addr[10] = key.addr[11] = 0xff;
	memcpy(key.addr + 12, prefix->addr.bytes, 4);
	return key;
}

static bool kept_already(const struct leat_xdp_key *key, const json_t *keep) {
	struct prefix prefix;
	json_t *item;
	size_t i;

	json_array_foreach (keep, i, item) {
		if (prefix_parse(json_string_value(item), &prefix) < 0)
			continue;
		struct leat_xdp_key other = key_of(&prefix);
		if (memcmp(&other, key, sizeof(other)) == 0)
			return true;
	}
	return false;
}

static void keep_trim(int fd, const json_t *keep) {
	struct leat_xdp_key key, *from = NULL;

	while (bpf_map_get_next_key(fd, from, &key) == 0) {
		if (kept_already(&key, keep)) {
			from = &key;
			continue;
		}
		if (bpf_map_delete_elem(fd, &key) < 0)
			return;
		from = NULL; // begin again
	}
}

// New addresses come before old ones go: one that is in both never stops.
void xdp_prog_keep(struct xdp_prog *prog, const struct mac *mac, bool veth, const json_t *keep) {
	struct leat_xdp_settings settings = {.keeps = json_array_size(keep) > 0,
		.veth = veth,
		.pid = (uint32_t)getpid(),
		.began = process_began(getpid())};
	int fd = prog->map_fds[XDP_MAP_KEEP];
	uint32_t zero = 0;
	uint8_t yes = 1;
	struct prefix prefix;
	json_t *item;
	size_t i;

	json_array_foreach (keep, i, item) {
		if (prefix_parse(json_string_value(item), &prefix) < 0)
			continue;
		struct leat_xdp_key key = key_of(&prefix);
		if (bpf_map_update_elem(fd, &key, &yes, BPF_ANY) < 0)
			log_warn("ports", "address not kept", "address=%s why=\"%s\"",
				json_string_value(item), strerror(errno));
	}
	memcpy(settings.mac, mac->bytes, sizeof(settings.mac));
	bpf_map_update_elem(prog->map_fds[XDP_MAP_SETTINGS], &zero, &settings, BPF_ANY);
	keep_trim(fd, keep);
}
