service "sftp" {
  version  = "9.6_p1"
  release  = 0
  epoch    = 1714521600
  summary  = "SFTP file drop for one user, over an onion service"
  homepage = "https://www.openssh.com/"
  license  = "SSH-OpenSSH"
  base     = "alpine-${var.alpine}"
  packages = ["openssh-server", "openssh-sftp-server"]

  documentation = "https://man.openbsd.org/sftp"
  client        = "sftp, or a file manager that speaks SFTP"
  connect       = "sftp -P 2222 sftp@ADDRESS, with a key that is in authorized_keys on the volume"

  file "/etc/ssh/sshd_config" {
    source = "files/sshd_config"
  }
  file "/usr/libexec/sftp-start" {
    source = "files/start"
    mode   = "0755"
  }

  user "sftp" {
    uid   = 10022
    home  = "/srv/sftp"
    shell = "/sbin/nologin"
  }

  runtime {
    user       = "sftp"
    entrypoint = ["/usr/libexec/sftp-start"]

    port "ssh" {
      number = 2222
      onion  = 22
    }
    volume "/srv/sftp" {
      persistent = true
    }
  }

  limits {
    size   = "16MiB"
    memory = "64MiB"
    pids   = 64
  }

  test "configuration" {
    run = ["/usr/sbin/sshd", "-t", "-h", "/srv/sftp/.ssh/host_key"]
  }
}
