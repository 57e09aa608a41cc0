-- SPDX-License-Identifier: BSD-3-Clause
-- The appliance of `make run`: one VLAN-aware switch between six namespaces that stand for machines.
--
--     alice ──┐                      ┌── carol      VLAN 20
--             ├─ VLAN 10, jumbo      │
--     bob ────┘          \           │
--                         office ────┤
--     guest1 ─┐          /           │
--             ├─ VLAN 30, isolated   └── server     trunk: 10 and 20 tagged, 30 untagged
--     guest2 ─┘
--
-- All of them have addresses in one subnet, on purpose: only the switch keeps the VLANs apart.
--
-- A port's `device` is the kernel interface in leatd's namespace; the best driver for it is chosen and
-- shown by `leat show ports`.

local staff, lab, guests = 10, 20, 30

return {
  ports = {
    alice  = { device = "alice", mtu = 9000 },
    bob    = { device = "bob", mtu = 9000 },
    carol  = { device = "carol" },
    guest1 = { device = "guest1" },
    guest2 = { device = "guest2" },
    server = { device = "server", mtu = 9000 },
  },

  switches = {
    office = {
      ageing = "5m",
      ports = {
        alice  = { access = staff },
        bob    = { access = staff },
        carol  = { access = lab },
        -- Guests reach the server and nobody else, however they try.
        guest1 = { access = guests, isolated = true, mac_limit = 4 },
        guest2 = { access = guests, isolated = true, mac_limit = 4 },
        server = { trunk = { staff, lab, guests }, native = guests },
      },
    },
  },
}
