service "Mqtt_Server" { # ERROR: Name is not allowed
  version = "1"
  base    = "../alpine" # ERROR: Name is not allowed
}
