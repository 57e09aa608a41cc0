return { a = 
