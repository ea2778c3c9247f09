# ERROR: No recipe in the file
