service "dhcp" {
  version  = "1.36.1"
  release  = 0
  epoch    = 1725621600
  summary  = "DHCP client that keeps the address of the containers it shares a network with"
  homepage = "https://busybox.net/"
  license  = "GPL-2.0-only"
  base     = "alpine-${var.alpine}"

  documentation = "https://udhcp.busybox.net/README.udhcpc"
  client        = "none: it is a client itself"
  connect       = "Nobody connects to it: start it in the network namespace, such as a pod's, whose interface eth0 is to get an address."

  # The base's own udhcpc, since dhcpcd, which Alpine has too, wants to be root and
  # to write to /proc/sys.
  file "/usr/libexec/dhcp-changed" {
    source = "files/changed"
    mode   = "0755"
  }

  user "dhcp" {
    uid  = 10068
    home = "/var/lib/dhcp"
  }

  runtime {
    user = "dhcp"
    # What identifies the machine is not sent, but for the hardware address, which
    # the server sees anyway: no client identifier (-C), no vendor (-V).
    entrypoint = ["/sbin/udhcpc", "-f", "-C", "-V", "", "-O", "staticroutes", "-i", "eth0", "-s", "/usr/libexec/dhcp-changed"]

    volume "/var/lib/dhcp" {}
  }

  privilege "capability" "NET_ADMIN" {
    reason = "gives the network interface its address and the network its routes"
  }
  privilege "capability" "NET_RAW" {
    reason = "speaks on a network on which it has no address yet"
  }
  privilege "capability" "NET_BIND_SERVICE" {
    reason = "renews a lease from port 68, to which DHCP servers answer"
  }
  privilege "network" "outbound" {
    reason = "asks the network's DHCP server"
  }

  limits {
    size   = "4MiB"
    memory = "16MiB"
    pids   = 16
  }

  test "gets-an-address" {
    timeout = 60
    setup   = <<-EOT
      ip link add isp type veth # whose other end the kernel calls veth0
      ip link set veth0 name eth0
      ip address add 192.0.2.1/24 dev isp
      ip link set isp up
      ip link set eth0 up
      ip route add 255.255.255.255 dev isp
    EOT
    client  = <<-EOT
      # A DHCP server (RFC 2131) that has one lease: 192.0.2.10/24 for an hour, with
      # router and name server 192.0.2.1. A message is answered as what it asks for.
      cat >/usr/local/bin/lease <<'EOF'
      #!/bin/sh
      asked=$(head -c 300 | xxd -p | tr -d '\n')
      case $asked in
      *63825363*350101*) kind=02 ;;
      *63825363*350103*) kind=05 ;;
      *) exit ;;
      esac
      {
        printf '02010600%s00008000%s' "$(echo "$asked" | cut -c 9-16)" 00000000c000020ac000020100000000
        printf '%s%0384d63825363' "$(echo "$asked" | cut -c 57-88)" 0
        printf '3501%s3604c0000201330400000e100104ffffff000304c00002010604c0000201ff\n' "$kind"
      } | xxd -r -p >/tmp/answer # one packet
      nc -u -b -w 1 -s 192.0.2.1 -p 67 255.255.255.255 68 </tmp/answer
      EOF
      chmod +x /usr/local/bin/lease
      while :; do nc -lu -s 255.255.255.255 -p 67 -e /usr/local/bin/lease; done &
      trap 'kill $!' EXIT

      until ip -4 address show dev eth0 | grep 'inet 192\.0\.2\.10/24'; do sleep 1; done
      until ip route | grep '^default via 192\.0\.2\.1 dev eth0'; do sleep 1; done
      grep -x 'nameserver 192\.0\.2\.1' /var/lib/dhcp/resolv.conf
    EOT
  }
}
