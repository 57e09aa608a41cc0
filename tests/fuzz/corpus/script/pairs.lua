local o = {} for k, v in pairs { b = 1, a = 2, 7, [3.5] = 1, [true] = 2 } do o[#o + 1] = tostring(k) end return o
