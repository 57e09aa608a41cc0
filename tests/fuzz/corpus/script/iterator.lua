for k in pairs({ a = 1 })('x') do end
