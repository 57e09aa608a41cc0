-- SPDX-License-Identifier: BSD-3-Clause
-- A stateful firewall between the Internet, an office and a few servers. What no rule takes is dropped.
--
--     internet ── wan ──┐        ┌── lan ── staff
--                       firewall ┤
--                                └── dmz ── servers: web (80, 443), mail (25)
--
-- Rules are for new connections: answers and errors belong to the connection and pass with it. "self" is this box.

return {
	ports = {
		wan = { device = "wan" },
		lan = { device = "lan" },
		dmz = { device = "dmz" },
	},

	routers = {
		main = {
			interfaces = {
				wan = { port = "wan", addresses = { "192.0.2.2/24", "2001:db8::2/64" }, zone = "internet" },
				lan = { port = "lan", addresses = { "10.0.10.1/24", "2001:db8:10::1/64" }, zone = "staff" },
				dmz = { port = "dmz", addresses = { "10.0.20.1/24", "2001:db8:20::1/64" }, zone = "servers" },
			},
			routes = { ["0.0.0.0/0"] = { via = "192.0.2.1" }, ["::/0"] = { via = "2001:db8::1" } },
		},
	},

	sets = {
		web = { addresses = { "10.0.20.10-10.0.20.19", "2001:db8:20::10" } },
		web_ports = { ports = { 80, 443 } },
		-- filled while it runs: leat add set-entries blocked 198.51.100.7
		blocked = { addresses = {} },
	},

	firewall = {
		rules = {
			{ name = "blocked", from = "internet", src = "@blocked", action = "drop" },
			{ name = "ping", to = "self", icmp = "echo-request", rate = "50/s", action = "accept" },
			{ name = "manage", from = "staff", to = "self", proto = "tcp", dport = 22, action = "accept" },
			{ name = "out", from = "staff", to = { "internet", "servers" }, action = "accept" },
			-- A flood of SYNs by senders who are not there reaches no server and fills no table.
			{ name = "web", from = "internet", to = "servers", dst = "@web", proto = "tcp", dport = "@web_ports",
				syn_cookies = "1k/s", action = "accept", log = true },
			{ name = "updates", from = "servers", to = "internet", proto = "tcp", dport = 443, action = "accept" },
			{ name = "calls", from = "internet", to = "servers", dst = "10.0.20.11", proto = "udp", dport = "10000-10099",
				action = "accept" },
			-- Who sits inside is told at once instead of waiting.
			{ name = "inside", from = { "staff", "servers" }, action = "reject" },
		},
		-- IPv4 inside is private. Rules see a connection with its real destination, and its real source.
		nat = {
			-- What is sent to this box's own address outside. Staff may use that address, too: their own is hidden then (hairpin).
			{ name = "web", to = "internet", proto = "tcp", dport = { 80, 443 }, dnat = "10.0.20.10" },
			{ name = "calls", to = "internet", proto = "udp", dport = "20000-20099", dnat = "10.0.20.11:10000-10099" },
			{ name = "out", to = "internet", src = "10.0.0.0/8", masquerade = true },
		},
		tests = {
			{ from = "internet", src = "198.51.100.9", dst = "10.0.20.10", dport = 443, expect = "accept", rule = "web" },
			{ from = "internet", src = "198.51.100.9", dst = "192.0.2.2", dport = 443, expect = "accept",
				translated = "10.0.20.10:443" },
			{ from = "internet", src = "198.51.100.9", dst = "192.0.2.2", proto = "udp", dport = 20007, expect = "accept",
				translated = "10.0.20.11:10007" },
			{ from = "internet", src = "198.51.100.9", dst = "10.0.20.10", dport = 22, expect = "drop" },
			{ from = "internet", src = "198.51.100.9", dst = "10.0.10.5", dport = 80, expect = "drop" },
			{ from = "internet", src = "2001:db8:99::9", dst = "2001:db8:20::10", dport = 80, expect = "accept" },
			{ from = "servers", src = "10.0.20.10", dst = "10.0.10.5", dport = 445, expect = "reject" },
			{ from = "staff", src = "10.0.10.5", dst = "203.0.113.1", dport = 80, expect = "accept", rule = "out" },
		},
	},
}
