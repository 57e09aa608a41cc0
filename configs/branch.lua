-- SPDX-License-Identifier: BSD-3-Clause
-- A branch office: an uplink whose address the provider gives by DHCP, two VLANs that the office's switch carries, a DHCP server
-- for each. Guests go nowhere but out.
local staff, guests = 10, 20

local function lan(vlan, net, more)
	local t = {
		switch = "office", vlan = vlan, addresses = { net .. ".1/24" },
		dhcp = { server = { subnets = { [net .. ".0/24"] = {
			ranges = { net .. ".100-" .. net .. ".199" }, lease = "8h", domain = "branch.example",
			dns = { "192.0.2.53" }, ntp = { "192.0.2.123" },
			reservations = more } } } },
	}
	return t
end

return {
	ports = { wan = { device = "wan" }, desk = { device = "desk" }, hall = { device = "hall" } },
	switches = { office = { ports = { desk = { access = staff }, hall = { access = guests } } } },
	routers = { main = {
		interfaces = {
			-- programs on this box speak by the twin, with the address that the provider gives
			wan = { port = "wan", twin = true, dhcp = { client = { hostname = "branch" } } },
			staff = lan(staff, "10.0.10", { ["10.0.10.9"] = { mac = "02:00:00:00:00:09", hostname = "printer" } }),
			guests = lan(guests, "10.0.20"),
		},
	} },
}
