-- SPDX-License-Identifier: BSD-3-Clause
-- A lab on one box: virtual machines on vhost-user ports, the box itself on a TAP, and a mirror to watch.
--
-- Give a guest its NIC (sockets are in leatd's run dir, named after the port):
--     qemu-system-x86_64 ... -object memory-backend-memfd,id=mem,size=1G,share=on -numa node,memdev=mem \
--       -chardev socket,id=c1,path=/run/leat/vm1.sock -netdev vhost-user,id=n1,chardev=c1 -device virtio-net,netdev=n1
-- Talk to the guests from the box:      ip address add 10.5.0.1/24 dev lab0
-- See every frame of vm1, both ways:    tcpdump -ni watch0

return {
  ports = {
    vm1 = { vhost_user = true },
    vm2 = { vhost_user = true },
    box = { device = "tap:lab0" },
    watch = { device = "tap:watch0" },
  },

  switches = {
    lab = {
      ports = {
        vm1 = { access = 5 },
        vm2 = { access = 5 },
        box = { access = 5 },
      },
      mirror = {
        vm1 = { from = { "vm1" }, direction = "both", to = "watch" },
      },
    },
  },
}
