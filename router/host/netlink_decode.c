// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/netlink_decode.h"
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define ATTRS 64 // types up to here are of interest

// Attributes by type, the last of a type wins. Payloads are looked at only with at least the length wanted.
struct attrs {
	const struct rtattr *by_type[ATTRS];
};

static void attrs_read(struct attrs *attrs, const void *start, size_t len) {
	const struct rtattr *attr = start;
	int left = (int)len;

	memset(attrs, 0, sizeof(*attrs));
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		unsigned type = attr->rta_type & NLA_TYPE_MASK;

		if (type < ATTRS)
			attrs->by_type[type] = attr;
	}
}

static const void *attr_get(const struct attrs *attrs, unsigned type, size_t len) {
	const struct rtattr *attr = attrs->by_type[type];

	return attr && RTA_PAYLOAD(attr) >= len ? RTA_DATA(attr) : NULL;
}

static uint32_t attr_u32(const struct attrs *attrs, unsigned type, uint32_t absent) {
	const void *data = attr_get(attrs, type, sizeof(uint32_t));

	if (data)
		memcpy(&absent, data, sizeof(absent));
	return absent;
}

static size_t family_bytes(unsigned family) {
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

static void addr_set(struct addr *addr, unsigned family, const void *bytes) {
	*addr = (struct addr){.family = family == AF_INET6 ? ADDR_V6 : ADDR_V4};
	memcpy(addr->bytes, bytes, family_bytes(family));
}

static void addr_read(
	const struct attrs *attrs, unsigned type, unsigned family, struct addr *addr) {
	const void *bytes =
		family_bytes(family) ? attr_get(attrs, type, family_bytes(family)) : NULL;

	if (bytes)
		addr_set(addr, family, bytes);
}

// A gateway of the other family (RFC 5549): struct rtvia.
static void via_read(const struct attrs *attrs, unsigned family, struct addr *via) {
	const uint8_t *data = attr_get(attrs, RTA_VIA, 2);
	uint16_t other;

	addr_read(attrs, RTA_GATEWAY, family, via);
	if (data == NULL)
		return;
	memcpy(&other, data, sizeof(other));
	size_t bytes = family_bytes(other);
	if (bytes && attr_get(attrs, RTA_VIA, 2 + bytes))
		addr_set(via, other, data + 2);
}

static bool path_add(struct netlink_event *e, struct netlink_path path) {
	if (e->n_paths == NETLINK_PATHS)
		return false;
	e->paths[e->n_paths++] = path;
	return true;
}

static void multipath_read(struct netlink_event *e, unsigned family, const struct rtattr *attr) {
	const uint8_t *at = RTA_DATA(attr);
	size_t left = RTA_PAYLOAD(attr);

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const void *)at;
		struct netlink_path path = {
			.oif = (uint32_t)hop->rtnh_ifindex, .weight = hop->rtnh_hops + 1u};
		struct attrs attrs;

		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			return;
		attrs_read(&attrs, RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop));
		via_read(&attrs, family, &path.via);
		if (!path_add(e, path))
			return;
		size_t step = RTNH_ALIGN(hop->rtnh_len);
		if (step >= left)
			return;
		at += step;
		left -= step;
	}
}

static bool route_read(struct netlink_event *e, const struct nlmsghdr *h) {
	const struct rtmsg *msg = NLMSG_DATA(h);
	size_t bytes = family_bytes(msg->rtm_family);
	struct netlink_path path = {.weight = 1};
	struct attrs attrs;

	if (bytes == 0 || msg->rtm_dst_len > bytes * 8 || msg->rtm_src_len != 0)
		return false;
	attrs_read(&attrs, RTM_RTA(msg), RTM_PAYLOAD(h));
	e->prefix.addr.family = msg->rtm_family == AF_INET6 ? ADDR_V6 : ADDR_V4;
	addr_read(&attrs, RTA_DST, msg->rtm_family, &e->prefix.addr);
	e->prefix.len = msg->rtm_dst_len;
	e->prefix = prefix_network(&e->prefix);
	e->table = attr_u32(&attrs, RTA_TABLE, msg->rtm_table);
	e->metric = attr_u32(&attrs, RTA_PRIORITY, 0);
	e->nexthop = attr_u32(&attrs, RTA_NH_ID, 0);
	e->protocol = msg->rtm_protocol;
	e->type = msg->rtm_type;
	e->cloned = msg->rtm_flags & RTM_F_CLONED;
	if (attrs.by_type[RTA_MULTIPATH]) {
		multipath_read(e, msg->rtm_family, attrs.by_type[RTA_MULTIPATH]);
		return true;
	}
	path.oif = attr_u32(&attrs, RTA_OIF, 0);
	via_read(&attrs, msg->rtm_family, &path.via);
	return path.oif == 0 || path_add(e, path);
}

static void members_read(struct netlink_event *e, const struct rtattr *attr) {
	const uint8_t *at = RTA_DATA(attr);

	for (size_t left = RTA_PAYLOAD(attr); left >= sizeof(struct nexthop_grp);
		left -= sizeof(struct nexthop_grp), at += sizeof(struct nexthop_grp)) {
		struct nexthop_grp member;

		memcpy(&member, at, sizeof(member));
		if (!path_add(e,
			    (struct netlink_path){.id = member.id, .weight = member.weight + 1u}))
			return;
	}
}

static bool nexthop_read(struct netlink_event *e, const struct nlmsghdr *h) {
	const struct nhmsg *msg = NLMSG_DATA(h);
	struct netlink_path path = {.weight = 1};
	struct attrs attrs;

	attrs_read(&attrs, (const uint8_t *)msg + NLMSG_ALIGN(sizeof(*msg)),
		NLMSG_PAYLOAD(h, NLMSG_ALIGN(sizeof(*msg))));
	e->id = attr_u32(&attrs, NHA_ID, 0);
	e->blackhole = attrs.by_type[NHA_BLACKHOLE];
	e->foreign = attrs.by_type[NHA_FDB] || attrs.by_type[NHA_ENCAP];
	e->group = attrs.by_type[NHA_GROUP];
	if (e->group) {
		members_read(e, attrs.by_type[NHA_GROUP]);
	} else {
		path.oif = attr_u32(&attrs, NHA_OIF, 0);
		addr_read(&attrs, NHA_GATEWAY, msg->nh_family, &path.via);
		if (path.oif)
			path_add(e, path);
	}
	return e->id != 0;
}

static bool neigh_read(struct netlink_event *e, const struct nlmsghdr *h) {
	const struct ndmsg *msg = NLMSG_DATA(h);
	struct attrs attrs;

	attrs_read(&attrs, (const uint8_t *)msg + NLMSG_ALIGN(sizeof(*msg)),
		NLMSG_PAYLOAD(h, NLMSG_ALIGN(sizeof(*msg))));
	e->index = (uint32_t)msg->ndm_ifindex;
	e->state = msg->ndm_state;
	addr_read(&attrs, NDA_DST, msg->ndm_family, &e->addr);
	const void *mac = attr_get(&attrs, NDA_LLADDR, sizeof(e->mac.bytes));
	e->has_mac = mac && RTA_PAYLOAD(attrs.by_type[NDA_LLADDR]) == sizeof(e->mac.bytes);
	if (e->has_mac)
		memcpy(e->mac.bytes, mac, sizeof(e->mac.bytes));
	return e->addr.family != ADDR_NONE;
}

static bool link_read(struct netlink_event *e, const struct nlmsghdr *h) {
	const struct ifinfomsg *msg = NLMSG_DATA(h);

	e->index = (uint32_t)msg->ifi_index;
	e->flags = msg->ifi_flags;
	return true;
}

static bool end_read(struct netlink_event *e, const struct nlmsghdr *h) {
	memcpy(&e->error, NLMSG_DATA(h), sizeof(e->error));
	return true;
}

// By message type: what it is, how long its fixed part is at least, and who reads it.
static const struct reader {
	uint16_t type;
	bool del;
	enum netlink_kind kind;
	size_t fixed;
	bool (*read)(struct netlink_event *e, const struct nlmsghdr *h);
} readers[] = {
	{RTM_NEWROUTE, false, NETLINK_ROUTE_IS, sizeof(struct rtmsg), route_read},
	{RTM_DELROUTE, true, NETLINK_ROUTE_IS, sizeof(struct rtmsg), route_read},
	{RTM_NEWNEXTHOP, false, NETLINK_NEXTHOP_IS, sizeof(struct nhmsg), nexthop_read},
	{RTM_DELNEXTHOP, true, NETLINK_NEXTHOP_IS, sizeof(struct nhmsg), nexthop_read},
	{RTM_NEWNEIGH, false, NETLINK_NEIGH_IS, sizeof(struct ndmsg), neigh_read},
	{RTM_DELNEIGH, true, NETLINK_NEIGH_IS, sizeof(struct ndmsg), neigh_read},
	{RTM_NEWLINK, false, NETLINK_LINK_IS, sizeof(struct ifinfomsg), link_read},
	{RTM_DELLINK, true, NETLINK_LINK_IS, sizeof(struct ifinfomsg), link_read},
	{NLMSG_DONE, false, NETLINK_END, sizeof(int), end_read},
	{NLMSG_ERROR, false, NETLINK_END, sizeof(int), end_read},
};

static bool message_read(struct netlink_event *e, const struct nlmsghdr *h) {
	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++) {
		const struct reader *reader = &readers[i];

		if (reader->type != h->nlmsg_type)
			continue;
		e->kind = reader->kind;
		e->del = reader->del;
		return h->nlmsg_len >= NLMSG_LENGTH(reader->fixed) && reader->read(e, h);
	}
	return false;
}

void netlink_decode(const void *buf, size_t len,
	void (*fn)(const struct netlink_event *event, void *arg), void *arg) {
	const uint8_t *at = buf;

	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)at;
		struct netlink_event e = {.seq = h->nlmsg_seq,
			.replace = h->nlmsg_flags & NLM_F_REPLACE,
			.interrupted = h->nlmsg_flags & NLM_F_DUMP_INTR};

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
			break;
		if (message_read(&e, h))
			fn(&e, arg);
		size_t step = NLMSG_ALIGN(h->nlmsg_len);
		if (step >= len)
			return;
		at += step;
		len -= step;
	}
	if (len > 0)
		fn(&(struct netlink_event){.kind = NETLINK_BROKEN}, arg);
}
