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

  # A person's key, on the volume, is all that opens the door.
  test "transfer" {
    packages = ["openssh-client-default", "openssh-keygen"]

    setup = <<-EOT
      ssh-keygen -q -t ed25519 -N "" -f /root/key
      ssh-keygen -q -t ed25519 -N "" -f /root/stranger
      mkdir -m 700 /srv/sftp/.ssh
      cp /root/key.pub /srv/sftp/.ssh/authorized_keys
      chown -R 10022:10022 /srv/sftp/.ssh
    EOT

    client = <<-EOT
      cat >/root/config <<END
      Host server
        HostName 127.0.0.1
        Port 2222
        User sftp
        UserKnownHostsFile /root/known
        StrictHostKeyChecking accept-new
        IdentitiesOnly yes
        BatchMode yes
      END
      refused() { # WHAT IT SAYS, PROGRAM...
        says=$1; shift
        if "$@" </dev/null 2>/root/said; then echo "let in: $*"; exit 1; fi
        grep -F "$says" /root/said
      }
      # A file is put, listed and fetched again.
      head -c 1000000 /dev/urandom >/root/sent
      printf 'put /root/sent letter\nls -l\nget letter /root/back\n' | sftp -F /root/config -i /root/key -b - server
      cmp /root/sent /root/back
      cmp /root/sent /srv/sftp/files/letter
      test "$(stat -c %u:%g /srv/sftp/files/letter)" = 10022:10022

      # The key gets no shell and no tunnel.
      test "$(ssh -F /root/config -i /root/key server touch /srv/sftp/files/mine </dev/null || true)" = "This service allows sftp connections only."
      test ! -e /srv/sftp/files/mine
      refused "remote port forwarding failed" ssh -F /root/config -i /root/key -N -o ExitOnForwardFailure=yes -R 3333:127.0.0.1:2222 server

      # Another key, a password and another user get nothing.
      refused "Permission denied (publickey)" ssh -F /root/config -i /root/stranger server true
      refused "Permission denied (publickey)" ssh -F /root/config -o PreferredAuthentications=password,keyboard-interactive server true
      refused "Permission denied (publickey)" ssh -F /root/config -i /root/key -l root server true
    EOT
  }
}
