// SPDX-License-Identifier: BSD-3-Clause
// Our XDP program on an interface: loaded, attached, its maps filled. The object is part of the executable.
#include "dataplane/port_kernel.h"
#include "dataplane/xdp/leat_xdp.h"
#include "leat_xdp.gen.h"
#include "leat_xdp_tags.gen.h"
#include "lib/log.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <rte_common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const map_names[] = {
	[XDP_MAP_SOCKETS] = "xsks_map",
	[XDP_MAP_KEEP] = "leat_keep",
	[XDP_MAP_SETTINGS] = "leat_settings",
	[XDP_MAP_COUNTERS] = "leat_counters",
	[XDP_MAP_BLOCK] = "leat_block",
};

static char complaint[128]; // of the kernel, about the last program

__attribute__((format(printf, 2, 0))) static int quiet(
	enum libbpf_print_level, const char *format, va_list args) {
	char line[256];

	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("ports", line, "");
	const char *found = strstr(line, "Kernel error message: ");
	if (found)
		snprintf(complaint, sizeof(complaint), "%s", strchr(found, ':') + 2);
	return 0;
}

const char *xdp_prog_complaint(void) {
	return complaint;
}

// ---- which program -----------------------------------------------------------------------------------------

static const struct btf_type *struct_find(const struct btf *btf, const char *name) {
	int id = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) : -ENOENT;

	return id > 0 ? btf__type_by_id(btf, id) : NULL;
}

static unsigned member_offset(const struct btf *btf, const char *type, const char *name) {
	const struct btf_type *found = struct_find(btf, type);

	for (unsigned i = 0; found && i < btf_vlen(found); i++) {
		if (strcmp(btf__name_by_offset(btf, btf_members(found)[i].name_off), name) == 0)
			return btf_member_bit_offset(found, i) / 8;
	}
	return 0;
}

static unsigned veth_skb_read(void) {
	struct btf *kernel = btf__load_vmlinux_btf(), *module = NULL;
	unsigned offset = member_offset(kernel, "veth_xdp_buff", "skb");

	if (kernel && offset == 0) {
		module = btf__load_module_btf("veth", kernel);
		offset = member_offset(module, "veth_xdp_buff", "skb");
	}
	if (!kernel || btf__find_by_name_kind(kernel, "bpf_cast_to_kern_ctx", BTF_KIND_FUNC) <= 0)
		offset = 0;
	btf__free(module);
	btf__free(kernel);
	return offset;
}

static unsigned veth_skb(void) {
	static unsigned offset;
	static bool known;

	libbpf_set_print(quiet);
	if (!known)
		offset = veth_skb_read();
	known = offset > 0; // the module may be loaded later
	return offset;
}

bool xdp_prog_sees_tags(void) {
	return veth_skb() > 0;
}

// ---- whose it is ---------------------------------------------------------------------------------------------

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

static uint64_t pid_namespace(void) {
	struct stat stat_ns;

	return stat("/proc/self/ns/pid", &stat_ns) == 0 ? stat_ns.st_ino : 0;
}

// Puts this process into the object's place for it.
static int owner_write(int fd, const void *object, size_t size) {
	const char *place = memmem(object, size, LEAT_XDP_MAGIC, sizeof(LEAT_XDP_MAGIC));
	struct leat_xdp_owner owner = {.magic = LEAT_XDP_MAGIC,
		.pid_namespace = pid_namespace(),
		.pid = (uint64_t)getpid(),
		.began = process_began(getpid())};

	if (!place)
		return -EINVAL;
	off_t at = place - (const char *)object;
	return pwrite(fd, &owner, sizeof(owner), at) == sizeof(owner) ? 0 : -errno;
}

int xdp_prog_file(struct err *err) {
	bool tags = xdp_prog_sees_tags();
	const void *object = tags ? leat_xdp_tags_object : leat_xdp_object;
	ssize_t size = tags ? sizeof(leat_xdp_tags_object) : sizeof(leat_xdp_object);
	int fd = memfd_create("leat_xdp", MFD_CLOEXEC), rc = fd < 0 ? -errno : 0;

	if (rc == 0 && write(fd, object, size) != size)
		rc = -errno;
	if (rc == 0)
		rc = owner_write(fd, object, size);
	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return err_set(err, rc, "no memory file (%s)", strerror(-rc));
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

static int map_info(int fd, struct bpf_map_info *info) {
	uint32_t len = sizeof(*info);

	return bpf_obj_get_info_by_fd(fd, info, &len);
}

static int owner_read(int prog_fd, struct leat_xdp_owner *owner) {
	uint32_t ids[16], zero = 0;
	struct bpf_prog_info info = {.nr_map_ids = RTE_DIM(ids), .map_ids = (uintptr_t)ids};
	int rc = prog_info(prog_fd, &info) < 0 ? -errno : -ENOENT;

	for (unsigned i = 0; rc == -ENOENT && i < info.nr_map_ids && i < RTE_DIM(ids); i++) {
		struct bpf_map_info map = {0};
		int fd = bpf_map_get_fd_by_id(ids[i]);
		if (fd < 0 || map_info(fd, &map) < 0)
			return -errno;
		if (strcmp(map.name, LEAT_XDP_OWNER) == 0 && map.value_size == sizeof(*owner))
			rc = bpf_map_lookup_elem(fd, &zero, owner) < 0 ? -errno : 0;
		close(fd);
	}
	return rc;
}

// Whether the leatd that loaded this program of ours has ended. One in another namespace cannot be seen, and counts as
// alive.
static bool orphaned(int prog_fd) {
	struct leat_xdp_owner owner = {0};

	return owner_read(prog_fd, &owner) == 0 && owner.pid_namespace == pid_namespace() &&
		owner.began != process_began((pid_t)owner.pid);
}

int xdp_prog_clear(int ifindex, struct err *err) {
	struct bpf_prog_info info = {0};
	uint32_t id, flags;

	libbpf_set_print(quiet);
	*complaint = '\0';
	if (attached(ifindex, &id, &flags) < 0 || id == 0)
		return 0;
	int fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0 && prog_info(fd, &info) == 0 && strncmp(info.name, "leat_xdp", 8) == 0 &&
		orphaned(fd)) {
		log_info("ports", "the XDP program of a leatd that is gone is taken off",
			"ifindex=%d", ifindex);
		bpf_xdp_detach(ifindex, flags, NULL);
		id = 0;
	}
	if (fd >= 0)
		close(fd);
	return id == 0 ? 0
		       : err_set(err, -EEXIST,
				 "the XDP program %s (id %u) is attached; `ip link set dev ... "
				 "xdp off` takes it off",
				 info.name, id);
}

void dp_start_privileged(void) {
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *one = all; one && one->if_index; one++)
		xdp_prog_clear((int)one->if_index, NULL);
	if (all)
		if_freenameindex(all);
}

// ---- the program of a port ------------------------------------------------------------------------------------

static int move_to_generic(struct xdp_prog *prog, struct err *err) {
	bpf_xdp_detach(prog->ifindex, prog->flags, NULL);
	prog->flags = XDP_FLAGS_SKB_MODE;
	int rc = bpf_xdp_attach(prog->ifindex, prog->prog_fd, XDP_FLAGS_SKB_MODE, NULL);
	if (rc < 0)
		return err_set(
			err, rc, "the generic XDP hook refuses the program (%s)", strerror(-rc));
	return 0;
}

// One of the fds that the driver has opened: the program, or a map that we want?
static void fd_adopt(struct xdp_prog *prog, uint32_t id, int fd, const char *kind) {
	struct bpf_prog_info info = {0};
	struct bpf_map_info map = {0};

	if (strcmp(kind, "anon_inode:bpf-prog") == 0 && prog->prog_fd < 0 &&
		prog_info(fd, &info) == 0 && info.id == id)
		prog->prog_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (strcmp(kind, "anon_inode:bpf-map") != 0 || map_info(fd, &map) < 0)
		return;
	for (unsigned m = 0; m < RTE_DIM(map_names); m++) {
		if (prog->map_fds[m] < 0 && strcmp(map.name, map_names[m]) == 0)
			prog->map_fds[m] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
}

int xdp_prog_adopt(struct xdp_prog *prog, int ifindex, bool generic, const struct fd_mark *fds,
	unsigned n, struct err *err) {
	uint32_t id;

	xdp_prog_init(prog);
	int rc = attached(ifindex, &id, &prog->flags);
	if (rc < 0)
		return err_set(err, rc, "the XDP program is not found again (%s)", strerror(-rc));
	prog->ifindex = ifindex;
	for (unsigned i = 0; i < n; i++)
		fd_adopt(prog, id, fds[i].fd, fds[i].link);
	bool all = prog->prog_fd >= 0;
	for (unsigned m = 0; m < RTE_DIM(map_names); m++)
		all &= prog->map_fds[m] >= 0;
	if (!all)
		return err_set(err, -ENOENT, "the XDP program is not found again");
	if (generic)
		return move_to_generic(prog, err);
	if (prog->flags == XDP_FLAGS_SKB_MODE)
		return err_set(err, -EOPNOTSUPP, "its driver has no XDP");
	return 0;
}

void xdp_prog_init(struct xdp_prog *prog) {
	*prog = (struct xdp_prog){.prog_fd = -1, .map_fds = {-1, -1, -1, -1, -1}};
}

void xdp_prog_detach(struct xdp_prog *prog) {
	if (prog->ifindex)
		bpf_xdp_detach(prog->ifindex, prog->flags, NULL);
	prog->ifindex = 0;
}

void xdp_prog_free(struct xdp_prog *prog) {
	for (unsigned m = 0; m < RTE_DIM(map_names); m++) {
		if (prog->map_fds[m] >= 0)
			close(prog->map_fds[m]);
		prog->map_fds[m] = -1;
	}
	if (prog->prog_fd >= 0)
		close(prog->prog_fd);
	prog->prog_fd = -1;
}

void xdp_prog_count(const struct xdp_prog *prog, uint64_t counts[static LEAT_XDP_COUNTERS]) {
	int cpus = libbpf_num_possible_cpus();
	uint64_t *each = cpus > 0 ? calloc(cpus, sizeof(*each)) : NULL;

	for (uint32_t c = 0; c < LEAT_XDP_COUNTERS; c++) {
		counts[c] = 0;
		if (!each || bpf_map_lookup_elem(prog->map_fds[XDP_MAP_COUNTERS], &c, each) < 0)
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			counts[c] += each[cpu];
	}
	free(each);
}

// ---- addresses -----------------------------------------------------------------------------------------------------

struct leat_xdp_key xdp_key_of(const struct prefix *prefix) {
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

static void settings_write(struct xdp_prog *prog) {
	uint32_t zero = 0;

	bpf_map_update_elem(prog->map_fds[XDP_MAP_SETTINGS], &zero, &prog->settings, BPF_ANY);
}

void xdp_prog_block(struct xdp_prog *prog, const struct leat_xdp_key *key, bool on) {
	int fd = prog->map_fds[XDP_MAP_BLOCK];
	uint64_t none = 0;
	int rc = on ? bpf_map_update_elem(fd, key, &none, BPF_NOEXIST)
		    : bpf_map_delete_elem(fd, key);

	if (rc < 0) {
		log_warn("ports", on ? "a source is not blocked" : "a source is not let in again",
			"ifindex=%d why=\"%s\"", prog->ifindex, strerror(errno));
		return;
	}
	prog->n_blocked += on ? 1 : -1;
	prog->settings.blocks = prog->n_blocked > 0;
	settings_write(prog);
}

uint64_t xdp_prog_blocked(const struct xdp_prog *prog, const struct leat_xdp_key *key) {
	uint64_t frames = 0;

	// this kind of map finds the longest match, which of a prefix that is in it is itself
	return bpf_map_lookup_elem(prog->map_fds[XDP_MAP_BLOCK], key, &frames) == 0 ? frames : 0;
}

// ---- what stays with the kernel ----------------------------------------------------------------------------------

static bool kept_already(const struct leat_xdp_key *key, const json_t *keep) {
	struct prefix prefix;
	json_t *item;
	size_t i;

	json_array_foreach (keep, i, item) {
		if (prefix_parse(json_string_value(item), &prefix) < 0)
			continue;
		struct leat_xdp_key other = xdp_key_of(&prefix);
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
	int fd = prog->map_fds[XDP_MAP_KEEP];
	uint8_t yes = 1;
	struct prefix prefix;
	json_t *item;
	size_t i;

	json_array_foreach (keep, i, item) {
		if (prefix_parse(json_string_value(item), &prefix) < 0)
			continue;
		struct leat_xdp_key key = xdp_key_of(&prefix);
		if (bpf_map_update_elem(fd, &key, &yes, BPF_ANY) < 0)
			log_warn("ports", "address not kept", "address=%s why=\"%s\"",
				json_string_value(item), strerror(errno));
	}
	prog->settings.ready = 1;
	prog->settings.keeps = json_array_size(keep) > 0;
	prog->settings.veth_skb = veth ? veth_skb() : 0;
	memcpy(prog->settings.mac, mac->bytes, sizeof(prog->settings.mac));
	settings_write(prog);
	keep_trim(fd, keep);
}
