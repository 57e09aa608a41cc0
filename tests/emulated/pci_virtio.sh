#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 900
# virtio NICs behind an IOMMU, by vfio-pci. They do no checksums and cut nothing: leatd completes what leaves by them.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/nic_lab.sh"

machine_options+=(-device "intel-iommu,caching-mode=on")
lab_boot virtio-net-pci,iommu_platform=on,disable-legacy=on vnet_hdr=off -- intel_iommu=on hugepages=80
lab_leatd
guest modprobe -a virtio_pci virtio_net
refused 'there is no PCI device 0000:00:1f.7' 0000:00:1f.7
refused "${nic_pci[h1]} .*is the kernel's eth0 .driver virtio-pci.; use device = .eth0.*--bind=vfio-pci ${nic_pci[h1]}" "${nic_pci[h1]}"
refused 'no network interface, PCI address' 0000:00:11.8
refused 'no network interface, PCI address' 0000:00:11
lab_bind vfio-pci h1 h2 h3
lab_apply '' h1 h2 h3
check_ping
check_tags
check_tcp
check_checksums
check_link
check_replug
check_jumbo 9000
machine_stop
