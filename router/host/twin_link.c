// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/twin_link.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
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
