// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/hist.h"

uint64_t hist_bucket_end(unsigned bucket) {
	unsigned steps = 1u << HIST_STEP_BITS, shift;

	if (bucket < steps)
		return bucket;
	shift = (bucket >> HIST_STEP_BITS) - 1;
	return ((uint64_t)(steps + bucket % steps + 1) << shift) - 1;
}

void hist_copy(struct hist *to, const struct hist *from) {
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		to->counts[i] = __atomic_load_n(&from->counts[i], __ATOMIC_RELAXED);
}

void hist_merge(struct hist *to, const struct hist *from) {
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		to->counts[i] += from->counts[i];
}

void hist_subtract(struct hist *from, const struct hist *earlier) {
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		from->counts[i] -= earlier->counts[i];
}

uint64_t hist_total(const struct hist *hist) {
	uint64_t n = 0;

	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		n += hist->counts[i];
	return n;
}

uint64_t hist_percentile(const struct hist *hist, double share) {
	uint64_t total = hist_total(hist), n = 0;
	double exact = share * (double)total;
	uint64_t wanted = (uint64_t)exact;

	if (total == 0)
		return 0;
	if ((double)wanted < exact || wanted == 0)
		wanted++;
	if (wanted > total)
		wanted = total;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		n += hist->counts[i];
		if (n >= wanted)
			return hist_bucket_end(i);
	}
	return 0;
}
