#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 900
# virtio NICs in a machine without an IOMMU, by uio_pci_generic: that wants hugepages. These NICs do checksums and cut.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/nic_lab.sh"

lab_boot virtio-net-pci vnet_hdr=on --
lab_leatd
refused "${nic_pci[h1]} has no driver.*--bind=uio_pci_generic ${nic_pci[h1]}" "${nic_pci[h1]}"
lab_bind uio_pci_generic h1 h2 h3
refused "${nic_pci[h1]} has no IOMMU and wants hugepages.*too few 2 MiB pages are free.*vm.nr_hugepages" "${nic_pci[h1]}"
guest_leatd_stop
guest sh -c 'echo 80 >/proc/sys/vm/nr_hugepages'
lab_leatd
lab_apply '' h1 h2 h3
check_ping
check_tags
check_tcp
check_checksums whole
check_link
check_replug
check_jumbo 9000
machine_stop
