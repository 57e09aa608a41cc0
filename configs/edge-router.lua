-- SPDX-License-Identifier: BSD-3-Clause
-- A BGP edge: two providers in both families, FRR (edge-router.frr) in the namespace `edge` on the twins of the interfaces, the management in a
-- VRF of its own. The namespaces are there before (`ip netns add edge`).
local edge = { namespace = "edge" }

local function provider(port, v4, v6, more)
	-- loose: what comes by one may be answered by the other (RFC 3704 section 2.3)
	local t = { port = port, addresses = { v4, v6 }, urpf = "loose", twin = edge }
	for k, v in pairs(more or {}) do t[k] = v end
	return t
end

local function ours(port, v4, v6)
	return { port = port, addresses = { v4, v6 }, urpf = "strict", twin = edge, ra = {} }
end

return {
	ports = {
		isp1 = { device = "isp1" }, isp2 = { device = "isp2" },
		core = { device = "core" }, lab = { device = "lab" },
		mgmt = { device = "mgmt" },
	},
	routers = {
		edge = {
			-- the full tables of both families and what they grow by
			limits = { routes4 = 1200000, routes6 = 300000 },
			interfaces = {
				isp1 = provider("isp1", "192.0.2.2/30", "2001:db8:1::2/64"),
				-- comes by PPPoE: no TCP connection may think that 1500 bytes pass
				isp2 = provider("isp2", "192.0.2.6/30", "2001:db8:2::2/64", { mtu = 1492, mss = true }),
				core = ours("core", "198.51.100.1/25", "2001:db8:a:1::1/64"),
				lab = ours("lab", "198.51.100.129/25", "2001:db8:a:2::1/64"),
			},
			routes = {
				-- what is ours and nowhere goes to no provider
				["198.51.100.0/24"] = { type = "unreachable" },
				["2001:db8:a::/48"] = { type = "unreachable" },
			},
			rules = {
				-- between our own networks as routed; the lab leaves by the second provider, whatever the first one offers
				{ interface = "lab", to = "198.51.100.0/24", router = "edge" },
				{ interface = "lab", to = "2001:db8:a::/48", router = "edge" },
				{ interface = "lab", from = "198.51.100.128/25", via = "192.0.2.5" },
				{ interface = "lab", from = "2001:db8:a:2::/64", via = "2001:db8:2::1" },
			},
		},
		mgmt = {
			interfaces = { oob = { port = "mgmt", addresses = { "10.255.0.1/24" }, urpf = "strict", twin = { namespace = "mgmt" } } },
		},
	},
}
