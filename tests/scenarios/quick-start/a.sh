# SPDX-License-Identifier: GPL-2.0
# The server.
. /vm/lib.sh
. /vm/page.sh
block ini 1 | sed "s|<the content of private.key>|$(cat /etc/wireguard/private.key)|; s|<its public key>|$other|" >/etc/wireguard/wg0.conf
grep -q "PublicKey = $other" /etc/wireguard/wg0.conf
wg-quick up wg0

# The way out: a namespace is the internet, which knows no address of the tunnel.
ip netns add internet
ip link add uplink type veth peer name eth0 netns internet
ip address add 203.0.113.2/24 dev uplink
ip address add 2001:db8::2/64 dev uplink nodad
ip link set uplink up
ip -n internet address add 203.0.113.1/24 dev eth0
ip -n internet address add 2001:db8::1/64 dev eth0 nodad
ip -n internet link set eth0 up
if { iptables -t nat -A POSTROUTING -o none -j MASQUERADE && ip6tables -t nat -A POSTROUTING -o none -j MASQUERADE; } 2>/run/refused; then
	. <(block sh 2 | sed 's/ eth0 / uplink /')
	put internet yes
else
	put internet "no: $(tail -n 1 /run/refused)"
fi
barrier "server up"
barrier "tunnel seen"
same "peers" 1 "$(wg show wg0 peers | wc -l)"
before=$(handshake_time)
[ "$before" -gt 0 ] || fail "no handshake"

# One more peer, without a restart.
more=$(wg genkey | wg pubkey)
printf '\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.8.0.3/32\n' "$more" >>/etc/wireguard/wg0.conf
. <(block sh 4)
same "peers with the new one" 2 "$(wg show wg0 peers | wc -l)"
same "the session of the old one" "$before" "$(wg show wg0 latest-handshakes | awk -v key="$other" '$1 == key { print $2 }')"
barrier "peer added"
barrier "still there"
wg-quick down wg0

# In a container: the last block, with a namespace of that name.
ip netns add box
. <(block sh 5 | sed 's/<name or pid>/box/')
ip -n box link show wg0 >/dev/null || fail "the interface did not move"
ip -n box link del wg0
