local t = { 1, 2 } for i = 1, 25 do t = { t, t } end return t
