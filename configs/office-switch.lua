-- SPDX-License-Identifier: BSD-3-Clause
-- A small office: desks and phones on one switch, a trunk to the building's router.
--
-- Four desks. A phone sends its own frames with the tag of the voice VLAN, and passes on those of the PC
-- behind it without a tag: so a desk port is a trunk of voice with staff as its native VLAN.
-- The printer is in the staff VLAN, its address is fixed to its port, and nothing else is learnt there.
-- The uplink carries both VLANs with their tags.

local staff, voice = 10, 20

-- What a desk may flood. A loop under a desk, or a PC gone mad, stays a matter of that desk.
local calm = { broadcast = "500/s", multicast = "2k/s", unknown = "2k/s" }

local ports = {
  uplink = { device = "eth0" },
  printer = { device = "eth5" },
}
local members = {
  uplink = { trunk = { staff, voice } },
  printer = { access = staff, learning = false },
}

for desk = 1, 4 do
  local name = "desk" .. desk
  ports[name] = { device = "eth" .. desk }
  members[name] = { trunk = { voice }, native = staff, mac_limit = 8, storm = calm }
end

return {
  ports = ports,
  switches = {
    office = {
      ports = members,
      -- A station that was silent over the lunch break is still known.
      ageing = "2h",
      mac_limit = 4096,
      static = {
        ["02:00:5e:00:00:55"] = { port = "printer", vlan = staff },
      },
    },
  },
}
