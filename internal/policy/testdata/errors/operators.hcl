scope "a/*" {
  size = 1 + 1 # ERROR: Operators are not part of policies
}
