# SPDX-License-Identifier: GPL-2.0
# A server and a road warrior that wg-quick brings up. Sourced after lib.sh and daemons.sh.
CONF=/etc/wireguard/wg0.conf

# serve: makes this machine the server, and a bit of the internet behind it: 203.0.113.1 and
# 2001:db8::1. Brought up by wg-quick, too.
serve() {
	writable
	umask 077
	ip link add internet type dummy
	ip address add 203.0.113.1/24 dev internet
	ip address add 2001:db8::1/64 dev internet nodad
	ip link set internet up
	wg genkey >/run/key
	wg genpsk >/run/psk
	put b.public "$(wg pubkey </run/key)"
	put psk "$(cat /run/psk)"
	cat >/etc/wireguard/wg0.conf <<EOF
[Interface]
Address = $MY_IN4/24, $MY_IN6/64
ListenPort = $PORT
PrivateKey = $(cat /run/key)

[Peer] # the road warrior
PublicKey = $(get a.public)
PresharedKey = $(cat /run/psk)
AllowedIPs = $IN4/32, $IN6/128
EOF
	wg-quick up wg0
	same "state" up "$(cat /sys/class/net/wg0/flags | sed 's/0x.*[13579bdf]$/up/')"
	same "mtu" 1420 "$(cat /sys/class/net/wg0/mtu)"
	iperf3 -s -D
	wait_for 10 sh -c 'ss -tln | grep -q :5201'
}

# travel: makes this machine the road warrior, with keys, and notes what it is like without a tunnel.
travel() {
	writable
	umask 077
	wg genkey >/run/key
	put a.public "$(wg pubkey </run/key)"
	SERVER=$(get b.public)
	PSK=$(get psk)
	ping -q -n -c 1 -W 5 "$OUT4" >/dev/null
	ping -q -n -c 1 -W 5 "$OUT6" >/dev/null
	state >/run/before
}

# configuration ALLOWED [ENDPOINT]: writes it; lines for [Interface] come from standard input.
configuration() {
	cat >$CONF <<EOF
[Interface]
PrivateKey = $(cat /run/key)
Address = $MY_IN4/24,$MY_IN6/64
$(cat)

[Peer]
PublicKey = $SERVER
PresharedKey = $PSK
AllowedIPs = $1
Endpoint = ${2:-$OUT4:$PORT}
EOF
}

# state: all that wg-quick could leave behind.
state() {
	ip -o link show | cut -d: -f2
	ip rule show
	ip -6 rule show
	ip route show table all | sed -e /cache/d -e '/proto kernel/d' | sort
	ip -6 route show table all | sed -e /cache/d -e '/proto kernel/d' | sort
	nft list tables
	iptables-save 2>/dev/null | grep -v -e '^#' -e '^:' -e '^\*' -e COMMIT || true
	cat /etc/resolv.conf
}
# down: and nothing stays.
down() {
	wg-quick down "${1:-wg0}"
	state >/run/after
	diff /run/before /run/after || fail "wg-quick down left something behind"
}
# direct ADDRESS: not through the tunnel. through ADDRESS: through it.
direct() { ip route get "$1" | grep -q "dev net0" || fail "$1: $(ip route get "$1")"; }
through() { ip route get "$1" | grep -q "dev wg0" || fail "$1: $(ip route get "$1")"; }
