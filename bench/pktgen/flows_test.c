// SPDX-License-Identifier: BSD-3-Clause
// Every frame is compared, byte for byte, with one that is put together here field by field, with divisions and plain
// loops, from what profile.h says of flow n.
#include "bench/pktgen/check.h"
#include "bench/pktgen/flows.h"
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka.h needs the four above
#include <cmocka.h>

#include "bench/pktgen/chi2.h"

#define FRAME_MAX    9300
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct flows flows;

static void start(const char *text) {
	struct profile profile;
	struct err err = {0};

	flows_fini(&flows);
	if (profile_parse(text, &profile, &err) < 0 || flows_init(&flows, &profile, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
}

static int stop(void **) {
	flows_fini(&flows);
	return 0;
}

// ---- frames made the plain way -----------------------------------------------------------------------------------

struct frame {
	uint8_t bytes[FRAME_MAX];
	unsigned len;
};

static void put(struct frame *f, uint64_t value, unsigned bytes) {
	while (bytes-- > 0)
		f->bytes[f->len++] = (uint8_t)(value >> 8 * bytes);
}

static uint16_t naive_sum(const uint8_t *bytes, unsigned len, uint32_t sum) {
	for (unsigned i = 0; i < len; i += 2) {
		sum += (uint32_t)(bytes[i] << 8 | (i + 1 < len ? bytes[i + 1] : 0));
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static void put_at(struct frame *f, unsigned at, uint16_t value) {
	f->bytes[at] = (uint8_t)(value >> 8);
	f->bytes[at + 1] = (uint8_t)value;
}

static void put_station(struct frame *f, bool b, uint32_t n) {
	put(f, b ? 0x020b : 0x020a, 2);
	put(f, n, 4);
}

// The address `steps` behind the first one; a plain addition with carry, from the last byte on.
static void put_address(struct frame *f, const struct addr *first, uint64_t offset) {
	unsigned width = first->family == ADDR_V6 ? 16 : 4;
	uint8_t bytes[16];
	unsigned carry = 0;

	memcpy(bytes, first->bytes, width);
	for (unsigned i = width; i-- > 0; offset >>= 8) {
		unsigned sum = bytes[i] + (unsigned)(offset & 0xff) + carry;
		bytes[i] = (uint8_t)sum;
		carry = sum >> 8;
	}
	memcpy(f->bytes + f->len, bytes, width);
	f->len += width;
}

// Line k of the list of destinations that tests write.
#define LISTED 777

static void listed(uint8_t addr[16], uint32_t k, bool v6) {
	for (unsigned i = 0; i < 16; i++)
		addr[i] = (uint8_t)(k * 2654435761u >> (i % 4 * 8)) ^ (uint8_t)(i * 37);
	addr[0] = v6 ? 0x20 : 100;
}

static void put_ip(struct frame *f, const struct profile *p, uint32_t n, unsigned payload) {
	uint32_t hosts = p->src_count > p->dst_count ? p->src_count : p->dst_count;
	uint64_t src = n % hosts % p->src_count, dst = n % hosts % p->dst_count * p->dst_step;
	unsigned proto = p->l4 == PROFILE_TCP ? 6 : 17, at = f->len;

	if (p->l3 == PROFILE_IP4) {
		put(f, 0x4500, 2);
		put(f, 20 + payload, 2);
		put(f, 0x00004000, 4);
		put(f, 64 << 8 | proto, 2);
		put(f, 0, 2);
	} else {
		put(f, 0x60000000, 4);
		put(f, payload, 2);
		put(f, proto << 8 | 64, 2);
	}
	put_address(f, p->side ? &p->dst : &p->src, p->side ? dst : src);
	if (*p->dst_list) {
		unsigned width = p->l3 == PROFILE_IP4 ? 4 : 16;
		uint8_t addr[16];

		listed(addr, n % LISTED, width == 16);
		memcpy(f->bytes + f->len, addr, width);
		f->len += width;
	} else {
		put_address(f, p->side ? &p->src : &p->dst, p->side ? src : dst);
	}
	if (p->l3 == PROFILE_IP4)
		put_at(f, at + 10, (uint16_t)~naive_sum(f->bytes + at, 20, 0));
}

static void put_ports(struct frame *f, const struct profile *p, uint32_t n) {
	uint32_t hosts = p->src_count > p->dst_count ? p->src_count : p->dst_count;
	uint32_t a = 1024 + n / hosts % p->sports, b = 1024 + n / hosts / p->sports % p->dports;

	put(f, p->side ? b : a, 2);
	put(f, p->side ? a : b, 2);
}

struct tcp {
	uint32_t seq, ack;
	uint8_t flags;
};

static void put_l4(
	struct frame *f, const struct profile *p, uint32_t n, unsigned len, const struct tcp *tcp) {
	put_ports(f, p, n);
	if (p->l4 == PROFILE_UDP) {
		put(f, len, 2);
		put(f, 0, 2);
		return;
	}
	put(f, tcp->seq, 4);
	put(f, tcp->ack, 4);
	put(f, 0x50, 1);
	put(f, tcp->flags, 1);
	put(f, 0xffff, 2);
	put(f, 0, 4);
}

static void sum_l4(
	struct frame *f, const struct profile *p, unsigned l3, unsigned l4, unsigned len) {
	unsigned addresses = p->l3 == PROFILE_IP4 ? 8 : 32, proto = p->l4 == PROFILE_TCP ? 6 : 17;
	uint32_t sum = naive_sum(f->bytes + l3 + (addresses == 8 ? 12 : 8), addresses, proto + len);
	uint16_t value = (uint16_t)~naive_sum(f->bytes + l4, len, sum);

	if (p->l4 == PROFILE_UDP)
		put_at(f, l4 + 6, value ? value : 0xffff);
	else
		put_at(f, l4 + 16, value);
}

// `len` without FCS; `used` of it is what IP counts, the rest padding. A trailer of (flow, seq, tsc) when it has one.
static void naive(struct frame *f, const struct profile *p, uint32_t n, unsigned len, unsigned used,
	const struct tcp *tcp, const struct check_trailer *trailer) {
	static const uint16_t types[] = {0x88b5, 0x0800, 0x86dd};
	unsigned l3, l4;

	f->len = 0;
	memset(f->bytes, 0, len);
	if (p->has_dst_mac)
		put(f, (uint64_t)p->dst_mac.bytes[0] << 40 | p->dst_mac.bytes[5], 6);
	else
		put_station(f, !p->side, n % p->macs);
	put_station(f, p->side, n % p->macs);
	if (p->vlan)
		put(f, 0x81000000u | (p->vlan + n % p->vlans), 4);
	put(f, types[p->l3], 2);
	l3 = f->len;
	if (p->l3 != PROFILE_L3_NONE)
		put_ip(f, p, n, used - l3 - (p->l3 == PROFILE_IP6 ? 40 : 20));
	l4 = f->len;
	if (p->l3 != PROFILE_L3_NONE)
		put_l4(f, p, n, used - l4, tcp);
	if (trailer)
		memcpy(f->bytes + f->len, trailer, sizeof(*trailer));
	if (p->l3 != PROFILE_L3_NONE)
		sum_l4(f, p, l3, l4, used - l4);
	f->len = len;
}

static void same(const struct frame *want, const uint8_t *got, unsigned len, const char *text,
	uint32_t flow) {
	if (want->len != len)
		fail_msg("%s: flow %u has %u bytes, not %u", text, flow, len, want->len);
	for (unsigned i = 0; i < len; i++)
		if (want->bytes[i] != got[i])
			fail_msg("%s: flow %u: byte %u is %02x, not %02x", text, flow, i, got[i],
				want->bytes[i]);
}

// ---- every flow of many profiles ----------------------------------------------------------------------------------

static const char *const layers[] = {"l3=none", "l3=ip4,l4=udp", "l3=ip4,l4=tcp", "l3=ip6,l4=udp",
	"l3=ip6,l4=tcp", "tcp=syn", "l3=ip6,tcp=syn"};
static const char *const spreads[] = {
	"flows=1",
	"flows=1000,macs=1000",
	"flows=50,macs=50,dst_mac=02:00:00:00:00:99",
	"flows=999,macs=7,dst_mac=02:00:00:00:00:99",
	"flows=3000,macs=3000,vlan=4000,vlans=95",
	"flows=2000,size=64x7+594x4+1518x1",
	"flows=2500,vlan=1",
};
// Not for l3=none.
static const char *const addresses[] = {
	"flows=70000,size=128",
	"flows=5000,src=10.0.0.250,dst=10.255.254.0/23,dst_step=3,sports=10,dports=3",
	"flows=4096,src=10.0.0.0/22,dst=192.0.2.1",
	"flows=4097,src=10.0.0.0/24,dst=11.0.0.0/8,dst_step=256",
	"flows=3000,src=2001:db8::ffff:ff00/64,dst=2001:db8:1::/48,dst_step=0x100000001",
	"flows=3000,src=2001:db8::1,dst=2001:db8::2,sports=100,dports=30",
};

// A burst as the driver makes it: buffers are zero behind the headers, and the trailer is put in by the caller.
static void burst_check(const char *text) {
	static uint8_t room[FLOWS_BURST][FRAME_MAX];
	struct flows_packet packets[FLOWS_BURST];
	const struct profile *p = &flows.profile;
	const struct tcp tcp = {
		1, p->tcp == PROFILE_TCP_SYN ? 0 : 1, p->tcp == PROFILE_TCP_SYN ? 2 : 0x18};
	static struct frame want;
	uint8_t *heads[FLOWS_BURST];
	struct flows_cursor cursor;

	for (unsigned i = 0; i < FLOWS_BURST; i++)
		heads[i] = memset(room[i], 0, FRAME_MAX);
	flows_start(&flows, &cursor, 0, 1);
	for (uint32_t done = 0; done < p->flows + FLOWS_BURST;) {
		unsigned n = done % FLOWS_BURST + 1; // of every length
		flows_burst(&flows, &cursor, heads, packets, n, false);
		for (unsigned i = 0; i < n; i++, done++) {
			struct check_trailer *trailer = NULL;
			uint32_t flow = done % p->flows;
			assert_int_equal(packets[i].flow, flow);
			if (p->check || p->stamp) {
				trailer = (void *)(heads[i] + flows.payload);
				check_write(trailer, flow, done, done * 12345678901ull);
			}
			naive(&want, p, flow, packets[i].len, packets[i].len, &tcp, trailer);
			same(&want, heads[i], packets[i].len, text, flow);
			if (!check_frame(heads[i], packets[i].len))
				fail_msg("%s: flow %u: bad by its own checksums", text, flow);
			assert_int_equal(check_payload(heads[i], packets[i].len), flows.payload);
		}
	}
}

static bool can(const char *layer, const char *spread) {
	bool v6 = strstr(layer, "ip6"), wide = strstr(spread, "2001:");

	if (strstr(spread, "size=64") && strcmp(layer, "l3=none") != 0)
		return false; // too small for some, see below
	if (strstr(spread, "src=") == NULL)
		return true;
	return v6 == wide;
}

static void every_flow_is_what_the_profile_says(void **) {
	static const char *const checks[] = {"", ",check=1"};
	char text[256];

	for (unsigned side = 0; side < 2; side++)
		for (unsigned c = 0; c < COUNT(checks); c++)
			for (unsigned l = 0; l < COUNT(layers); l++) {
				for (unsigned s = 0; s < COUNT(spreads); s++) {
					if (!can(layers[l], spreads[s]))
						continue;
					snprintf(text, sizeof(text), "%s,%s,side=%u%s", layers[l],
						spreads[s], side, checks[c]);
					start(text);
					burst_check(text);
				}
				for (unsigned s = 0; l > 0 && s < COUNT(addresses); s++) {
					if (!can(layers[l], addresses[s]))
						continue;
					snprintf(text, sizeof(text), "%s,%s,side=%u%s", layers[l],
						addresses[s], side, checks[c]);
					start(text);
					burst_check(text);
				}
			}
	for (unsigned side = 0; side < 2; side++) {
		snprintf(text, sizeof(text), "flows=2000,size=64x7+594x4+1518x1,side=%u", side);
		start(text);
		burst_check(text);
		snprintf(text, sizeof(text), "flows=2000,size=88x7+594x4+9216x1,l3=ip6,side=%u",
			side);
		start(text);
		burst_check(text);
	}
}

static void list_write(const char *path, bool v6) {
	FILE *file = fopen(path, "we");
	char text[64];

	assert_non_null(file);
	for (uint32_t k = 0; k < LISTED; k++) {
		uint8_t addr[16];

		listed(addr, k, v6);
		inet_ntop(v6 ? AF_INET6 : AF_INET, addr, text, sizeof(text));
		fprintf(file, "%s\n%s", text, k % 10 ? "" : "\n");
	}
	fclose(file);
}

static void destinations_of_a_list(void **) {
	static const char *const shapes[] = {"flows=777", "flows=700,dst_mac=02:00:00:00:00:99",
		"flows=5000", "flows=1000,vlan=7", "flows=1000,tcp=syn", "flows=900,check=1",
		"flows=500,size=128x2+256"};
	char path[] = "/tmp/flows-test-XXXXXX", text[400];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		list_write(path, v6);
		for (unsigned i = 0; i < 4 * COUNT(shapes); i++) {
			snprintf(text, sizeof(text), "l3=%s,%s,dst_list=%s,side=%u%s",
				v6 ? "ip6" : "ip4", shapes[i / 4], path, i % 2,
				i % 4 < 2    ? ""
					: v6 ? ",src=2001:db8::1"
					     : ",src=10.0.0.0/26");
			start(text);
			burst_check(text);
		}
	}
	flows_fini(&flows);
	unlink(path);
}

static void lists_that_are_none(void **) {
	static const struct {
		const char *text, *why;
	} cases[] = {{"", "no address in it"},
		{"10.0.0.1\n2001:db8::1\n", "line 2: \"2001:db8::1\""},
		{"10.0.0.1/8\n", "is no IPv4 address"}};
	char path[] = "/tmp/flows-test-XXXXXX", text[100];
	struct profile profile;
	struct err err = {0};
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	snprintf(text, sizeof(text), "dst_list=%s", path);
	assert_int_equal(profile_parse(text, &profile, &err), 0);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		FILE *file = fopen(path, "we");

		assert_non_null(file);
		fputs(cases[i].text, file);
		fclose(file);
		err = (struct err){0};
		assert_true(flows_init(&flows, &profile, &err) < 0);
		assert_non_null(strstr(err.msg, cases[i].why));
	}
	unlink(path);
	assert_int_equal(flows_init(&flows, &profile, &err), -ENOENT);
}

// One at a time gives the same bytes as a burst does.
static void one_packet_alone(void **) {
	struct flows_packet packet;
	struct flows_cursor cursor;
	uint8_t a[FRAME_MAX] = {0}, b[FRAME_MAX] = {0}, *heads[] = {a};

	start("flows=5000,macs=100,size=64x2+1518");
	flows_start(&flows, &cursor, 0, 1);
	for (unsigned i = 0; i < 6000; i++) {
		flows_burst(&flows, &cursor, heads, &packet, 1, false);
		assert_int_equal(flows_write(&flows, packet.flow, packet.size, b), packet.len);
		assert_memory_equal(a, b, FLOWS_HEAD);
	}
}

// What longer headers left behind is gone.
static void widened_profiles_clean_up(void **) {
	static const char *const texts[] = {"l3=none,size=200", "size=200", "size=200,check=1",
		"size=200x2+300", "l3=ip6,l4=tcp,size=200"};
	struct flows_packet packet;
	struct flows_cursor cursor;
	uint8_t dirty[FRAME_MAX], *heads[] = {dirty};

	for (unsigned i = 0; i < COUNT(texts); i++) {
		start(texts[i]);
		flows_widen(&flows, 1); // never to less
		flows_widen(&flows, FLOWS_HEAD / 16);
		flows_start(&flows, &cursor, 0, 1);
		memset(dirty, 0, sizeof(dirty));
		memset(dirty, 0xaa, FLOWS_HEAD);
		flows_burst(&flows, &cursor, heads, &packet, 1, false);
		for (unsigned k = flows.payload; k < sizeof(dirty); k++)
			assert_int_equal(dirty[k], 0);
		if (flows.profile.check)
			check_write((void *)(dirty + flows.payload), 0, 0, 0);
		assert_true(check_frame(dirty, packet.len));
	}
}

static void swap(uint8_t *a, uint8_t *b, unsigned len) {
	for (unsigned i = 0; i < len; i++) {
		uint8_t c = a[i];
		a[i] = b[i];
		b[i] = c;
	}
}

static void sides_are_mirror_images(void **) {
	static const char *const texts[] = {"flows=3000,macs=500", "flows=3000,l3=ip6,dports=2",
		"flows=300,l3=none,macs=300,vlan=2", "flows=3000,l4=tcp,src=10.0.0.1,dports=7"};
	static struct flows other;
	uint8_t a[FRAME_MAX] = {0}, b[FRAME_MAX] = {0};
	struct profile profile;

	for (unsigned i = 0; i < COUNT(texts); i++) {
		start(texts[i]);
		profile = flows.profile;
		profile.side = 1;
		assert_int_equal(flows_init(&other, &profile, NULL), 0);
		for (uint32_t n = 0; n < profile.flows; n++) {
			unsigned len = flows_write(&flows, n, 0, a), width = 4, ip = flows.l3;
			assert_int_equal(flows_write(&other, n, 0, b), len);
			swap(b, b + 6, 6);
			if (profile.l3 == PROFILE_IP6)
				width = 16;
			if (profile.l3 != PROFILE_L3_NONE) {
				uint8_t *src = b + ip + (width == 16 ? 8 : 12);
				swap(src, src + width, width);
				swap(b + flows.l4, b + flows.l4 + 2, 2);
			}
			assert_memory_equal(a, b, len); // sums are those of the same words
		}
		flows_fini(&other);
	}
}

static void udp_checksums_of_zero_are_sent_as_ones(void **) {
	uint8_t frame[FRAME_MAX] = {0};
	unsigned found = 0;

	start("flows=200000");
	for (uint32_t n = 0; n < 200000; n++) {
		flows_write(&flows, n, 0, frame);
		assert_false(frame[40] == 0 && frame[41] == 0);
		found += frame[40] == 0xff && frame[41] == 0xff;
	}
	assert_true(found > 0);
}

static int compare(const void *a, const void *b) {
	return memcmp(a, b, 12);
}

static void no_two_flows_share_a_tuple(void **) {
	static const char *const texts[] = {"flows=150000", "flows=65537,dports=5",
		"flows=64512,src=10.0.0.1,dst=10.0.0.2",
		"flows=100000,dst=10.0.0.0/8,dst_step=256"};
	static uint8_t tuples[150000][12];
	uint8_t frame[FRAME_MAX] = {0};

	for (unsigned t = 0; t < COUNT(texts); t++) {
		start(texts[t]);
		for (uint32_t n = 0; n < flows.profile.flows; n++) {
			flows_write(&flows, n, 0, frame);
			memcpy(tuples[n], frame + 26, 12);
		}
		qsort(tuples, flows.profile.flows, 12, compare);
		for (uint32_t n = 1; n < flows.profile.flows; n++)
			assert_true(memcmp(tuples[n - 1], tuples[n], 12) != 0);
	}
}

// ---- orders -----------------------------------------------------------------------------------------------------------

static uint32_t counts[1 << 17];

// Counts how often each flow comes among `n` packets of one queue; the packets' heads are of no interest.
static void count(unsigned queue, unsigned queues, unsigned n) {
	static uint8_t room[FLOWS_BURST][FLOWS_HEAD];
	struct flows_packet packets[FLOWS_BURST];
	uint8_t *heads[FLOWS_BURST];
	struct flows_cursor cursor;

	for (unsigned i = 0; i < FLOWS_BURST; i++)
		heads[i] = room[i];
	flows_start(&flows, &cursor, queue, queues);
	assert_int_equal(n % FLOWS_BURST, 0);
	for (unsigned done = 0; done < n; done += FLOWS_BURST) {
		flows_burst(&flows, &cursor, heads, packets, FLOWS_BURST, false);
		for (unsigned i = 0; i < FLOWS_BURST; i++) {
			assert_true(packets[i].flow < flows.profile.flows);
			counts[packets[i].flow]++;
		}
	}
}

static void queues_share_the_flows_out(void **) {
	for (unsigned queues = 1; queues <= 5; queues++) {
		memset(counts, 0, sizeof(counts));
		start("flows=640");
		for (unsigned q = 0; q < queues; q++) {
			struct flows_cursor cursor;
			flows_start(&flows, &cursor, q, queues);
			assert_int_equal(cursor.count, (640 + queues - 1 - q) / queues);
			count(q, queues, 640 * 64);
			for (unsigned n = 0; n < 640; n++)
				if (n % queues == q)
					assert_in_range(
						counts[n], 64 * queues - 1, 64 * queues + queues);
				else if (n % queues > q)
					assert_int_equal(counts[n], 0);
		}
	}
	start("flows=2");
	struct flows_cursor cursor;
	flows_start(&flows, &cursor, 2, 3);
	assert_int_equal(cursor.count, 0);
}

static double chi2_uniform(unsigned first, unsigned step, unsigned n, double each) {
	double chi2 = 0;

	for (unsigned i = first; i < n; i += step)
		chi2 += (counts[i] - each) * (counts[i] - each) / each;
	return chi2;
}

// One that follows another is as free as that one was.
static void random_pairs_are_too(void) {
	static uint8_t room[FLOWS_BURST][FLOWS_HEAD];
	struct flows_packet packets[FLOWS_BURST];
	uint8_t *heads[FLOWS_BURST];
	struct flows_cursor cursor;

	for (unsigned i = 0; i < FLOWS_BURST; i++)
		heads[i] = room[i];
	memset(counts, 0, sizeof(counts));
	start("order=rand,flows=32");
	flows_start(&flows, &cursor, 0, 1);
	for (unsigned done = 0; done < 400000; done += FLOWS_BURST) {
		flows_burst(&flows, &cursor, heads, packets, FLOWS_BURST, false);
		for (unsigned i = 0; i < FLOWS_BURST; i += 2)
			counts[packets[i].flow * 32 + packets[i + 1].flow]++;
	}
	near(chi2_uniform(0, 1, 1024, 200000 / 1024.0), 1023);
}

static void random_is_uniform(void **) {
	static const unsigned flow_counts[] = {2, 1000, 65536, 100000};
	char text[64];

	for (unsigned i = 0; i < COUNT(flow_counts); i++) {
		memset(counts, 0, sizeof(counts));
		snprintf(text, sizeof(text), "order=rand,flows=%u", flow_counts[i]);
		start(text);
		count(0, 1, 64000000 / 16);
		near(chi2_uniform(0, 1, flow_counts[i], 4e6 / flow_counts[i]), flow_counts[i] - 1);
	}
	random_pairs_are_too();
	memset(counts, 0, sizeof(counts));
	start("order=rand,flows=999");
	count(1, 3, 640000);
	near(chi2_uniform(1, 3, 999, 640000 / 333.0), 332);
	assert_int_equal(counts[0] + counts[2], 0);
}

static void order_zipf(void **) {
	memset(counts, 0, sizeof(counts));
	start("order=zipf,zipf=1.2,flows=100000");
	count(0, 1, 400000);
	zipf_check(counts, 1.2, 100000, 400000);
	memset(counts, 0, sizeof(counts));
	start("order=zipf,flows=1000");
	for (unsigned q = 0; q < 3; q++)
		count(q, 3, 64000);
	for (unsigned i = 1; i < 30; i++) // of queues too: popular ones first
		assert_true(counts[i] > counts[i + 300]);
}

static void learning_is_in_order(void **) {
	struct flows_packet packets[8];
	struct flows_cursor cursor;
	uint8_t room[8][FLOWS_HEAD], *heads[8];

	for (unsigned i = 0; i < 8; i++)
		heads[i] = room[i];
	start("order=rand,flows=100");
	flows_start(&flows, &cursor, 0, 1);
	flows_burst(&flows, &cursor, heads, packets, 8, true);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(packets[i].flow, i);
}

// ---- sizes -----------------------------------------------------------------------------------------------------------

static void sizes_keep_their_ratio(void **) {
	static uint8_t room[FLOWS_BURST][FLOWS_HEAD];
	struct flows_packet packets[FLOWS_BURST];
	unsigned seen[3] = {0}, run = 0, longest = 0, bursts = 12 * 10;
	uint8_t *heads[FLOWS_BURST];
	struct flows_cursor cursor;

	for (unsigned i = 0; i < FLOWS_BURST; i++)
		heads[i] = room[i];
	start("size=imix,flows=1000,order=rand");
	flows_start(&flows, &cursor, 0, 1);
	for (unsigned b = 0; b < bursts; b++) {
		flows_burst(&flows, &cursor, heads, packets, FLOWS_BURST, false);
		for (unsigned i = 0; i < FLOWS_BURST; i++) {
			unsigned len = packets[i].len;
			seen[len == 60 ? 0 : len == 590 ? 1 : 2]++;
			assert_true(len == 60 || len == 590 || len == 1514);
			run = len == 60 ? run + 1 : 0;
			longest = run > longest ? run : longest;
		}
	}
	assert_int_equal(seen[0], bursts * FLOWS_BURST / 12 * 7);
	assert_int_equal(seen[1], bursts * FLOWS_BURST / 12 * 4);
	assert_int_equal(seen[2], bursts * FLOWS_BURST / 12 * 1);
	assert_true(longest <= 3); // mixed, not seven in a row
}

// ---- connections ------------------------------------------------------------------------------------------------------

// A TCP connection kept by hand: what either side has sent and heard.
static void connections_are_consistent(void **) {
	static const uint8_t flags[FLOWS_STEPS] = {0x02, 0x12, 0x18, 0x18, 0x11, 0x11, 0x10};
	static struct flows sides[2];
	static struct frame want;
	static uint8_t got[FRAME_MAX];
	struct profile profile;
	struct err err = {0};

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
			profile_parse("tcp=cycle,flows=70000,size=200", &profile, &err), 0);
		profile.side = i;
		assert_int_equal(flows_init(&sides[i], &profile, &err), 0);
	}
	for (uint32_t n = 0; n < 70000; n += 7) {
		uint32_t sent[2] = {n << 12, n << 12};
		for (unsigned step = 0; step < FLOWS_STEPS; step++) {
			unsigned from = step & 1, data = flags[step] & 0x08 ? 142 : 0;
			const struct tcp tcp = {sent[from], step ? sent[!from] : 0, flags[step]};
			enum flows_step found;
			uint32_t flow;
			memset(got, 0, FRAME_MAX);
			unsigned len = flows_write(&sides[from], n, step, got);
			naive(&want, &sides[from].profile, n, data ? 196 : 60, 54 + data, &tcp,
				NULL);
			same(&want, got, len, "tcp=cycle", n);
			assert_true(check_frame(got, len));
			assert_true(flows_step_find(&sides[!from], got, len, &flow, &found));
			assert_int_equal(flow, n);
			assert_int_equal(found, step);
			sent[from] += data + ((flags[step] & 0x03) != 0);
		}
	}
	assert_false(flows_step_find(&sides[0], got, 20, &(uint32_t){0}, &(enum flows_step){0}));
	flows_fini(&sides[0]);
	flows_fini(&sides[1]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flow_is_what_the_profile_says),
		cmocka_unit_test(destinations_of_a_list),
		cmocka_unit_test(lists_that_are_none),
		cmocka_unit_test(one_packet_alone),
		cmocka_unit_test(widened_profiles_clean_up),
		cmocka_unit_test(sides_are_mirror_images),
		cmocka_unit_test(udp_checksums_of_zero_are_sent_as_ones),
		cmocka_unit_test(no_two_flows_share_a_tuple),
		cmocka_unit_test(queues_share_the_flows_out),
		cmocka_unit_test(random_is_uniform),
		cmocka_unit_test(order_zipf),
		cmocka_unit_test(learning_is_in_order),
		cmocka_unit_test(sizes_keep_their_ratio),
		cmocka_unit_test(connections_are_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, stop);
}
