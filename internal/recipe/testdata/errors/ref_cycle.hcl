service "try" {
  version = "1${self.summary}"
  base    = "alpine-3.19"
  summary = "about ${self.client}"
  client  = "the ${self.version}" # ERROR: Attributes refer to each other
  connect = "${self.connect}" # ERROR: Attributes refer to each other
}
