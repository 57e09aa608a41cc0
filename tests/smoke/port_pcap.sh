#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A capture file comes in by a port, byte for byte, and what leaves by one is in a file.
. "$(dirname "$0")/../lib/smoke.sh"

make() { # FILE COUNT
	/usr/bin/python3 - "$1" "$2" <<-'PY'
	import struct, sys
	with open(sys.argv[1], 'wb') as f:
	    f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
	    for n in range(int(sys.argv[2])):
	        frame = bytes.fromhex('02000000000202000000000188b5') + bytes([n]) * (46 + n * 14 % 1400)
	        f.write(struct.pack('<IIII', n, 0, len(frame), len(frame)) + frame)
	PY
}
payload() { tcpdump -nr "$1" -xx 2>/dev/null | grep -P '^\t0x'; }

make "$T/in.pcap" 200
echo "no capture" >"$T/bad"
leatd_start - --memory 128 <<-END
	return { ports = { i = { device = "pcap:$T/in.pcap" }, o = { device = "pcap:,$T/out.pcap" } },
	  switches = { s = { ports = { i = {}, o = {} } } } }
END
wait_until "[ \"\$(leat_json '.[0].tx_packets' ports o)\" = 200 ]" 10
leatd_stop
expect_eq "$(payload "$T/out.pcap" | md5sum)" "$(payload "$T/in.pcap" | md5sum)" "frames"

leatd_start '' --memory 128
for device in "pcap:$T/bad" "pcap:$T/none" pcap: pcap:relative "pcap:,$T/out.pcap"; do
	refuse "leat set ports.x.device '$device'" "a device that cannot be"
done
