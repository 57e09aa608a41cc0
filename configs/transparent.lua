-- SPDX-License-Identifier: BSD-3-Clause
-- A firewall in the wire: put between an office and its router, without an address of its own and without a change to either.
--
--     router ── up ──┐              ┌── hall ── staff (VLAN 10), guests (VLAN 20)
--      10, 20 tagged │ switch wire ─┤   10, 20 tagged
--                                   └── servers, VLAN 10 untagged
--
-- What goes from port to port is asked of the rules; ARP, neighbour discovery, MLD and IGMP pass. Groups and broadcast are asked packet by
-- packet: an answer to them needs a rule of its own, as DHCP's here.

return {
	ports = {
		up = { device = "up" },
		hall = { device = "hall" },
		servers = { device = "servers" },
	},

	switches = {
		wire = {
			firewall = true,
			pass_ethertypes = { 0x8863, 0x8864 }, -- PPPoE; all else that is not IP is dropped
			ports = {
				up = { trunk = { 10, 20 }, zone = "outside" },
				hall = { trunk = { 10, 20 }, zone = "office" },
				servers = { access = 10, zone = "servers" },
			},
		},
	},

	firewall = {
		rules = {
			{ name = "dhcp", from = "office", to = "outside", proto = "udp", dport = { 67, 547 }, action = "accept" },
			{ name = "dhcp-answers", from = "outside", to = "office", proto = "udp", sport = { 67, 547 }, dport = { 68, 546 },
				action = "accept" },
			{ name = "out", from = { "office", "servers" }, to = "outside", action = "accept" },
			{ name = "web", from = { "outside", "office" }, to = "servers", proto = "tcp", dport = { 80, 443 }, action = "accept",
				log = true },
			{ name = "ping", icmp = "echo-request", rate = "100/s", action = "accept" },
			{ name = "inside", from = "office", action = "reject" },
		},
		-- No route says where an address is: tests say it (`to`).
		tests = {
			{ from = "office", to = "outside", src = "10.0.10.9", dst = "198.51.100.1", dport = 443, expect = "accept", rule = "out" },
			{ from = "outside", to = "office", src = "198.51.100.1", dst = "10.0.10.9", dport = 445, expect = "drop" },
			{ from = "office", to = "servers", src = "2001:db8:10::9", dst = "2001:db8:10::80", dport = 22, expect = "reject" },
		},
	},
}
