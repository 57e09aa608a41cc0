// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/profile.h"
#include "bench/pktgen/check.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  4096
#define BYTES_MIN 64
#define BYTES_MAX 9216
#define PORTS_MAX (65536 - PROFILE_PORT_BASE)
#define FCS_LEN   4
// tcp=cycle tells a connection by its sequence numbers, 4096 of them each.
#define CYCLE_FLOWS_MAX (1u << 20)
#define CYCLE_BYTES_MAX 4000
#define IMIX            "64x7+594x4+1518x1"

// In the order of the table of keys.
enum key {
	KEY_SIDE,
	KEY_MACS,
	KEY_DST_MAC,
	KEY_L3,
	KEY_L4,
	KEY_FLOWS,
	KEY_ORDER,
	KEY_ZIPF,
	KEY_SIZE,
	KEY_VLAN,
	KEY_VLANS,
	KEY_SRC,
	KEY_DST,
	KEY_DST_STEP,
	KEY_DST_LIST,
	KEY_SPORTS,
	KEY_DPORTS,
	KEY_TCP,
	KEY_SEED,
	KEY_CHECK,
	KEY_STAMP,
	KEY_HASH,
	KEY_SHM,
	KEY_PCAP,
	KEY_RATE,
	KEY_PROFILE,
	KEYS,
};

// What is being parsed; prefixes wait for each other.
struct parser {
	struct profile *profile;
	struct prefix src, dst;
	uint32_t given; // by this text
	unsigned depth; // 1: inside profile=FILE
	struct err *err;
	const char *value;
	char file[PROFILE_PATH_LEN];
};

struct key_row {
	const char *name;
	int (*parse)(struct parser *p);
	const char *want; // in messages and help
};

static const struct key_row keys[KEYS];

static bool given(const struct profile *profile, enum key key) {
	return profile->given >> key & 1;
}

// ---- values --------------------------------------------------------------------------------------------------------

static int number(const char *text, uint64_t min, uint64_t max, uint64_t *value) {
	char *end;

	errno = 0;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	*value = strtoull(text, &end, 0);
	return *end == '\0' && errno == 0 && *value >= min && *value <= max ? 0 : -EINVAL;
}

static int number32(struct parser *p, uint64_t min, uint64_t max, uint32_t *value) {
	uint64_t n;

	if (number(p->value, min, max, &n) < 0)
		return -EINVAL;
	*value = (uint32_t)n;
	return 0;
}

static int truth(struct parser *p, bool *value) {
	*value = p->value[0] == '1';
	return strcmp(p->value, "0") == 0 || strcmp(p->value, "1") == 0 ? 0 : -EINVAL;
}

// Index of the value among `words`, NULL-terminated.
static int word(struct parser *p, const char *const *words, unsigned *value) {
	for (*value = 0; words[*value]; (*value)++)
		if (strcmp(words[*value], p->value) == 0)
			return 0;
	return -EINVAL;
}

static int path(struct parser *p, char *to) {
	int len = snprintf(to, PROFILE_PATH_LEN, "%s", p->value);

	return len > 0 && len < PROFILE_PATH_LEN ? 0 : -EINVAL;
}

static int parse_side(struct parser *p) {
	return truth(p, &p->profile->side);
}

static int parse_macs(struct parser *p) {
	return number32(p, 1, PROFILE_FLOWS_MAX, &p->profile->macs);
}

static int parse_dst_mac(struct parser *p) {
	p->profile->has_dst_mac = true;
	return mac_parse(p->value, &p->profile->dst_mac);
}

static int parse_l3(struct parser *p) {
	static const char *const words[] = {"none", "ip4", "ip6", NULL};

	return word(p, words, &p->profile->l3);
}

static int parse_l4(struct parser *p) {
	static const char *const words[] = {"udp", "tcp", NULL};

	return word(p, words, &p->profile->l4);
}

static int parse_flows(struct parser *p) {
	return number32(p, 1, PROFILE_FLOWS_MAX, &p->profile->flows);
}

static int parse_order(struct parser *p) {
	static const char *const words[] = {"seq", "rand", "zipf", NULL};

	return word(p, words, &p->profile->order);
}

static int parse_zipf(struct parser *p) {
	char *end;

	p->profile->zipf = strtod(p->value, &end);
	return *end == '\0' && p->profile->zipf >= 0.1 && p->profile->zipf <= 10 ? 0 : -EINVAL;
}

// One of "64", "64x7".
static int size_add(struct profile *profile, const char *text) {
	char bytes[16], *times;
	uint64_t n, weight = 1;

	if (profile->n_sizes == PROFILE_SIZES_MAX ||
		snprintf(bytes, sizeof(bytes), "%s", text) >= (int)sizeof(bytes))
		return -EINVAL;
	times = strchr(bytes, 'x');
	if (times) {
		*times++ = '\0';
		if (number(times, 1, PROFILE_TURNS_MAX / PROFILE_SIZES_MAX, &weight) < 0)
			return -EINVAL;
	}
	if (number(bytes, BYTES_MIN, BYTES_MAX, &n) < 0)
		return -EINVAL;
	profile->sizes[profile->n_sizes++] = (struct profile_size){(uint16_t)n, (uint16_t)weight};
	return 0;
}

static int parse_size(struct parser *p) {
	char text[128], *rest = text, *one;

	const char *value = strcmp(p->value, "imix") == 0 ? IMIX : p->value;
	if (snprintf(text, sizeof(text), "%s", value) >= (int)sizeof(text))
		return -EINVAL;
	p->profile->n_sizes = 0;
	while ((one = strsep(&rest, "+")) != NULL)
		if (size_add(p->profile, one) < 0)
			return -EINVAL;
	return 0;
}

static int parse_vlan(struct parser *p) {
	return number32(p, 1, 4094, &p->profile->vlan);
}

static int parse_vlans(struct parser *p) {
	return number32(p, 1, 4094, &p->profile->vlans);
}

static int parse_src(struct parser *p) {
	return prefix_parse(p->value, &p->src);
}

static int parse_dst(struct parser *p) {
	return prefix_parse(p->value, &p->dst);
}

static int parse_dst_step(struct parser *p) {
	return number(p->value, 1, UINT64_MAX, &p->profile->dst_step);
}

static int parse_dst_list(struct parser *p) {
	return path(p, p->profile->dst_list);
}

static int parse_sports(struct parser *p) {
	return number32(p, 1, PORTS_MAX, &p->profile->sports);
}

static int parse_dports(struct parser *p) {
	return number32(p, 1, PORTS_MAX, &p->profile->dports);
}

static int parse_tcp(struct parser *p) {
	static const char *const words[] = {"data", "syn", "cycle", NULL};

	return word(p, words, &p->profile->tcp);
}

static int parse_seed(struct parser *p) {
	return number(p->value, 0, UINT64_MAX, &p->profile->seed);
}

static int parse_check(struct parser *p) {
	return truth(p, &p->profile->check);
}

static int parse_stamp(struct parser *p) {
	return truth(p, &p->profile->stamp);
}

static int parse_hash(struct parser *p) {
	return truth(p, &p->profile->hash);
}

static int parse_shm(struct parser *p) {
	return path(p, p->profile->shm);
}

static int parse_pcap(struct parser *p) {
	return path(p, p->profile->pcap);
}

static int parse_rate(struct parser *p) {
	return number(p->value, 0, 1000000000, &p->profile->rate_pps);
}

static int parse_file(struct parser *p);

static const struct key_row keys[KEYS] = {
	[KEY_SIDE] = {"side", parse_side, "0 or 1: which end of each pair sends"},
	[KEY_MACS] = {"macs", parse_macs, "1..16777216 pairs of stations"},
	[KEY_DST_MAC] = {"dst_mac", parse_dst_mac,
		"a MAC address, aa:bb:cc:dd:ee:ff, that all is "
		"sent to"},
	[KEY_L3] = {"l3", parse_l3, "none, ip4 or ip6"},
	[KEY_L4] = {"l4", parse_l4, "udp or tcp"},
	[KEY_FLOWS] = {"flows", parse_flows, "1..16777216"},
	[KEY_ORDER] = {"order", parse_order, "seq, rand or zipf"},
	[KEY_ZIPF] = {"zipf", parse_zipf, "an exponent, 0.1..10, for order=zipf"},
	[KEY_SIZE] = {"size", parse_size,
		"64..9216 bytes with FCS, imix, or up to 8 of them with their shares (at most 128 "
		"each): 64x7+594x4+1518x1"},
	[KEY_VLAN] = {"vlan", parse_vlan, "1..4094: frames are tagged"},
	[KEY_VLANS] = {"vlans", parse_vlans, "1..4094 VLANs, from vlan= on"},
	[KEY_SRC] = {"src", parse_src, "an address or a prefix, all of whose addresses are used"},
	[KEY_DST] = {"dst", parse_dst, "an address or a prefix, all of whose addresses are used"},
	[KEY_DST_STEP] = {"dst_step", parse_dst_step,
		"how far destinations are apart; 256 takes "
		"one of each /24"},
	[KEY_DST_LIST] = {"dst_list", parse_dst_list,
		"a file of addresses, one a line, that flows go to in turn instead of dst="},
	[KEY_SPORTS] = {"sports", parse_sports, "1..64512 source ports, from 1024 on"},
	[KEY_DPORTS] = {"dports", parse_dports, "1..64512 destination ports, from 1024 on"},
	[KEY_TCP] = {"tcp", parse_tcp, "data, syn (only openings) or cycle (whole connections)"},
	[KEY_SEED] = {"seed", parse_seed, "a number, for order=rand and order=zipf"},
	[KEY_CHECK] = {"check", parse_check, "0 or 1: the sink looks at every packet"},
	[KEY_STAMP] = {"stamp", parse_stamp, "0 or 1: the sink measures latency"},
	[KEY_HASH] = {"hash", parse_hash, "0 or 1: hand out a hash of the flow, as NICs with RSS"},
	[KEY_SHM] = {"shm", parse_shm, "the path of the file that gen_ctl reads"},
	[KEY_PCAP] = {"pcap", parse_pcap, "a capture file that is sent again and again"},
	[KEY_RATE] = {"rate", parse_rate, "0..1000000000 packets/s; 0: as fast as it is asked"},
	[KEY_PROFILE] = {"profile", parse_file, "a file that holds keys; those beside it win"},
};

const char *profile_help(void) {
	static char text[4096];
	size_t at = 0;

	for (unsigned i = 0; i < KEYS && at < sizeof(text); i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at, "  %s=  %s\n", keys[i].name, keys[i].want);
	return text;
}

// ---- text ----------------------------------------------------------------------------------------------------------

static int unknown(const char *key, struct err *err) {
	char list[320];
	size_t at = 0;

	for (unsigned i = 0; i < KEYS; i++)
		at += (size_t)snprintf(
			list + at, sizeof(list) - at, "%s%s", i ? ", " : "", keys[i].name);
	return err_set(err, -EINVAL, "profile: there is no key \"%.40s\"; there are %s", key, list);
}

static int pair_set(struct parser *p, const char *key, const char *value) {
	for (unsigned i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		if (p->given >> i & 1)
			return err_set(
				p->err, -EINVAL, "profile: %s= is given twice; leave one out", key);
		if (p->depth == 1 && i != KEY_PROFILE && given(p->profile, i))
			return 0; // what stands beside profile=FILE wins
		p->given |= 1u << i;
		p->value = value;
		int rc = keys[i].parse(p);
		if (rc < 0)
			return err_set(p->err, -EINVAL, "profile: %s=%.80s is not valid; it is %s",
				key, value, keys[i].want);
		return 0;
	}
	return unknown(key, p->err);
}

// Words that are apart by commas, or in a file by blanks and lines too. Cuts up `text`.
static int text_parse(struct parser *p, char *text, const char *between) {
	char *pair;

	while ((pair = strsep(&text, between)) != NULL) {
		char *equals = strchr(pair, '=');
		if (*pair == '\0')
			continue;
		if (!equals)
			return err_set(p->err, -EINVAL,
				"profile: \"%.80s\" has no value; write %s=...", pair, pair);
		*equals = '\0';
		if (pair_set(p, pair, equals + 1) < 0)
			return -EINVAL;
	}
	return 0;
}

static int file_text(const char *name, char *text, size_t size) {
	FILE *file = fopen(name, "re");
	size_t len;

	if (!file)
		return -errno;
	len = fread(text, 1, size, file);
	fclose(file);
	if (len == size)
		return -EFBIG;
	text[len] = '\0';
	for (char *at = text; (at = strchr(at, '#')) != NULL;)
		memset(at, ' ', strcspn(at, "\n"));
	return 0;
}

// Read last, see profile_parse(): here the name alone is checked.
static int parse_file(struct parser *p) {
	return p->depth == 0 ? path(p, p->file) : -EINVAL;
}

static int file_parse(struct parser *p) {
	char text[TEXT_MAX];
	int rc = file_text(p->file, text, sizeof(text));

	if (rc < 0)
		return err_set(p->err, rc, "profile=%s: %s", p->file,
			rc == -EFBIG ? "it is too long for a profile" : strerror(-rc));
	p->profile->given = p->given;
	p->given = 0;
	p->depth = 1;
	rc = text_parse(p, text, ", \t\r\n");
	p->given |= p->profile->given;
	return rc;
}

// ---- what does not fit together -------------------------------------------------------------------------------------

static int not_with(const struct profile *profile, enum key key, const char *why, struct err *err) {
	if (!given(profile, key))
		return 0;
	return err_set(err, -EINVAL, "profile: %s= has no meaning with %s; leave it out",
		keys[key].name, why);
}

static int none_of(const struct profile *profile, const enum key *list, unsigned n, const char *why,
	struct err *err) {
	for (unsigned i = 0; i < n; i++)
		if (not_with(profile, list[i], why, err) < 0)
			return -EINVAL;
	return 0;
}

static int layers_fit(struct profile *profile, const struct parser *p, struct err *err) {
	static const enum key of_ip[] = {KEY_L4, KEY_SRC, KEY_DST, KEY_DST_STEP, KEY_DST_LIST,
		KEY_SPORTS, KEY_DPORTS, KEY_TCP};

	if (!given(profile, KEY_L3))
		profile->l3 = p->src.addr.family == ADDR_V6 || p->dst.addr.family == ADDR_V6
			? PROFILE_IP6
			: PROFILE_IP4;
	if (profile->l3 == PROFILE_L3_NONE)
		return none_of(profile, of_ip, sizeof(of_ip) / sizeof(of_ip[0]), "l3=none", err);
	if (given(profile, KEY_TCP) && given(profile, KEY_L4) && profile->l4 == PROFILE_UDP)
		return not_with(profile, KEY_TCP, "l4=udp", err);
	if (given(profile, KEY_TCP))
		profile->l4 = PROFILE_TCP;
	return 0;
}

static int order_fits(struct profile *profile, struct err *err) {
	if (given(profile, KEY_ZIPF) && !given(profile, KEY_ORDER))
		profile->order = PROFILE_ZIPF;
	if (profile->order != PROFILE_ZIPF)
		return not_with(profile, KEY_ZIPF, "this order=", err);
	return 0;
}

static int vlans_fit(const struct profile *profile, struct err *err) {
	if (given(profile, KEY_VLANS) && !given(profile, KEY_VLAN))
		return err_set(err, -EINVAL,
			"profile: vlans=%u has no first one; add vlan=1 or another",
			profile->vlans);
	if (profile->vlan + profile->vlans - 1 > 4094)
		return err_set(err, -EINVAL,
			"profile: vlans=%u from vlan=%u on end behind 4094; take at most %u",
			profile->vlans, profile->vlan, 4095 - profile->vlan);
	return 0;
}

static int flows_fit(struct profile *profile, struct err *err) {
	if (!given(profile, KEY_FLOWS))
		profile->flows = profile->macs > profile->vlans ? profile->macs : profile->vlans;
	if (profile->flows < profile->macs)
		return err_set(err, -EINVAL,
			"profile: flows=%u leave most of macs=%u without any; take at least as "
			"many flows",
			profile->flows, profile->macs);
	return 0;
}

// ---- addresses -------------------------------------------------------------------------------------------------------

static uint64_t low_half(const struct addr *addr) {
	unsigned from = addr->family == ADDR_V6 ? 8 : 0, to = addr->family == ADDR_V6 ? 16 : 4;
	uint64_t low = 0;

	for (unsigned i = from; i < to; i++)
		low = low << 8 | addr->bytes[i];
	return low;
}

// How many addresses there are from the given one to the end of its prefix; more than there are flows do not matter.
static uint32_t addresses(const struct prefix *prefix, uint64_t step, uint32_t flows) {
	unsigned width = prefix->addr.family == ADDR_V6 ? 128 : 32, host = width - prefix->len;
	unsigned low_bits = width == 128 ? 64 : 32;
	uint64_t mask = host >= low_bits ? UINT64_MAX >> (64 - low_bits) : (1ull << host) - 1;
	uint64_t left = mask - (low_half(&prefix->addr) & mask);

	return left / step >= flows ? flows : (uint32_t)(left / step) + 1;
}

static int prefix_fits(const struct profile *profile, enum key key, struct prefix *prefix,
	const char *usual, struct err *err) {
	enum addr_family family = profile->l3 == PROFILE_IP6 ? ADDR_V6 : ADDR_V4;

	if (!given(profile, key))
		return prefix_parse(usual, prefix);
	if (prefix->addr.family == family)
		return 0;
	return err_set(err, -EINVAL,
		"profile: %s= is not of the family of l3=%s; give src= and "
		"dst= of one family",
		keys[key].name, family == ADDR_V6 ? "ip6" : "ip4");
}

// Networks for benches: RFC 2544 and RFC 5180.
static int addresses_fit(struct parser *p, struct profile *profile, struct err *err) {
	bool v6 = profile->l3 == PROFILE_IP6;

	if (prefix_fits(profile, KEY_SRC, &p->src, v6 ? "2001:2:0:1::/64" : "198.18.0.0/16", err) <
			0 ||
		prefix_fits(profile, KEY_DST, &p->dst, v6 ? "2001:2:0:2::/64" : "198.19.0.0/16",
			err) < 0)
		return -EINVAL;
	profile->src = p->src.addr;
	profile->dst = p->dst.addr;
	profile->src_count = addresses(&p->src, 1, profile->flows);
	profile->dst_count = addresses(&p->dst, profile->dst_step, profile->flows);
	return 0;
}

// As many source ports as keep the flows apart, unless told.
static int ports_fit(struct profile *profile, struct err *err) {
	uint64_t hosts =
		profile->src_count > profile->dst_count ? profile->src_count : profile->dst_count;
	uint64_t others = hosts * profile->dports;
	uint64_t needed = (profile->flows + others - 1) / others;

	if (!given(profile, KEY_SPORTS))
		profile->sports = (uint32_t)(needed < PORTS_MAX ? needed : PORTS_MAX);
	if (profile->sports >= needed)
		return 0;
	if (needed <= PORTS_MAX)
		return err_set(err, -EINVAL,
			"profile: flows=%u: only %llu of them differ; raise sports= to %llu, or "
			"take larger prefixes",
			profile->flows, (unsigned long long)(others * profile->sports),
			(unsigned long long)needed);
	return err_set(err, -EINVAL,
		"profile: flows=%u: only %llu of them can differ; take larger prefixes for src= "
		"and dst=, or raise dports=",
		profile->flows, (unsigned long long)(others * PORTS_MAX));
}

// ---- sizes -----------------------------------------------------------------------------------------------------------

unsigned profile_header_len(const struct profile *profile) {
	unsigned len = 14 + (profile->vlan ? 4 : 0);

	if (profile->l3 == PROFILE_L3_NONE)
		return len;
	return len + (profile->l3 == PROFILE_IP6 ? 40 : 20) + (profile->l4 == PROFILE_TCP ? 20 : 8);
}

static int sizes_fit(struct profile *profile, struct err *err) {
	bool trailer = profile->check || profile->stamp;
	unsigned least = profile_header_len(profile) + FCS_LEN +
		(trailer ? (unsigned)sizeof(struct check_trailer) : 0);

	if (!given(profile, KEY_SIZE)) {
		profile->sizes[0] =
			(struct profile_size){(uint16_t)(least > BYTES_MIN ? least : BYTES_MIN), 1};
		profile->n_sizes = 1;
	}
	for (unsigned i = 0; i < profile->n_sizes; i++)
		if (profile->sizes[i].bytes < least)
			return err_set(err, -EINVAL,
				"profile: size=%u is too small for these headers%s; the least is "
				"%u",
				profile->sizes[i].bytes, trailer ? " and what is checked" : "",
				least);
	return 0;
}

// ---- modes -----------------------------------------------------------------------------------------------------------

static int cycle_fits(const struct profile *profile, struct err *err) {
	static const enum key no[] = {KEY_CHECK, KEY_STAMP};

	if (profile->l4 != PROFILE_TCP || profile->tcp != PROFILE_TCP_CYCLE)
		return 0;
	if (none_of(profile, no, 2, "tcp=cycle, which counts sessions", err) < 0)
		return -EINVAL;
	if (profile->order != PROFILE_SEQ)
		return err_set(err, -EINVAL,
			"profile: tcp=cycle opens one connection after the "
			"other; leave order= out");
	if (profile->flows > CYCLE_FLOWS_MAX)
		return err_set(err, -EINVAL,
			"profile: flows=%u are too many for tcp=cycle; take "
			"at most %u",
			profile->flows, CYCLE_FLOWS_MAX);
	if (profile->n_sizes > 1 || profile->sizes[0].bytes > CYCLE_BYTES_MAX)
		return err_set(err, -EINVAL, "profile: tcp=cycle has one size= of data, at most %d",
			CYCLE_BYTES_MAX);
	return 0;
}

static int pcap_fits(const struct profile *profile, struct err *err) {
	static const enum key no[] = {KEY_MACS, KEY_DST_MAC, KEY_L3, KEY_L4, KEY_FLOWS, KEY_ORDER,
		KEY_ZIPF, KEY_SIZE, KEY_VLAN, KEY_VLANS, KEY_SRC, KEY_DST, KEY_DST_STEP,
		KEY_DST_LIST, KEY_SPORTS, KEY_DPORTS, KEY_TCP, KEY_CHECK, KEY_STAMP};

	if (!given(profile, KEY_PCAP))
		return 0;
	return none_of(profile, no, sizeof(no) / sizeof(no[0]),
		"pcap=, whose frames are sent as "
		"they are",
		err);
}

static int finish(struct parser *p, struct profile *profile, struct err *err) {
	if (pcap_fits(profile, err) < 0 || layers_fit(profile, p, err) < 0 ||
		order_fits(profile, err) < 0 || vlans_fit(profile, err) < 0 ||
		flows_fit(profile, err) < 0)
		return -EINVAL;
	if (profile->l3 != PROFILE_L3_NONE &&
		(addresses_fit(p, profile, err) < 0 || ports_fit(profile, err) < 0))
		return -EINVAL;
	if (sizes_fit(profile, err) < 0)
		return -EINVAL;
	return cycle_fits(profile, err);
}

int profile_parse(const char *text, struct profile *profile, struct err *err) {
	struct parser p = {.profile = profile, .err = err};
	char copy[TEXT_MAX];
	int rc;

	*profile = (struct profile){.macs = 1,
		.flows = 1,
		.vlans = 1,
		.dst_step = 1,
		.src_count = 1,
		.dst_count = 1,
		.sports = 1,
		.dports = 1,
		.zipf = 1.1,
		.seed = 4711};
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return err_set(err, -EINVAL,
			"profile: the text is too long; put it into a file "
			"and give profile=FILE");
	rc = text_parse(&p, copy, ",");
	if (rc == 0 && *p.file)
		rc = file_parse(&p);
	profile->given = p.given;
	return rc == 0 ? finish(&p, profile, err) : rc;
}
