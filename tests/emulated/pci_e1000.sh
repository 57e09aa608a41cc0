#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 900
# Intel's e1000 behind an IOMMU, by vfio-pci, in a machine without hugepages. It does checksums, but cuts nothing.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/nic_lab.sh"

machine_options+=(-device "intel-iommu,caching-mode=on")
lab_boot e1000 -- intel_iommu=on
lab_leatd
guest modprobe e1000
refused "${nic_pci[h1]} is the kernel's eth0 .driver e1000.; use device = .eth0.*--bind=vfio-pci ${nic_pci[h1]}" "${nic_pci[h1]}"
lab_bind vfio-pci h1 h2 h3
lab_apply '' h1 h2 h3
expect_eq "$(leat_json '.[0].driver' ports h1) $(leat_json '.[0].pages' system | cut -d ' ' -f 1)" 'net_e1000_em normal' "driver and memory"
check_ping
check_tags
check_tcp
check_checksums
check_link
check_replug
check_jumbo 9000
machine_stop
