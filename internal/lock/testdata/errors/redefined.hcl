recipe  = "mqtt"
recipe  = "mqtt" # ERROR: Attribute redefined
version = 1
