service "ntp" {
  version  = "6.8_p1"
  release  = 0
  epoch    = 1714521600
  summary  = "Time server that keeps the machine's own clock right"
  homepage = "http://www.openntpd.org/"
  license  = "ISC"
  base     = "alpine-${var.alpine}"
  packages = ["openntpd"]

  documentation = "https://man.openbsd.org/ntpd"
  client        = "any NTP client, such as ntpd, chronyd or systemd-timesyncd"
  connect       = "Name this machine's address as the NTP server; NTP is UDP, so it is not reached over an onion service."

  file "/etc/ntpd.conf" {
    source = "files/ntpd.conf"
  }
  file "/usr/libexec/ntp-start" {
    source = "files/start"
    mode   = "0755"
  }

  runtime {
    # ntpd refuses to start as anyone else. The process that stays root only sets
    # the clock; the one that reads packets is the base's user ntp in /var/empty.
    user       = "root"
    entrypoint = ["/usr/libexec/ntp-start"]

    port "ntp" {
      number   = 123
      protocol = "udp"
    }
    volume "/var/db" {
      persistent = true
    }
    volume "/run" {}
  }

  privilege "capability" "SYS_TIME" {
    reason = "sets the clock of the machine, for all programs on it"
  }
  privilege "capability" "SETUID" {
    reason = "gives up being root in the process that reads from the network"
  }
  privilege "capability" "SETGID" {
    reason = "gives up root's group in the process that reads from the network"
  }
  privilege "capability" "SYS_CHROOT" {
    reason = "locks the process that reads from the network into an empty folder"
  }
  privilege "capability" "NET_BIND_SERVICE" {
    reason = "listens on port 123, where clients look for a time server"
  }
  privilege "network" "outbound" {
    reason = "asks other time servers what time it is"
  }
  privilege "network" "publish" {
    reason = "answers machines nearby; what Tor carries, NTP isn't"
  }

  limits {
    size   = "4MiB"
    memory = "32MiB"
    pids   = 32
  }

  # What the clock is set with, and sets it to what it is.
  test "sets-the-clock" {
    run = ["/bin/sh", "-euc", "adjtimex -f \"$(adjtimex | awk '/freq.adjust/ { print $3 }')\""]
  }

  test "answers" {
    # A server beside it that has the same clock, so that nothing is moved far. ntpd
    # waits for its configuration, a pipe, until that server is there; the second of
    # its processes then finds a file.
    setup    = "mkfifo /var/db/ntpd.conf"
    packages = ["openntpd"]
    timeout  = 120
    client   = <<-EOT
      cat >/usr/local/bin/same-clock <<'EOF'
      #!/bin/sh
      sent=$(head -c 48 | xxd -p | tr -d '\n' | cut -c 81-96)
      now=$(adjtimex | awk '/tv_sec/ { s = $2 } /tv_usec/ { print s, $2 }')
      now=$(printf %08x%08x $(($${now% *} + 2208988800)) $(($${now#* } * 4294967296 / 1000000)))
      echo "240106ec00000000000000004c4f434c$now$sent$now$now" | xxd -r -p
      EOF
      chmod +x /usr/local/bin/same-clock
      while :; do nc -lu -s 127.0.0.2 -p 123 -e /usr/local/bin/same-clock; done &
      trap 'kill $!' EXIT

      printf 'listen on 127.0.0.1\nserver 127.0.0.2\n' >/var/db/next
      { mv /var/db/next /var/db/ntpd.conf; cat /var/db/ntpd.conf; } >/var/db/ntpd.conf

      # It follows the server,
      until ntpctl -s status | grep '^1/1 peers valid'; do sleep 1; done

      # and answers: as a server (mode 4), with the time at which it was asked.
      printf '23%078d7461696c736e7470\n' 0 | xxd -r -p >/tmp/query
      nc -u -w 2 127.0.0.1 123 </tmp/query | xxd -p | tr -d '\n' >/tmp/answer
      grep -E '^.4.{46}7461696c736e7470.{32}$' /tmp/answer
    EOT
  }
}
