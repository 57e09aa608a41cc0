// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/filter.h"
#include <errno.h>
#include <netdb.h>
#include <pcap.h>
#include <pcap/namedb.h>
#include <stdlib.h>

#define SNAP 65535

struct filter {
	struct bpf_program program; // no instructions: everything matches
};

// In place of libpcap's own: a name in a filter would make the control thread wait for a name server.
struct addrinfo *pcap_nametoaddrinfo(const char *name) {
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
	struct addrinfo *found;

	return getaddrinfo(name, NULL, &hints, &found) == 0 ? found : NULL;
}

static int filter_compile(struct filter *filter, const char *text, struct err *err) {
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, SNAP);

	if (!pcap)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = pcap_compile(pcap, &filter->program, text, 1, PCAP_NETMASK_UNKNOWN);
	if (rc < 0)
		err_set(err, -EINVAL, "filter \"%s\": %s; see pcap-filter(7)", text,
			pcap_geterr(pcap));
	pcap_close(pcap);
	return rc;
}

struct filter *filter_new(const char *text, struct err *err) {
	struct filter *filter = calloc(1, sizeof(*filter));

	if (!filter) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	if (text && *text && filter_compile(filter, text, err) < 0) {
		free(filter);
		return NULL;
	}
	return filter;
}

void filter_free(struct filter *filter) {
	if (!filter)
		return;
	pcap_freecode(&filter->program);
	free(filter);
}

bool filter_match(const struct filter *filter, const struct rte_mbuf *m) {
	return !filter->program.bf_insns ||
		bpf_filter(filter->program.bf_insns, rte_pktmbuf_mtod(m, const u_char *),
			m->pkt_len, m->data_len) != 0;
}
