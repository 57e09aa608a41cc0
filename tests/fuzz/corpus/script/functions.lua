local f = function(q) return q.name .. q.list[1] end return { f, f, { g = function() return { 1 } end } }
