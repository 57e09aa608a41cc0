// SPDX-License-Identifier: BSD-3-Clause
// Header translation between IPv4 and IPv6: whatever comes in, what goes out is a packet of the other family with right sums, in its bounds.
#include "router/nat64/xlat.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sum(const uint8_t *b, size_t n, uint32_t s) {
	for (size_t i = 0; i < n; i++)
		s += (uint32_t)b[i] << (i % 2 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void judge(const uint8_t *out, size_t n, bool to6) {
	size_t head = to6 ? XLAT_V6 : XLAT_V4;

	if (n < head + 8 || n > (to6 ? 1280u : 576u) || out[0] >> 4 != (to6 ? 6 : 4))
		abort();
	if (to6) {
		if (out[6] != 58 || (size_t)(out[4] << 8 | out[5]) + 40 != n ||
			sum(out + head, n - head, sum(out + 8, 32, (uint32_t)(n - 40) + 58)) !=
				0xffff)
			abort();
	} else if (out[9] != 1 || (size_t)(out[2] << 8 | out[3]) != n ||
		sum(out, 20, 0) != 0xffff || sum(out + head, n - head, 0) != 0xffff) {
		abort();
	}
}

// An error whose sum is right, or hardly any would be read.
static void error(uint8_t *ip, size_t len, size_t l4, const struct xlat_ends *to) {
	uint8_t out[XLAT_ERROR_MAX], *check = ip + l4 + 2;
	bool to6 = ip[0] >> 4 == 4;
	uint32_t s = to6 ? 0 : sum(ip + 8, 32, (uint32_t)(len - l4) + 58);

	check[0] = check[1] = 0;
	s = ~sum(ip + l4, len - l4, s) & 0xffff;
	check[0] = (uint8_t)(s >> 8);
	check[1] = (uint8_t)s;
	size_t n = xlat_error(ip, len, l4, to, to->src, 0, out);
	if (n > 0)
		judge(out, n, to6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct xlat_ends to;
	uint8_t head[XLAT_V6];

	if (size < sizeof(to) + 1 + XLAT_V6 + 8 || size > 4000)
		return 0;
	memcpy(&to, data, sizeof(to));
	unsigned options = data[sizeof(to)];
	size_t len = size - sizeof(to) - 1;
	uint8_t *ip = malloc(len);
	memcpy(ip, data + sizeof(to) + 1, len);
	bool to6 = options & 1;
	size_t l4 = to6 ? XLAT_V4 + (options >> 4) % 8 * 4u : XLAT_V6 + (options >> 4) % 4 * 8u;
	ip[0] = (uint8_t)((to6 ? 0x40 : 0x60) | (ip[0] & 15));
	if (l4 + 8 <= len) {
		if (options & 2)
			error(ip, len, l4, &to);
		else if (xlat_upper(ip + l4, len - l4, (uint32_t)(len - l4), ip,
				 to6 ? ip[9] : ip[6], &to,
				 options & 4 ? XLAT_PSEUDO : XLAT_WHOLE) != XLAT_NOT) {
			if (to6)
				xlat_head6(head, ip, (uint32_t)(len - l4), &to);
			else
				xlat_head4(
					head, ip, ip[6], (uint32_t)(len - l4), &to, options & 8, 1);
			if (!to6 && sum(head, XLAT_V4, 0) != 0xffff)
				abort();
		}
	}
	free(ip);
	return 0;
}
