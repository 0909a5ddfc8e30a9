# SPDX-License-Identifier: GPL-2.0
# The road warrior.
. /vm/lib.sh
. /vm/page.sh
block ini 2 | sed "s|<the content of private.key>|$(cat /etc/wireguard/private.key)|; s|<the server's public key>|$other|; s|server.example.org|192.168.7.1|" >/etc/wireguard/wg0.conf
grep -q "PublicKey = $other" /etc/wireguard/wg0.conf
# wg-quick guards a default route with this expression of nftables; our User-Mode Linux is built without
# it, and takes the networks that the page names instead.
everything=yes
if nft 'table ip ask { chain ask { type filter hook prerouting priority -300; fib saddr type local accept; }; }' 2>/run/refused; then
	nft delete table ip ask
else
	everything=no
	networks=$(sed -n "s/^# .*the tunnel's own network only: //p" /etc/wireguard/wg0.conf)
	[ -n "$networks" ] || fail "the page names no networks"
	sed -i "s|^AllowedIPs = .*|AllowedIPs = $networks|" /etc/wireguard/wg0.conf
	echo "SKIPPED: everything through the tunnel: $networks instead ($(head -n 1 /run/refused))"
fi
barrier "server up"
# The page's own commands, but for the one that needs systemd; a ping that ends.
. <(block sh 3 | grep -v '^systemctl' | sed 's/^ping /ping -c 3 -W 5 /') >/run/said
grep -q 'latest handshake: ' /run/said || fail "wg shows no handshake"
# Everything goes through the tunnel.
[ $everything = no ] || ip route get 198.51.100.1 | grep -q 'dev wg0' || fail "the default route is not the tunnel's"
ping -6 -n -c 1 -W 5 fd08::1
# And beyond the server, which lends it its address.
internet=$(get internet)
if [ "$internet" != yes ]; then
	echo "SKIPPED: beyond the server: this kernel cannot masquerade ($internet)"
elif [ $everything = no ]; then
	echo "SKIPPED: beyond the server: the tunnel does not take everything here"
else
	ping -n -c 1 -W 5 203.0.113.1
	ping -6 -n -c 1 -W 5 2001:db8::1
fi
barrier "tunnel seen"
barrier "peer added"
ping -n -c 1 -W 5 10.8.0.1
barrier "still there"
wg-quick down wg0
