return { a = '\xff', b = 'x\0y', ['\xc0\x80'] = 1 }
