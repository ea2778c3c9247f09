{ # ERROR: Argument or block definition required
  "service": {}
}
