service "try" {
  version = "1"
  base    = "alpine-3.19"
  build {
    run = <<-EOT
      cd $SRC_app
      echo ${HOME} # ERROR: Unknown reference
      echo $${HOME} ${self.version}
    EOT
  }
}
