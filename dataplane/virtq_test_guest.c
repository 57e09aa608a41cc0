// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/virtq_test_guest.h"
#include "dataplane/dataplane.h"
#include <rte_common.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
// cmocka.h needs those above
#include <cmocka.h>

#define AROUND_MID 0x9000ull // left free for buffers that lie in both regions
#define LOG_MAX    8192

struct guest guest;
void (*guest_meanwhile)(void);

struct range {
	uint64_t at, len;
};

static struct {
	struct range logged[LOG_MAX], allowed[LOG_MAX];
	unsigned n_logged, n_allowed;
} step;

// ---- memory -------------------------------------------------------------------------------------------------

uint8_t *guest_at(uint64_t at) {
	assert_in_range(at, GUEST_BASE, GUEST_END - 1);
	return at < GUEST_MID ? guest.host[0] + (at - GUEST_BASE)
			      : guest.host[1] + (at - GUEST_MID);
}

// Of `len`, what lies in the same region.
static uint32_t same_half(uint64_t at, uint32_t len) {
	uint64_t end = at < GUEST_MID ? GUEST_MID : GUEST_END;

	return RTE_MIN((uint64_t)len, end - at);
}

void guest_write(uint64_t at, const void *bytes, uint32_t len) {
	for (uint32_t done = 0, now; done < len; done += now) {
		now = same_half(at + done, len - done);
		memcpy(guest_at(at + done), (const uint8_t *)bytes + done, now);
	}
}

void guest_read(uint64_t at, void *bytes, uint32_t len) {
	for (uint32_t done = 0, now; done < len; done += now) {
		now = same_half(at + done, len - done);
		memcpy((uint8_t *)bytes + done, guest_at(at + done), now);
	}
}

uint64_t guest_room(uint32_t len) {
	uint64_t begin = GUEST_BASE + 0x8000;

	assert_true(len < GUEST_HALF - AROUND_MID - 0x8000);
	if (guest.room < GUEST_MID && guest.room + len > GUEST_MID - AROUND_MID)
		guest.room = GUEST_MID + AROUND_MID;
	if (guest.room < begin || guest.room + len > GUEST_END)
		guest.room = begin;
	guest.room += len + 7;
	return guest.room - len - 7;
}

// ---- steps --------------------------------------------------------------------------------------------------

static void logged(uint64_t at, uint64_t len) {
	assert_true(step.n_logged < LOG_MAX);
	step.logged[step.n_logged++] = (struct range){at, len};
}

static void allow(uint64_t at, uint64_t len) {
	assert_true(step.n_allowed < LOG_MAX);
	step.allowed[step.n_allowed++] = (struct range){at, len};
}

// What the guest writes itself meanwhile is no fault of the device's.
static void dirty(void *, uint64_t at, uint64_t len) {
	const uint64_t rings = guest.device - guest.desc;

	logged(at, len);
	if (!guest_meanwhile)
		return;
	guest_meanwhile();
	logged(guest.desc, rings);
	allow(guest.desc, rings);
}

static void step_begin(void) {
	for (unsigned i = 0; i < 2; i++)
		memcpy(guest.copy[i], guest.host[i], GUEST_HALF);
	step.n_logged = step.n_allowed = 0;
	if (guest_has(VIRTIO_F_RING_PACKED)) {
		allow(guest.desc, guest.v->size * sizeof(struct vring_packed_desc));
		allow(guest.device, sizeof(struct vring_packed_desc_event));
	} else {
		allow(guest.device,
			offsetof(struct vring_used, ring[guest.v->size]) + sizeof(uint16_t));
	}
}

static bool is_allowed(const struct range *range) {
	for (unsigned i = 0; i < step.n_allowed; i++) {
		const struct range *a = &step.allowed[i];
		if (range->at >= a->at && range->at + range->len <= a->at + a->len)
			return true;
	}
	return range->len == 0;
}

// Has the copy follow what the log explains.
static void copy_update(const struct range *range) {
	for (uint64_t done = 0, now; done < range->len; done += now) {
		uint64_t at = range->at + done;
		unsigned half = at >= GUEST_MID;
		now = same_half(at, range->len - done);
		memcpy(guest.copy[half] + (at - GUEST_BASE - half * GUEST_HALF), guest_at(at), now);
	}
}

// As much of a chain's buffers as it says was written.
static void chain_allow(const struct posted *chain, uint32_t written) {
	for (unsigned i = 0; i < chain->n && written > 0; i++) {
		uint32_t len = RTE_MIN(written, chain->parts[i].len);
		allow(chain->parts[i].guest, len);
		written -= len;
	}
	assert_int_equal(written, 0);
}

// The chains that were given back say what else was allowed; the test sees them again.
static void step_end(void) {
	unsigned first = guest.first;
	uint16_t seen = guest.seen;
	bool wrap = guest.seen_wrap;
	uint32_t written;

	while (guest_used(&written))
		continue;
	guest.first = first;
	guest.seen = seen;
	guest.seen_wrap = wrap;
	for (unsigned i = 0; i < step.n_logged; i++) {
		if (!is_allowed(&step.logged[i]))
			fail_msg("logged %zx+%zu", step.logged[i].at, step.logged[i].len);
		copy_update(&step.logged[i]);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_memory_equal(guest.copy[i], guest.host[i], GUEST_HALF);
}

uint16_t guest_recv(struct rte_mbuf **pkts, uint16_t n) {
	step_begin();
	uint16_t got = virtq_recv(&guest.vq, dp_pool(), 3, pkts, n);
	step_end();
	return got;
}

uint16_t guest_send(struct rte_mbuf **pkts, uint16_t n) {
	step_begin();
	uint16_t sent = virtq_send(&guest.vq, pkts, n);
	step_end();
	return sent;
}

// ---- the ring -----------------------------------------------------------------------------------------------

union guest_desc *guest_desc(unsigned slot) {
	return (union guest_desc *)guest_at(guest.desc + slot * sizeof(union guest_desc));
}

static struct vring_avail *avail(void) {
	return (struct vring_avail *)guest_at(guest.driver);
}

static struct vring_packed_desc_event *driver_event(void) {
	return (struct vring_packed_desc_event *)guest_at(guest.driver);
}

unsigned guest_free(void) {
	unsigned taken = 0;

	for (unsigned i = guest.first; i != guest.last; i++)
		taken += guest.posted[i % RTE_DIM(guest.posted)].slots;
	return guest.v->size - taken;
}

static uint16_t step_on(uint16_t at, unsigned n, bool *wrap) {
	if (at + n < guest.v->size)
		return at + n;
	*wrap = !*wrap;
	return at + n - guest.v->size;
}

// Entries of a table stand in any order when they are linked: here the first, then from the end.
static unsigned table_index(unsigned i, unsigned n) {
	return i == 0 || guest_has(VIRTIO_F_RING_PACKED) ? i : n - i;
}

static struct part table_make(const struct part *parts, unsigned n) {
	struct part table = {guest_room(n * 16), n * 16, VRING_DESC_F_INDIRECT};

	for (unsigned i = 0; i < n; i++) {
		union guest_desc desc;
		if (guest_has(VIRTIO_F_RING_PACKED))
			desc.packed = (struct vring_packed_desc){
				parts[i].guest, parts[i].len, 0xffff, parts[i].flags};
		else
			desc.split = (struct vring_desc){parts[i].guest, parts[i].len,
				parts[i].flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0),
				table_index(i + 1, n)};
		guest_write(table.guest + table_index(i, n) * 16, &desc, sizeof(desc));
	}
	return table;
}

static void split_post(const struct part *parts, unsigned n, struct posted *chain) {
	chain->id = guest.next;
	for (unsigned i = 0; i < n; i++) {
		unsigned next = (guest.next + 1) % guest.v->size;
		guest_desc(guest.next)->split = (struct vring_desc){parts[i].guest, parts[i].len,
			parts[i].flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0), next};
		guest.next = next;
	}
	avail()->ring[guest.avail_idx++ % guest.v->size] = chain->id;
	__atomic_store_n(&avail()->idx, guest.avail_idx, __ATOMIC_RELEASE);
}

static void packed_post(const struct part *parts, unsigned n, struct posted *chain) {
	uint16_t head = guest.next, head_flags = 0;

	chain->id = (guest.slots * 7 + 3) & 0x7fff;
	for (unsigned i = 0; i < n; i++) {
		uint16_t flags = parts[i].flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0) |
			(guest.next_wrap ? 1 << VRING_PACKED_DESC_F_AVAIL
					 : 1 << VRING_PACKED_DESC_F_USED);
		struct vring_packed_desc *desc = &guest_desc(guest.next)->packed;
		desc->addr = parts[i].guest;
		desc->len = parts[i].len;
		desc->id = i + 1 < n ? 0xdead : chain->id;
		if (i == 0)
			head_flags = flags;
		else
			desc->flags = flags;
		guest.next = step_on(guest.next, 1, &guest.next_wrap);
	}
	__atomic_store_n(&guest_desc(head)->packed.flags, head_flags, __ATOMIC_RELEASE);
}

void guest_post(const struct part *parts, unsigned n, bool table) {
	struct posted *chain = &guest.posted[guest.last % RTE_DIM(guest.posted)];
	struct part one;

	assert_in_range(n, 1, GUEST_PARTS);
	memcpy(chain->parts, parts, n * sizeof(*parts));
	chain->n = n;
	chain->slots = table ? 1 : n;
	assert_true(guest_free() >= chain->slots);
	if (table)
		one = table_make(parts, n);
	if (guest_has(VIRTIO_F_RING_PACKED))
		packed_post(table ? &one : parts, chain->slots, chain);
	else
		split_post(table ? &one : parts, chain->slots, chain);
	guest.slots += chain->slots;
	guest.last++;
}

static bool split_used(uint32_t *id, uint32_t *written) {
	const struct vring_used *used = (const struct vring_used *)guest_at(guest.device);

	if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == guest.seen)
		return false;
	*id = used->ring[guest.seen % guest.v->size].id;
	*written = used->ring[guest.seen % guest.v->size].len;
	return true;
}

static bool packed_used(uint32_t *id, uint32_t *written) {
	const struct vring_packed_desc *desc = &guest_desc(guest.seen)->packed;
	uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);
	bool a = flags >> VRING_PACKED_DESC_F_AVAIL & 1, u = flags >> VRING_PACKED_DESC_F_USED & 1;

	if (a != u || u != guest.seen_wrap)
		return false;
	*id = desc->id;
	*written = desc->len;
	assert_int_equal(!!(flags & VRING_DESC_F_WRITE), desc->len > 0);
	assert_int_equal(flags &
			~(1 << VRING_PACKED_DESC_F_AVAIL | 1 << VRING_PACKED_DESC_F_USED |
				VRING_DESC_F_WRITE),
		0);
	return true;
}

const struct posted *guest_used(uint32_t *written) {
	const struct posted *chain = &guest.posted[guest.first % RTE_DIM(guest.posted)];
	bool packed = guest_has(VIRTIO_F_RING_PACKED);
	uint32_t id;

	if (guest.first == guest.last ||
		!(packed ? packed_used(&id, written) : split_used(&id, written)))
		return NULL;
	assert_int_equal(id, chain->id);
	if (packed)
		guest.seen = step_on(guest.seen, chain->slots, &guest.seen_wrap);
	else
		guest.seen++;
	guest.first++;
	chain_allow(chain, *written);
	return chain;
}

// ---- notifications ------------------------------------------------------------------------------------------

void guest_calls_all(void) {
	if (guest_has(VIRTIO_F_RING_PACKED))
		driver_event()->flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	else
		avail()->flags = 0;
}

void guest_calls_none(void) {
	if (guest_has(VIRTIO_F_RING_PACKED))
		driver_event()->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	else
		avail()->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

void guest_calls_event(uint16_t after) {
	if (guest_has(VIRTIO_F_RING_PACKED)) {
		bool wrap = guest.seen_wrap;
		uint16_t at = step_on(guest.seen, after, &wrap);
		driver_event()->off_wrap = at | wrap << VRING_PACKED_EVENT_F_WRAP_CTR;
		driver_event()->flags = VRING_PACKED_EVENT_FLAG_DESC;
	} else {
		avail()->ring[guest.v->size] = guest.seen + after;
	}
}

bool guest_called(void) {
	uint64_t n = 0;

	return read(guest.call, &n, sizeof(n)) == sizeof(n) && n > 0;
}

// ---- start --------------------------------------------------------------------------------------------------

static void positions_set(const struct variant *v) {
	bool packed = v->features >> VIRTIO_F_RING_PACKED & 1;

	guest.next = packed ? v->start & 0x7fff : v->start % v->size;
	guest.seen = packed ? guest.next : v->start;
	guest.avail_idx = v->start;
	guest.next_wrap = guest.seen_wrap = v->start >> 15;
	if (packed) // as if the ring had been used so far
		for (unsigned i = 0; i < v->size; i++) {
			bool wrap = i < guest.next ? guest.next_wrap : !guest.next_wrap;
			guest_desc(i)->packed.flags = wrap
				? 1 << VRING_PACKED_DESC_F_AVAIL | 1 << VRING_PACKED_DESC_F_USED
				: 0;
		}
	else
		((struct vring_used *)guest_at(guest.device))->idx = avail()->idx = v->start;
}

void guest_start(const struct variant *v) {
	memset(&guest, 0, sizeof(guest));
	guest_meanwhile = NULL;
	guest.v = v;
	for (unsigned i = 0; i < 2; i++) {
		guest.host[i] = aligned_alloc(4096, GUEST_HALF);
		guest.copy[i] = aligned_alloc(4096, GUEST_HALF);
		assert_true(guest.host[i] && guest.copy[i]);
		memset(guest.host[i], 0xa5, GUEST_HALF);
		guest.memory.regions[i] = (struct virtq_region){
			GUEST_BASE + i * GUEST_HALF, GUEST_HALF, guest.host[i]};
	}
	guest.memory.n = 2;
	guest.desc = GUEST_BASE + 0x1000;
	guest.driver = GUEST_BASE + 0x3000;
	guest.device = GUEST_BASE + 0x4000;
	memset(guest_at(guest.driver), 0, 0x2000);
	positions_set(v);
	guest.call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(guest.call >= 0);
	guest.place = (struct virtq_place){.features = v->features,
		.size = v->size,
		.desc = guest_at(guest.desc),
		.driver = guest_at(guest.driver),
		.device = guest_at(guest.device),
		.avail = v->start,
		.used = v->start,
		.call = guest.call,
		.dirty = dirty};
	step_begin();
	assert_int_equal(virtq_open(&guest.vq, &guest.place, &guest.memory), 0);
	step_end();
}

void guest_stop(void) {
	for (unsigned i = 0; i < 2; i++) {
		free(guest.host[i]);
		free(guest.copy[i]);
	}
	close(guest.call);
	memset(&guest, 0, sizeof(guest));
}
