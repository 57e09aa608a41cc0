return { vlans = { [10] = 'a', [20] = 'b' }, bad = { 1, nil, 3 } }
