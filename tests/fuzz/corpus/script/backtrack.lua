('a'):rep(1e4):find(('a*'):rep(20) .. 'b')
