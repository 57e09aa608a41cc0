-- SPDX-License-Identifier: BSD-3-Clause
-- A dual-stack router: an uplink on a port of its own, two VLANs of a switch behind it, and a guest network that may only reach
-- the uplink.
local staff, voice = 10, 20

return {
	ports = {
		wan = { device = "wan" },
		guests = { device = "guests" },
		desk = { device = "desk" },
		phone = { device = "phone" },
		uplink = { device = "uplink" },
	},
	switches = {
		office = {
			ports = {
				desk = { access = staff },
				phone = { access = voice },
				uplink = { trunk = { staff, voice } },
			},
		},
	},
	routers = {
		main = {
			interfaces = {
				wan = { port = "wan", addresses = { "192.0.2.2/24", "2001:db8::2/64" }, mss = true, urpf = "loose" },
				staff = { switch = "office", vlan = staff, addresses = { "10.0.10.1/24", "2001:db8:10::1/64" } },
				voice = { switch = "office", vlan = voice, addresses = { "10.0.20.1/24", "2001:db8:20::1/64" }, dscp = 46 },
			},
			routes = {
				["0.0.0.0/0"] = { via = "192.0.2.1" },
				["::/0"] = { via = "2001:db8::1" },
				["10.0.0.0/8"] = { type = "unreachable" }, -- what is ours and nowhere does not go to the uplink
			},
		},
		guest = {
			interfaces = {
				guests = { port = "guests", addresses = { "172.16.0.1/24" }, urpf = "strict" },
			},
			routes = { ["192.0.2.0/24"] = { router = "main" } },
		},
	},
}
