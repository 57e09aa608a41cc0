-- SPDX-License-Identifier: BSD-3-Clause
-- An office without IPv4, and servers in the Internet that have nothing else.
--
--     Internet ── wan ──┐            ┌── lan ── office, IPv6 only
--     both families     └── router ──┘
--
-- To the office the IPv4 Internet is the prefix 64:ff9b::/96 (RFC 6052): 192.0.2.1 is 64:ff9b::c000:201. Names get such addresses from a
-- resolver that does DNS64 (RFC 6147), for instance unbound with module "dns64". Outside, the office is the router's own address.

return {
	ports = { wan = { device = "wan" }, lan = { device = "lan" } },

	routers = {
		main = {
			interfaces = {
				wan = { port = "wan", addresses = { "192.0.2.2/24", "2001:db8::2/64" }, zone = "internet" },
				lan = { port = "lan", addresses = { "2001:db8:10::1/64" }, zone = "office", urpf = "strict" },
			},
			routes = { ["0.0.0.0/0"] = { via = "192.0.2.1" }, ["::/0"] = { via = "2001:db8::1" } },
		},
	},

	firewall = {
		rules = {
			-- Rules see the packet as it came: the IPv4 world is a prefix to them, too.
			{ name = "no-mail", from = "office", dst = "64:ff9b::/96", proto = "tcp", dport = 25, action = "reject" },
			{ name = "out", from = "office", to = "internet", action = "accept" },
			{ name = "ping", to = "self", icmp = "echo-request", rate = "50/s", action = "accept" },
		},
		nat = {
			{ name = "to-ipv4", from = "office", to = "internet", nat64 = {} },
		},
		tests = {
			{ from = "office", to = "internet", src = "2001:db8:10::9", dst = "64:ff9b::c000:201", dport = 443, expect = "accept",
				rule = "out" },
			{ from = "office", to = "internet", src = "2001:db8:10::9", dst = "64:ff9b::c000:201", dport = 25, expect = "reject" },
			{ from = "internet", to = "office", src = "2001:db8::1", dst = "2001:db8:10::9", dport = 22, expect = "drop" },
		},
	},
}
