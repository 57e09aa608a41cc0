// SPDX-License-Identifier: BSD-3-Clause
// Frames of any kind through the real graph: two switches with every kind of port, a mirror, storm control, small
// limits. Nothing may crash, and no packet buffer may be lost.
//
// The input is a list of frames: one byte for the port and what else to do, two for the length, the frame.
#include "lib/clock.h"
#include "switch/switch.h"
#include "tests/fuzz/lab.h"

#define PORTS     8
#define FRAME_MAX 2048 // what one buffer holds

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
	"{\"system\": {\"workers\": 0}, \"ports\": {"
	"  \"a\": {\"device\": \"ring:a\"}, \"b\": {\"device\": \"ring:b\"}, \"c\": {\"device\": "
	"\"ring:c\"},"
	"  \"d\": {\"device\": \"ring:d\"}, \"e\": {\"device\": \"ring:e\"}, \"f\": {\"device\": "
	"\"ring:f\"},"
	"  \"g\": {\"device\": \"ring:g\"}, \"h\": {\"device\": \"ring:h\"}},"
	" \"switches\": {"
	"  \"s\": {\"mac_limit\": 16, \"ageing\": \"1s\", \"ports\": {"
	"    \"a\": {\"access\": 10, \"isolated\": true}, \"b\": {\"trunk\": [10, 20, 100], "
	"\"native\": 20},"
	"    \"c\": {\"qinq\": {\"outer\": 100}, \"mac_limit\": 3},"
	"    \"d\": {\"access\": 10, \"isolated\": true, \"storm\": {\"broadcast\": \"50/s\", "
	"\"unknown\": \"0/s\"}}},"
	"    \"static\": {\"02:00:00:00:00:01\": {\"port\": \"a\", \"vlan\": 10}},"
	"    \"mirror\": {\"m\": {\"from\": [\"a\", \"b\"], \"direction\": \"both\", \"to\": "
	"\"h\", \"vlan\": 9}}},"
	"  \"t\": {\"service_ethertype\": 33024, \"ports\": {\"e\": {\"qinq\": {\"outer\": 5}},"
	"    \"f\": {\"trunk\": [5, 6]}, \"g\": {\"learning\": false}}}}}";

static const char names[] = "abcdefgh";
static struct rte_ring *rx[PORTS], *tx[PORTS];

int LLVMFuzzerInitialize(int *, char ***) {
	static const struct module *const modules[] = {&dataplane_module, &switch_module, NULL};

	lab_start(modules, config);
	for (unsigned i = 0; i < PORTS; i++) {
		rx[i] = lab_ring('r', names[i]);
		tx[i] = lab_ring('t', names[i]);
	}
	return 0;
}

static void drain(void) {
	void *m;

	for (unsigned i = 0; i < PORTS; i++)
		while (rte_ring_dequeue(tx[i], &m) == 0) {
			__rte_mbuf_sanity_check(m, 1);
			rte_pktmbuf_free(m);
		}
}

static void turn(bool poll) {
	clock_fake_advance(50 * NSEC_PER_MSEC);
	dp_step();
	dp_step();
	if (poll) {
		dataplane_module.poll(clock_now_ns());
		switch_module.poll(clock_now_ns());
	}
	drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	unsigned before = lab_in_use();

	while (size >= 3) {
		unsigned port = data[0] % PORTS, first = data[0] & 0x40 ? data[0] >> 3 & 7 : 14;
		size_t len = ((size_t)data[1] << 8 | data[2]) % FRAME_MAX;

		data += 3;
		size -= 3;
		len = len < size ? len : size;
		if (rte_ring_enqueue(
			    rx[port], lab_frame(data, len, data[-3] & 0x80 ? first + 1 : len)) != 0)
			lab_die("ring full", NULL);
		data += len;
		size -= len;
		turn(data[-1] & 1);
	}
	turn(true);
	if (lab_in_use() != before)
		lab_die("packet buffers were lost", NULL);
	return 0;
}
