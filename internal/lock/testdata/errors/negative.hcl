recipe  = "mqtt"
version = -1 # ERROR: Negative number
