-- SPDX-License-Identifier: BSD-3-Clause
-- A campus edge: two buildings with VLAN numbers of their own, carried side by side over one bonded uplink.
--
-- Each building's port is a customer port (802.1ad, QinQ): whatever comes in, tagged or not, travels on
-- inside a service tag of its own, so that VLAN 10 of one building is not VLAN 10 of the other.
-- The uplink is two cables to two line cards; one works, the other takes over when it loses its link.
-- The management VLAN, 99, is on the uplink as an ordinary tagged VLAN, and untagged on one port here.

local north, south, management = 100, 200, 99

return {
  ports = {
    uplink = { bond = { mode = "active-backup", members = { "eth0", "eth1" } } },
    north = { device = "eth2" },
    south = { device = "eth3" },
    console = { device = "eth4" },
  },

  switches = {
    campus = {
      ports = {
        uplink = { trunk = { north, south, management } },
        north = { qinq = { outer = north } },
        south = { qinq = { outer = south } },
        console = { access = management },
      },
      mac_limit = 65536,
    },
  },
}
