// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/twin_link.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

#define BUF 8192

// Sends a request and takes the answers up to its own. 0 or negative errno; fn (may be NULL) sees the messages before the last.
static int talk(int rtnl, struct nlmsghdr *request, mnl_cb_t fn, void *arg) {
	static uint32_t serial;
	char buf[BUF];
	int rc = MNL_CB_OK;

	request->nlmsg_seq = ++serial;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(rtnl, request, request->nlmsg_len, 0) < 0)
		return -errno;
	while (rc == MNL_CB_OK) {
		ssize_t len = recv(rtnl, buf, sizeof(buf), 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return len < 0 ? -errno : -EPIPE;
		rc = mnl_cb_run(buf, (size_t)len, request->nlmsg_seq, 0, fn, arg);
	}
	return rc < 0 ? -errno : 0;
}

static struct ifinfomsg *link_request(
	struct nlmsghdr **h, char buf[static BUF], int type, int index) {
	*h = mnl_nlmsg_put_header(memset(buf, 0, BUF));
	(*h)->nlmsg_type = (uint16_t)type;
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(*h, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = index;
	return link;
}

static int index_take(const struct nlmsghdr *h, void *arg) {
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type == RTM_NEWLINK && mnl_nlmsg_get_payload_len(h) >= sizeof(*link))
		*(int *)arg = link->ifi_index;
	return MNL_CB_OK;
}

int twin_link_index(int rtnl, const char *name) {
	char buf[BUF];
	struct nlmsghdr *h;
	int index = -ENODEV;

	link_request(&h, buf, RTM_GETLINK, 0);
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	int rc = talk(rtnl, h, index_take, &index);
	return rc < 0 ? rc : index;
}

int twin_link_set(int rtnl, int index, const struct mac *mac, unsigned mtu) {
	char buf[BUF];
	struct nlmsghdr *h;

	link_request(&h, buf, RTM_NEWLINK, index);
	if (mac)
		mnl_attr_put(h, IFLA_ADDRESS, sizeof(mac->bytes), mac->bytes);
	if (mtu)
		mnl_attr_put_u32(h, IFLA_MTU, mtu);
	return talk(rtnl, h, NULL, NULL);
}

int twin_link_up(int rtnl, int index, bool arp) {
	char buf[BUF];
	struct nlmsghdr *h;
	struct ifinfomsg *link = link_request(&h, buf, RTM_NEWLINK, index);

	link->ifi_change = IFF_UP | IFF_NOARP;
	link->ifi_flags = arp ? IFF_UP : IFF_UP | IFF_NOARP;
	return talk(rtnl, h, NULL, NULL);
}

void twin_link_no_autoconf(int rtnl, int index) {
	char buf[BUF];
	struct nlmsghdr *h;

	link_request(&h, buf, RTM_NEWLINK, index);
	struct nlattr *all = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(h, AF_INET6);
	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(h, inet6);
	mnl_attr_nest_end(h, all);
	talk(rtnl, h, NULL, NULL);
}

static void broadcast_put(struct nlmsghdr *h, const struct prefix *addr) {
	struct addr last = addr->addr;

	for (unsigned bit = addr->len; bit < 32; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	mnl_attr_put(h, IFA_BROADCAST, 4, last.bytes);
}

int twin_link_addr(int rtnl, int index, const struct prefix *addr, bool on) {
	bool v6 = addr->addr.family == ADDR_V6;
	char buf[BUF];
	struct nlmsghdr *h = mnl_nlmsg_put_header(memset(buf, 0, sizeof(buf)));
	struct ifaddrmsg *msg;

	h->nlmsg_type = on ? RTM_NEWADDR : RTM_DELADDR;
	h->nlmsg_flags = on ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	msg = mnl_nlmsg_put_extra_header(h, sizeof(*msg));
	msg->ifa_family = v6 ? AF_INET6 : AF_INET;
	msg->ifa_prefixlen = addr->len;
	msg->ifa_index = (uint32_t)index;
	mnl_attr_put(h, IFA_LOCAL, v6 ? 16 : 4, addr->addr.bytes);
	mnl_attr_put(h, IFA_ADDRESS, v6 ? 16 : 4, addr->addr.bytes);
	if (on && v6)
		mnl_attr_put_u32(h, IFA_FLAGS, IFA_F_NODAD);
	if (on && !v6 && addr->len < 31)
		broadcast_put(h, addr);
	return talk(rtnl, h, NULL, NULL);
}

// ---- pairs ------------------------------------------------------------------------------------------------------

#define LONGEST 65535

static void end_put(struct nlmsghdr *h, const char *name) {
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	mnl_attr_put_u32(h, IFLA_MTU, LONGEST);
}

int twin_link_pair(int rtnl, const char *name, const char *peer, int peer_netns) {
	char buf[BUF];
	struct nlmsghdr *h;

	link_request(&h, buf, RTM_NEWLINK, 0);
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	end_put(h, name);
	struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	struct nlattr *other = mnl_attr_nest_start(h, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	end_put(h, peer);
	mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)peer_netns);
	mnl_attr_nest_end(h, other);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return talk(rtnl, h, NULL, NULL);
}

int twin_link_del(int rtnl, const char *name) {
	char buf[BUF];
	struct nlmsghdr *h;

	link_request(&h, buf, RTM_DELLINK, 0);
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return talk(rtnl, h, NULL, NULL);
}

static int flags_take(const struct nlmsghdr *h, void *arg) {
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type == RTM_NEWLINK)
		*(unsigned *)arg = link->ifi_flags;
	return MNL_CB_OK;
}

bool twin_link_is_up(int rtnl, int index) {
	char buf[BUF];
	struct nlmsghdr *h;
	unsigned flags = 0;

	link_request(&h, buf, RTM_GETLINK, index);
	return talk(rtnl, h, flags_take, &flags) == 0 && (flags & IFF_UP);
}

// ---- programs at interfaces ---------------------------------------------------------------------------------------

#define FILTER_PRIORITY 1          // before those of others
#define FILTER_HANDLE   0x4c454154 // ours among them

static struct tcmsg *tc_request(
	struct nlmsghdr **h, char buf[static BUF], int type, int index, uint32_t parent) {
	*h = mnl_nlmsg_put_header(memset(buf, 0, BUF));
	(*h)->nlmsg_type = (uint16_t)type;
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(*h, sizeof(*tc));
	tc->tcm_ifindex = index;
	tc->tcm_parent = parent;
	return tc;
}

static uint32_t place_of(bool receives) {
	return TC_H_MAKE(TC_H_CLSACT, receives ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

// -EEXIST: it is there.
static int clsact(int rtnl, int index, int type) {
	char buf[BUF];
	struct nlmsghdr *h;
	struct tcmsg *tc = tc_request(&h, buf, type, index, TC_H_CLSACT);

	h->nlmsg_flags = type == RTM_NEWQDISC ? NLM_F_CREATE | NLM_F_EXCL : 0;
	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(h, TCA_KIND, "clsact");
	return talk(rtnl, h, NULL, NULL);
}

static int foreign_seen(const struct nlmsghdr *h, void *arg) {
	const struct tcmsg *tc = mnl_nlmsg_get_payload(h);

	// one message stands for the whole priority, with handle 0
	if (h->nlmsg_type == RTM_NEWTFILTER && tc->tcm_handle != 0 &&
		tc->tcm_handle != FILTER_HANDLE)
		*(bool *)arg = true;
	return MNL_CB_OK;
}

// Filters of others; true also: nobody knows.
static bool has_foreign(int rtnl, int index, bool receives) {
	bool seen = false;
	char buf[BUF];
	struct nlmsghdr *h;

	tc_request(&h, buf, RTM_GETTFILTER, index, place_of(receives));
	h->nlmsg_flags = NLM_F_DUMP;
	return talk(rtnl, h, foreign_seen, &seen) < 0 || seen;
}

static struct nlmsghdr *filter_request(char buf[static BUF], int type, int index, bool receives) {
	struct nlmsghdr *h;
	struct tcmsg *tc = tc_request(&h, buf, type, index, place_of(receives));

	tc->tcm_info = TC_H_MAKE(FILTER_PRIORITY << 16, htons(ETH_P_ALL));
	tc->tcm_handle = FILTER_HANDLE;
	mnl_attr_put_strz(h, TCA_KIND, "bpf");
	return h;
}

int twin_link_filter(int rtnl, int index, bool receives, int prog, bool *made) {
	char buf[BUF];
	int rc = clsact(rtnl, index, RTM_NEWQDISC);

	*made = rc == 0;
	if (rc < 0 && rc != -EEXIST)
		return rc;
	struct nlmsghdr *h = filter_request(buf, RTM_NEWTFILTER, index, receives);
	h->nlmsg_flags = NLM_F_CREATE; // one that a killed leatd has left is replaced
	struct nlattr *options = mnl_attr_nest_start(h, TCA_OPTIONS);
	mnl_attr_put_u32(h, TCA_BPF_FD, (uint32_t)prog);
	mnl_attr_put_strz(h, TCA_BPF_NAME, "leat-shortcut");
	mnl_attr_put_u32(h, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(h, options);
	return talk(rtnl, h, NULL, NULL);
}

int twin_link_unfilter(int rtnl, int index, bool receives, bool made) {
	char buf[BUF];
	int rc = talk(rtnl, filter_request(buf, RTM_DELTFILTER, index, receives), NULL, NULL);

	if (made && !has_foreign(rtnl, index, true) && !has_foreign(rtnl, index, false))
		clsact(rtnl, index, RTM_DELQDISC);
	return rc;
}

bool twin_link_has_filter(int rtnl, int index, bool receives) {
	char buf[BUF];

	return talk(rtnl, filter_request(buf, RTM_GETTFILTER, index, receives), NULL, NULL) == 0;
}

struct shaping {
	int index;
	bool found;
};

static int kind_take(const struct nlattr *attr, void *arg) {
	if (mnl_attr_get_type(attr) == TCA_KIND &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		*(const char **)arg = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static int shaping_seen(const struct nlmsghdr *h, void *arg) {
	static const char *const harmless[] = {
		"noqueue", "pfifo_fast", "fq_codel", "clsact", "ingress"};
	const struct tcmsg *tc = mnl_nlmsg_get_payload(h);
	struct shaping *shaping = arg;
	const char *kind = "";
	bool plain = false;

	if (h->nlmsg_type != RTM_NEWQDISC || tc->tcm_ifindex != shaping->index)
		return MNL_CB_OK;
	mnl_attr_parse(h, sizeof(*tc), kind_take, &kind);
	for (unsigned i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		plain |= strcmp(kind, harmless[i]) == 0;
	shaping->found |= !plain;
	return MNL_CB_OK;
}

bool twin_link_is_shaped(int rtnl, int index) {
	struct shaping shaping = {.index = index};
	char buf[BUF];
	struct nlmsghdr *h;

	tc_request(&h, buf, RTM_GETQDISC, index, 0);
	h->nlmsg_flags = NLM_F_DUMP;
	return talk(rtnl, h, shaping_seen, &shaping) < 0 || shaping.found ||
		has_foreign(rtnl, index, false);
}
