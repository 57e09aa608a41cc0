// SPDX-License-Identifier: BSD-3-Clause
// /metrics: every noun's counters and gauges.
#include "control/api_priv.h"
#include "lib/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METRICS_ROWS 10000 // of one noun

static void noun_metrics(FILE *out, const struct module_noun *noun) {
	struct err err = {0};
	json_t *filter = json_object(), *rows = json_array();
	if (noun->show(filter, METRICS_ROWS, rows, &err) == 0) {
		char *text = schema_metrics(noun->name, noun->columns, rows);
		fputs(text ? text : "", out);
		free(text);
	} else {
		log_warn("control", "a noun has no metrics now", "noun=%s why=\"%s\"", noun->name,
			err.msg);
	}
	json_decref(rows);
	json_decref(filter);
}

void ctl_get_metrics(struct ctl_call *call) {
	size_t n, len = 0;
	char *text = NULL;
	const struct module *const *modules = module_list(&n);
	FILE *out = open_memstream(&text, &len);
	for (size_t i = 0; out && i < n; i++) {
		const struct module_noun *noun = modules[i]->nouns;
		for (; noun && noun->name; noun++)
			if (!noun->no_metrics)
				noun_metrics(out, noun);
	}
	if (out == NULL || fclose(out) != 0) {
		free(text);
		ctl_reply_message(call->reply, 503, "out of memory");
		return;
	}
	call->reply->status = 200;
	call->reply->type = "text/plain; version=0.0.4";
	call->reply->body = text;
	call->reply->body_len = len;
}
