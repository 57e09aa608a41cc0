// SPDX-License-Identifier: BSD-3-Clause
// IP of any kind through the real nodes of two routers: options, extension headers, fragments and their timeouts, reverse path filter, rules,
// MSS, DSCP, small MTUs, a VLAN of a switch, leaks. Nothing may crash, and when time has passed no packet buffer is missing.
//
// The input is a list of frames: one byte for the port and what is mended in it, two for the length, the frame.
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/fuzz/lab.h"
#include <rte_ip.h>
#include <string.h>

#define PORTS     4
#define FRAME_MAX 2048 // what one buffer holds
#define PATIENCE  70   // seconds until everything that waits has been given up

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
	"{'system': {'workers': 0}, 'ports': {'a': {'device': 'ring:a'}, 'b': {'device': 'ring:b'},"
	"  'c': {'device': 'ring:c'}, 'd': {'device': 'ring:d'}},"
	" 'switches': {'s': {'ports': {'c': {'access': 10}}}},"
	" 'routers': {'r': {'interfaces': {"
	"   'a': {'port': 'a', 'mac': '02:00:00:00:01:01', 'dad': false, 'reassemble': true, "
	"'addresses': ['10.1.0.1/24', '2001:db8:1::1/64'],"
	"     'neighbors': {'10.1.0.9': '02:00:00:00:01:09', '2001:db8:1::9': "
	"'02:00:00:00:01:09'}},"
	"   'b': {'port': 'b', 'mac': '02:00:00:00:01:01', 'dad': false, 'urpf': 'strict', 'mtu': "
	"1280, 'mss': true, 'dscp': 10,"
	"     'addresses': ['10.2.0.1/24', '2001:db8:2::1/64'], 'neighbors': {'10.2.0.9': "
	"'02:00:00:00:02:09', '2001:db8:2::9': '02:00:00:00:02:09'}},"
	"   'c': {'switch': 's', 'vlan': 10, 'mac': '02:00:00:00:01:01', 'dad': false, "
	"'addresses': ['10.3.0.1/24', '2001:db8:3::1/64']}},"
	"   'routes': {'0.0.0.0/0': {'via': '10.2.0.9'}, '10.9.0.0/16': {'type': 'prohibit'}, "
	"'::/0': {'paths': [{'via': '2001:db8:2::9'},"
	"     {'via': '2001:db8:1::9'}]}, '10.4.0.0/16': {'router': 'q'}},"
	"   'rules': [{'from': '10.1.0.0/28', 'dscp': 46, 'via': '10.1.0.9'}]},"
	"  'q': {'interfaces': {'d': {'port': 'd', 'mac': '02:00:00:00:01:01', 'dad': false, "
	"'mtu': 100, 'addresses': ['10.4.0.1/24'],"
	"     'neighbors': {'10.4.0.9': '02:00:00:00:04:09'}}}, 'routes': {'10.0.0.0/8': "
	"{'router': 'r'}}}}}";

static struct rte_ring *rx[PORTS], *tx[PORTS];

enum { MEND_ETHERNET = 0x10, MEND_IP = 0x20, SPLIT = 0x40, LATER = 0x80 };

// Most of what chance makes would end at the first check: what the byte asks for is made right.
static void mend(uint8_t *frame, size_t len, unsigned what) {
	static const uint8_t macs[12] = {2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 9};

	if (len < 34)
		return;
	if (what & MEND_ETHERNET) {
		memcpy(frame, macs, sizeof(macs));
		memcpy(frame + 12, frame[14] >> 4 == 6 ? "\x86\xdd" : "\x08\x00", 2);
	}
	if (!(what & MEND_IP) || frame[14] >> 4 != 4)
		return;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14);
	size_t header = (frame[14] & 15u) * 4;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(len - 14));
	ip->hdr_checksum = 0;
	if (header >= 20 && header + 14 <= len)
		ip->hdr_checksum = (rte_be16_t)~rte_raw_cksum(ip, header);
}

static struct rte_mbuf *frame_make(const uint8_t *bytes, size_t len, unsigned what) {
	uint8_t frame[FRAME_MAX];

	memcpy(frame, bytes, len);
	mend(frame, len, what);
	return lab_frame(
		frame, len, what & SPLIT && len > 0 ? 14 + (size_t)bytes[len - 1] % 64 : len);
}

static void drain(void) {
	void *m;

	for (unsigned i = 0; i < PORTS; i++)
		while (rte_ring_dequeue(tx[i], &m) == 0) {
			__rte_mbuf_sanity_check(m, 1);
			rte_pktmbuf_free(m);
		}
}

static void turn(uint64_t ns) {
	size_t n;
	const struct module *const *list = module_list(&n);

	clock_fake_advance(ns);
	dp_step();
	dp_step();
	for (size_t i = 0; i < n; i++)
		if (list[i]->poll)
			list[i]->poll(clock_now_ns());
	dp_step();
	drain();
}

static void patience(unsigned in_use) {
	for (unsigned i = 0; i < PATIENCE && lab_in_use() != in_use; i++)
		turn(NSEC_PER_SEC);
}

int LLVMFuzzerInitialize(int *, char ***) {
	static const struct module *const modules[] = {
		&dataplane_module, &switch_module, &router_module, NULL};

	lab_start(modules, config);
	for (unsigned i = 0; i < PORTS; i++) {
		rx[i] = lab_ring('r', "abcd"[i]);
		tx[i] = lab_ring('t', "abcd"[i]);
	}
	for (unsigned i = 0; i < 12; i++)
		turn(NSEC_PER_SEC); // what interfaces say of themselves at first
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	unsigned before = lab_in_use();

	while (size >= 3) {
		unsigned what = data[0];
		size_t len = ((size_t)data[1] << 8 | data[2]) % FRAME_MAX;

		data += 3;
		size -= 3;
		len = len < size ? len : size;
		if (rte_ring_enqueue(rx[what % PORTS], frame_make(data, len, what)) != 0)
			lab_die("ring full", NULL);
		data += len;
		size -= len;
		turn(what & LATER ? 16 * NSEC_PER_SEC : NSEC_PER_MSEC);
	}
	patience(before);
	if (lab_in_use() != before)
		lab_die("packet buffers were lost", NULL);
	return 0;
}
