-- SPDX-License-Identifier: BSD-3-Clause
-- Rules that think: a firewall two of whose rules ask a function what becomes of a new connection.
--
--     internet ── wan ──┐          ┌── dmz ── servers: ssh (22), web (80)
--                       firewall ──┤
--                                  └── lan ── guests
--
-- A function sees the connection (its fields: leat.lua(5), firewall.rules[].policy) and returns "accept", "drop",
-- "reject", or nothing: then the next rules are asked. Its word is kept in the session; no packet asks again.

local tries = 5 -- of one source in a minute

-- Admins at any time. Others while somebody is there, and not too often.
local function ssh(conn)
	if conn:src_in("admins") then
		return "accept"
	end
	if not conn:during("staffed") or conn:count("ssh " .. conn.src, 60) > tries then
		return "drop"
	end
	return "accept"
end

-- Who asks many machines at once is looking for something.
local function guests(conn)
	if conn.proto == "tcp" and conn.dport == 25 then
		return "reject"
	end
	if conn:count("guest " .. conn.src, 10) > 100 then
		return "drop"
	end
end

---@type leat.config
return {
	ports = { wan = { device = "wan" }, dmz = { device = "dmz" }, lan = { device = "lan" } },

	routers = {
		main = {
			interfaces = {
				wan = { port = "wan", addresses = { "192.0.2.2/24", "2001:db8::2/64" }, zone = "internet" },
				dmz = { port = "dmz", addresses = { "10.0.20.1/24", "2001:db8:20::1/64" }, zone = "servers" },
				lan = { port = "lan", addresses = { "10.0.30.1/24", "2001:db8:30::1/64" }, zone = "guests" },
			},
		},
	},

	sets = { admins = { addresses = { "192.0.2.200", "2001:db8::200" } } },

	firewall = {
		schedules = { staffed = { from = "00:00", to = "24:00" } },
		rules = {
			{ name = "ssh", from = "internet", to = "servers", proto = "tcp", dport = 22, policy = ssh },
			{ name = "web", from = { "internet", "guests" }, to = "servers", proto = "tcp", dport = 80, action = "accept" },
			{ name = "guests", from = "guests", to = "internet", policy = guests },
			{ name = "out", from = "guests", to = "internet", action = "accept" },
		},
		-- Tests ask functions, too: each is the first of its kind, on Monday at noon unless `at` says otherwise.
		tests = {
			{ from = "internet", src = "192.0.2.9", dst = "10.0.20.10", dport = 22, expect = "accept", rule = "ssh" },
			{ from = "guests", src = "10.0.30.9", dst = "192.0.2.9", dport = 25, expect = "reject", rule = "guests" },
			{ from = "guests", src = "2001:db8:30::9", dst = "2001:db8::9", dport = 443, expect = "accept", rule = "out" },
		},
	},
}
