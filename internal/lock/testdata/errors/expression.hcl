recipe  = upper("mqtt") # ERROR: Expression in a lock
version = 1
