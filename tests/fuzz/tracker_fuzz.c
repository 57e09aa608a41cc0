// SPDX-License-Identifier: BSD-3-Clause
// Both ends of some flows through session, tracker and NAT: two hosts that say what the input tells them to, lies among it. What comes out
// is judged: addresses, checksums, whether it may come at all; and now and then the table, by tests/packet/session_check.h.
//
// The input is a list of steps of four bytes: what and which flow; direction and flags; sequence numbers; length, window, scale.
#include "dataplane/dataplane.h"
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/fuzz/lab.h"
#include "tests/fuzz/tracker_ends.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX   400
#define DRAINED     200 // turns in which everything must have ended
#define CHECK_EVERY 8   // steps: the table is looked at from inside, which takes its time

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
	"{'system': {'workers': 0}, 'ports': {'a': {'device': 'ring:a'}, 'b': {'device': "
	"'ring:b'}},"
	" 'sessions': {'timeouts': {'tcp_opening': '2s', 'tcp_established': "
	"'20s', 'tcp_half_closed': '5s', 'tcp_closing': '3s', 'tcp_time_wait': '4s', 'tcp_reset': "
	"'2s', 'udp': '6s', 'udp_unreplied': '3s', 'icmp': '2s', 'other': '6s', 'other_unreplied': "
	"'3s'}},"
	" 'routers': {'r': {'interfaces': {"
	"   'a': {'port': 'a', 'zone': 'in', 'mac': '02:00:00:00:01:01', 'dad': false, "
	"'addresses': "
	"['10.1.0.1/24', '2001:db8:1::1/64'], 'neighbors': {'10.1.0.9': '02:00:00:00:01:09', "
	"'2001:db8:1::9': '02:00:00:00:01:09'}},"
	"   'b': {'port': 'b', 'zone': 'out', 'mac': '02:00:00:00:01:01', 'dad': false, "
	"'addresses': ['10.2.0.1/24', '2001:db8:2::1/64'], 'neighbors': {'10.2.0.9': "
	"'02:00:00:00:02:09', '2001:db8:2::9': '02:00:00:00:02:09'}}}}},"
	" 'firewall': {'rules': [{'from': 'in', 'to': 'out', 'action': 'accept'},"
	"   {'from': 'out', 'to': 'in', 'proto': ['tcp', 'udp'], 'dport': 8080, 'action': "
	"'accept'}],"
	"  'nat': [{'to': 'out', 'dst': '10.2.0.1', 'proto': ['tcp', 'udp'], 'dport': 80, 'dnat': "
	"'10.1.0.9:8080'}, {'to': 'out', 'dst': '2001:db8:2::1', 'proto': ['tcp', 'udp'], 'dport': "
	"80, 'dnat': '[2001:db8:1::9]:8080'}, {'from': 'in', 'to': 'out', 'masquerade': true}]}}";

static struct rte_ring *rx[2], *tx[2];

_Noreturn static void wrong(const struct flow *f, const char *what) {
	char text[160];

	snprintf(text, sizeof(text), "flow %ld, packet %u: %s", f ? (long)(f - flows) : -1L, number,
		what);
	lab_die(text, NULL);
}

// ---- the rules' own decider: what passes all others is held until it ends ---------------------------------------------

static int held;
static uint8_t forbidden; // a protocol

static enum session_verdict fuzz_decide(struct session_flow *flow) {
	if (forbidden != 0 && flow->in.proto == forbidden)
		return SESSION_DROP;
	held += !flow->again && !flow->dry;
	return SESSION_PASS;
}

static void fuzz_release(const struct session_flow *) {
	held--;
}

static const struct dp_drop fuzz_drops[] = {{"fuzz", "the target's rules say so"}, {0}};
static struct session_decider fuzz = {.name = "zz_fuzz",
	.stage = SESSION_STAGE_POLICY,
	.drops = fuzz_drops,
	.decide = fuzz_decide,
	.release = fuzz_release};
SESSION_DECIDER(fuzz)

// ---- in and out -------------------------------------------------------------------------------------------------------------

static void turn(void) {
	dp_step();
	dp_step();
}

static bool receive(unsigned port, struct frame *f) {
	void *obj;

	if (rte_ring_dequeue(tx[port], &obj) != 0)
		return false;
	struct rte_mbuf *m = obj;
	__rte_mbuf_sanity_check(m, 1);
	f->len = m->pkt_len < FRAME_MAX ? m->pkt_len : FRAME_MAX;
	const uint8_t *at = rte_pktmbuf_read(m, 0, (uint32_t)f->len, f->bytes);
	if (at != f->bytes)
		memcpy(f->bytes, at, f->len);
	rte_pktmbuf_free(m);
	return true;
}

static bool is_ip(const struct frame *f) {
	unsigned type = get16(f->bytes + 12);

	return f->len >= L3 + 20 && (type == 0x0800 || type == 0x86dd);
}

static bool is_error(const struct view *v) {
	unsigned type = v->ip[v->l4];

	return (v->proto == ICMP && (type == 3 || type == 11)) ||
		(v->proto == ICMP6 && type >= 1 && type <= 4);
}

// Whatever leaves is whole.
static void expect_sound(const struct frame *f) {
	struct view v = view_of(f->bytes + L3);
	unsigned at = sum_at(v.proto);

	if (v.len > f->len - L3)
		wrong(NULL, "a packet is longer than its frame");
	if (header_sum(&v) != 0)
		wrong(NULL, "the header's checksum is wrong");
	bool none = v.proto == UDP && get16(v.ip + v.l4 + 6) == 0;
	if (at != 0 && !none && upper_sum(&v) != 0)
		wrong(NULL, "the upper checksum is wrong");
}

// What came out at that port: the packet that was sent (errors: the error that was).
static bool arrived(unsigned port, const struct frame *sent, bool error, struct frame *got) {
	struct view was = view_of(sent->bytes + L3);
	bool found = false;
	struct frame f;

	while (receive(port, &f)) {
		if (!is_ip(&f))
			continue;
		expect_sound(&f);
		struct view v = view_of(f.bytes + L3);
		if (v.proto != was.proto || is_error(&v) != error || v.len != was.len ||
			v.v6 != was.v6)
			continue;
		if (found)
			wrong(NULL, "it came twice");
		found = true;
		*got = f;
	}
	return found;
}

static void send_frame(unsigned port, const struct frame *f) {
	if (rte_ring_enqueue(rx[port], lab_frame(f->bytes, f->len, f->len)) != 0)
		lab_die("ring full", NULL);
	turn();
}

// ---- sessions as they are -------------------------------------------------------------------------------------------------------

static session_ref session_of(const struct frame *f) {
	struct session_packet p;

	if (session_parse(f->bytes + L3, f->len - L3, f->len - L3, 0, &p) != PARSED_FLOW)
		return 0;
	for (unsigned domain = 0; domain < 4; domain++) { // there is one VRF, whatever its number
		p.key.domain = (uint16_t)domain;
		session_ref ref = table_find(&p.key, key_hash(&session_table.secret, &p.key));
		if (ref != 0)
			return ref;
	}
	return 0;
}

// What is true of a session at one moment.
struct moment {
	session_ref ref;
	uint64_t begun;
	uint8_t state;
	bool present; // of the present rules
};

static struct moment moment_of(const struct frame *f) {
	struct moment m = {session_of(f), session_owners[0].counts.begun, SESSION_NONE, false};

	if (m.ref != 0) {
		m.state = ref_dir(m.ref)->state;
		m.present = ref_dir(m.ref)->generation == session_generation;
	}
	return m;
}

static bool may_follow(unsigned was, unsigned is) {
#define TO(name) 1u << SESSION_TCP_##name
	static const uint32_t next[SESSION_TCP_PICKED_UP] = {
		[SESSION_TCP_SYN_SENT] = TO(SYN_SENT) | TO(SYN_BOTH) | TO(SYN_RECEIVED) | TO(RESET),
		[SESSION_TCP_SYN_BOTH] = TO(SYN_BOTH) | TO(ESTABLISHED) | TO(RESET),
		[SESSION_TCP_SYN_RECEIVED] = TO(SYN_RECEIVED) | TO(ESTABLISHED) | TO(FIN_ORIG) |
			TO(FIN_RESP) | TO(RESET),
		[SESSION_TCP_ESTABLISHED] =
			TO(ESTABLISHED) | TO(FIN_ORIG) | TO(FIN_RESP) | TO(RESET),
		[SESSION_TCP_FIN_ORIG] = TO(FIN_ORIG) | TO(CLOSING) | TO(RESET),
		[SESSION_TCP_FIN_RESP] = TO(FIN_RESP) | TO(CLOSING) | TO(RESET),
		[SESSION_TCP_CLOSING] = TO(CLOSING) | TO(TIME_WAIT) | TO(RESET),
		[SESSION_TCP_TIME_WAIT] = TO(TIME_WAIT),
		[SESSION_TCP_RESET] = TO(RESET),
	};
#undef TO
	return was < SESSION_TCP_PICKED_UP && next[was] >> is & 1;
}

static bool flags_of_tcp(unsigned flags) {
	flags &= TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK;
	return flags == TCP_SYN || flags == (TCP_SYN | TCP_ACK) || flags == TCP_ACK ||
		flags == (TCP_FIN | TCP_ACK) || flags == TCP_RST || flags == (TCP_RST | TCP_ACK);
}

// ---- what must be true of a TCP segment --------------------------------------------------------------------------------------------

static void judge_tcp(struct flow *f, const struct step *s, const struct moment *before,
	const struct moment *after, bool passed) {
	bool same = before->ref != 0 && after->ref == before->ref && after->begun == before->begun;
	enum model_says says = MODEL_NO_WORD;
	unsigned dir = before->ref & 1;

	if (passed && !flags_of_tcp(s->flags))
		wrong(f, "flags that no TCP sends");
	if (passed && before->ref == 0 && (s->flags & 0x17) != TCP_SYN)
		wrong(f, "a connection began without a SYN");
	if (same && after->state != before->state && !may_follow(before->state, after->state))
		wrong(f, "a state that does not follow");
	if (same && !passed && !s->dying && after->state != before->state)
		wrong(f, "a refused segment changed the state");
	if (same && before->present && f->model.known && f->modelled == session_id(before->ref) &&
		!s->dying && flags_of_tcp(s->flags))
		says = tcp_model_track(&f->model, before->state, dir, &s->seg);
	if (says != MODEL_NO_WORD && passed != (says == MODEL_PASSES))
		wrong(f, passed ? "the model refuses it" : "the model lets it pass");
	if (same && says != MODEL_NO_WORD)
		return;
	f->model.known = false; // what it became without the model is told by the session
	if (after->ref == 0 || after->state < SESSION_TCP_ESTABLISHED)
		return;
	f->modelled = session_id(after->ref);
	tcp_model_begin(&f->model, ref_cold(after->ref)->tcp);
}

static void tcp_arrived(struct flow *f, const struct step *s) {
	unsigned dir = s->dir;
	uint32_t end = s->seg.seq + s->seg.len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);

	if (s->seg.seq == f->heard[!dir] || s->flags & TCP_SYN)
		f->heard[!dir] = end;
	if ((int32_t)(end - f->next[dir]) > 0 && end - f->next[dir] < 1u << 20)
		f->next[dir] = end;
}

// ---- what must be true of every packet -------------------------------------------------------------------------------------------------

static struct end end_at(const struct view *v, bool source) {
	struct end e = {0};
	bool icmp = v->proto == ICMP || v->proto == ICMP6;
	const uint8_t *l4 = v->ip + v->l4;

	memcpy(e.addr, view_src(v) + (source ? 0 : addr_size(v->v6)), addr_size(v->v6));
	if (icmp)
		e.port = (uint16_t)get16(l4 + 4);
	else if (v->proto != GRE)
		e.port = (uint16_t)get16(l4 + (source ? 0 : 2));
	return e;
}

static bool end_same(const struct end *a, const struct end *b) {
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool addr_same(const struct end *a, const struct end *b) {
	return memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

// `to`: whom it was sent to, when it began a session: a server whose session is over may speak to a port that was the client's in it alone.
static void judge_out(struct flow *f, const struct view *v, const struct end *to) {
	struct end src = end_at(v, true), dst = end_at(v, false),
		   box = end_of(f->v6 ? "2001:db8:2::1" : "10.2.0.1", f->v6, 0);

	if (!addr_same(&src, &box))
		wrong(f, "an address of the inside is seen outside");
	if (!addr_same(&dst, to) || (!is_icmp(f) && dst.port != to->port))
		wrong(f, "it left for somebody else");
	f->face = src;
}

static void judge_in(struct flow *f, const struct view *v) {
	struct end src = end_at(v, true), dst = end_at(v, false);

	if (!f->went_out && !f->served)
		wrong(f, "nobody asked for it");
	if (!end_same(&dst, &f->inside))
		wrong(f, "it came to somebody else");
	if (!f->served &&
		(!addr_same(&src, &f->outside) || (!is_icmp(f) && !end_same(&src, &f->outside))))
		wrong(f, "it is from somebody else");
	f->guest = is_icmp(f) ? f->guest : src;
}

static void judge_bytes(const struct flow *f, const struct frame *sent, const struct frame *got) {
	struct view was = view_of(sent->bytes + L3), is = view_of(got->bytes + L3);
	size_t skip = was.proto == TCP ? 20 : was.proto == GRE ? 4 : was.proto == SCTP ? 12 : 8;

	if (memcmp(was.ip + was.l4 + skip, is.ip + is.l4 + skip, was.len - was.l4 - skip) != 0)
		wrong(f, "its payload is another's");
	if (was.proto == TCP && memcmp(was.ip + was.l4 + 4, is.ip + is.l4 + 4, 12) != 0)
		wrong(f, "its TCP header is another's");
}

static void talk(struct flow *f, struct step *s) {
	struct frame sent, got;

	number++;
	frame_make(&sent, f, s);
	struct moment before = moment_of(&sent);
	send_frame(s->dir, &sent);
	struct moment after = moment_of(&sent);
	bool passed = arrived(!s->dir, &sent, false, &got);

	f->went_out |= s->dir == 0 && after.ref != 0; // also when it died on the way
	if (passed) {
		struct view v = view_of(got.bytes + L3), said = view_of(sent.bytes + L3);
		struct end called = end_at(&said, false);
		judge_bytes(f, &sent, &got);
		if (s->dir)
			judge_in(f, &v);
		else
			judge_out(f, &v, before.ref ? &f->outside : &called);
		if (after.ref == 0)
			wrong(f, "it passed, and there is no session");
		f->sent[s->dir] = sent;
		f->answer[s->dir] = dir_key(ref_dir(after.ref ^ 1));
		f->got[s->dir] = got;
	}
	if (f->proto == TCP)
		judge_tcp(f, s, &before, &after, passed);
	else if (f->proto == UDP && before.ref && before.present && !passed && !s->dying)
		wrong(f, "its session lives, and it did not pass");
	if (f->proto == TCP && passed)
		tcp_arrived(f, s);
	(void)arrived(s->dir, &sent, true, &got); // what the box says of it
}

// ---- errors: of the last packet of a direction ---------------------------------------------------------------------------------------------

static void judge_error(const struct flow *f, unsigned dir, const struct frame *got) {
	struct view v = view_of(got->bytes + L3), sent = view_of(f->sent[dir].bytes + L3);
	struct view quoted = view_of(v.ip + v.l4 + 8);
	struct end to = end_at(&v, false);

	if (memcmp(to.addr, view_src(&sent), addr_size(f->v6)) != 0)
		wrong(f, "an error that is told to somebody else");
	if (memcmp(view_src(&quoted), view_src(&sent), 2 * addr_size(f->v6)) != 0)
		wrong(f, "an error about other addresses than were sent");
	size_t bytes = is_icmp(f) ? 8 : 4, from = is_icmp(f) ? 4 : 0;
	if (memcmp(quoted.ip + quoted.l4 + from, sent.ip + sent.l4 + from, bytes - from) != 0)
		wrong(f, "an error about other ports than were sent");
	if (header_sum(&quoted) != 0)
		wrong(f, "the quoted header's checksum is wrong");
	bool whole = v.len >= v.l4 + 8 + quoted.len,
	     none = quoted.proto == UDP && !f->v6 && get16(quoted.ip + quoted.l4 + 6) == 0;
	if (whole && !none && sum_at(quoted.proto) != 0 && upper_sum(&quoted) != 0)
		wrong(f, "the quoted checksum is wrong");
}

// Whether its last packet that way would be translated now as it was: else an error about it is one about somebody else's.
static bool is_still(const struct flow *f, unsigned dir) {
	session_ref ref = session_of(&f->sent[dir]);
	struct session_key answer = dir_key(ref_dir(ref ^ 1));

	return ref != 0 && key_equal(&answer, &f->answer[dir]);
}

static void complain(struct flow *f, const struct step *s) {
	const struct frame *about = &f->got[s->dir];
	struct view v = view_of(about->bytes + L3);
	struct end router = end_of(f->v6 ? "2001:db8:2::8" : "10.2.0.8", f->v6, 0);
	struct frame error, got;

	if (about->len == 0)
		return;
	size_t quote = s->payload + 28 + (f->v6 ? 20 : 0) < v.len
		? s->payload + 28 + (f->v6 ? 20 : 0)
		: v.len;
	const uint8_t *src = s->dying && !s->dir ? router.addr : view_src(&v) + addr_size(f->v6);
	uint8_t *l4 =
		headers(&error, !s->dir, f->v6, f->v6 ? ICMP6 : ICMP, src, view_src(&v), 8 + quote);
	memset(l4, 0, 8);
	l4[0] = f->v6 ? 1 : 3;
	l4[1] = f->v6 ? 4 : 3;
	memcpy(l4 + 8, v.ip, quote);
	sums_set(error.bytes + L3);
	bool still = is_still(f, s->dir);
	send_frame(!s->dir, &error);
	if (arrived(s->dir, &error, true, &got) && still)
		judge_error(f, s->dir, &got);
	(void)arrived(!s->dir, &error, true, &got);
}

// ---- the rest of what may happen --------------------------------------------------------------------------------------------------------------

// A newcomer that nobody heard of before: the table fills.
static void crowd(const uint8_t *data) {
	struct flow f = flows_new[data[0] & 1 ? 1 : 6 + (data[1] & 1)];
	struct step s = {.flags = TCP_SYN, .seg = {.flags = TCP_SYN, .scale = -1}, .payload = 4};
	struct frame sent, got;

	f.inside.port = (uint16_t)get16(data + 2);
	s.payload = f.proto == TCP ? 0 : 4;
	frame_make(&sent, &f, &s);
	send_frame(0, &sent);
	(void)arrived(1, &sent, false, &got);
	(void)arrived(0, &sent, true, &got);
}

static void pass_time(uint64_t ns) {
	clock_fake_advance(ns);
	turn();
	session_module.poll(clock_now_ns());
}

static void new_rules(uint8_t proto) {
	forbidden = proto;
	session_policy_changed();
	turn();
}

static void flush(const char *args) {
	const struct module_action *action = module_action_find("flush", "sessions");
	json_t *json = json_loads(args, 0, NULL), *result = NULL;

	if (action->run(json, &result, NULL) != 0)
		lab_die("flush", NULL);
	json_decref(result);
	json_decref(json);
}

static void check(void) {
	const char *why = session_check();

	if (why != NULL)
		wrong(NULL, why);
}

static void step(const uint8_t *data) {
	struct step s = step_read(data);
	struct flow *f = &flows[s.flow];
	static const uint8_t protos[4] = {0, TCP, UDP, ICMP};

	switch (s.what) {
	case 15:
		pass_time((1 + data[1]) * 50 * NSEC_PER_MSEC);
		break;
	case 14:
		new_rules(protos[data[1] & 3]);
		break;
	case 13:
		crowd(data);
		break;
	case 12:
	case 11:
		complain(f, &s);
		break;
	case 10:
		flush(data[1] & 1 ? "{\"proto\":\"tcp\"}" : "{\"address\":\"10.2.0.9\"}");
		break;
	default:
		talk(f, &s);
	}
	if (held != (int)session_table.used)
		wrong(f, "not as many flows are held as there are sessions");
}

// ---- all of it ---------------------------------------------------------------------------------------------------------------------------------------

static int64_t nat_ports(void) {
	json_t *rows = json_array(), *row, *nothing = json_object();
	struct err err = {0};
	int64_t n = 0;
	size_t i;

	if (module_noun_find("nat-ports")->show(nothing, 1000, rows, &err) != 0)
		lab_die("nat-ports", &err);
	json_array_foreach (rows, i, row)
		n += json_integer_value(json_object_get(row, "used"));
	json_decref(nothing);
	json_decref(rows);
	return n;
}

// Smaller than a configuration may ask for, so that it is soon full; and an input does the same in every process.
static void table_small(void) {
	// 120 entries, 170 places: many lie in others than their first bucket
	session_table.max = 60;
	session_table.reserve = 4;
	session_table.n_buckets = TABLE_ALTERNATES + 1;
	for (unsigned i = 0; i < 8; i++)
		session_table.secret.k[i] = 0x9e3779b97f4a7c15u * (i + 1);
}

int LLVMFuzzerInitialize(int *, char ***) {
	static const struct module *const modules[] = {&dataplane_module, &session_module,
		&switch_module, &router_module, &firewall_module, NULL};

	lab_start(modules, config);
	for (unsigned i = 0; i < 2; i++) {
		rx[i] = lab_ring('r', "ab"[i]);
		tx[i] = lab_ring('t', "ab"[i]);
	}
	flows_init();
	for (unsigned i = 0; i < 12; i++) { // what interfaces say of themselves at first
		struct frame f;
		pass_time(NSEC_PER_SEC);
		while (receive(0, &f) || receive(1, &f))
			;
	}
	if (session_table.used != 0)
		lab_die("the lab talks to itself", NULL);
	table_small();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	unsigned before = lab_in_use();

	memcpy(flows, flows_new, sizeof(flows));
	number = 0;
	for (unsigned n = 0; size >= 4 && n < STEPS_MAX; n++, data += 4, size -= 4) {
		step(data);
		if (n % CHECK_EVERY == 0)
			check();
	}
	new_rules(0);
	pass_time(
		1); // what rules before have left is freed: libFuzzer looks for leaks when an input frees less than it takes
	for (unsigned i = 0; i < DRAINED && session_table.used > 0; i++)
		pass_time(NSEC_PER_SEC / 2);
	struct frame f;
	while (receive(0, &f) || receive(1, &f))
		;
	check();
	if (session_table.used != 0 || held != 0)
		wrong(NULL, "sessions outlive their time");
	if (nat_ports() != 0)
		wrong(NULL, "ports outlive their sessions");
	if (lab_in_use() != before)
		wrong(NULL, "packet buffers were lost");
	return 0;
}
