// SPDX-License-Identifier: BSD-3-Clause
// Frames of all lengths out of a slot, with large buffers and without.
#include "dataplane/dataplane_priv.h"
#include "dataplane/hostio.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs those above
#include <cmocka.h>

#define LONGEST (65535 + RTE_ETHER_HDR_LEN)

static struct hostio *io;

static unsigned in_use(void) {
	return rte_mempool_in_use_count(dp_pool()) + rte_mempool_in_use_count(dp_pool_large());
}

static uint8_t byte_at(size_t i) {
	return (uint8_t)(i * 7 + (i >> 8));
}

// What readv() would do with the slot's vector.
static void slot_write(const struct hostio_slot *slot, size_t len) {
	size_t done = 0;

	for (unsigned i = 1; i <= slot->n; i++)
		for (size_t j = 0; j < slot->iov[i].iov_len && done < len; j++)
			((uint8_t *)slot->iov[i].iov_base)[j] = byte_at(done++);
	assert_int_equal(done, len);
}

// Frees it; returns how many buffers it had.
static unsigned frame_check(struct rte_mbuf *m, size_t len) {
	unsigned segs = 0;
	size_t at = 0;

	assert_non_null(m);
	assert_int_equal(m->pkt_len, len);
	for (const struct rte_mbuf *seg = m; seg; seg = seg->next, segs++)
		for (unsigned i = 0; i < seg->data_len; i++, at++)
			if (*rte_pktmbuf_mtod_offset(seg, uint8_t *, i) != byte_at(at))
				fail_msg("byte %zu of %zu", at, len);
	assert_int_equal(at, len);
	assert_int_equal(segs, m->nb_segs);
	rte_pktmbuf_free(m);
	return segs;
}

static unsigned frame_through(size_t len) {
	assert_int_equal(hostio_fill(io, 1), 1);
	slot_write(&io->slots[0], len);
	return frame_check(hostio_take(io, &io->slots[0], len, 0), len);
}

static void test_lengths(void **) {
	unsigned room = rte_pktmbuf_data_room_size(dp_pool()) - RTE_PKTMBUF_HEADROOM;

	for (size_t len = 14; len <= LONGEST; len += len < 2 * room ? 97 : 1499)
		assert_int_equal(frame_through(len) > 1, len > room);
	assert_int_equal(frame_through(room), 1);
	assert_int_equal(frame_through(room + 1), 2);
	assert_int_equal(frame_through(LONGEST), 1 + HOSTIO_LARGE);
}

static void test_too_long(void **) {
	assert_int_equal(hostio_fill(io, 1), 1);
	assert_null(hostio_take(io, &io->slots[0], 80000, 0));
	assert_int_equal(io->rx_errors, 1);
	assert_int_equal(frame_through(LONGEST), 1 + HOSTIO_LARGE);
}

// Somebody holds all large buffers: frames come in many small ones, until there are large ones again.
static void test_without_large(void **) {
	struct rte_mbuf **held = calloc(dp_pool_large()->size + 1, sizeof(struct rte_mbuf *));
	unsigned n = 0;

	assert_non_null(held);
	assert_int_equal(frame_through(LONGEST), 1 + HOSTIO_LARGE);
	while ((held[n] = rte_pktmbuf_alloc(dp_pool_large())))
		n++;
	assert_true(n > 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(frame_through(LONGEST) > 1 + HOSTIO_LARGE);
		assert_int_equal(frame_through(60), 1);
	}
	rte_pktmbuf_free_bulk(held, n);
	frame_through(LONGEST);
	assert_int_equal(frame_through(LONGEST), 1 + HOSTIO_LARGE);
	free(held);
}

// Neither: nothing comes, which is counted, and nothing is lost for good.
static void test_without_any(void **) {
	unsigned size = dp_pool()->size + dp_pool_large()->size + 1, n = 0; // the last is NULL
	struct rte_mbuf **held = calloc(size, sizeof(struct rte_mbuf *));

	assert_non_null(held);
	frame_through(LONGEST);
	while ((held[n] = rte_pktmbuf_alloc(dp_pool_large())))
		n++;
	while ((held[n] = rte_pktmbuf_alloc(dp_pool())))
		n++;
	assert_int_equal(hostio_fill(io, 1), 0);
	assert_int_equal(hostio_fill(io, 1), 0);
	assert_int_equal(io->rx_no_buffer, 2);
	rte_pktmbuf_free_bulk(held, n);
	free(held);
	assert_int_equal(frame_through(LONGEST), 1 + HOSTIO_LARGE);
}

static int slots_setup(void **) {
	io = calloc(1, sizeof(*io));
	if (io)
		hostio_slots_init(io, dp_pool());
	return io ? 0 : -1;
}

static int slots_teardown(void **) {
	hostio_slots_fini(io);
	free(io);
	return in_use() == 0 ? 0 : -1;
}

static int setup(void **) {
	struct dp_start_opts opts = {
		.memory_mb = 64, .no_huge = true, .quiet = true, .run_dir = "/tmp"};

	return dp_start(&opts, NULL) < 0 || dp_pool_large() == NULL ? -1 : 0;
}

static int teardown(void **) {
	dp_stop();
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lengths, slots_setup, slots_teardown),
		cmocka_unit_test_setup_teardown(test_too_long, slots_setup, slots_teardown),
		cmocka_unit_test_setup_teardown(test_without_large, slots_setup, slots_teardown),
		cmocka_unit_test_setup_teardown(test_without_any, slots_setup, slots_teardown),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
