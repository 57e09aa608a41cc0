return setmetatable({}, { __index = function(t, k) return t[k + 1] end, __gc = print })[1]
