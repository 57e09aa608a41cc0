// SPDX-License-Identifier: BSD-3-Clause
// Sessions as people and programs see them. They are read while workers go on: copied, and looked at again.
#include "dataplane/dataplane_priv.h"
#include "dataplane/session/helper.h"
#include "dataplane/session/module.h"
#include "lib/addr.h"
#include "lib/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define SHOW_LOOKS    20000 // places that one turn of the control thread looks at: a few milliseconds
#define FLUSH_WAIT_NS (20 * NSEC_PER_SEC)

// ---- names ---------------------------------------------------------------------------------------------------------

static const struct {
	const char *name;
	uint8_t proto;
} protos[] = {{"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"icmp6", 58}, {"sctp", 132}, {"gre", 47},
	{"esp", 50}, {"ospf", 89}, {"vrrp", 112}, {"dccp", 33}, {"udplite", 136}};

static const char *proto_print(unsigned proto, char buf[static 8]) {
	for (unsigned i = 0; i < RTE_DIM(protos); i++)
		if (protos[i].proto == proto)
			return protos[i].name;
	snprintf(buf, 8, "%u", proto);
	return buf;
}

static int proto_parse(const char *word) {
	char *end;

	for (unsigned i = 0; i < RTE_DIM(protos); i++)
		if (strcasecmp(protos[i].name, word) == 0)
			return protos[i].proto;
	long n = strtol(word, &end, 10);
	return *word && *end == '\0' && n >= 0 && n < 256 ? (int)n : -1;
}

static int state_parse(const char *word) {
	for (int i = 0; i < SESSION_STATES; i++)
		if (strcasecmp(session_state_name((unsigned)i), word) == 0)
			return i;
	return -1;
}

// ---- sessions --------------------------------------------------------------------------------------------------------

static const struct schema_row session_columns[] = {
	{.name = "session", .type = SCHEMA_INT, .flags = SCHEMA_KEY, .help = "number of its place"},
	{.name = "proto", .type = SCHEMA_STRING, .help = "protocol"},
	{.name = "src", .type = SCHEMA_ADDRESS, .help = "who began it"},
	{.name = "sport", .type = SCHEMA_INT, .help = "its port; of ICMP the identifier"},
	{.name = "dst", .type = SCHEMA_ADDRESS, .help = "to whom"},
	{.name = "dport", .type = SCHEMA_INT, .help = "port there"},
	{.name = "to",
		.type = SCHEMA_STRING,
		.help = "what its packets are rewritten to; -: nothing"},
	{.name = "state", .type = SCHEMA_STRING, .help = "state"},
	{.name = "age", .type = SCHEMA_INT, .unit = "s", .help = "since it began"},
	{.name = "idle", .type = SCHEMA_INT, .unit = "s", .help = "since the last packet"},
	{.name = "packets", .type = SCHEMA_INT, .help = "of who began it"},
	{.name = "packets_back", .type = SCHEMA_INT, .help = "of the other side"},
	{.name = "bytes", .type = SCHEMA_INT, .flags = SCHEMA_WIDE, .help = "of who began it"},
	{.name = "bytes_back",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE,
		.help = "of the other side"},
	{.name = "in", .type = SCHEMA_STRING, .help = "interface that it comes in by; -: this box"},
	{.name = "out", .type = SCHEMA_STRING, .flags = SCHEMA_WIDE, .help = "the other one"},
	{.name = "domain", .type = SCHEMA_INT, .flags = SCHEMA_WIDE, .help = "VRF or switch"},
	{.name = "rule",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE,
		.help = "rule that let it through"},
	{.name = "worker", .type = SCHEMA_INT, .flags = SCHEMA_WIDE, .help = "whose it is"},
	{0},
};

// A copy; look_again() says whether it is one.
struct snapshot {
	session_ref id;
	struct session_flow flow;
	uint8_t state, owner;
	uint32_t start, seen;
	uint64_t packets[2], bytes[2];
};

static bool snapshot_take(struct snapshot *s, session_ref id) {
	struct session_dir *d[2] = {ref_dir(id), ref_dir(id | 1)};
	uint64_t head = atomic_load_explicit(&d[0]->head, memory_order_acquire);

	if (!(head >> 56 & KIND_USED))
		return false;
	*s = (struct snapshot){.id = id, .state = d[0]->state, .owner = (uint8_t)dir_owner(d[0])};
	session_flow_read(id, &s->flow);
	s->start = dir_more(d[1])->word;
	s->seen = (int32_t)(d[0]->seen - d[1]->seen) > 0 ? d[0]->seen : d[1]->seen;
	for (unsigned i = 0; i < 2; i++) {
		s->packets[i] = dir_packets(d[i]);
		s->bytes[i] = d[i]->bytes;
	}
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&d[0]->head, memory_order_relaxed) == head &&
		dir_more(d[1])->word == s->start && s->state < SESSION_STATES;
}

// What the API's filter says, as far as it saves work; the API looks again.
struct show {
	struct session_filter filter;
	int src, sport, dport; // -1: any
	int64_t key;
	const json_t *wanted;
	size_t limit;
	json_t *rows;
};

static int64_t number(const json_t *filter, const char *name) {
	const json_t *value = json_object_get(filter, name);

	if (json_is_string(value))
		return atoll(json_string_value(value));
	return json_is_integer(value) ? json_integer_value(value) : -1;
}

static const char *text(const json_t *filter, const char *name) {
	return json_string_value(json_object_get(filter, name));
}

static void show_filter(struct show *s, const json_t *filter) {
	struct session_filter *f = &s->filter;
	const char *word;
	struct addr addr;

	s->sport = (int)number(filter, "sport");
	s->dport = (int)number(filter, "dport");
	s->key = number(filter, "session");
	if (s->key < 0)
		s->key = number(filter, "key");
	if ((word = text(filter, "proto")) && proto_parse(word) >= 0) {
		f->has_proto = true;
		f->proto = (uint8_t)proto_parse(word);
	}
	if ((word = text(filter, "state")) && state_parse(word) >= 0) {
		f->has_state = true;
		f->state = (uint8_t)state_parse(word);
	}
	if (number(filter, "domain") >= 0) {
		f->has_domain = true;
		f->domain = (uint16_t)number(filter, "domain");
	}
	if (number(filter, "rule") >= 0) {
		f->has_rule = true;
		f->rule = (uint32_t)number(filter, "rule");
	}
	word = text(filter, "src") ? text(filter, "src") : text(filter, "dst");
	if (word && addr_parse(word, &addr) == 0) {
		f->has_addr = f->has_family = true;
		f->v6 = addr.family == ADDR_V6;
		memcpy(f->addr, addr.bytes, 16);
		memset(f->mask, 0xff, 16);
	}
}

static json_t *addr_json(const uint8_t *bytes, bool v6) {
	struct addr addr = {.family = v6 ? ADDR_V6 : ADDR_V4};
	char buf[ADDR_STRLEN];

	memcpy(addr.bytes, bytes, v6 ? 16 : 4);
	return json_string(addr_print(&addr, buf));
}

static json_t *to_json(const struct session_flow *flow) {
	struct addr a = {.family = flow->out.v6 ? ADDR_V6 : ADDR_V4}, b = a;
	char one[ADDR_STRLEN], two[ADDR_STRLEN], buf[128];

	if (memcmp(&flow->in, &flow->out, sizeof(flow->in)) == 0)
		return json_null();
	memcpy(a.bytes, flow->out.src, 16);
	memcpy(b.bytes, flow->out.dst, 16);
	snprintf(buf, sizeof(buf), flow->out.v6 ? "[%s]:%u [%s]:%u" : "%s:%u %s:%u",
		addr_print(&a, one), ntohs(flow->out.sport), addr_print(&b, two),
		ntohs(flow->out.dport));
	return json_string(buf);
}

static json_int_t seconds(uint32_t ticks) {
	return (int32_t)ticks < 0
		? 0
		: (json_int_t)(((uint64_t)ticks << TABLE_TICK_SHIFT) / NSEC_PER_SEC);
}

static json_t *session_row(const struct snapshot *s) {
	uint32_t now = (uint32_t)(clock_now_ns() >> TABLE_TICK_SHIFT);
	const struct session_flow *f = &s->flow;
	char proto[8];
	json_t *row = json_pack("{s:I, s:s, s:o, s:i, s:o, s:i, s:s, s:I, s:I}", "session",
		(json_int_t)s->id, "proto", proto_print(f->in.proto, proto), "src",
		addr_json(f->in.src, f->in.v6), "sport", (int)ntohs(f->in.sport), "dst",
		addr_json(f->in.dst, f->in.v6), "dport", (int)ntohs(f->in.dport), "state",
		session_state_name(s->state), "age", seconds(now - s->start), "idle",
		seconds(now - s->seen));
	json_t *more = json_pack("{s:o, s:I, s:I, s:I, s:I, s:s, s:s, s:i, s:I, s:i}", "to",
		to_json(f), "packets", (json_int_t)s->packets[0], "packets_back",
		(json_int_t)s->packets[1], "bytes", (json_int_t)s->bytes[0], "bytes_back",
		(json_int_t)s->bytes[1], "in", dp_iface_name(f->iface_in), "out",
		dp_iface_name(f->iface_out), "domain", (int)f->in.domain, "rule",
		(json_int_t)f->rule, "worker", (int)s->owner);

	json_object_update(row, more);
	json_decref(more);
	if (json_is_null(json_object_get(row, "to")))
		json_object_del(row, "to");
	return row;
}

static bool wanted_here(const struct show *s, const struct snapshot *snap) {
	const struct session_tuple *in = &snap->flow.in;

	if (s->sport >= 0 && ntohs(in->sport) != s->sport)
		return false;
	return s->dport < 0 || ntohs(in->dport) == s->dport;
}

// The sessions from `*at` on, at most SHOW_LOOKS places of them; *at is where to go on, 0 at the end.
static int show_some(struct show *s, session_ref *at, struct err *err) {
	struct snapshot snap;

	for (unsigned looks = 0;
		*at != 0 && looks < SHOW_LOOKS && json_array_size(s->rows) < s->limit; looks++) {
		session_ref id = *at;

		__builtin_prefetch(ref_dir(id + 16));
		*at = table_next(id);
		if (!(ref_dir(id)->kind & KIND_USED) || !session_filter_match(&s->filter, id) ||
			!snapshot_take(&snap, id) || !wanted_here(s, &snap))
			continue;
		if (json_array_append_new(s->rows, session_row(&snap)) != 0)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

// The cursor is the next place.
static int sessions_page(const json_t *filter, char cursor[static MODULE_CURSOR], size_t limit,
	json_t *rows, struct err *err) {
	struct show s = {.limit = limit, .rows = rows};
	session_ref at;

	show_filter(&s, filter);
	if (s.key >= 0) {
		at = (session_ref)s.key;
		at = table_has(at) ? at : 0;
		s.limit = 1;
	} else {
		at = *cursor ? (session_ref)strtoul(cursor, NULL, 10) : table_next(0);
		if (*cursor && !table_has(at))
			return err_set(err, -EINVAL,
				"after: this is not what `next` said; leave it out to begin anew");
	}
	*cursor = '\0';
	int rc = show_some(&s, &at, err);
	if (rc == 0 && s.key < 0 && at != 0)
		snprintf(cursor, MODULE_CURSOR, "%u", at);
	return rc;
}

// ---- for those who decide -------------------------------------------------------------------------------------------------

bool session_foreach(
	bool (*visit)(struct session_flow *, void *), void *arg, uint64_t deadline_ns) {
	struct snapshot snap;
	unsigned looks = 0;

	for (session_ref id = table_next(0); id != 0; id = table_next(id)) {
		__builtin_prefetch(ref_dir(id + 16));
		if (++looks % 1024 == 0 && clock_now_ns() > deadline_ns)
			return false;
		if (ref_dir(id)->kind & KIND_USED && snapshot_take(&snap, id) &&
			!visit(&snap.flow, arg))
			return true;
	}
	return true;
}

char *session_flow_print(const struct session_flow *flow, char buf[static SESSION_FLOW_TEXT]) {
	struct addr a = {.family = flow->in.v6 ? ADDR_V6 : ADDR_V4}, b = a;
	char one[ADDR_STRLEN], two[ADDR_STRLEN], proto[8];

	memcpy(a.bytes, flow->in.src, 16);
	memcpy(b.bytes, flow->in.dst, 16);
	snprintf(buf, SESSION_FLOW_TEXT, "%s %s port %u to %s port %u",
		proto_print(flow->in.proto, proto), addr_print(&a, one), ntohs(flow->in.sport),
		addr_print(&b, two), ntohs(flow->in.dport));
	return buf;
}

// ---- the table, for people and metrics --------------------------------------------------------------------------------

#define COUNTER(word, what) \
	{ .name = word, .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = what }
#define GAUGE(word, what) \
	{ .name = word, .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = what }

static const struct schema_row table_columns[] = {
	{.name = "table", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "sessions"},
	GAUGE("used", "sessions that exist"),
	GAUGE("max", "sessions at most"),
	GAUGE("reserve", "of them for management and routing protocols alone"),
	GAUGE("bytes", "memory of those that exist, and of the index"),
	COUNTER("begun", "sessions that began"),
	COUNTER("refused", "not begun: no room"),
	COUNTER("raced", "not begun: their tuple was another session's"),
	COUNTER("idle", "ended: silent"),
	COUNTER("closed", "ended: both sides had closed"),
	COUNTER("reset", "ended: one side had broken off"),
	COUNTER("revoked", "ended: the rules of a later commit forbid them"),
	COUNTER("flushed", "ended: by order"),
	COUNTER("evicted", "ended: made room for others"),
	COUNTER("reused", "ended: a new connection took their tuple"),
	COUNTER("records_lost", "starts and ends that were not recorded"),
	GAUGE("expectations", "connections that helpers wait for"),
	COUNTER("expectations_refused", "that they could not wait for: no room"),
	{0},
};

static uint64_t bytes_used(void) {
	uint64_t top4 = atomic_load(&session_table.top[0]) - 1,
		 top6 = atomic_load(&session_table.top[1]) - 1;

	return top4 * (2 * sizeof(struct session_dir4) + sizeof(struct session_cold)) +
		top6 * (2 * sizeof(struct session_dir6) + sizeof(struct session_cold)) +
		session_table.n_buckets * sizeof(struct table_bucket);
}

static int table_show(const json_t *, size_t, json_t *rows, struct err *err) {
	struct session_counts c = session_counts_sum();
	json_t *row;

	if (!session_table.buckets)
		return 0;
	row = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "table",
		"sessions", "used", (json_int_t)atomic_load(&session_table.used), "max",
		(json_int_t)session_table.max, "reserve", (json_int_t)session_table.reserve,
		"bytes", (json_int_t)bytes_used(), "begun", (json_int_t)c.begun, "refused",
		(json_int_t)c.refused, "raced", (json_int_t)c.raced, "records_lost",
		(json_int_t)(c.records_lost + session_log_lost()), "expectations",
		(json_int_t)expect_count(clock_now_ns()), "expectations_refused",
		(json_int_t)atomic_load(&expect_refused));
	for (unsigned i = 0; row && i < SESSION_ENDS; i++)
		json_object_set_new(row, session_end_name(i), json_integer((json_int_t)c.ended[i]));
	return row && json_array_append_new(rows, row) == 0
		? 0
		: err_set(err, -ENOMEM, "out of memory");
}

static const struct schema_row states_columns[] = {
	{.name = "state", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "state"},
	GAUGE("sessions", "sessions in it"),
	{0},
};

static int states_show(const json_t *, size_t, json_t *rows, struct err *err) {
	struct session_counts c = session_counts_sum();

	for (unsigned i = 1; session_table.buckets && i < SESSION_STATES; i++)
		if (json_array_append_new(rows,
			    json_pack("{s:s, s:I}", "state", session_state_name(i), "sessions",
				    (json_int_t)c.in_state[i])) != 0)
			return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

const struct module_noun session_nouns[] = {
	{.name = "sessions",
		.help = "flows, and what was decided about them",
		.columns = session_columns,
		.page = sessions_page,
		.no_metrics = true},
	{.name = "session_table",
		.help = "how full the table of sessions is, and why sessions ended",
		.columns = table_columns,
		.show = table_show},
	{.name = "session_states",
		.help = "sessions by state",
		.columns = states_columns,
		.show = states_show},
	{.name = "expectations",
		.help = "connections that a helper awaits",
		.columns = session_expect_columns,
		.show = session_expect_show,
		.no_metrics = true},
	{0},
};

// ---- flush -----------------------------------------------------------------------------------------------------------

struct flush_args {
	const char *proto, *state;
	struct prefix address;
	int64_t port, domain, rule;
};

static const struct schema_row flush_rows[] = {
	{.name = "proto",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct flush_args, proto),
		.help = "of this protocol only: tcp, udp, icmp, icmp6, or a number"},
	{.name = "address",
		.type = SCHEMA_PREFIX,
		SCHEMA_FIELD(struct flush_args, address),
		.help = "with an end in this prefix only, before or after translation"},
	{.name = "port",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 65535,
		SCHEMA_FIELD(struct flush_args, port),
		.help = "with this port at one end only"},
	{.name = "state",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct flush_args, state),
		.help = "in this state only; `leat show session_states` lists them"},
	{.name = "domain",
		.type = SCHEMA_INT,
		.min = 0,
		.max = 65535,
		SCHEMA_FIELD(struct flush_args, domain),
		.help = "of this VRF or switch only"},
	{.name = "rule",
		.type = SCHEMA_INT,
		.min = 1,
		.max = UINT32_MAX,
		SCHEMA_FIELD(struct flush_args, rule),
		.help = "that this rule let through only"},
	{0},
};

static int flush_filter(const struct flush_args *args, struct session_filter *f, struct err *err) {
	if (args->proto) {
		int proto = proto_parse(args->proto);
		if (proto < 0)
			return err_set(err, -EINVAL,
				"proto: %s is no protocol; write tcp, udp, icmp, icmp6 or a number",
				args->proto);
		f->has_proto = true;
		f->proto = (uint8_t)proto;
	}
	if (args->state) {
		int state = state_parse(args->state);
		if (state < 0)
			return err_set(err, -EINVAL,
				"state: there is no state %s; see `leat show session_states`",
				args->state);
		f->has_state = true;
		f->state = (uint8_t)state;
	}
	f->has_port = args->port > 0;
	f->port = htons((uint16_t)args->port);
	f->has_domain = args->domain >= 0;
	f->domain = (uint16_t)args->domain;
	f->has_rule = args->rule > 0;
	f->rule = (uint32_t)args->rule;
	f->has_addr = f->has_family = args->address.addr.family != ADDR_NONE;
	f->v6 = args->address.addr.family == ADDR_V6;
	memcpy(f->addr, args->address.addr.bytes, 16);
	for (unsigned i = 0; i < args->address.len; i++)
		f->mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return 0;
}

// How far workers are, in places that they have looked at.
static uint64_t swept(void) {
	uint64_t n = 0;

	for (unsigned i = 0; i < TABLE_WORKERS; i++)
		n += __atomic_load_n(&session_owners[i].sweep_at, __ATOMIC_RELAXED) +
			atomic_load_explicit(&session_owners[i].swept, memory_order_relaxed);
	return n;
}

// Every worker ends its own; this thread waits for them, as long as they go on: millions take their time.
static int flush_wait(struct err *err) {
	uint64_t waited_ns = 0, at = 0;

	while (!session_sweep_done()) {
		if (dp_workers_threaded()) {
			usleep(200);
			waited_ns = swept() == at ? waited_ns + 200000 : 0;
			at = swept();
		} else {
			dp_step();
		}
		if (waited_ns > FLUSH_WAIT_NS)
			return err_set(
				err, -ETIMEDOUT, "a worker stands still; see `leat show workers`");
	}
	return 0;
}

static int flush_run(const json_t *json, json_t **result, struct err *err) {
	struct flush_args args = {.domain = -1};
	struct session_filter filter = {0};
	uint64_t n = 0;

	schema_decode(flush_rows, json, &args);
	int rc = flush_filter(&args, &filter, err);
	if (rc < 0 || !session_table.buckets)
		return rc;
	bool judging = !session_sweep_done();
	session_sweep_begin(&filter);
	rc = flush_wait(err);
	for (unsigned i = 0; i < TABLE_WORKERS; i++)
		n += atomic_load(&session_owners[i].flushed);
	if (judging) // the walk that this one cut short
		session_sweep_begin(NULL);
	*result = json_pack("{s:I}", "flushed", (json_int_t)n);
	return rc;
}

const struct module_action session_actions[] = {
	{.verb = "flush",
		.noun = "sessions",
		.help = "end sessions; without arguments all of them",
		.args = flush_rows,
		.run = flush_run},
	{0},
};
