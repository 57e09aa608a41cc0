// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/client.h"
#include "lib/clock.h"
#include "lib/hash.h"
#include "lib/wire.h"
#include <string.h>

#define WAIT_NS   (10 * NSEC_PER_SEC) // after a DECLINE (section 3.1 (5))
#define LEASE_MAX 315360000u          // ten years: what is longer is as good
#define TRIES     4                   // of a REQUEST, before it begins anew
#define REBOOTS   2                   // of one in REBOOTING, before the lease is used as it is

const char *dhcp_client_state_name(enum dhcp_client_state state) {
	static const char *const names[DHCP_CLIENT_STATES] = {"down", "init", "selecting",
		"requesting", "rebooting", "checking", "bound", "renewing", "rebinding", "waiting"};

	return names[state];
}

// ---- what a server says -----------------------------------------------------------------------------------------

static unsigned addresses(const struct dhcp_msg *msg, unsigned code, uint32_t *addrs) {
	size_t len;
	const uint8_t *b = dhcp_option(msg, code, &len);
	unsigned n = 0;

	for (size_t i = 0; b && i + 4 <= len && n < DHCP_CLIENT_ADDRS; i += 4)
		addrs[n++] = get32(b + i);
	return n;
}

static bool is_host(uint32_t addr) {
	unsigned first = addr >> 24;

	return first != 0 && first != 127 && first < 224;
}

// Without option 1: the mask of the address's class (RFC 2131 section 4.3.1 wants it there).
static uint32_t mask_of(const struct dhcp_msg *msg, uint32_t addr) {
	uint32_t mask = dhcp_option_u32(msg, DHCP_OPT_MASK);

	if (mask != 0 && (~mask & (~mask + 1)) == 0)
		return mask;
	return addr >> 31 == 0 ? 0xff000000u : addr >> 30 == 2 ? 0xffff0000u : 0xffffff00u;
}

// RFC 3442: option 121 stands for option 3 as well.
static void routes(const struct dhcp_msg *msg, struct dhcp_client_lease *lease) {
	size_t len;
	const uint8_t *b = dhcp_option(msg, DHCP_OPT_ROUTES, &len);
	int n = b ? dhcp_routes_decode(b, len, lease->routes, DHCP_CONF_ROUTES) : 0;

	if (n > 0) {
		lease->n_routes = (unsigned)n;
		return;
	}
	b = dhcp_option(msg, DHCP_OPT_ROUTERS, &len);
	if (b == NULL || len < 4)
		return;
	lease->routes[0] = (struct dhcp_route){{.addr = {.family = ADDR_V4}}, get32(b)};
	lease->n_routes = 1;
}

static uint64_t time_of(
	const struct dhcp_msg *msg, unsigned code, uint64_t otherwise, uint64_t most) {
	uint64_t s = dhcp_option_u32(msg, code);

	return s > 0 && s <= most ? s : otherwise;
}

bool dhcp_client_lease_decode(const struct dhcp_msg *msg, struct dhcp_client_lease *lease) {
	*lease = (struct dhcp_client_lease){.addr = msg->head.yiaddr,
		.server = dhcp_option_u32(msg, DHCP_OPT_SERVER),
		.lease_s = dhcp_option_u32(msg, DHCP_OPT_LEASE),
		.mtu = dhcp_option_u16(msg, DHCP_OPT_MTU)};
	if (!is_host(lease->addr) || lease->server == 0 || lease->lease_s == 0)
		return false;
	if (lease->lease_s > LEASE_MAX)
		lease->lease_s = LEASE_MAX;
	lease->mask = mask_of(msg, lease->addr);
	lease->t2_s = time_of(msg, DHCP_OPT_T2, lease->lease_s * 7 / 8, lease->lease_s);
	lease->t1_s = time_of(msg, DHCP_OPT_T1, lease->lease_s / 2, lease->t2_s);
	if (lease->t1_s > lease->t2_s)
		lease->t1_s = lease->t2_s;
	lease->n_dns = addresses(msg, DHCP_OPT_DNS, lease->dns);
	lease->n_ntp = addresses(msg, DHCP_OPT_NTP, lease->ntp);
	dhcp_option_text(msg, DHCP_OPT_DOMAIN, lease->domain, sizeof(lease->domain));
	routes(msg, lease);
	return true;
}

// ---- what the client says ---------------------------------------------------------------------------------------

static void begin(struct dhcp_client *c, struct dhcp_out *out, enum dhcp_type type) {
	uint64_t s = (clock_now_ns() - c->begun_ns) / NSEC_PER_SEC;
	uint8_t id[7] = {1};

	memset(out, 0, offsetof(struct dhcp_out, options));
	out->len = 0;
	out->head = (struct dhcp_head){.op = 1,
		.htype = 1,
		.hlen = 6,
		.xid = c->xid,
		.secs = (uint16_t)(s < 0xffff ? s : 0xffff)};
	memcpy(out->head.chaddr, c->mac.bytes, sizeof(c->mac.bytes));
	dhcp_put_u8(out, DHCP_OPT_TYPE, type);
	memcpy(id + 1, c->mac.bytes, sizeof(c->mac.bytes));
	if (c->conf->id_len)
		dhcp_put(out, DHCP_OPT_CLIENT, c->conf->id, c->conf->id_len);
	else
		dhcp_put(out, DHCP_OPT_CLIENT, id, sizeof(id));
}

static void ask_put(const struct dhcp_client *c, struct dhcp_out *out) {
	static const uint8_t wanted[] = {DHCP_OPT_MASK, DHCP_OPT_ROUTES, DHCP_OPT_ROUTERS,
		DHCP_OPT_DNS, DHCP_OPT_DOMAIN, DHCP_OPT_NTP, DHCP_OPT_MTU, DHCP_OPT_T1,
		DHCP_OPT_T2};

	dhcp_put_u16(out, DHCP_OPT_SIZE, DHCP_OUT_MAX + 28);
	if (c->conf->vendor_class[0])
		dhcp_put(
			out, DHCP_OPT_VENDOR, c->conf->vendor_class, strlen(c->conf->vendor_class));
	if (c->conf->hostname[0])
		dhcp_put(out, DHCP_OPT_HOSTNAME, c->conf->hostname, strlen(c->conf->hostname));
	dhcp_put(out, DHCP_OPT_WANTED, wanted, sizeof(wanted));
}

static void send(struct dhcp_client *c, const struct dhcp_out *out, uint32_t to) {
	c->stats.sent[out->options[3]]++;
	c->ops->send(c, out, to);
}

static void discover(struct dhcp_client *c) {
	struct dhcp_out out;

	begin(c, &out, DHCP_DISCOVER);
	out.head.flags = DHCP_BROADCAST; // no address yet to which a unicast could come
	if (c->has_lease)
		dhcp_put_u32(&out, DHCP_OPT_REQUESTED, c->lease.addr);
	ask_put(c, &out);
	send(c, &out, 0);
}

// RFC 2131 table 4: which addresses stand where.
static void request(struct dhcp_client *c) {
	struct dhcp_out out;

	begin(c, &out, DHCP_REQUEST);
	if (c->state == DHCP_CLIENT_REQUESTING) {
		out.head.flags = DHCP_BROADCAST;
		dhcp_put_u32(&out, DHCP_OPT_REQUESTED, c->offer.addr);
		dhcp_put_u32(&out, DHCP_OPT_SERVER, c->offer.server);
	} else if (c->state == DHCP_CLIENT_REBOOTING) {
		out.head.flags = DHCP_BROADCAST;
		dhcp_put_u32(&out, DHCP_OPT_REQUESTED, c->lease.addr);
	} else {
		out.head.ciaddr = c->lease.addr;
	}
	ask_put(c, &out);
	send(c, &out, c->state == DHCP_CLIENT_RENEWING ? c->lease.server : 0);
}

static void decline(struct dhcp_client *c) {
	struct dhcp_out out;

	begin(c, &out, DHCP_DECLINE);
	dhcp_put_u32(&out, DHCP_OPT_REQUESTED, c->lease.addr);
	dhcp_put_u32(&out, DHCP_OPT_SERVER, c->lease.server);
	send(c, &out, 0);
}

// ---- states -----------------------------------------------------------------------------------------------------

static uint64_t spread(const struct dhcp_client *c, uint64_t range_ns) {
	return hash_below(range_ns, c->ops->random());
}

static void again_in(struct dhcp_client *c) {
	uint64_t s = 4u << (c->tries < 4 ? c->tries : 4);

	c->tries++;
	c->next_ns = clock_now_ns() + (s - 1) * NSEC_PER_SEC + spread(c, 2 * NSEC_PER_SEC);
}

static void exchange(struct dhcp_client *c, enum dhcp_client_state state) {
	c->state = state;
	c->tries = 0;
	if (state != DHCP_CLIENT_REQUESTING) { // that one goes on with what the OFFER answered
		c->xid = c->ops->random();
		c->begun_ns = clock_now_ns();
	}
}

static void init(struct dhcp_client *c) {
	exchange(c, DHCP_CLIENT_INIT);
	c->next_ns =
		clock_now_ns() + spread(c, NSEC_PER_SEC / 2); // not all at once after a power cut
}

static void lose(struct dhcp_client *c, bool forget) {
	if (forget)
		c->has_lease = false;
	if (c->in_use || forget)
		c->ops->lost(c, forget);
	c->in_use = false;
}

static uint64_t lease_at(const struct dhcp_client *c, uint64_t s) {
	return c->lease.got_ns + s * NSEC_PER_SEC;
}

static void bound(struct dhcp_client *c) {
	c->state = DHCP_CLIENT_BOUND;
	c->next_ns = lease_at(c, c->lease.t1_s);
	c->in_use = true;
	c->ops->bound(c);
}

// Half of what is left, but not more often than once a minute, and not beyond the end.
static void renew_again_in(struct dhcp_client *c, uint64_t end_ns) {
	uint64_t now_ns = clock_now_ns(), left = end_ns > now_ns ? end_ns - now_ns : 0;
	uint64_t wait = left / 2 < 60 * NSEC_PER_SEC ? 60 * NSEC_PER_SEC : left / 2;

	c->next_ns = wait < left ? now_ns + wait : end_ns;
}

static void check(struct dhcp_client *c) {
	c->state = DHCP_CLIENT_CHECKING;
	c->next_ns = clock_now_ns() + WAIT_NS; // should nobody ever say how it ended
	if (!c->ops->address(c)) {
		lose(c, true);
		c->state = DHCP_CLIENT_WAITING;
		c->next_ns = clock_now_ns() + 6 * WAIT_NS;
	}
}

void dhcp_client_link(struct dhcp_client *c, bool up) {
	if (!up) {
		c->state = DHCP_CLIENT_DOWN;
		c->next_ns = 0;
		return;
	}
	if (c->state != DHCP_CLIENT_DOWN)
		return;
	if (c->has_lease && lease_at(c, c->lease.lease_s) <= clock_now_ns())
		lose(c, true);
	if (!c->has_lease) {
		init(c);
		return;
	}
	exchange(c, DHCP_CLIENT_REBOOTING);
	c->next_ns = clock_now_ns();
}

static void ack(struct dhcp_client *c, const struct dhcp_client_lease *lease) {
	bool same = c->in_use && c->lease.addr == lease->addr && c->lease.mask == lease->mask;

	if (c->in_use && !same)
		lose(c, false);
	c->lease = *lease;
	c->lease.got_ns = c->begun_ns; // when the REQUEST was sent first (section 4.4.1)
	c->has_lease = true;
	if (same)
		bound(c);
	else
		check(c);
}

static void nak(struct dhcp_client *c) {
	lose(c, true);
	init(c);
}

void dhcp_client_receive(struct dhcp_client *c, const struct dhcp_msg *msg) {
	struct dhcp_client_lease lease;
	bool asking = c->state == DHCP_CLIENT_REQUESTING || c->state == DHCP_CLIENT_REBOOTING ||
		c->state == DHCP_CLIENT_RENEWING || c->state == DHCP_CLIENT_REBINDING;

	if (msg->head.op != 2 || msg->head.xid != c->xid || msg->head.hlen != 6 ||
		memcmp(msg->head.chaddr, c->mac.bytes, 6) != 0 || msg->type > DHCP_INFORM) {
		c->stats.ignored++;
		return;
	}
	c->stats.received[msg->type]++;
	if (c->state == DHCP_CLIENT_SELECTING && msg->type == DHCP_OFFER &&
		dhcp_client_lease_decode(msg, &lease)) {
		c->offer = lease;
		exchange(c, DHCP_CLIENT_REQUESTING);
		c->begun_ns = clock_now_ns();
		dhcp_client_poll(c, c->next_ns = clock_now_ns());
	} else if (asking && msg->type == DHCP_ACK && dhcp_client_lease_decode(msg, &lease)) {
		ack(c, &lease);
	} else if (asking && msg->type == DHCP_NAK) {
		nak(c);
	} else {
		c->stats.ignored++;
	}
}

void dhcp_client_checked(struct dhcp_client *c, bool usable) {
	if (c->state != DHCP_CLIENT_CHECKING)
		return;
	if (usable) {
		bound(c);
		return;
	}
	decline(c);
	c->in_use = true; // so that the address goes
	lose(c, true);
	c->state = DHCP_CLIENT_WAITING;
	c->next_ns = clock_now_ns() + WAIT_NS;
}

// ---- time -------------------------------------------------------------------------------------------------------

static void rebooting(struct dhcp_client *c) {
	if (c->tries < REBOOTS) {
		request(c);
		again_in(c);
		return;
	}
	// Section 3.2 (3): nobody answers: the lease is still good until its end.
	if (c->in_use)
		bound(c);
	else
		check(c);
}

static void requesting(struct dhcp_client *c) {
	if (c->tries >= TRIES) {
		init(c);
		return;
	}
	request(c);
	again_in(c);
}

static void renewing(struct dhcp_client *c, uint64_t now_ns) {
	if (now_ns >= lease_at(c, c->lease.lease_s)) {
		nak(c);
		return;
	}
	if (c->state != DHCP_CLIENT_REBINDING && now_ns >= lease_at(c, c->lease.t2_s))
		exchange(c, DHCP_CLIENT_REBINDING);
	else if (c->state == DHCP_CLIENT_BOUND)
		exchange(c, DHCP_CLIENT_RENEWING);
	c->begun_ns = now_ns;
	request(c);
	renew_again_in(c,
		lease_at(c, c->state == DHCP_CLIENT_RENEWING ? c->lease.t2_s : c->lease.lease_s));
}

void dhcp_client_poll(struct dhcp_client *c, uint64_t now_ns) {
	if (c->next_ns == 0 || now_ns < c->next_ns)
		return;
	switch (c->state) {
	case DHCP_CLIENT_INIT:
		exchange(c, DHCP_CLIENT_SELECTING);
		[[fallthrough]];
	case DHCP_CLIENT_SELECTING:
		discover(c);
		again_in(c);
		break;
	case DHCP_CLIENT_REQUESTING:
		requesting(c);
		break;
	case DHCP_CLIENT_REBOOTING:
		rebooting(c);
		break;
	case DHCP_CLIENT_BOUND:
	case DHCP_CLIENT_RENEWING:
	case DHCP_CLIENT_REBINDING:
		renewing(c, now_ns);
		break;
	case DHCP_CLIENT_CHECKING:
		c->in_use = true;
		lose(c, true);
		[[fallthrough]];
	case DHCP_CLIENT_WAITING:
		init(c);
		break;
	default:
		c->next_ns = 0;
	}
}

void dhcp_client_renew(struct dhcp_client *c) {
	if (c->state == DHCP_CLIENT_DOWN)
		return;
	if (!c->in_use) {
		init(c);
		return;
	}
	if (c->state == DHCP_CLIENT_RENEWING)
		c->state = DHCP_CLIENT_BOUND; // a new exchange
	c->next_ns = clock_now_ns();
	dhcp_client_poll(c, c->next_ns);
}

void dhcp_client_release(struct dhcp_client *c) {
	struct dhcp_out out;

	if (c->in_use && c->state != DHCP_CLIENT_DOWN) {
		begin(c, &out, DHCP_RELEASE);
		out.head.ciaddr = c->lease.addr;
		out.head.secs = 0;
		dhcp_put_u32(&out, DHCP_OPT_SERVER, c->lease.server);
		send(c, &out, c->lease.server);
	}
	lose(c, true);
	c->state = DHCP_CLIENT_DOWN;
	c->next_ns = 0;
}
