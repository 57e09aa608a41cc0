// SPDX-License-Identifier: BSD-3-Clause
// `leat capture`: copies of packets as they enter and leave by ports, as a pcapng stream. Workers copy into rings of
// their own, control merges these by time. When a reader is slow, packets are left out and counted.
#include "dataplane/dataplane_priv.h"
#include "dataplane/filter.h"
#include "dataplane/pcapng.h"
#include "dataplane/record_ring.h"
#include "leat_version.h"
#include "lib/clock.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CAPTURES 4
#define RING_BYTES   (4 << 20)
#define SNAP_MAX     65535
#define OUT_BYTES    (256 << 10)

enum { BOTH, IN, OUT };
static const char *const direction_words[] = {"both", "in", "out", NULL};

// Written by a worker, read by control.
struct record {
	uint64_t time_ns; // of the worker's clock
	uint32_t len, captured;
	uint16_t port;
	bool rx;
	uint8_t data[];
};

struct capture {
	struct filter *filter;
	int port; // negative: all
	unsigned direction;
	uint32_t snaplen;
	bool counted;
	_Atomic int64_t left; // packets that may still be taken
	struct record_ring *rings[DP_MAX_WORKERS];
	// control
	int64_t to_write; // when counted
	uint64_t wall_offset_ns, lost;
	unsigned n_ifaces;
	char ifaces[DP_MAX_PORTS][32]; // port names
	size_t out_len, out_at;
	uint8_t out[OUT_BYTES];
};

static struct capture *captures[MAX_CAPTURES]; // published

struct args {
	const char *port, *filter;
	unsigned direction;
	int64_t snaplen, count;
};

const struct schema_row dp_capture_args[] = {
	{.name = "port",
		.type = SCHEMA_REF,
		SCHEMA_FIELD(struct args, port),
		.ref = "ports",
		.help = "port to capture on; absent: all"},
	{.name = "direction",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct args, direction),
		.words = direction_words,
		.def = "both",
		.help = "packets that come in, that go out, or both"},
	{.name = "filter",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct args, filter),
		.max = 1024,
		.example = "\"vlan 10 and tcp port 80\"",
		.help = "packets to capture, in the syntax of pcap-filter(7); absent: all"},
	{.name = "snaplen",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct args, snaplen),
		.min = 14,
		.max = SNAP_MAX,
		.def = "65535",
		.unit = "B",
		.help = "bytes kept of each packet"},
	{.name = "count",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct args, count),
		.min = 1,
		.max = INT32_MAX,
		.help = "end after this many packets; absent: when the client goes"},
	{0},
};

// ---- workers ------------------------------------------------------------------------------------------------

// false: there was no room.
static bool packet_copy(struct capture *c, unsigned port, bool rx, const struct rte_mbuf *m) {
	uint32_t captured = RTE_MIN(m->pkt_len, c->snaplen);
	struct record_ring *ring = c->rings[dp_self->id];
	struct record *r = record_ring_reserve(ring, sizeof(*r) + captured);

	if (!r)
		return false;
	*r = (struct record){dp_self->now_ns, m->pkt_len, captured, port, rx};
	const void *data = rte_pktmbuf_read(m, 0, captured, r->data);
	if (!data)
		r->captured = 0;
	else if (data != r->data)
		memcpy(r->data, data, captured);
	record_ring_commit(ring);
	return true;
}

static bool capture_wants(const struct capture *c, unsigned port, bool rx) {
	return (c->port < 0 || c->port == (int)port) && c->direction != (rx ? OUT : IN);
}

void dp_capture_match(unsigned port, bool rx, struct rte_mbuf **pkts, uint16_t n) {
	for (unsigned slot = 0; slot < MAX_CAPTURES; slot++) {
		struct capture *c = __atomic_load_n(&captures[slot], __ATOMIC_ACQUIRE);
		if (!c || !capture_wants(c, port, rx))
			continue;
		for (uint16_t i = 0; i < n; i++) {
			if (!filter_match(c->filter, pkts[i]))
				continue;
			if (c->counted && atomic_fetch_sub(&c->left, 1) <= 0)
				break;
			if (!packet_copy(c, port, rx, pkts[i]) && c->counted)
				atomic_fetch_add(&c->left, 1); // another may be in its place
		}
	}
}

// ---- control ------------------------------------------------------------------------------------------------

static void capture_free(struct capture *c) {
	if (!c)
		return;
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		record_ring_free(c->rings[i]);
	filter_free(c->filter);
	free(c);
}

static int capture_fill(struct capture *c, const json_t *json, struct err *err) {
	struct args args = {.snaplen = SNAP_MAX};

	schema_decode(dp_capture_args, json, &args);
	c->port = args.port ? dp_port_find(args.port) : -1;
	if (args.port && c->port < 0)
		return err_at(err, "port", "there is no port %s", args.port);
	c->direction = args.direction;
	c->snaplen = args.snaplen;
	c->counted = args.count > 0;
	c->to_write = args.count;
	atomic_init(&c->left, args.count);
	c->wall_offset_ns = clock_wall_ns() - clock_now_ns();
	c->filter = filter_new(args.filter, err);
	if (!c->filter)
		return err ? err->code : -EINVAL;
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++) {
		c->rings[i] = record_ring_new(RING_BYTES); // touched only when its worker exists
		if (!c->rings[i])
			return err_set(err, -ENOMEM, "out of memory");
	}
	c->out_len = pcapng_section(c->out, OUT_BYTES, "Leat " LEAT_VERSION);
	return 0;
}

int dp_capture_open(const json_t *args, void **ctx, struct err *err) {
	struct capture *c;
	unsigned slot = 0;

	while (slot < MAX_CAPTURES && captures[slot])
		slot++;
	if (slot == MAX_CAPTURES)
		return err_set(err, -EBUSY, "%d captures are running; end one first", MAX_CAPTURES);
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = capture_fill(c, args, err);
	if (rc < 0) {
		capture_free(c);
		return rc;
	}
	__atomic_store_n(&captures[slot], c, __ATOMIC_RELEASE);
	dp_taps |= DP_TAP_CAPTURE;
	*ctx = c;
	return 0;
}

void dp_capture_close(void *ctx) {
	unsigned others = 0;

	for (unsigned slot = 0; slot < MAX_CAPTURES; slot++) {
		if (captures[slot] == ctx)
			__atomic_store_n(&captures[slot], NULL, __ATOMIC_RELEASE);
		others += captures[slot] != NULL;
	}
	if (others == 0)
		dp_taps &= ~DP_TAP_CAPTURE;
	dp_sync();
	capture_free(ctx);
}

// The port's interface block, written when its first packet comes. Negative: no room now.
static int iface_get(struct capture *c, unsigned port) {
	const char *name = dp_drops_port(port);

	for (unsigned i = 0; i < c->n_ifaces; i++) {
		if (strcmp(c->ifaces[i], name) == 0)
			return (int)i;
	}
	if (c->n_ifaces == DP_MAX_PORTS)
		return (int)c->n_ifaces - 1;
	size_t n = pcapng_interface(c->out + c->out_len, OUT_BYTES - c->out_len, name, c->snaplen);
	if (n == 0)
		return -ENOSPC;
	c->out_len += n;
	snprintf(c->ifaces[c->n_ifaces], sizeof(c->ifaces[0]), "%s", name);
	return (int)c->n_ifaces++;
}

// The worker whose oldest record is the oldest of all; negative: there are none.
static int oldest(struct capture *c, const struct record **record) {
	int best = -1;
	size_t len;

	for (unsigned i = 0; i < DP_MAX_WORKERS; i++) {
		const struct record *r = record_ring_peek(c->rings[i], &len);
		if (!r || (best >= 0 && r->time_ns >= (*record)->time_ns))
			continue;
		*record = r;
		best = (int)i;
	}
	return best;
}

static bool record_write(struct capture *c, const struct record *r) {
	int iface = iface_get(c, r->port);
	struct pcapng_packet packet = {
		.iface = (uint32_t)iface,
		.time_ns = r->time_ns + c->wall_offset_ns,
		.len = r->len,
		.captured = r->captured,
		.inbound = r->rx,
		.data = r->data,
	};

	if (iface < 0)
		return false;
	size_t n = pcapng_packet(c->out + c->out_len, OUT_BYTES - c->out_len, &packet);
	c->out_len += n;
	return n > 0;
}

static void lost_write(struct capture *c) {
	uint64_t lost = 0;

	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		lost += atomic_load_explicit(&c->rings[i]->lost, memory_order_relaxed);
	if (lost == c->lost || c->n_ifaces == 0)
		return;
	size_t n =
		pcapng_lost(c->out + c->out_len, OUT_BYTES - c->out_len, 0, clock_wall_ns(), lost);
	c->out_len += n;
	if (n > 0)
		c->lost = lost;
}

static void out_fill(struct capture *c) {
	const struct record *r = NULL;
	int worker;

	c->out_len = c->out_at = 0;
	while ((worker = oldest(c, &r)) >= 0) {
		if (!record_write(c, r))
			return;
		record_ring_release(c->rings[worker]);
		c->to_write--;
	}
	lost_write(c);
}

ssize_t dp_capture_read(void *ctx, void *buf, size_t size) {
	struct capture *c = ctx;

	if (c->out_at == c->out_len)
		out_fill(c);
	size_t n = RTE_MIN(size, c->out_len - c->out_at);
	if (n == 0)
		return c->counted && c->to_write <= 0 ? -EPIPE : 0;
	memcpy(buf, c->out + c->out_at, n);
	c->out_at += n;
	return (ssize_t)n;
}
