-- SPDX-License-Identifier: BSD-3-Clause
-- Two sites, one switch stretched over a routed network: VLANs 10 and 20 are the same at both. This is site 1; for site 2 set `site` to 2.
local site = 1
local other = 3 - site
local users, servers = 10, 20

return {
	ports = {
		wan = { device = "wan", mtu = 1600 }, -- 1500 bytes of the VLANs, and 50 (IPv6: 70) around them
		desk = { device = "desk" },
		rack = { device = "rack" },
		fabric = { device = "tunnel:fabric" }, -- no device: routers.underlay.vxlan is behind it
	},
	switches = {
		site = {
			ports = {
				desk = { access = users },
				rack = { access = servers },
				fabric = { trunk = { users, servers } },
			},
		},
	},
	routers = {
		underlay = {
			interfaces = {
				wan = { port = "wan", addresses = { "192.0.2." .. site .. "/24", "2001:db8::" .. site .. "/64" } },
			},
			vxlan = {
				fabric = {
					source = "192.0.2." .. site,
					remotes = { "192.0.2." .. other }, -- every other site
					vnis = { [users] = 10010, [servers] = 10020 },
				},
			},
		},
		main = { -- between the VLANs; each site routes what starts there, with MAC addresses of its own
			interfaces = {
				users = { switch = "site", vlan = users, mac = "02:00:00:00:10:0" .. site, addresses = { "10.0.10." .. site .. "/24", "2001:db8:10::" .. site .. "/64" } },
				servers = { switch = "site", vlan = servers, mac = "02:00:00:00:20:0" .. site, addresses = { "10.0.20." .. site .. "/24" } },
			},
		},
	},
}
