// SPDX-License-Identifier: BSD-3-Clause
// pure
// The page that a generator shares with whoever measures it: counters that it writes, and controls that it obeys. So no
// peer's command line is ever asked for a rate.
//
// One file per process under test (shm=PATH); all its generator ports share it. Each (port, queue) has its own lines, an
// rx side and a tx side, each written by the one thread that polls it (plain 64-bit stores, read relaxed). The
// thread's clock is refreshed about every millisecond of polling, in a sequence lock of its own: `clock_seq` is odd
// while it is being written. Nobody zeroes a counter: a reset is a copy that later answers are counted from.
#pragma once

#include "bench/pktgen/hist.h"
#include "lib/err.h"
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#define GEN_MAGIC      0x316e6567746165ull // "eatgen1"
#define GEN_VERSION    1
#define GEN_PORTS      8
#define GEN_QUEUES     16
#define GEN_RATE_UNSET UINT64_MAX // each port keeps to its own profile

// What the thread that polls a side was given of its core. Written together with the TSC of that moment.
struct gen_clock {
	uint32_t clock_seq;
	int32_t tid;     // of that thread; 0: nobody polled yet
	uint64_t cpu_ns; // CLOCK_THREAD_CPUTIME_ID
	uint64_t tsc;
};

struct gen_rx {
	alignas(64) uint64_t packets; // handed out
	uint64_t bytes;               // without FCS, as in memory
	uint64_t polls;
	uint64_t missed;    // rate control: would have overflowed a receive ring, as on a NIC
	uint64_t no_buffer; // polls that found the pool empty
	alignas(64) struct gen_clock clock;
};

struct gen_tx {
	alignas(64) uint64_t packets; // given to us
	uint64_t bytes;
	uint64_t bad; // check=1: not as it was sent
	uint64_t reordered, duplicated;
	uint64_t foreign; // check=1: not made by a generator (ARP, for one); counted nowhere else
	int64_t lost;     // gaps; sinks when a packet turns up after all
	uint64_t opened, established, closed, aborted; // tcp=cycle: sessions
	alignas(64) struct gen_clock clock;
	alignas(64) struct hist latency; // TSC cycles, stamp=1
};

struct gen_port {
	alignas(64) int32_t pid; // that holds the port; 0: free
	uint32_t n_rx, n_tx;     // queues
	uint32_t side, check, stamp;
	char name[40]; // of the device
	struct gen_rx rx[GEN_QUEUES];
	struct gen_tx tx[GEN_QUEUES];
};

struct gen_shm {
	uint64_t magic; // written last by whoever makes the file
	uint32_t version, bytes;
	uint64_t tsc_hz;            // written by the first port
	alignas(64) uint32_t pause; // 1: nothing is handed out; what comes is taken
	uint64_t rate_pps;          // per port; 0: unlimited; GEN_RATE_UNSET
	alignas(64) struct gen_port ports[GEN_PORTS];
	struct gen_port base[GEN_PORTS]; // what they were at the last reset; by gen_ctl
};

// Maps PATH, and makes it (mode 0600) when there is none or its writer died while making it. NULL: err says why, for
// instance that it is some other file. `make` false: it must exist.
struct gen_shm *gen_shm_open(const char *path, bool make, struct err *err);
void gen_shm_close(struct gen_shm *shm);
// A port's place in the file: the one of this name, else a free one or one whose process is dead. Zeroed, but for the
// name; NULL: all are taken.
struct gen_port *gen_port_claim(
	struct gen_shm *shm, const char *path, const char *name, struct err *err);
void gen_port_release(struct gen_port *port); // its counters can still be read

static inline uint64_t gen_load(const uint64_t *counter) {
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

// For the one writer.
static inline void gen_add(uint64_t *counter, uint64_t n) {
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}
