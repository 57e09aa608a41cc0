table.move({}, 1, 1 << 60, 2) table.concat(setmetatable({}, { __index = getmetatable, __metatable = '' }), '', 1, 1 << 30)
