#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 900
# NICs in a change that is refused, as members of a bond, and under a leatd that was killed. Intel's e1000e, by vfio-pci.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/nic_lab.sh"

machine_options+=(-device "intel-iommu,caching-mode=on")
lab_boot e1000e vnet_hdr=off -- intel_iommu=on hugepages=80
lab_leatd
lab_bind vfio-pci h1 h2 h3
lab_apply '' h1 h2 h3
check_ping
check_refused_change
check_bond
check_killed
machine_stop
