recipe  = "mqtt"
version = 2 # ERROR: Lock has another format

something "else" {
  unknown = 1
}
