// SPDX-License-Identifier: BSD-3-Clause
// What the folder's files share: the module's parts.
#pragma once

#include "lib/module.h"

extern const struct module_noun fw_nouns[];
extern const struct module_action fw_actions[];

int fw_prepare(const struct change *change, void **plan, struct err *err);
void fw_commit(void *plan);
void fw_release(void *plan); // also what aborts a plan
void fw_fini(void);
void fw_poll(uint64_t now_ns);
int fw_check(const struct change *change, json_t *notes, struct err *err);
void fw_note(const void *plan, bool dry, json_t *notes);
