-- SPDX-License-Identifier: BSD-3-Clause
-- A branch office: an uplink whose address the provider gives by DHCP, a DSL line for guests and for IPv6, two VLANs that the office's switch
-- carries, DHCP and router advertisements in each. Guests go nowhere but out. The staff's gateway is a virtual router: a second box takes over
-- with the same file but addresses .2 and ::2, the other half of the ranges, and priority = 50.
local staff, guests = 10, 20

local function lan(vlan, more)
	local net, net6 = "10.0." .. vlan, "2001:db8:" .. vlan
	local t = {
		switch = "office", vlan = vlan, addresses = { net .. ".1/24", net6 .. "::1/64" },
		ra = { dns = { "2001:db8:53::53" } },
		dhcp = { server = { subnets = { [net .. ".0/24"] = {
			ranges = { net .. ".100-" .. net .. ".175" }, lease = "8h", domain = "branch.example",
			dns = { "192.0.2.53" }, ntp = { "192.0.2.123" },
			routers = more.routers, reservations = more.reservations } } } },
		vrrp = more.vrrp,
	}
	return t
end

return {
	ports = { wan = { device = "wan" }, dsl = { device = "dsl" }, desk = { device = "desk" }, hall = { device = "hall" } },
	switches = { office = { ports = { desk = { access = staff }, hall = { access = guests } } } },
	routers = { main = {
		interfaces = {
			-- programs on this box speak by the twin, with the address that the provider gives
			wan = { port = "wan", twin = true, dhcp = { client = { hostname = "branch" } } },
			dsl = { port = "dsl", addresses = { "203.0.113.2/30", "2001:db8:f::2/64" }, mtu = 1492, mss = true },
			staff = lan(staff, {
				routers = { "10.0.10.254" }, reservations = { ["10.0.10.9"] = { mac = "02:00:00:00:00:09", hostname = "printer" } },
				vrrp = { ["10"] = { addresses = { "10.0.10.254", "fe80::10:254" }, priority = 150, interval = "200ms" } } }),
			guests = lan(guests, {}),
		},
		routes = { ["::/0"] = { via = "2001:db8:f::1" } },
		-- by the line, wherever they want to go: so they do not reach the staff either
		rules = { { interface = "guests", via = "203.0.113.1" }, { interface = "guests", via = "2001:db8:f::1" } },
	} },
}
