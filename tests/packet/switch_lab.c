// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/switch_lab.h"
#include "lib/clock.h"
#include "tests/packet/harness.h"
#include <stdio.h>
#include <string.h>

#define MS NSEC_PER_MSEC

const char lab_plain[] = "s = { ports = { a = {}, b = {}, c = {} } }";

size_t lab_frame(uint8_t *buf, uint64_t dst, uint64_t src, const char *tags) {
	size_t n = 12;

	for (unsigned i = 0; i < 6; i++) {
		buf[i] = (uint8_t)(dst >> (40 - 8 * i));
		buf[6 + i] = (uint8_t)(src >> (40 - 8 * i));
	}
	for (; *tags != '\0' && *tags != '-'; tags += tags[9] == ',' ? 10 : 9) {
		unsigned type, tci;

		assert_int_equal(sscanf(tags, "%4x.%4x", &type, &tci), 2);
		buf[n++] = (uint8_t)(type >> 8);
		buf[n++] = (uint8_t)type;
		buf[n++] = (uint8_t)(tci >> 8);
		buf[n++] = (uint8_t)tci;
	}
	buf[n++] = 0x08;
	buf[n++] = 0x00;
	for (unsigned i = 0; i < 46; i++)
		buf[n++] = (uint8_t)(0x45 + i);
	return n;
}

void lab_send(const char *port, uint64_t dst, uint64_t src, const char *tags) {
	uint8_t buf[128];

	packet_send(port, buf, lab_frame(buf, dst, src, tags));
	packet_step();
}

void lab_expect(const char *port, uint64_t dst, uint64_t src, const char *tags) {
	uint8_t buf[128];

	packet_expect(port, buf, lab_frame(buf, dst, src, tags));
}

void lab_drain(void) {
	static const char *const ports[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	uint8_t buf[PACKET_FRAME_MAX];

	for (unsigned i = 0; i < 8; i++)
		while (packet_recv(ports[i], buf) >= 0)
			continue;
}

void lab_learn(const char *port, uint64_t mac, const char *tags) {
	lab_send(port, LAB_ALL, mac, tags);
	packet_advance(MS);
	lab_drain();
}

const char lab_ports[] = "local p = {} for n in ('abcdefgh'):gmatch('.') do "
			 "p[n] = { device = 'ring:' .. n, mtu = 9000 } end ";

void lab_reconfig(const char *switches) {
	char text[4096];

	snprintf(text, sizeof(text), "%s return { ports = p, switches = { %s } }", lab_ports,
		switches);
	packet_config(text);
}

void lab_config(const char *switches) {
	lab_reconfig("");
	lab_reconfig(switches);
	packet_advance(100 * MS);
	lab_drain();
}

unsigned lab_stations(const char *column, const char *value) {
	json_t *rows = packet_show("fdb"), *row;
	unsigned n = 0;
	size_t i;

	json_array_foreach (rows, i, row) {
		const char *text = json_string_value(json_object_get(row, column));

		n += value == NULL || (text != NULL && strcmp(text, value) == 0);
	}
	json_decref(rows);
	return n;
}

json_int_t lab_counter(const char *noun, const char *key, const char *value, const char *column) {
	json_t *rows = packet_show(noun), *row;
	json_int_t n = 0;
	size_t i;

	json_array_foreach (rows, i, row)
		if (strcmp(json_string_value(json_object_get(row, key)), value) == 0)
			n += json_integer_value(json_object_get(row, column));
	json_decref(rows);
	return n;
}
