service "try" {
  version = "1"
  summary = "a bell \u0007" # ERROR: Invisible character
  client  = "right to left \u202e" # ERROR: Invisible character
  connect = "two\nlines" # ERROR: Invisible character
  base    = "alpine-3.19"
  labels = {
    a = "\u001b[31mred" # ERROR: Invisible character
  }
}
