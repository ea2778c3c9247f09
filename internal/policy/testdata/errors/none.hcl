# nothing # ERROR: No scope
