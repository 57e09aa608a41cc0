return { 0/0, 1/0, -0.0, 2^53, 1 << 63, math.pi, tonumber('z', 36), math.random(10) }
