return { ('x'):rep(3, '-'), ('%d %5.1f %q'):format(1, 2, 'x'), ('x'):byte(1, -1), ('abc'):sub(-2) }
