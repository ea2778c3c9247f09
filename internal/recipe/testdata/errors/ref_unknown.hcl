service "try" {
  version = "1"
  base    = "alpine-${var.alpin}" # ERROR: Unknown variable
  summary = "${self.verzion}" # ERROR: Unknown attribute of the recipe
  client  = "${slf.version}" # ERROR: Unknown reference
  connect = mosquitto # ERROR: Unknown reference
}
