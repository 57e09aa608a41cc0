return { ('key = value'):match('^(%w+)%s*=%s*(%w+)$'), (('a,b'):gsub(',', '%0;')), ('f(a(b))'):find('%b()') }
