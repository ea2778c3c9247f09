service "sftp" {
  version  = "9.6_p1"
  release  = 0
  epoch    = 1714521600                        # SOURCE_DATE_EPOCH, seconds
  summary  = "SFTP file drop for one user, over an onion service"
  homepage = "https://www.openssh.com/"
  license  = "SSH-OpenSSH"                     # SPDX
  arch     = ["x86_64"]
  base     = "alpine-${var.alpine}"            # another recipe; the graph follows from these
  packages = ["openssh-server", "openssh-sftp-server"]

  file "/etc/ssh/sshd_config" {
    source = "files/sshd_config"
    mode   = "0644"
  }
  user "sftp" {
    uid   = 1000
    home  = "/srv/sftp"
    shell = "/sbin/nologin"
  }
  runtime {
    user       = "sftp"
    entrypoint = ["/usr/sbin/sshd", "-D", "-e"]
    port "ssh" {
      number = 2222                            # target port
      onion  = 22                              # virtual port of the onion service
    }
    volume "/srv/sftp" { persistent = true }
  }
  privilege "capability" "SYS_CHROOT" { reason = "locks each connection into /srv/sftp" }
  limits {
    size   = "16MiB"                           # compressed image
    memory = "64MiB"
  }
  test "answers" { run = ["/usr/libexec/test-sftp"] }   # under exactly the declared privileges
}
