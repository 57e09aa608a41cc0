// SPDX-License-Identifier: BSD-3-Clause
// A guest that writes whatever it likes into its rings, between and during the steps of the device: nothing outside its memory is
// touched, what changes there is logged as dirty, buffers stay sound, none is lost, and the counters say what happened.
//
// The input: features, size and position of a ring, then steps (enum step), each with what it needs. Two regions of memory
// meet in the guest's addresses; the first ends with the ring's device area.
#include "dataplane/virtq.h"
#include "tests/fuzz/lab.h"
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <rte_ether.h>
#include <stdlib.h>
#include <string.h>

#define BASE      0x10000ull
#define FIRST     0x2000u  // bytes of the first region: rings, and some more
#define SECOND    0x1000u  // of the second
#define LARGE     0x12000u // of the second, for long frames
#define DRIVER_AT 0x800u
#define BURST     80
#define FRAME_MAX 66000
#define STEPS_MAX 64

enum step { RECV, SEND, POST, WORD, BYTES, REOPEN, MEANWHILE, HEADER, STEPS };
enum {
	F_PACKED = 1,
	F_EVENT = 2,
	F_MERGEABLE = 4,
	F_V1 = 8,
	F_SUMS = 16,
	F_CUTS = 32,
	F_LOG = 64,
	F_LARGE = 128
};

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t *memory[2], *copy[2], *second[2], *frame;
static uint32_t sizes[2] = {FIRST, SECOND};
static struct virtq_memory table;
static struct virtq_place place;
static struct virtq vq;
static bool packed;
static uint16_t next; // place of the ring where the guest posts
static bool next_wrap;
static struct {
	uint16_t at, value;
	unsigned after; // so many writes of the device; 0: never
} meanwhile;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *, char ***) {
	static const struct module *const modules[] = {&dataplane_module, NULL};

	lab_start(modules, "{'system': {'workers': 0}}");
	dp_step(); // this thread is the worker
	memory[0] = aligned_alloc(4096, FIRST);
	second[0] = aligned_alloc(4096, SECOND);
	second[1] = aligned_alloc(4096, LARGE);
	copy[0] = malloc(FIRST);
	copy[1] = malloc(LARGE);
	frame = malloc(FRAME_MAX);
	for (unsigned i = 0; frame && i < FRAME_MAX; i++)
		frame[i] = (uint8_t)(i * 7);
	return memory[0] && second[0] && second[1] && copy[0] && copy[1] && frame ? 0 : -1;
}

static uint8_t u8(struct input *in) {
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static uint16_t u16(struct input *in) {
	uint8_t low = u8(in);

	return low | u8(in) << 8;
}

// ---- the guest ----------------------------------------------------------------------------------------------

static uint8_t *in_either(uint8_t *const halves[2], uint32_t offset) {
	offset %= sizes[0] + sizes[1];
	return offset < FIRST ? halves[0] + offset : halves[1] + (offset - FIRST);
}

static uint8_t *byte_at(uint32_t offset) {
	return in_either(memory, offset);
}

static void put(uint32_t at, const void *bytes, size_t len) {
	for (size_t i = 0; i < len; i++)
		*byte_at(at + i) = ((const uint8_t *)bytes)[i];
}

static void copy_update(uint32_t from, uint32_t len) {
	uint32_t first = from < FIRST ? RTE_MIN(len, FIRST - from) : 0;

	memcpy(in_either(copy, from), byte_at(from), first);
	if (first < len)
		memcpy(in_either(copy, from + first), byte_at(from + first), len - first);
}

static void logged(void *, uint64_t at, uint64_t len) {
	uint64_t all = sizes[0] + sizes[1];

	if (len == 0)
		return;
	if (at < BASE || at - BASE >= all || len > all - (at - BASE))
		abort();
	copy_update(at - BASE, len);
	if (meanwhile.after == 0 || --meanwhile.after > 0)
		return;
	put(meanwhile.at, &meanwhile.value, 2);
	for (unsigned i = 0; i < 2; i++)
		*in_either(copy, meanwhile.at + i) = *byte_at(meanwhile.at + i);
}

enum { P_WRITE = 1, P_HIGH = 2, P_LONG = 4, P_WILD = 8, P_NEXT = 16, P_TABLE = 32, P_HUGE = 64 };

// A descriptor as a split ring has it; one of a packed ring is made of it.
static struct vring_desc part_read(struct input *in, bool write) {
	uint16_t where = u16(in), len = u16(in);
	unsigned how = u8(in);
	struct vring_desc desc = {BASE + where + (how & P_HIGH ? 0x10000 : 0),
		len + (how & P_LONG ? 0x10000u : 0),
		(write != (how & P_WRITE) ? VRING_DESC_F_WRITE : 0) |
			(how & P_TABLE ? VRING_DESC_F_INDIRECT : 0),
		0};

	if (how & P_WILD)
		desc.addr = (uint64_t)where << 48 | where;
	if (how & P_HUGE)
		desc.len = UINT32_MAX - len;
	if (how & P_NEXT)
		desc.flags |= VRING_DESC_F_NEXT;
	return desc;
}

static void slot_write(const struct vring_desc *desc, uint16_t id, uint32_t at, bool ready) {
	struct vring_packed_desc as = {desc->addr, desc->len, id, desc->flags};

	if (!packed) {
		put(at, desc, sizeof(*desc));
		return;
	}
	if (ready)
		as.flags |=
			next_wrap ? 1 << VRING_PACKED_DESC_F_AVAIL : 1 << VRING_PACKED_DESC_F_USED;
	put(at, &as, sizeof(as));
}

static void slot_next(void) {
	if (++next < place.size)
		return;
	next = 0;
	next_wrap = !next_wrap;
}

enum { POST_TABLE = 8, POST_WRITE = 16 };

// A chain as a driver would make it, but for what its parts say.
static void post(struct input *in) {
	unsigned how = u8(in), n = 1 + (how & 7), head = next;
	struct vring_avail *avail = (struct vring_avail *)(memory[0] + DRIVER_AT);
	uint32_t table_at = how & POST_TABLE ? u16(in) : 0;

	for (unsigned i = 0; i < n; i++) {
		struct vring_desc desc = part_read(in, how & POST_WRITE);
		desc.flags ^= i + 1 < n ? VRING_DESC_F_NEXT : 0;
		desc.next = how & POST_TABLE ? i + 1 : (next + 1) % place.size;
		if (how & POST_TABLE) {
			slot_write(&desc, head, table_at + i * sizeof(desc), false);
			continue;
		}
		slot_write(&desc, head, next * sizeof(desc), true);
		slot_next();
	}
	if (how & POST_TABLE) {
		struct vring_desc desc = {
			BASE + table_at, n * sizeof(desc), VRING_DESC_F_INDIRECT, 0};
		slot_write(&desc, head, next * sizeof(desc), true);
		slot_next();
	}
	if (!packed) {
		avail->ring[avail->idx % place.size] = head;
		avail->idx++;
	}
}

static void bytes_write(struct input *in) {
	uint32_t at = u16(in) * 2;

	for (unsigned n = u8(in) % 64; n > 0; n--)
		*byte_at(at++) = u8(in);
}

static void header_write(struct input *in) {
	uint32_t at = u16(in);
	struct virtio_net_hdr vnet = {.flags = u8(in),
		.gso_type = u8(in),
		.gso_size = u16(in),
		.csum_start = u8(in),
		.csum_offset = u8(in)};

	put(at, &vnet, sizeof(vnet));
}

// ---- the device ---------------------------------------------------------------------------------------------

static void copy_take(void) {
	for (unsigned i = 0; place.dirty && i < 2; i++)
		memcpy(copy[i], memory[i], sizes[i]);
}

static void copy_check(void) {
	for (unsigned i = 0; place.dirty && i < 2; i++)
		if (memcmp(copy[i], memory[i], sizes[i]) != 0)
			abort();
	meanwhile.after = 0;
}

static void ring_open(void) {
	copy_take();
	int rc = virtq_open(&vq, &place, &table);
	copy_check();
	vq.broken |= rc < 0; // not to be used
}

static void reopen(void) {
	virtq_position(&vq, &place.avail, &place.used);
	ring_open();
}

static void recv_step(struct input *in) {
	struct rte_mbuf *pkts[BURST];
	uint64_t packets = vq.packets, bytes = vq.bytes;
	const char *why;

	uint16_t got = virtq_recv(&vq, dp_pool(), 3, pkts, u8(in) % (BURST + 1));
	for (uint16_t i = 0; i < got; i++) {
		if (rte_mbuf_check(pkts[i], 1, &why) != 0 || pkts[i]->pkt_len < RTE_ETHER_HDR_LEN ||
			pkts[i]->port != 3)
			abort();
		bytes += pkts[i]->pkt_len;
	}
	if (vq.packets != packets + got || vq.bytes != bytes)
		abort();
	rte_pktmbuf_free_bulk(pkts, got);
}

static struct rte_mbuf *frame_make(uint32_t len, uint32_t seg) {
	struct rte_mbuf *m = lab_frame(frame, RTE_MIN(len, seg), seg);

	for (uint32_t at = seg; at < len; at += seg)
		if (rte_pktmbuf_chain(m, lab_frame(frame + at, RTE_MIN(seg, len - at), seg)) != 0)
			lab_die("chain", NULL);
	return m;
}

enum { S_LONG = 1, S_CUT = 2, S_SUM = 4, S_TSO = 8, S_BURST = 16 };

static void send_step(struct input *in) {
	struct rte_mbuf *pkts[BURST];
	unsigned how = u8(in);
	uint32_t len = RTE_ETHER_HDR_LEN + (how & S_LONG ? u16(in) : u8(in));
	unsigned n = how & S_BURST ? 1 + u8(in) % BURST : 1;
	uint64_t told = vq.packets + vq.errors;

	n = len > 2000 ? RTE_MIN(n, 4u) : n;
	for (unsigned i = 0; i < n; i++) {
		pkts[i] = frame_make(len, how & S_CUT ? RTE_MIN(1 + len / 3, 1900u) : 1900);
		if (how & S_SUM)
			pkts[i]->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
		if (how & S_TSO)
			pkts[i]->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	}
	uint16_t sent = virtq_send(&vq, pkts, n);
	if (sent > n || vq.packets + vq.errors != told + sent)
		abort();
	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
}

static void step(struct input *in) {
	uint16_t at;

	switch (u8(in) % STEPS) {
	case RECV:
		copy_take();
		recv_step(in);
		copy_check();
		break;
	case SEND:
		copy_take();
		send_step(in);
		copy_check();
		break;
	case POST:
		post(in);
		break;
	case WORD:
		at = u16(in);
		put(at, &(uint16_t){u16(in)}, 2);
		break;
	case BYTES:
		bytes_write(in);
		break;
	case REOPEN:
		reopen();
		break;
	case MEANWHILE:
		meanwhile.at = u16(in);
		meanwhile.value = u16(in);
		meanwhile.after = 1 + u8(in) % 8;
		break;
	case HEADER:
		header_write(in);
		break;
	}
}

static uint64_t features_of(unsigned f) {
	return (f & F_PACKED ? 1ull << VIRTIO_F_RING_PACKED : 0) |
		(f & F_EVENT ? 1ull << VIRTIO_RING_F_EVENT_IDX : 0) |
		(f & F_MERGEABLE ? 1ull << VIRTIO_NET_F_MRG_RXBUF : 0) |
		(f & F_V1 ? 1ull << VIRTIO_F_VERSION_1 : 0) |
		(f & F_SUMS ? 1ull << VIRTIO_NET_F_GUEST_CSUM : 0) |
		(f & F_CUTS ? 1ull << VIRTIO_NET_F_GUEST_TSO4 | 1ull << VIRTIO_NET_F_GUEST_TSO6
			    : 0);
}

static void guest_start(struct input *in) {
	unsigned f = u8(in), size = u8(in);
	uint32_t used;

	sizes[1] = f & F_LARGE ? LARGE : SECOND;
	memory[1] = second[f & F_LARGE ? 1 : 0];
	table.n = 2;
	for (unsigned i = 0; i < 2; i++) {
		memset(memory[i], 0, sizes[i]);
		table.regions[i] =
			(struct virtq_region){BASE + (i ? FIRST : 0), sizes[i], memory[i]};
	}
	packed = f & F_PACKED;
	size = packed ? 1 + size % 128 : 1u << size % 8;
	next = u16(in);
	next_wrap = next >> 15;
	used = packed ? sizeof(struct vring_packed_desc_event)
		      : RTE_ALIGN_CEIL(offsetof(struct vring_used, ring[size]) + 2, 4u);
	place = (struct virtq_place){.features = features_of(f),
		.size = size,
		.desc = memory[0],
		.driver = memory[0] + DRIVER_AT,
		.device = memory[0] + FIRST - used,
		.call = -1,
		.dirty = f & F_LOG ? logged : NULL};
	if (packed)
		next = (next & 0x7fff) % size;
	place.avail = place.used = packed ? next | next_wrap << 15 : next;
	((struct vring_avail *)place.driver)->idx = packed ? 0 : next;
	next = packed ? next : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct input in = {data, size};

	memset(&vq, 0, sizeof(vq));
	memset(&meanwhile, 0, sizeof(meanwhile));
	guest_start(&in);
	ring_open();
	if (vq.broken)
		abort(); // this one was right
	for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++)
		step(&in);
	if (lab_in_use() != 0 ||
		(dp_pool_large() && rte_mempool_in_use_count(dp_pool_large()) != 0))
		abort();
	return 0;
}
