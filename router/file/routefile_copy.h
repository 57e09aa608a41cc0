// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The copies of route files in the state folder (route-files/), so that what was committed once can be again. Of those that nothing uses
// some are kept, the latest.
#pragma once

#include "lib/err.h"
#include "router/conf.h"

#define ROUTEFILE_COPIES 32        // kept at most
#define ROUTEFILE_BYTES  (1 << 30) // of one

struct routefile_copy {
	char path[RTR_CONF_FILE]; // of the file
	char fresh[400];          // a copy that has not got its name yet; "": none
	char name[320];           // of the copy
};

// Reads the copy, else the file itself and makes a copy. *text: malloc'ed, closed by NUL. Negative errno, with err set.
int routefile_copy_read(
	struct routefile_copy *copy, const char *path, char **text, struct err *err);
void routefile_copy_keep(struct routefile_copy *copy); // the copy gets its name
void routefile_copy_drop(struct routefile_copy *copy); // one that was not kept goes
