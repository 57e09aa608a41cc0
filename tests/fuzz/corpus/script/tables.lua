local t = { 3, 1, 2 } table.sort(t) table.insert(t, 1, 9) table.remove(t) table.move(t, 1, 2, 3) return { t, table.concat(t, ','), table.unpack(t) }
