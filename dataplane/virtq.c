// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dataplane.h"
#include "dataplane/offload.h"
#include "dataplane/virtq_ring.h"
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <rte_ether.h>
#include <rte_memcpy.h>
#include <string.h>
#include <unistd.h>

#define BURST     64  // chains at a time
#define SPANS     256 // of one frame
#define FRAME_MAX (65536 + 128)
#define LINE      RTE_CACHE_LINE_SIZE

// A part of a chain that is in one piece here.
struct span {
	uint8_t *at;
	uint64_t guest;
	uint32_t len;
};

struct spans {
	unsigned n;
	uint32_t total;
	struct span items[SPANS];
};

static inline bool has(uint64_t features, unsigned bit) {
	return features >> bit & 1;
}

// For writing: the line comes without a copy in the other's cache.
static inline void prefetch_write(const void *at) {
#ifdef __x86_64__
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)at));
#else
	__builtin_prefetch(at, 1, 3);
#endif
}

// ---- chains -----------------------------------------------------------------------------------------------------

// After all that was given back: wakes the guest when it asked for that.
static void call(struct virtq *vq) {
	const uint64_t one = 1;

	if (vq->given == 0)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); // first tell, then look whether somebody sleeps
	bool wanted = chains_wants_call(vq) ||
		(vq->first_call && vq->event_idx); // what it has been told so far is not known
	vq->given = 0;
	vq->first_call = false;
	if (wanted && vq->call >= 0 && write(vq->call, &one, sizeof(one)) < 0 && errno != EAGAIN)
		vq->call = -1; // nobody is there any more
}

static int piece_add(
	struct virtq *vq, struct spans *spans, const struct piece *piece, uint16_t way) {
	uint64_t guest = piece->guest;
	uint32_t left = piece->len;

	// An empty piece is of no use, and a chain of nothing else would have no end in sight.
	if ((piece->flags & VRING_DESC_F_WRITE) != way || left == 0)
		return -EINVAL;
	while (left > 0) {
		uint32_t len = left;
		uint8_t *at = piece_at(vq, guest, &len);
		if (!at || spans->n == SPANS || spans->total > UINT32_MAX - len)
			return -EINVAL;
		spans->items[spans->n++] = (struct span){at, guest, len};
		spans->total += len;
		guest += len;
		left -= len;
	}
	return 0;
}

// A table of descriptors elsewhere. Those of a split ring are linked, those of a packed one stand in order.
static int table_add(
	struct virtq *vq, struct spans *spans, const struct piece *table, uint16_t way) {
	uint32_t n = table->len / sizeof(struct vring_desc), at = 0;

	if (n == 0 || table->len % sizeof(struct vring_desc) != 0)
		return -EINVAL;
	for (uint32_t seen = 0; seen < n; seen++) {
		uint32_t len = sizeof(struct vring_desc);
		const uint8_t *entry =
			piece_at(vq, table->guest + at * sizeof(struct vring_desc), &len);
		if (!entry || len < sizeof(struct vring_desc))
			return -EINVAL;
		struct piece piece = split_read((const struct vring_desc *)entry);
		if (vq->packed) { // the same layout, but for the last two fields
			piece.flags = piece.next & VRING_DESC_F_WRITE;
			if (seen + 1 < n)
				piece.flags |= VRING_DESC_F_NEXT;
			piece.next = at + 1;
		}
		int rc = piece.flags & VRING_DESC_F_INDIRECT ? -EINVAL
							     : piece_add(vq, spans, &piece, way);
		if (rc < 0 || !(piece.flags & VRING_DESC_F_NEXT))
			return rc;
		at = piece.next;
		if (at >= n)
			return -EINVAL;
	}
	return -EINVAL; // a loop
}

// Adds all parts of a chain. way: VRING_DESC_F_WRITE when it is to be written, else 0. -EINVAL: it cannot be followed.
static int spans_add(
	struct virtq *vq, struct spans *spans, const struct chain *chain, uint16_t way) {
	struct piece piece = chain->first;

	for (uint32_t seen = 0; seen < vq->size; seen++) {
		if (piece.flags & VRING_DESC_F_INDIRECT)
			return table_add(vq, spans, &piece, way);
		int rc = piece_add(vq, spans, &piece, way);
		if (rc < 0 || !(piece.flags & VRING_DESC_F_NEXT))
			return rc;
		if (piece.next >= vq->size)
			return -EINVAL;
		piece = piece_after(vq, &piece);
	}
	return -EINVAL;
}

static inline bool is_single(const struct piece *piece, uint16_t way) {
	return (piece->flags & (VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE)) ==
		way;
}

// ---- frames from the guest ----------------------------------------------------------------------------------------

struct source {
	struct virtq *vq;
	struct rte_mempool *pool;
	uint16_t port;
};

// Copies `len` bytes from an offset of the spans.
static void spans_read(const struct spans *spans, uint32_t from, void *to, uint32_t len) {
	uint8_t *out = to;

	for (unsigned i = 0; i < spans->n && len > 0; i++) {
		const struct span *span = &spans->items[i];
		if (from >= span->len) {
			from -= span->len;
			continue;
		}
		uint32_t now = RTE_MIN(len, span->len - from);
		memcpy(out, span->at + from, now);
		out += now;
		len -= now;
		from = 0;
	}
}

// A further buffer: a large one while there are some and it is worth it.
static struct rte_mbuf *segment_new(struct rte_mempool *pool, uint32_t left) {
	struct rte_mempool *large = dp_pool_large();
	uint32_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	struct rte_mbuf *seg = large && left > room ? rte_pktmbuf_alloc(large) : NULL;

	return seg ? seg : rte_pktmbuf_alloc(pool);
}

// Fills m, and what it has to be continued with. -ENOMEM.
static int frame_copy(
	struct rte_mempool *pool, const struct spans *spans, uint32_t from, struct rte_mbuf *m) {
	uint32_t left = spans->total - from;
	struct rte_mbuf *seg = m;

	m->pkt_len = left;
	for (;;) {
		seg->data_len = RTE_MIN(left, (uint32_t)rte_pktmbuf_tailroom(seg));
		spans_read(spans, from, rte_pktmbuf_mtod(seg, void *), seg->data_len);
		from += seg->data_len;
		left -= seg->data_len;
		if (left == 0)
			return 0;
		seg->next = segment_new(pool, left);
		if (!seg->next)
			return -ENOMEM;
		seg = seg->next;
		m->nb_segs++;
	}
}

static bool requests_take(struct virtq *vq, struct rte_mbuf *m, const struct virtio_net_hdr *vnet) {
	if (offload_vnet_read(m, vnet, 0) == 0)
		return true;
	vq->errors++;
	return false;
}

// Chains, frames that are longer than a buffer, and all that is wrong with one.
static __rte_noinline bool chain_read(
	const struct source *source, const struct chain *chain, struct rte_mbuf *m) {
	struct virtq *vq = source->vq;
	struct virtio_net_hdr vnet = {0};
	struct spans spans;

	spans.n = spans.total = 0;
	if (spans_add(vq, &spans, chain, 0) < 0 ||
		spans.total < (uint32_t)vq->header + RTE_ETHER_HDR_LEN ||
		spans.total > (uint32_t)vq->header + FRAME_MAX) {
		vq->errors++;
		return false;
	}
	if (frame_copy(source->pool, &spans, vq->header, m) < 0) {
		vq->no_buffer++;
		return false;
	}
	spans_read(&spans, 0, &vnet, sizeof(vnet));
	return requests_take(vq, m, &vnet);
}

// One descriptor, one buffer: what most frames are.
static inline bool single_read(
	const struct source *source, const struct chain *chain, struct rte_mbuf *m) {
	struct virtq *vq = source->vq;
	uint32_t len = chain->first.len - vq->header;
	uint16_t asked;

	rte_memcpy(rte_pktmbuf_mtod(m, void *), chain->at + vq->header, len);
	m->pkt_len = m->data_len = len;
	memcpy(&asked, chain->at, sizeof(asked)); // flags and gso_type
	if (likely(asked == 0))
		return true;
	struct virtio_net_hdr vnet;
	memcpy(&vnet, chain->at, sizeof(vnet));
	return requests_take(vq, m, &vnet);
}

static uint16_t recv_some(const struct source *source, struct rte_mbuf **pkts, uint16_t n) {
	struct virtq *vq = source->vq;
	struct chain chains[BURST];
	uint32_t room = rte_pktmbuf_data_room_size(source->pool) - RTE_PKTMBUF_HEADROOM;
	uint32_t least = vq->header + RTE_ETHER_HDR_LEN;
	uint16_t got = 0;

	n = chains_take(vq, chains, n);
	for (uint16_t i = 0; i < n; i++) {
		struct chain *c = &chains[i];
		c->written = 0;
		c->at = is_single(&c->first, 0) && c->first.len - least <= room - RTE_ETHER_HDR_LEN
			? whole_at(vq, c->first.guest, c->first.len)
			: NULL;
		if (c->at) {
			rte_prefetch0(c->at);
			rte_prefetch0(c->at + RTE_MIN(c->first.len - 1, (uint32_t)LINE));
		}
	}
	if (n == 0)
		return 0;
	if (unlikely(rte_pktmbuf_alloc_bulk(source->pool, pkts, n) < 0)) {
		vq->no_buffer += n;
		return 0; // they stay where they are
	}
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		bool ok = likely(chains[i].at != NULL) ? single_read(source, &chains[i], m)
						       : chain_read(source, &chains[i], m);
		if (unlikely(!ok)) {
			rte_pktmbuf_free(m);
			continue;
		}
		m->port = source->port;
		vq->bytes += m->pkt_len;
		pkts[got++] = m;
	}
	vq->packets += got;
	chains_give(vq, chains, n);
	return got;
}

uint16_t virtq_recv(struct virtq *vq, struct rte_mempool *pool, uint16_t port,
	struct rte_mbuf **pkts, uint16_t n) {
	struct source source = {vq, pool, port};
	uint16_t got = 0, now;

	if (unlikely(vq->broken))
		return 0;
	do {
		uint16_t want = RTE_MIN(n - got, BURST);
		now = recv_some(&source, pkts + got, want);
		got += now;
		if (now < want)
			break;
	} while (got < n);
	call(vq);
	return got;
}

// ---- frames to the guest ---------------------------------------------------------------------------------------------

// Writes header and frame into the spans, which have room.
static void spans_write(const struct virtq *vq, const struct spans *spans,
	const struct virtio_net_hdr_mrg_rxbuf *header, const struct rte_mbuf *m) {
	const uint8_t *from = (const uint8_t *)header;
	uint32_t left = vq->header;
	const struct rte_mbuf *next = m;

	for (unsigned i = 0; i < spans->n; i++) {
		const struct span *span = &spans->items[i];
		for (uint32_t done = 0; done < span->len;) {
			while (left == 0 && next) {
				from = rte_pktmbuf_mtod(next, const uint8_t *);
				left = next->data_len;
				next = next->next;
			}
			uint32_t now = RTE_MIN(left, span->len - done);
			if (now == 0) {
				dirty(vq, span->guest, done);
				return;
			}
			memcpy(span->at + done, from, now);
			from += now;
			left -= now;
			done += now;
		}
		dirty(vq, span->guest, span->len);
	}
}

static inline bool may_send(const struct virtq *vq, const struct rte_mbuf *m) {
	uint64_t cut = RTE_MBUF_F_TX_UDP_SEG | (vq->cuts ? 0 : RTE_MBUF_F_TX_TCP_SEG);

	return !(m->ol_flags & cut) && (vq->checksums || !(m->ol_flags & RTE_MBUF_F_TX_L4_MASK));
}

// A frame into as many chains as it takes, of n. Returns how many, 0: these are too few; -EINVAL: it goes nowhere, and
// *spoilt chains with it, the last of which cannot be followed.
static __rte_noinline int chains_write(struct virtq *vq, struct chain *chains, uint16_t n,
	const struct rte_mbuf *m, uint16_t *spoilt) {
	struct virtio_net_hdr_mrg_rxbuf header = {0};
	uint32_t want = vq->header + m->pkt_len;
	struct spans spans;
	uint16_t used = 0;

	spans.n = spans.total = 0;
	offload_vnet_write(m, &header.hdr);
	do {
		uint32_t before = spans.total;
		if (spans_add(vq, &spans, &chains[used], VRING_DESC_F_WRITE) < 0) {
			*spoilt = used + 1;
			for (uint16_t i = 0; i <= used; i++)
				chains[i].written = 0;
			return -EINVAL;
		}
		chains[used].written = spans.total < want ? spans.total - before : want - before;
		used++;
	} while (spans.total < want && vq->mergeable && used < n);
	if (spans.total < want)
		return vq->mergeable && used < RTE_MIN((uint32_t)BURST, vq->size) ? 0 : -EINVAL;
	header.num_buffers = used;
	spans_write(vq, &spans, &header, m);
	return used;
}

static inline void single_write(struct virtq *vq, struct chain *chain, const struct rte_mbuf *m) {
	struct virtio_net_hdr_mrg_rxbuf header = {.num_buffers = 1};

	if (unlikely(m->ol_flags & RTE_MBUF_F_TX_L4_MASK))
		offload_vnet_write(m, &header.hdr);
	if (likely(vq->header == sizeof(header)))
		memcpy(chain->at, &header, sizeof(header));
	else
		memcpy(chain->at, &header, sizeof(header.hdr));
	rte_memcpy(chain->at + vq->header, rte_pktmbuf_mtod(m, const void *), m->data_len);
	chain->written = vq->header + m->data_len;
	dirty(vq, chain->first.guest, chain->written);
}

// What a burst of n probably takes: one buffer each, more for what is longer than a frame of Ethernet.
static inline uint16_t chains_wanted(const struct virtq *vq, struct rte_mbuf **pkts, uint16_t n) {
	uint32_t want = n;

	for (uint16_t i = 0; vq->mergeable && i < n; i++)
		want += pkts[i]->pkt_len > RTE_ETHER_MAX_LEN ? pkts[i]->pkt_len / 1024 : 0;
	return RTE_MIN(want, (uint32_t)BURST);
}

// Asks for the lines that will be written: of a whole small frame, of the beginning of a long one.
static inline void chains_prepare(struct virtq *vq, struct chain *chains, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		struct chain *c = &chains[i];
		c->written = 0;
		c->at = is_single(&c->first, VRING_DESC_F_WRITE)
			? whole_at(vq, c->first.guest, c->first.len)
			: NULL;
		if (c->at) {
			prefetch_write(c->at);
			prefetch_write(c->at + LINE);
		}
	}
}

// One burst, by at most `want` chains. Returns how many frames it took. 0: there are too few chains; *more: a frame needs
// more than were wanted.
static uint16_t send_some(
	struct virtq *vq, struct rte_mbuf **pkts, uint16_t n, uint16_t want, bool *more) {
	struct chain chains[BURST];
	uint16_t there = chains_take(vq, chains, want), used = 0, i;

	chains_prepare(vq, chains, there);
	for (i = 0; i < n && used < there; i++) {
		const struct rte_mbuf *m = pkts[i];
		struct chain *c = &chains[used];
		uint16_t spoilt = 0;
		int rc = 1;
		if (unlikely(!may_send(vq, m)))
			rc = -EINVAL;
		else if (likely(c->at && m->nb_segs == 1 &&
				 c->first.len >= (uint32_t)vq->header + m->data_len))
			single_write(vq, c, m);
		else
			rc = chains_write(vq, c, there - used, m, &spoilt);
		if (rc == 0)
			break;
		if (unlikely(rc < 0)) {
			vq->errors++;
			used += spoilt;
			continue;
		}
		used += rc;
		vq->packets++;
		vq->bytes += m->pkt_len;
	}
	*more = i == 0 && there == want && want < BURST;
	chains_give(vq, chains, used);
	rte_pktmbuf_free_bulk(pkts, i);
	return i;
}

uint16_t virtq_send(struct virtq *vq, struct rte_mbuf **pkts, uint16_t n) {
	uint16_t sent = 0, now;

	while (sent < n && !vq->broken) {
		uint16_t burst = RTE_MIN(n - sent, BURST);
		bool more;
		now = send_some(
			vq, pkts + sent, burst, chains_wanted(vq, pkts + sent, burst), &more);
		if (unlikely(more))
			now = send_some(vq, pkts + sent, burst, BURST, &more);
		if (now == 0)
			break;
		sent += now;
	}
	call(vq);
	return sent;
}

// ---- opened -----------------------------------------------------------------------------------------------------------

struct area {
	const void *at;
	uint64_t len, align;
};

// The transport may have measured them with another size or format than what it says now.
static bool area_find(const struct virtq_memory *memory, const struct area *area, uint64_t *guest) {
	if ((uintptr_t)area->at % area->align != 0)
		return false;
	for (unsigned i = 0; i < memory->n; i++) {
		const struct virtq_region *r = &memory->regions[i];
		uint64_t offset = (uintptr_t)area->at - (uintptr_t)r->host;
		if (offset < r->size && area->len <= r->size - offset) {
			*guest = r->guest + offset;
			return true;
		}
	}
	return false;
}

// Virtio 1.2, 2.7.10 and 2.8.10. With indexes of events a split ring's flags have no say: the guest kicks when it comes by
// the place that we name, so that is the one furthest away.
static void kicks_refuse(struct virtq *vq, uint64_t guest) {
	if (vq->packed) {
		vq->device->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
		dirty(vq, guest, sizeof(*vq->device));
		return;
	}
	vq->done->flags = vq->event_idx ? 0 : VRING_USED_F_NO_NOTIFY;
	dirty(vq, guest, sizeof(vq->done->flags));
	if (!vq->event_idx)
		return;
	uint64_t at = offsetof(struct vring_used, ring[vq->size]);
	*(uint16_t *)((uint8_t *)vq->done + at) = vq->avail - 1;
	dirty(vq, guest + at, sizeof(uint16_t));
}

// Virtio 1.2, 2.7 and 2.8.10.
static bool areas_find(struct virtq *vq, const struct virtq_place *place) {
	uint64_t n = place->size, event = vq->event_idx ? sizeof(uint16_t) : 0, guest, device;
	struct area areas[] = {
		{place->desc, n * sizeof(struct vring_desc), 16},
		{place->driver, sizeof(struct vring_avail) + n * sizeof(uint16_t) + event, 2},
		{place->device,
			sizeof(struct vring_used) + n * sizeof(struct vring_used_elem) + event, 4},
	};

	if (vq->packed) {
		areas[1] = (struct area){place->driver, sizeof(struct vring_packed_desc_event), 4};
		areas[2] = (struct area){place->device, sizeof(struct vring_packed_desc_event), 4};
	}
	if (!area_find(vq->memory, &areas[1], &guest) ||
		!area_find(vq->memory, &areas[2], &device) ||
		!area_find(vq->memory, &areas[0], &guest))
		return false;
	vq->log = vq->packed ? guest : device;
	kicks_refuse(vq, device);
	return true;
}

static void positions_set(struct virtq *vq, const struct virtq_place *place) {
	vq->avail = place->avail;
	vq->used = place->used;
	if (vq->packed) {
		vq->avail_wrap = place->avail >> 15;
		vq->used_wrap = place->used >> 15;
		vq->avail &= 0x7fff;
		vq->used &= 0x7fff;
	}
	vq->first_call = true;
	vq->given = 0;
}

int virtq_open(
	struct virtq *vq, const struct virtq_place *place, const struct virtq_memory *memory) {
	uint64_t features = place->features;

	if (place->size == 0 || place->size > VIRTQ_SIZE_MAX)
		return -EINVAL;
	vq->memory = memory;
	vq->region = 0;
	vq->packed = has(features, VIRTIO_F_RING_PACKED);
	vq->event_idx = has(features, VIRTIO_RING_F_EVENT_IDX);
	vq->mergeable = has(features, VIRTIO_NET_F_MRG_RXBUF);
	vq->checksums = has(features, VIRTIO_NET_F_GUEST_CSUM);
	vq->cuts = has(features, VIRTIO_NET_F_GUEST_TSO4) && has(features, VIRTIO_NET_F_GUEST_TSO6);
	vq->header = vq->mergeable || has(features, VIRTIO_F_VERSION_1)
		? sizeof(struct virtio_net_hdr_mrg_rxbuf)
		: sizeof(struct virtio_net_hdr);
	vq->size = place->size;
	vq->mask = place->size - 1;
	vq->desc = place->desc;
	vq->ring = place->driver;
	vq->done = place->device;
	vq->call = place->call;
	vq->dirty = place->dirty;
	vq->dirty_arg = place->dirty_arg;
	positions_set(vq, place);
	if (vq->packed ? vq->avail >= vq->size || vq->used >= vq->size
		       : !rte_is_power_of_2(vq->size))
		return -EINVAL;
	if (!areas_find(vq, place))
		return -EINVAL;
	vq->broken = false;
	return 0;
}

void virtq_position(const struct virtq *vq, uint16_t *avail, uint16_t *used) {
	*avail = vq->avail | (vq->packed && vq->avail_wrap ? 1u << 15 : 0);
	*used = vq->used | (vq->packed && vq->used_wrap ? 1u << 15 : 0);
}
