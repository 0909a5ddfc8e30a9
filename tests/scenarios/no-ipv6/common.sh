# SPDX-License-Identifier: GPL-2.0
# Both sides: wg0 with an IPv4 address, and no IPv6 anywhere.
. /vm/lib.sh
[ ! -e /proc/net/if_inet6 ] || fail "IPv6 is not switched off"
wg genkey >/run/key
ip link add wg0 type wireguard
wg set wg0 private-key /run/key listen-port $PORT
ip address add "$MY_IN4/24" dev wg0
ip link set wg0 up

sockets() {
	same "IPv4 sockets at our port" 1 "$(ss -4 -H -u -l -n "sport = :$PORT" | wc -l)"
	[ ! -e /proc/net/udp6 ] || fail "there is a table of IPv6 sockets"
	same "IPv6 sockets at our port" 0 "$(ss -6 -H -u -l -n "sport = :$PORT" 2>/dev/null | wc -l)"
}
sockets
