-- SPDX-License-Identifier: BSD-3-Clause
-- Rules of a firewall, so many: the last one lets everything through, those before it take single TCP connections from elsewhere.
return function(count)
  local found = {}
  for n = 1, count - 1 do
    found[n] = { from = "a", src = ("172.%d.%d.%d"):format(16 + n // 65536, n // 256 % 256, n % 256), proto = "tcp", dport = 1 + n % 1000,
                 action = "drop" }
  end
  found[count] = { action = "accept" }
  return found
end
