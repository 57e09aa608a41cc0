// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/pcapng.h"
#include <string.h>

enum { SHB = 0x0a0d0d0a, IDB = 1, ISB = 5, EPB = 6 };
enum { OPT_END = 0, SHB_USERAPPL = 4, IF_NAME = 2, IF_TSRESOL = 9, EPB_FLAGS = 2, ISB_IFDROP = 5 };

struct block {
	uint8_t *buf;
	size_t size, len;
	bool full;
};

static void put(struct block *b, const void *data, size_t n) {
	size_t padded = (n + 3) & ~(size_t)3;

	if (b->full || b->size - b->len < padded) {
		b->full = true;
		return;
	}
	memcpy(b->buf + b->len, data, n);
	memset(b->buf + b->len + n, 0, padded - n);
	b->len += padded;
}

static void put_u32(struct block *b, uint32_t value) {
	put(b, &value, sizeof(value));
}

static void put_option(struct block *b, uint16_t code, const void *data, uint16_t n) {
	uint16_t head[2] = {code, n};

	put(b, head, sizeof(head));
	if (n > 0)
		put(b, data, n);
}

static struct block block_begin(uint8_t *buf, size_t size, uint32_t type) {
	struct block b = {.buf = buf, .size = size};

	put_u32(&b, type);
	put_u32(&b, 0); // its length, known at the end
	return b;
}

static size_t block_end(struct block *b) {
	uint32_t len = (uint32_t)b->len + 4;

	put_u32(b, len);
	if (b->full)
		return 0;
	memcpy(b->buf + 4, &len, sizeof(len));
	return b->len;
}

static void put_time(struct block *b, uint64_t time_ns) {
	put_u32(b, (uint32_t)(time_ns >> 32));
	put_u32(b, (uint32_t)time_ns);
}

size_t pcapng_section(uint8_t *buf, size_t size, const char *application) {
	struct block b = block_begin(buf, size, SHB);
	uint16_t version[2] = {1, 0};
	int64_t unknown_length = -1;

	put_u32(&b, 0x1a2b3c4d);
	put(&b, version, sizeof(version));
	put(&b, &unknown_length, sizeof(unknown_length));
	put_option(&b, SHB_USERAPPL, application, (uint16_t)strlen(application));
	put_option(&b, OPT_END, NULL, 0);
	return block_end(&b);
}

size_t pcapng_interface(uint8_t *buf, size_t size, const char *name, uint32_t snaplen) {
	struct block b = block_begin(buf, size, IDB);
	uint16_t link[2] = {1, 0}; // LINKTYPE_ETHERNET
	uint8_t nanoseconds = 9;

	put(&b, link, sizeof(link));
	put_u32(&b, snaplen);
	put_option(&b, IF_NAME, name, (uint16_t)strlen(name));
	put_option(&b, IF_TSRESOL, &nanoseconds, 1);
	put_option(&b, OPT_END, NULL, 0);
	return block_end(&b);
}

size_t pcapng_packet(uint8_t *buf, size_t size, const struct pcapng_packet *packet) {
	struct block b = block_begin(buf, size, EPB);
	uint32_t flags = packet->inbound ? 1 : 2;

	put_u32(&b, packet->iface);
	put_time(&b, packet->time_ns);
	put_u32(&b, packet->captured);
	put_u32(&b, packet->len);
	put(&b, packet->data, packet->captured);
	put_option(&b, EPB_FLAGS, &flags, sizeof(flags));
	put_option(&b, OPT_END, NULL, 0);
	return block_end(&b);
}

size_t pcapng_lost(uint8_t *buf, size_t size, uint32_t iface, uint64_t time_ns, uint64_t lost) {
	struct block b = block_begin(buf, size, ISB);

	put_u32(&b, iface);
	put_time(&b, time_ns);
	put_option(&b, ISB_IFDROP, &lost, sizeof(lost));
	put_option(&b, OPT_END, NULL, 0);
	return block_end(&b);
}
