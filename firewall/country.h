// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// Countries as prefixes: a MaxMind DB file, read once when the sets are configured. Look-ups are those of any set.
#pragma once

#include "firewall/words.h"
#include "lib/err.h"

struct fw_countries;

// Opens the file. NULL: err says why (it is not there, not such a file, has no countries).
struct fw_countries *fw_countries_open(const char *path, struct err *err);
void fw_countries_close(struct fw_countries *countries); // NULL is fine

// The same for look-ups while packets pass: in memory of its own, so that nothing waits for a disk, and no change of the file is seen.
struct fw_countries *fw_countries_open_copy(const char *path, struct err *err);
// Any thread: the country of an address (4 or 16 bytes). false: the database knows none.
bool fw_countries_find(
	const struct fw_countries *countries, const uint8_t *addr, bool v6, char iso[static 3]);

// Adds the prefixes of a country (ISO 3166-1, two capital letters) to `to`, both families. Where the file knows no country of a network,
// the one that it is registered in counts. The number of prefixes; -ENOMEM, -EIO: the file is damaged.
long fw_countries_add(struct fw_countries *countries, const char *iso, fw_prefixes *to);
